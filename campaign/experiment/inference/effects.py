"""Estimates differences between arms from sums: stratified, and adjusted by a covariate (CUPED)."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

# A segment with fewer customers than this in an arm has no stratum of its own.
_SMALLEST_CELL = 30
# Shares a name with no outcome: what the customers had before.
_SUMS = ("y", "yy", "xy", "yw", "yw2", "yyw2")


@dataclasses.dataclass(frozen=True)
class Sums:
    """Holds sums of one outcome y by segment and arm; x is the covariate, p the propensity.

    Attributes, each [segment arm]:
      y, yy, xy: sums of y, y^2 and x y.
      yw, yw2, yyw2: sums of y / p, y / p^2 and y^2 / p^2.
    """

    y: np.ndarray
    yy: np.ndarray
    xy: np.ndarray
    yw: np.ndarray
    yw2: np.ndarray
    yyw2: np.ndarray


@dataclasses.dataclass(frozen=True)
class Moments:
    """Holds all that an analysis needs of its customers: counts and sums by segment and arm.

    Attributes:
      segments, arms: names of the rows and columns; the first arm is the control.
      n: customers [segment arm].
      x, xx: sums of the covariate and its square [segment arm]; zeros without one.
      w, w2: sums of 1 / p and 1 / p^2 [segment arm], p the propensity.
      outcomes: sums of each outcome.
    """

    segments: tuple[str, ...]
    arms: tuple[str, ...]
    n: np.ndarray
    x: np.ndarray
    xx: np.ndarray
    w: np.ndarray
    w2: np.ndarray
    outcomes: dict[str, Sums]

    def segment(self, index: int) -> "Moments":
        """Returns the sums of one segment alone."""
        return _rows(self, [index])

    def mean(self, outcome: str, arm: str) -> float:
        """Returns the plain mean of an outcome over the customers of an arm."""
        a = self.arms.index(arm)
        return float(self.outcomes[outcome].y[:, a].sum() / max(self.n[:, a].sum(), 1))


def _rows(m: Moments, rows: list[int]) -> Moments:
    outcomes = {
        name: Sums(**{k: getattr(s, k)[rows] for k in _SUMS}) for name, s in m.outcomes.items()
    }
    return Moments(
        segments=tuple(m.segments[i] for i in rows),
        arms=m.arms,
        outcomes=outcomes,
        **{k: getattr(m, k)[rows] for k in ("n", "x", "xx", "w", "w2")},
    )


@dataclasses.dataclass(frozen=True)
class Effect:
    """Compares an arm with the control.

    Attributes:
      estimate: difference of the means.
      se: its standard error; inf where nothing varies.
      control, treated: the means, over the strata.
      control_variance: of the control's mean.
      covariance: of the estimate and the control's mean.
      n_control, n_treated: customers.
      theta: coefficient of the covariate; 0 without.
      variance_saved: fraction of the variance that the covariate takes away.
    """

    estimate: float
    se: float
    control: float
    treated: float
    n_control: int
    n_treated: int
    control_variance: float
    covariance: float
    theta: float = 0.0
    variance_saved: float = 0.0

    @property
    def z(self) -> float:
        """Returns the estimate in standard errors."""
        return self.estimate / self.se if math.isfinite(self.se) else 0.0

    @property
    def relative(self) -> float:
        """Returns the estimate as a fraction of the control's mean."""
        return self.estimate / self.control if self.control else math.nan

    def relative_end(self, end: float) -> float:
        """Converts an end of an interval of the difference into one of the relative difference.

        The control's mean is an estimate, too: dividing the end by it makes intervals too narrow.
        An end that lies k standard errors from the estimate becomes the r at which the difference
        less r times the control's mean lies as many of its own from 0 (Fieller, 1954). So 0 is in
        both intervals or in neither.

        Args:
          end: of the interval of the difference.

        Returns:
          The relative end, at least -1, as no outcome is negative; -1 or infinite where the
          control's mean is itself less than k standard errors from 0; nan where the control or the
          error says nothing.
        """
        if not (self.control > 0 and math.isfinite(self.se)):
            return math.nan
        k = (end - self.estimate) / self.se
        a = self.control**2 - k**2 * self.control_variance
        if a <= 0 or math.isinf(k):
            return math.inf if k > 0 else -1.0
        b = self.estimate * self.control - k**2 * self.covariance
        c = self.estimate**2 - (k * self.se) ** 2
        return max((b + math.copysign(math.sqrt(max(b**2 - a * c, 0.0)), k)) / a, -1.0)

    @property
    def effective_n(self) -> float:
        """Returns the size of two equal arms with as much information."""
        n = self.n_control + self.n_treated
        return 2 * self.n_control * self.n_treated / n if n else 0.0


def from_counts(successes: np.ndarray, trials: np.ndarray, arms: tuple[str, ...]) -> Moments:
    """Makes moments of one segment from counts [arm] of a yes or no outcome named "rate"."""
    y, n = np.asarray(successes, float)[None], np.asarray(trials, float)[None]
    zero, p = np.zeros_like(y), n / max(n.sum(), 1)
    inverse = np.divide(1.0, p, out=np.zeros_like(p), where=p > 0)
    sums = Sums(y=y, yy=y, xy=zero, yw=y * inverse, yw2=y * inverse**2, yyw2=y * inverse**2)
    return Moments(("",), arms, n, zero, zero, n * inverse, n * inverse**2, {"rate": sums})


def merge(parts: list[Moments]) -> Moments:
    """Adds the sums of customers that were counted in parts."""
    segments = tuple(sorted({s for m in parts for s in m.segments}))
    row = {s: i for i, s in enumerate(segments)}
    first = parts[0]

    def added(get: Callable[[Moments], np.ndarray]) -> np.ndarray:
        total = np.zeros((len(segments), len(first.arms)))
        for m in parts:
            total[[row[s] for s in m.segments]] += get(m)
        return total

    return Moments(
        segments=segments,
        arms=first.arms,
        outcomes={
            name: Sums(
                **{k: added(lambda m, k=k, o=name: getattr(m.outcomes[o], k)) for k in _SUMS}
            )
            for name in first.outcomes
        },
        **{k: added(lambda m, k=k: getattr(m, k)) for k in ("n", "x", "xx", "w", "w2")},
    )


def _strata(n: np.ndarray) -> list[list[int]]:
    """Groups segments so that each stratum has enough customers in both arms [segment 2]."""
    large = [i for i in range(len(n)) if n[i].min() >= _SMALLEST_CELL]
    small = [i for i in range(len(n)) if n[i].min() < _SMALLEST_CELL]
    strata = [[i] for i in large]
    if small and (n[small].sum(0).min() >= _SMALLEST_CELL or not strata):
        strata.append(small)
    return strata


def difference(
    m: Moments, outcome: str, treated: str, *, control: str, adjust: bool = False
) -> Effect:
    """Estimates the effect of an arm on the mean of an outcome.

    Segments are strata, weighted by all their customers, so that shares which differ between
    segments do not bias the comparison.

    Args:
      m: sums of all customers.
      outcome: one of `m.outcomes`.
      treated: the arm.
      control: the arm to compare with.
      adjust: use the covariate (Deng et al., 2013), one coefficient for all strata.
    """
    pair = [m.arms.index(control), m.arms.index(treated)]
    strata = _strata(m.n[:, pair])
    everyone = np.array([m.n[rows].sum() for rows in strata], float)

    def total(sums: np.ndarray) -> np.ndarray:
        return np.stack([sums[rows][:, pair].sum(0) for rows in strata])

    s = m.outcomes[outcome]
    n = np.maximum(total(m.n), 1)
    y, x = total(s.y) / n, total(m.x) / n
    syy = np.maximum(total(s.yy) - n * y**2, 0)
    sxx = np.maximum(total(m.xx) - n * x**2, 0)
    sxy = total(s.xy) - n * x * y
    theta = float(sxy.sum() / sxx.sum()) if adjust and sxx.sum() > 0 else 0.0
    weights = everyone / max(everyone.sum(), 1)

    def variance(residual: np.ndarray) -> float:
        return float(weights**2 @ (residual / np.maximum(n - 1, 1) / n).sum(1))

    def of_control(products: np.ndarray) -> float:
        return float(weights**2 @ (products / np.maximum(n - 1, 1) / n)[:, 0])

    plain = variance(syy)
    left = variance(np.maximum(syy - 2 * theta * sxy + theta**2 * sxx, 0))
    estimate = weights @ ((y[:, 1] - y[:, 0]) - theta * (x[:, 1] - x[:, 0]))
    counts = m.n[:, pair].sum(0)
    return Effect(
        estimate=float(estimate),
        se=math.sqrt(left) if left > 0 else math.inf,
        control=float(weights @ y[:, 0]),
        treated=float(weights @ y[:, 1]),
        n_control=int(counts[0]),
        n_treated=int(counts[1]),
        control_variance=of_control(syy),
        covariance=of_control(theta * sxy - syy),
        theta=theta,
        variance_saved=1 - left / plain if plain > 0 else 0.0,
    )


def covariate_imbalance(m: Moments, treated: str, control: str) -> float:
    """Returns by how many standard errors the covariate differs between two arms.

    A covariate from before the campaign cannot differ by more than chance.
    """
    as_outcome = Sums(
        y=m.x, yy=m.xx, xy=np.zeros_like(m.x), yw=m.x, yw2=m.x, yyw2=m.xx
    )  # the weighted sums are not used
    moved = dataclasses.replace(m, outcomes={"x": as_outcome})
    return difference(moved, "x", treated, control=control).z
