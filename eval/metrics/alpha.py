"""Measures the alpha channel: drawings are mostly solid or clear, with thin soft edges.

The quantities are those of `emoji_gan.images.alpha_statistics`, here for each image.
"""

import numpy as np

from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

STATISTICS = ("binary", "coverage", "edge_px", "stray")
_ROWS = 1024  # images at a time


def statistics(images: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Computes numerator and denominator of each statistic, for each image.

    Args:
      images: uint8 [n h w 4].

    Returns:
      For each name two f64 [n]; the statistic of a set is the quotient of their sums.
      binary: pixels with alpha < 0.1 or > 0.9, of all.
      coverage: alpha, of all pixels.
      edge_px: partly transparent pixels (0.1 to 0.9) per pixel of outline: the edge's width.
      stray: pixels with none of their eight neighbours visible, of the visible ones (alpha > 0.1).
    """
    parts = [_statistics(images[i : i + _ROWS, ..., 3]) for i in range(0, len(images), _ROWS)]
    return {
        name: tuple(np.concatenate([p[name][i] for p in parts]) for i in (0, 1))
        for name in STATISTICS
    }


def wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """Computes the 1-Wasserstein distance between the distributions of `a` [n] and `b` [m].

    It is the mean distance that values must move for the one to become the other.
    """
    a, b = np.sort(a), np.sort(b)
    values = np.sort(np.concatenate([a, b]))
    cdf_a, cdf_b = (np.searchsorted(x, values[:-1], side="right") / len(x) for x in (a, b))
    return float(np.sum(np.abs(cdf_a - cdf_b) * np.diff(values)))


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'alpha_NAME', 'alpha_NAME_real' and 'alpha_NAME_distance' of each statistic.

    The distance is between the distributions of the images' own values. All intervals are
    bootstrapped over images.

    Raises:
      UserError: fewer than 20 images on a side.
    """
    sets.require("alpha", real, fake, least_real=20, least_fake=20)
    n, m = len(real.images), len(fake.images)
    of_real, of_fake = statistics(real.images), statistics(fake.images)
    estimates = {}
    for name in STATISTICS:
        for suffix, (top, bottom) in (("", of_fake[name]), ("_real", of_real[name])):
            replicates = resample.bootstrap(
                lambda rows, t=top, b=bottom: _quotient(t[rows].sum(), b[rows].sum()),
                [len(top)],
                rng,
            )
            value = float(_quotient(top.sum(), bottom.sum()))
            interval = resample.percentile(replicates)
            estimates[f"alpha_{name}{suffix}"] = Estimate(value, *interval, n, m)
        a, b = _quotient(*of_real[name]), _quotient(*of_fake[name])
        value = wasserstein(a, b)
        replicates = resample.bootstrap(lambda i, j, a=a, b=b: wasserstein(a[i], b[j]), [n, m], rng)
        interval = resample.centred(value, replicates)
        estimates[f"alpha_{name}_distance"] = Estimate(value, *interval, n, m)
    return estimates


def _quotient(top: np.ndarray | float, bottom: np.ndarray | float) -> np.ndarray | float:
    return top / np.maximum(bottom, 1.0)


def _statistics(alpha: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Computes what `statistics` does, of alpha uint8 [b h w]."""
    # The limits are 0.1, 0.5 and 0.9 of 255.
    partial = (alpha >= 26) & (alpha <= 229)
    inside, visible = alpha >= 128, alpha >= 26
    up, down, left, right = _neighbours(inside)[:4]
    outline = inside & ~(up & down & left & right)
    alone = visible & ~np.logical_or.reduce(_neighbours(visible))
    pixels = np.full(len(alpha), float(alpha[0].size))
    masks = (partial, outline, visible, alone)
    partial, outline, visible, alone = (mask.sum((1, 2), dtype=np.float64) for mask in masks)
    return {
        "binary": (pixels - partial, pixels),
        "coverage": (alpha.sum((1, 2), dtype=np.float64) / 255.0, pixels),
        "edge_px": (partial, outline),
        "stray": (alone, visible),
    }


def _neighbours(mask: np.ndarray) -> list[np.ndarray]:
    """Returns the eight neighbours of each pixel of bool [b h w], the four sides first.

    Outside the image they are False.
    """
    _, h, w = mask.shape
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    steps = [(0, 1), (2, 1), (1, 0), (1, 2), (0, 0), (0, 2), (2, 0), (2, 2)]
    return [padded[:, y : y + h, x : x + w] for y, x in steps]
