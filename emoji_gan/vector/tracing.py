"""Traces a picture: fills of the palette's colours, and lines of one width over them."""

import dataclasses

import numpy as np
from scipy import ndimage
from skimage import measure

from emoji_gan.vector import bezier, centre_lines, palettes, regions
from emoji_gan.vector.drawing import SIDE, Path, Shape

_MOST_WIDTH = 5.0  # units; a line is not wider
_NEIGHBOURS = 0.5  # units; how near pixels are that have the same colour
_LEAST_AREA = 1.2  # square units of a region
_UNDER = 0.5  # units that a shape reaches under its neighbours above it
_BLUR = 0.25  # units; of a region, so that its outline has no steps
_REACH = 1.2  # units before and after a point in which a corner turns
_SMOOTH = 0.25  # units along a line, which takes its pixels' steps away
_DARK = 85.0  # the mean of a colour's RGB that a line may have come out as
_THIN = 1.4  # times the width of a line
_LINED = 0.4  # of the surroundings of a thin dark shape that are lines: it is no line itself
_MARGIN = 1.5  # units of nothing around a drawing
_EIGHT = np.ones((3, 3), int)


@dataclasses.dataclass(frozen=True)
class Style:
    """Says how a style is drawn.

    Attributes:
      palette: uint8 [k 3], the colours of its fills and lines.
      prices: f64 [k], square units that a colour must make right to be used.
      line_colour: of the lines that lie over everything; None: it has none.
      line_width: units of a square of `SIDE`.
    """

    palette: np.ndarray
    prices: np.ndarray
    line_colour: tuple[int, int, int] | None
    line_width: float = 2.0


# A colour is used where it makes right the more, the fewer of the drawings have it.
OPENMOJI = Style(palettes.OPENMOJI, 2 * (1 - np.log(palettes.OPENMOJI_FREQUENCY)), (0, 0, 0))


def trace(picture: np.ndarray, style: Style, *, tolerance: float = 0.06) -> list[Shape]:
    """Traces a picture.

    Args:
      picture: uint8 [n n 4], straight alpha, of sharp edges; 256 px or more, or little is left.
      style: of the picture.
      tolerance: between its outlines and their curves, in units of the view box.

    Returns:
      Shapes in units of the view box, the lowest first.
    """
    unit = len(picture) / SIDE  # px
    window = regions.window_of(picture[..., 3] > 0, round(_MARGIN * unit))  # most is empty around
    shapes = _traced(picture[window], style, unit, tolerance)
    corner = np.array([window[1].start, window[0].start]) / unit
    return [
        dataclasses.replace(
            shape, paths=tuple(Path(path.curves + corner, path.closed) for path in shape.paths)
        )
        for shape in shapes
    ]


def _traced(picture: np.ndarray, style: Style, unit: float, tolerance: float) -> list[Shape]:
    """Traces a picture of so many px a unit; curves begin at its corner."""
    labels = regions.labelled(
        picture,
        style.palette,
        style.prices * unit**2,
        neighbours_px=_NEIGHBOURS * unit,
        least_area_px=_LEAST_AREA * unit**2,
    )
    strokes: list[Shape] = []
    if style.line_colour is not None:
        labels, strokes = _without_lines(picture, labels, style, unit, tolerance)
    fit = {"tolerance": tolerance * unit, "reach": _REACH * unit}
    fills = []
    for mask, label in _stacked(labels, round(_UNDER * unit)):
        paths = [
            Path(np.stack(bezier.fit(line, closed=True, **fit)) / unit, True)
            for line in _outlines(mask, _BLUR * unit, _LEAST_AREA * unit**2 / 2)
        ]
        if paths:
            fills.append(Shape(tuple(paths), tuple(map(int, style.palette[label]))))
    return fills + strokes


def _without_lines(
    picture: np.ndarray, labels: np.ndarray, style: Style, unit: float, tolerance: float
) -> tuple[np.ndarray, list[Shape]]:
    """Takes the lines out of a map of labels: what lies beside them goes on below them."""
    colour = style.line_colour
    index = int(np.flatnonzero((style.palette == np.array(colour)).all(1))[0])
    labels = np.where(_thin_and_dark(labels, style, index, unit), index, labels)
    mask = labels == index
    lines, width, rest = centre_lines.find(
        mask,
        regions.soft_edged(mask, picture, colour),
        usual_width_px=style.line_width * unit,
        most_width_px=_MOST_WIDTH * unit,
    )
    if not lines:
        return labels, []
    paths = []
    for line in lines:
        points = bezier.smoothed(line.points, _SMOOTH * unit, closed=line.closed)
        parts = bezier.fit(points, tolerance * unit, reach=_REACH * unit, closed=line.closed)
        paths.append(Path((np.stack(parts) + 0.5) / unit, line.closed))
    below = regions.spread(labels, ~mask | rest)
    return below, [Shape(tuple(paths), colour, width / unit)]


def _thin_and_dark(labels: np.ndarray, style: Style, index: int, unit: float) -> np.ndarray:
    """Returns what goes on as a line and is a little too light, as generated ones are in parts."""
    goes_on = np.zeros(labels.shape, bool)
    dark = np.flatnonzero(style.palette.mean(1) < _DARK)
    for other in np.setdiff1d(np.intersect1d(dark, labels), [index]):
        numbers, count = ndimage.label(labels == other, _EIGHT)
        inside = ndimage.distance_transform_edt(np.pad(numbers > 0, 1))[1:-1, 1:-1]
        for number, window in enumerate(ndimage.find_objects(numbers, count), 1):
            around = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in window)
            part = numbers[around] == number
            beside = ndimage.binary_dilation(part, _EIGHT) & ~part
            is_thin = inside[around][part].max() < _THIN * style.line_width / 2 * unit
            if is_thin and (labels[around][beside] == index).mean() < _LINED:
                goes_on[around] |= part
    return goes_on


def _stacked(labels: np.ndarray, under_px: int) -> list[tuple[np.ndarray, int]]:
    """Divides a map of labels into shapes that lie on one another, the largest first.

    A shape goes on under those above it: under all that lie within it, and a little under those
    beside it, as two edges that only touch let the background through where they are drawn
    smoothly.
    """
    drawn = labels != regions.NOTHING
    parts = []
    for label in np.unique(labels[drawn]):
        numbers, count = ndimage.label(labels == label, _EIGHT)
        for number in range(1, count + 1):
            part = numbers == number
            window = regions.window_of(part, under_px + 1)
            whole = np.zeros(labels.shape, bool)  # holes that show nothing stay
            whole[window] = ndimage.binary_fill_holes(part[window]) & drawn[window]
            parts.append((int(whole.sum()), int(label), part, whole, window))
    parts.sort(key=lambda p: -p[0])
    above = np.zeros(labels.shape, bool)
    stacked = []
    for _, label, part, whole, window in reversed(parts):
        grown = ndimage.binary_dilation(part[window], _EIGHT, under_px) & above[window]
        whole[window] |= grown
        stacked.append((whole, label))
        above |= part
    return stacked[::-1]


def _outlines(mask: np.ndarray, blur_px: float, least_area_px: float) -> list[np.ndarray]:
    """Returns the closed outlines [n 2] of a mask, x and y in px from the picture's corner."""
    pad = 8
    soft = regions.blurred(np.pad(mask, pad), blur_px)
    lines = []
    for contour in measure.find_contours(soft, 0.5):
        y, x = contour[:-1].T - pad + 0.5
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        if area >= least_area_px:
            lines.append(np.stack([x, y], -1))
    return lines
