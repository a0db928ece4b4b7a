"""95 % intervals for figures that have none of their own."""

from collections.abc import Callable, Sequence

import numpy as np

Interval = tuple[float, float]
Z = 1.959963984540054  # standard normal: 95 % lie within +- Z
_ENDS = (2.5, 97.5)  # percentiles


def normal(value: float, standard_error: float, least: float = -np.inf) -> Interval:
    """Returns value +- 1.96 standard errors, cut off at `least` where the value is not below it."""
    low, high = value - Z * standard_error, value + Z * standard_error
    return min(max(low, least), value), high


def wilson(hits: float, n: float) -> Interval:
    """Wilson's interval of a share hits / n; unlike the bootstrap's it has a width at shares of 0 and 1."""
    share = hits / n
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return min(max(float(middle - half), 0.0), share), max(
        min(float(middle + half), 1.0), share
    )  # rounding


def bootstrap(
    statistic: Callable[..., float],
    sizes: Sequence[int],
    rng: np.random.Generator,
    resamples: int = 200,
) -> np.ndarray:
    """What a statistic is on sets drawn with replacement.

    Args:
      statistic: takes one array of row numbers for each of `sizes`.
      sizes: rows of each set.
      rng: draws them.
      resamples: how many times.

    Returns:
      float64 [resamples].
    """
    return np.array([statistic(*(rng.integers(0, n, n) for n in sizes)) for _ in range(resamples)])


def percentile(replicates: np.ndarray) -> Interval:
    """The middle 95 % of bootstrap replicates: for a statistic that resampling does not shift."""
    low, high = np.percentile(replicates, _ENDS)
    return float(low), float(high)


def centred(value: float, replicates: np.ndarray, least: float = 0.0) -> Interval:
    """The middle 95 % of replicates, moved to lie around the value: for a distance.

    Drawing with replacement moves two sets apart, so the replicates lie above the value; only their
    spread counts. What the value itself has too much at a finite number of images, it keeps.
    """
    low, high = np.percentile(replicates - replicates.mean(), _ENDS)
    return min(max(float(value + low), least), value), max(float(value + high), value)
