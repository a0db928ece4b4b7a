"""Divides a picture into regions of one colour each.

Every pixel takes the label whose colour is near to it and that its neighbours have (mean field of a
Potts model; P. Krähenbühl, V. Koltun, 1210.5644, with neighbours near by only): what lies between
two colours is a mixture of them and no third, and noise in a flat colour is no region.
"""

import numpy as np
from scipy import ndimage

NOTHING = -1  # label of what is transparent
_SPREAD = 26.0  # levels by which the pixels of one colour differ
_MOST_AWAY = 12.0  # of the cost of one pixel, so that no outlier wins over its neighbours
_AGREEMENT = 7.0  # the cost of a label that no neighbour has
_ROUNDS = 5
_OPAQUE_FROM = 128  # alpha in [0, 255]
_FLAT = 16.0  # levels between neighbours at most
_MIXED_PX = 2  # on either side of an edge
_UNLIKE = 90.0  # levels between colours whose mixtures say where the edge is


def labelled(
    picture: np.ndarray,
    palette: np.ndarray,
    prices: np.ndarray,
    *,
    neighbours_px: float,
    least_area_px: float,
) -> np.ndarray:
    """Gives each pixel the index of a colour, or `NOTHING`: int16 [h w].

    Args:
      picture: uint8 [h w 4], straight alpha.
      palette: uint8 [k 3].
      prices: [k] px; a colour is used if that makes as many pixels right by it.
      neighbours_px: the standard deviation of how near a neighbour is.
      least_area_px: regions of less belong to their neighbours.
    """
    x = _premultiplied(picture)  # what is transparent has one colour
    colours = np.concatenate([palette, np.full((len(palette), 1), 255)], 1).astype(np.float32)
    colours = np.concatenate([colours, np.zeros((1, 4), np.float32)])
    used = np.append(_used(x, colours, np.append(prices, 0.0), neighbours_px), len(palette))
    costs = _costs(x, colours[used])
    chosen = costs.argmin(0)
    for _ in range(_ROUNDS):
        votes = np.stack([blurred(chosen == i, neighbours_px) for i in range(len(used))])
        before, chosen = chosen, (costs - _AGREEMENT * votes).argmin(0)
        if (before == chosen).all():
            break
    labels = np.where(used == len(palette), NOTHING, used).astype(np.int16)[chosen]
    return without_specks(labels, least_area_px)


def soft_edged(mask: np.ndarray, picture: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    """Returns how much of each pixel a mask covers, f32 [h w] in [0, 1].

    At its edges pixels are mixtures of its colour and of the nearest one beyond them.

    Args:
      mask: bool [h w], what has the colour.
      picture: uint8 [h w 4], straight alpha.
      colour: RGB in [0, 255].
    """
    covered = mask.astype(np.float32)
    near = ndimage.binary_dilation(mask, iterations=_MIXED_PX)
    if near.all() or not mask.any():
        return covered
    y, x = ndimage.distance_transform_edt(near, return_distances=False, return_indices=True)
    pixels = _premultiplied(picture)
    away = np.array([*colour, 255], np.float32) - pixels[y, x]
    squared = (away**2).sum(-1)
    shares = ((pixels - pixels[y, x]) * away).sum(-1) / np.maximum(squared, 1)
    mixed = near & ~ndimage.binary_erosion(mask, iterations=_MIXED_PX) & (squared > _UNLIKE**2)
    return np.where(mixed, shares.clip(0, 1), covered)


def _premultiplied(picture: np.ndarray) -> np.ndarray:
    x = picture.astype(np.float32)
    x[..., :3] *= x[..., 3:] / 255
    return x


def blurred(mask: np.ndarray, sigma: float) -> np.ndarray:
    """Blurs a mask by a Gaussian, only where that is not 0: f32 [h w]."""
    blurred = np.zeros(mask.shape, np.float32)
    window = window_of(mask, int(4 * sigma + 0.5) + 1)  # a Gaussian ends at four deviations
    blurred[window] = ndimage.gaussian_filter(mask[window].astype(np.float32), sigma)
    return blurred


def window_of(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Returns the rows and columns that a mask covers, and a margin; all where it is empty."""
    sides = []
    for axis, size in zip((1, 0), mask.shape, strict=True):
        at = np.flatnonzero(mask.any(axis))
        ends = (at[0], at[-1] + 1) if len(at) else (0, size)
        sides.append(slice(max(0, ends[0] - margin), min(size, ends[1] + margin)))
    return sides[0], sides[1]


def without_specks(labels: np.ndarray, least_area_px: float) -> np.ndarray:
    """Gives regions that are too small to their neighbours."""
    small = np.zeros(labels.shape, bool)
    for label in np.unique(labels):
        numbers, _ = ndimage.label(labels == label)
        small |= (np.bincount(numbers.ravel()) < least_area_px)[numbers] & (numbers > 0)
    return spread(labels, ~small)


def spread(labels: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Gives each pixel that is not kept the label of the nearest that is."""
    if kept.all() or not kept.any():
        return labels
    y, x = ndimage.distance_transform_edt(~kept, return_distances=False, return_indices=True)
    return labels[y, x]


def _costs(x: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Returns what it costs a pixel to have a colour [k h w]."""
    away = [((x - colour) ** 2).sum(-1) for colour in colours]
    return np.minimum(np.stack(away) / (2 * _SPREAD**2), _MOST_AWAY)


def _used(
    x: np.ndarray, colours: np.ndarray, prices: np.ndarray, neighbours_px: float
) -> np.ndarray:
    """Returns the indices of the colours that pay their prices, greedily; never the last.

    Only flat pixels count, for all that are opaque: those at edges are mixtures.
    """
    smooth = ndimage.gaussian_filter(x, (neighbours_px, neighbours_px, 0))
    low, high = (f(smooth, (3, 3, 1)) for f in (ndimage.minimum_filter, ndimage.maximum_filter))
    opaque = x[..., 3] > _OPAQUE_FROM
    flat = ((high - low).max(-1) < _FLAT) & opaque
    if not flat.any():
        flat = opaque
    if not flat.any():
        return np.zeros(0, int)
    cells, where = _unique_rows((smooth[flat] / 8).round().astype(np.int16))
    counts = np.bincount(where.ravel()) * (opaque.sum() / flat.sum())
    costs = _costs(8.0 * cells.astype(np.float32), colours[:-1]) / _MOST_AWAY
    used: list[int] = []
    best = np.ones(len(cells), np.float32)
    while len(used) < len(costs):
        gains = ((best - np.minimum(best, costs)) * counts).sum(1) - prices[:-1]
        i = int(gains.argmax())
        if gains[i] <= 0 and used:
            break
        used.append(i)
        best = np.minimum(best, costs[i])
    return np.array(sorted(used))


def _unique_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the different rows of [n 4], in order, and which each is; all are 0 to 255."""
    places = np.array([24, 16, 8, 0])
    numbers, where = np.unique((rows.astype(np.int64) << places).sum(1), return_inverse=True)
    return (numbers[:, None] >> places) & 255, where
