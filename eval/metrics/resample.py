"""Computes 95 % intervals for figures that have none of their own."""

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
    """Computes Wilson's interval of the fraction hits / n.

    Unlike the bootstrap's, it has a width at fractions of 0 and 1.
    """
    fraction = hits / n
    middle = (fraction + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(fraction * (1 - fraction) / n + Z**2 / (4 * n**2))
    # Rounding must not put the fraction outside its interval.
    low = min(max(float(middle - half), 0.0), fraction)
    high = max(min(float(middle + half), 1.0), fraction)
    return low, high


def bootstrap(
    statistic: Callable[..., float],
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    resamples: int = 200,
) -> np.ndarray:
    """Computes a statistic on sets drawn with replacement.

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
    """Returns the middle 95 % of replicates: for a statistic that resampling does not shift."""
    low, high = np.percentile(replicates, _ENDS)
    return float(low), float(high)


def centred(value: float, replicates: np.ndarray, least: float = 0.0) -> Interval:
    """Returns the middle 95 % of replicates, moved to lie around the value: for a distance.

    Drawing with replacement moves two sets apart, so the replicates lie above the value and only
    their spread counts. The bias that the value itself has at a finite number of images remains.
    """
    low, high = np.percentile(replicates - replicates.mean(), _ENDS)
    return min(max(float(value + low), least), value), max(float(value + high), value)
