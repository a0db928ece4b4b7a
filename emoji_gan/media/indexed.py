"""Reduces the colours of pictures to one palette that all of them share."""

import dataclasses

import numpy as np

_ROUNDS = 6  # of k-means; later ones move no colour by a level


@dataclasses.dataclass(frozen=True)
class Indexed:
    """Holds frames by their colours' numbers.

    Attributes:
      palette: uint8 [k 4], straight alpha, k at most 256; RGB = 0 where alpha = 0.
      indices: uint8 [n h w], rows of the palette.
    """

    palette: np.ndarray
    indices: np.ndarray

    def rgba(self) -> np.ndarray:
        """Returns the frames: uint8 [n h w 4], straight alpha."""
        packed = np.ascontiguousarray(self.palette).view(np.uint32)[:, 0]  # a pixel at a time
        return packed[self.indices].view(np.uint8).reshape(*self.indices.shape, 4)


@dataclasses.dataclass(frozen=True)
class Colours:
    """Holds all colours of frames, counted once however many palettes are then made of them.

    Attributes:
      straight: uint8 [k 4], straight alpha; transparent first, where there is any.
      weights: i64 [k], pixels of each colour.
      rows: i64 [n h w], the colour of each pixel.
    """

    straight: np.ndarray
    weights: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, frames: np.ndarray) -> "Colours":
        """Counts the colours of frames uint8 [n h w 4], straight alpha, RGB = 0 where alpha = 0."""
        packed = np.ascontiguousarray(frames).view(np.uint32)[..., 0]
        flat = packed.ravel()
        # Flat art is runs of equal pixels, far fewer than pixels.
        starts = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]))
        lengths = np.diff(starts, append=len(flat))
        colours, inverse = np.unique(flat[starts], return_inverse=True)
        weights = np.bincount(inverse, lengths).astype(np.int64)
        straight = colours.view(np.uint8).reshape(-1, 4)
        # Transparent first: it stays itself, whatever the others are.
        order = np.argsort(straight[:, 3] > 0, kind="stable")
        rank = np.argsort(order).astype(np.int64)
        rows = np.repeat(rank[inverse], lengths).reshape(packed.shape)
        return cls(straight[order], weights[order], rows)

    def reduced(self, count: int) -> Indexed:
        """Chooses a palette for all frames and gives each pixel its nearest colour, undithered.

        Distances are those of premultiplied RGBA, so that colours that hardly show hardly count.
        Where the frames have no more colours than asked for, nothing changes.

        Args:
          count: of colours, 2 to 256; transparency is one of them.
        """
        if len(self.straight) <= count:
            return Indexed(self.straight, self.rows.astype(np.uint8))
        clear = int(self.straight[0, 3] == 0)
        palette, nearest = _k_means(self.straight[clear:], self.weights[clear:], count - clear)
        palette = np.concatenate([self.straight[:clear], palette])
        nearest = np.concatenate([np.zeros(clear, np.int64), nearest + clear])
        return Indexed(palette, nearest.astype(np.uint8)[self.rows])


def _premultiplied(straight: np.ndarray) -> np.ndarray:
    alpha = straight[:, 3:].astype(np.float64) / 255
    return np.concatenate([straight[:, :3] * alpha, straight[:, 3:].astype(np.float64)], 1)


def _k_means(
    straight: np.ndarray, weights: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a palette uint8 [<= count 4] and the row of it that is nearest to each colour."""
    from scipy.spatial import cKDTree  # 0.5 s of a core, for palettes only

    points = _premultiplied(straight)
    centres = _cut(points, weights, count)
    for _ in range(_ROUNDS):
        nearest = cKDTree(centres).query(points)[1]
        total = np.bincount(nearest, weights, count)
        sums = [np.bincount(nearest, weights * axis, count) for axis in points.T]
        filled = total > 0
        centres[filled] = (np.stack(sums, 1)[filled]) / total[filled, None]
    alpha = np.round(centres[:, 3:])
    rgb = np.where(alpha > 0, centres[:, :3] * 255 / np.maximum(centres[:, 3:], 1e-6), 0)
    palette = np.clip(np.concatenate([np.round(rgb), alpha], 1), 0, 255).astype(np.uint8)
    palette = np.unique(palette, axis=0)  # an encoder may take equal colours for one
    return palette, cKDTree(_premultiplied(palette)).query(points)[1]


def _cut(points: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Returns the first centres: the part with the largest squared error is cut at its mean."""
    parts = [np.arange(len(points))]
    errors = [_error(points, weights)]
    while len(parts) < count and max(errors)[0] > 0:
        i = int(np.argmax([error for error, *_ in errors]))
        rows, (_, axis, mean) = parts[i], errors[i]
        low = points[rows, axis] <= mean
        for j, part in ((i, rows[low]), (len(parts), rows[~low])):
            parts[j : j + 1] = [part]
            errors[j : j + 1] = [_error(points[part], weights[part])]
    return np.stack([_mean(points[rows], weights[rows]) for rows in parts])


def _error(points: np.ndarray, weights: np.ndarray) -> tuple[float, int, float]:
    """Returns the squared error along the axis that has most of it, the axis and its mean."""
    mean = _mean(points, weights)
    squared = weights @ np.square(points - mean)
    axis = int(np.argmax(squared))
    return float(squared[axis]), axis, float(mean[axis])


def _mean(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the weighted mean of points [n d]; `np.average` spends most of its time on checks."""
    return (points * weights[:, None]).sum(0) / weights.sum()
