"""Tests an effect at several looks with one error rate (Lan and DeMets, 1983).

A test statistic Z_k is watched at information I_k, k = 1..K. Under drift theta, which is the mean
of Z at full information, the scores S_k = Z_k sqrt(t_k), t_k = I_k / I_K, are a Brownian motion
with drift theta. Densities of S_k over the paths that have not stopped are integrated from look to
look (Armitage, McPherson and Rowe, 1969).
"""

import functools
import itertools
import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

# Nodes of Gauss-Legendre in a standard deviation of the next step, and their limits.
_NODES_PER_STEP, _FEWEST_NODES, _MOST_NODES = 5, 40, 640
_WIDEST = 9.0  # standard deviations; beyond, normal densities are below 1e-18
# Less than this is not worth spending: the boundary is as good as infinite.
_SMALLEST_SPENT = 1e-15
SPENDING = ("obrien_fleming", "pocock")


def spent(t: float, alpha: float, spending: str = "obrien_fleming") -> float:
    """Returns the two-sided error that may have been spent at the fraction t of information."""
    t = min(max(t, 0.0), 1.0)
    if t == 0:
        return 0.0
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1) * t)
    # Per side 2 - 2 Phi(z_{alpha/4} / sqrt(t)): each side gets alpha / 2.
    return 4 * stats.norm.sf(stats.norm.isf(alpha / 4) / math.sqrt(t))


class _Path:
    """Follows the density of the score over paths that went on at every look so far."""

    def __init__(self, drift: float) -> None:
        self.drift, self.t = drift, 0.0
        self.points, self.mass = np.zeros(1), np.ones(1)

    def above(self, t: float, score: float) -> float:
        """Returns the probability of going on until now and having a score above at t."""
        step = t - self.t
        mean = self.points + self.drift * step
        return float(self.mass @ stats.norm.sf((score - mean) / math.sqrt(step)))

    def below(self, t: float, score: float) -> float:
        """Returns the probability of going on until now and having a score below at t."""
        step = t - self.t
        mean = self.points + self.drift * step
        return float(self.mass @ stats.norm.cdf((score - mean) / math.sqrt(step)))

    def go_on(self, t: float, limit: float, following: float) -> None:
        """Moves to t, where only scores within the limit go on; the next look is `following`."""
        step, low, high = t - self.t, -limit, limit
        centre, reach = self.drift * t, _WIDEST * math.sqrt(t)
        low, high = max(low, centre - reach), min(high, centre + reach)
        if low >= high:
            self.points, self.mass, self.t = np.array([centre]), np.zeros(1), t
            return
        count = math.ceil(_NODES_PER_STEP * (high - low) / math.sqrt(min(step, following - t)))
        nodes, weights = _gauss_legendre(min(max(count, _FEWEST_NODES), _MOST_NODES))
        points = low + (high - low) * (nodes + 1) / 2
        away = (points[:, None] - self.points - self.drift * step) / math.sqrt(step)
        density = np.exp(-0.5 * away**2) @ self.mass / math.sqrt(2 * math.pi * step)
        self.points, self.mass, self.t = points, density * weights * (high - low) / 2, t


@functools.cache
def _gauss_legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(count)


@functools.lru_cache(maxsize=4096)
def boundaries(
    information: tuple[float, ...],
    alpha: float,
    spending: str = "obrien_fleming",
    final: bool = False,
) -> tuple[float, ...]:
    """Computes the critical values of |Z| at each look.

    Args:
      information: fractions of the planned information at the looks so far, increasing; beyond 1
        where more was collected than planned.
      alpha: two-sided error of all looks together.
      spending: one of `SPENDING`.
      final: the last of these looks is the last of all and may spend what is left.

    Returns:
      One value a look, inf where nothing can be spent yet.
    """
    path, values, before = _Path(0.0), [], 0.0
    for k, t in enumerate(information):
        is_last = final and k == len(information) - 1
        now = spent(1.0 if is_last else t, alpha, spending)
        side = (now - before) / 2
        if side < _SMALLEST_SPENT:
            value = math.inf
        else:
            value = _critical(path, t, side)
            before = now
        values.append(value)
        if k + 1 < len(information):
            path.go_on(t, value * math.sqrt(t), information[k + 1])
    return tuple(values)


def _critical(path: _Path, t: float, side: float) -> float:
    def excess(z: float) -> float:
        return math.log(max(path.above(t, z * math.sqrt(t)), 1e-300)) - math.log(side)

    return float(optimize.brentq(excess, 0.0, _WIDEST, xtol=1e-9))


def stopping(
    information: tuple[float, ...], critical: tuple[float, ...], drift: float
) -> tuple[np.ndarray, np.ndarray]:
    """Computes the probabilities of first crossing above, and below, at each look."""
    path, up, down = _Path(drift), [], []
    for k, (t, z) in enumerate(zip(information, critical, strict=True)):
        limit = z * math.sqrt(t)
        up.append(path.above(t, limit))
        down.append(path.below(t, -limit))
        if k + 1 < len(information):
            path.go_on(t, limit, information[k + 1])
    return np.array(up), np.array(down)


def drift_for_power(fractions: tuple[float, ...], alpha: float, power: float) -> float:
    """Finds the drift that is detected with the given power at one of the planned looks."""
    critical = boundaries(fractions, alpha, final=True)

    def missing(drift: float) -> float:
        return float(stopping(fractions, critical, drift)[0].sum()) - power

    return float(optimize.brentq(missing, 0.0, 20.0, xtol=1e-8))


def inflation(fractions: tuple[float, ...], alpha: float, power: float) -> float:
    """Returns by how much looks enlarge the sample that a single test would need."""
    fixed = stats.norm.isf(alpha / 2) + stats.norm.isf(1 - power)
    return (drift_for_power(fractions, alpha, power) / fixed) ** 2


def stagewise_above(
    information: tuple[float, ...], critical: tuple[float, ...], z: float, drift: float
) -> float:
    """Returns the probability of an outcome at least as high as the one at the last look.

    Outcomes are ordered by stages: crossing above earlier is higher, crossing below earlier is
    lower (Fairbanks and Madsen, 1982; Tsiatis, Rosner and Mehta, 1984).

    Args:
      information: of the looks until the campaign stopped.
      critical: of the looks before the last.
      z: the statistic at the last look.
      drift: at information 1.
    """
    path, above = _Path(drift), 0.0
    pairs = itertools.pairwise(information)
    for (t, following), value in zip(pairs, critical, strict=True):
        limit = value * math.sqrt(t)
        above += path.above(t, limit)
        path.go_on(t, limit, following)
    return above + path.above(information[-1], z * math.sqrt(information[-1]))


def stagewise_interval(
    information: tuple[float, ...], critical: tuple[float, ...], z: float, level: float = 0.95
) -> tuple[float, float, float]:
    """Computes the interval of the drift after stopping, and its median-unbiased estimate.

    Args:
      information: of the looks until the campaign stopped.
      critical: of the looks before the last.
      z: the statistic at the last look.
      level: coverage; exact where stopping followed the boundaries.

    Returns:
      Lower end, upper end and estimate, in drift at information 1.
    """
    root = math.sqrt(information[-1])
    centre, reach = z / root, (_WIDEST + 1) / math.sqrt(information[0])

    def drift_at(probability: float) -> float:
        def excess(drift: float) -> float:
            return stagewise_above(information, critical, z, drift) - probability

        return float(optimize.brentq(excess, centre - reach, centre + reach, xtol=1e-6))

    tail = (1 - level) / 2
    return drift_at(tail), drift_at(1 - tail), drift_at(0.5)


def conditional_power(t: float, z: float, final_critical: float, drift: float) -> float:
    """Returns the probability that the last look will cross above, from what is seen at t."""
    left = 1 - t
    if left <= 0:
        return float(z >= final_critical)
    return float(
        stats.norm.sf((final_critical - z * math.sqrt(t) - drift * left) / math.sqrt(left))
    )


def bisect_level(crossed: Callable[[float], bool]) -> float:
    """Finds the smallest alpha at which `crossed` holds: a p-value valid at any look."""
    low, high = 1e-10, 0.9999
    if crossed(low):
        return low
    if not crossed(high):
        return 1.0
    for _ in range(24):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if crossed(middle) else (middle, high)
    return high
