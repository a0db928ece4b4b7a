"""Turns pictures of any size into SVGs: they are restored to a size at which edges are sharp."""

import os
from collections.abc import Mapping, Sequence
from concurrent import futures

import numpy as np

from emoji_gan.errors import UserError
from emoji_gan.trained.restorer import MAX_PX, SCALES, Restorer
from emoji_gan.vector import drawing, palettes
from emoji_gan.vector.drawing import Shape
from input_pipeline.art import common_box, rasterise

TRACED_PX = 512  # a side of what is traced
_QUICK = (256, 384)  # restored to, interpolated to: half the time, 6 to 8 % more error
_AT_ONCE = 64  # pictures; each is 1 MiB once it is large
STYLES = ("openmoji", "flat")


def trace_all(
    pictures: Sequence[np.ndarray],
    restorer: Restorer,
    *,
    style: str = STYLES[0],
    quick: bool = False,
) -> list[list[Shape]]:
    """Traces pictures, after they are restored where they are small.

    Args:
      pictures: uint8 [h w 4] each, straight alpha; a picture that is no square is centred in one.
      restorer: that enlarges them.
      style: 'openmoji', of its palette and lines; or 'flat', of the picture's own colours and
        without lines.
      quick: takes half of the time, for some more error.

    Returns:
      The shapes of each picture, the lowest first.

    Raises:
      UserError: no such style, or a picture that is too large to be restored.
    """
    if style not in STYLES:
        raise UserError(f"--style={style}: choose from {', '.join(STYLES)}")
    sizes = _QUICK if quick else (TRACED_PX, TRACED_PX)
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        traced: list[list[Shape]] = []
        for start in range(0, len(pictures), _AT_ONCE):
            part = pictures[start : start + _AT_ONCE]
            large = enlarged(part, restorer, *sizes)
            traced += pool.map(lambda x: trace_one(x, style), large)
        return traced


def enlarged(
    pictures: Sequence[np.ndarray],
    restorer: Restorer,
    sharp_px: int = TRACED_PX,
    size_px: int = TRACED_PX,
) -> list[np.ndarray]:
    """Brings pictures to squares of one size, small ones by the restorer.

    Args:
      pictures: uint8 [h w 4] each, straight alpha; a picture that is no square is centred in one.
      restorer: that enlarges them.
      sharp_px: a side to which, at least, it brings them; from there on they are interpolated.
      size_px: side of the squares.

    Raises:
      UserError: a picture is too large to be restored.
    """
    large: list[np.ndarray] = list(pictures)
    by_scale: dict[int, list[int]] = {}
    for i, picture in enumerate(pictures):
        side = max(picture.shape[:2])
        large_enough = (s for s in SCALES if s * side >= sharp_px)
        scale = next(large_enough, SCALES[-1]) if side <= MAX_PX else 1
        if scale > 1:
            by_scale.setdefault(scale, []).append(i)
    for scale, rows in by_scale.items():
        restored = restorer([pictures[i] for i in rows], scale)
        for i, picture in zip(rows, restored, strict=True):
            large[i] = picture
    return [common_box.resize(picture, size_px) for picture in large]


def trace_one(picture: np.ndarray, style: str) -> list[Shape]:
    """Traces one picture of sharp edges, uint8 [h h 4], in a style of `STYLES`."""
    # SciPy and scikit-image, half a second of a core and 30 MiB, which few who draw need.
    from emoji_gan.vector import tracing

    if style == STYLES[0]:
        return tracing.trace(picture, tracing.OPENMOJI)
    palette = palettes.of_picture(picture)
    return tracing.trace(picture, tracing.Style(palette, np.zeros(len(palette)), None))


def svgs(traced: Sequence[Sequence[Shape]], texts: Sequence[Mapping[str, str]]) -> list[bytes]:
    """Returns the SVG of each traced picture, with its texts in it."""
    return [
        drawing.to_svg(shapes, metadata=own).encode()
        for shapes, own in zip(traced, texts, strict=True)
    ]


def rendered(traced: Sequence[Sequence[Shape]], size_px: int) -> np.ndarray:
    """Renders traced pictures: uint8 [n size_px size_px 4], straight alpha."""
    with rasterise.Rasteriser(size_px) as rasteriser:
        return np.stack([rasteriser.render(drawing.to_svg(shapes)) for shapes in traced])
