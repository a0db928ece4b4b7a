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
    x = picture.astype(np.float32)
    x[..., :3] *= x[..., 3:] / 255  # premultiplied: what is transparent has one colour
    colours = np.concatenate([palette, np.full((len(palette), 1), 255)], 1).astype(np.float32)
    colours = np.concatenate([colours, np.zeros((1, 4), np.float32)])
    used = np.append(_used(x, colours, np.append(prices, 0.0), neighbours_px), len(palette))
    costs = _costs(x, colours[used])
    chosen = costs.argmin(0)
    for _ in range(_ROUNDS):
        votes = np.stack(
            [
                ndimage.gaussian_filter((chosen == i).astype(np.float32), neighbours_px)
                for i in range(len(used))
            ]
        )
        before, chosen = chosen, (costs - _AGREEMENT * votes).argmin(0)
        if (before == chosen).all():
            break
    labels = np.where(used == len(palette), NOTHING, used).astype(np.int16)[chosen]
    return without_specks(labels, least_area_px)


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
    cells, where = np.unique(
        (smooth[flat] / 8).round().astype(np.int16), axis=0, return_inverse=True
    )
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
