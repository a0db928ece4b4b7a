"""Draws the effects in segments to their common mean as far as chance explains their spread."""

import dataclasses

import numpy as np
from scipy import optimize, stats


@dataclasses.dataclass(frozen=True)
class Shrunk:
    """Holds effects by segment after empirical Bayes.

    Attributes:
      estimates, se: by segment.
      mean: common effect.
      tau: standard deviation of the true effects between segments.
      p_value: of Cochran's test that there is none.
    """

    estimates: np.ndarray
    se: np.ndarray
    mean: float
    tau: float
    p_value: float


def shrink(estimates: np.ndarray, se: np.ndarray) -> Shrunk:
    """Shrinks effects with their standard errors; tau by Paule and Mandel (1982)."""
    d, v = np.asarray(estimates, float), np.asarray(se, float) ** 2
    usable = np.isfinite(v) & (v > 0)
    if usable.sum() < 2:
        mean = float(d[usable][0]) if usable.any() else float("nan")
        return Shrunk(d, np.asarray(se, float), mean, 0.0, 1.0)

    def excess(tau2: float) -> float:
        w = 1 / (v[usable] + tau2)
        mean = w @ d[usable] / w.sum()
        return float(w @ (d[usable] - mean) ** 2 - (usable.sum() - 1))

    high = float(np.var(d[usable]) * 4 + v[usable].max())
    tau2 = float(optimize.brentq(excess, 0.0, high)) if excess(0.0) > 0 > excess(high) else 0.0
    w = np.where(usable, 1 / (np.where(usable, v, 1) + tau2), 0)
    mean = float(w @ np.where(usable, d, 0) / w.sum())
    kept = np.where(usable, tau2 / (np.where(usable, v, 1) + tau2), 0)
    estimates = mean + kept * np.where(usable, d - mean, 0)
    variance = kept * np.where(usable, v, 0) + (1 - kept) ** 2 / w.sum()
    variance = np.where(usable, variance, tau2 + 1 / w.sum())
    p = float(stats.chi2.sf(excess(0.0) + usable.sum() - 1, usable.sum() - 1))
    return Shrunk(estimates, np.sqrt(variance), mean, float(np.sqrt(tau2)), p)
