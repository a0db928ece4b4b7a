"""Chooses shares of the arms by segment, and says what other shares would have brought."""

import dataclasses
import math

import numpy as np

from campaign.experiment.inference import shrinkage
from campaign.experiment.inference.effects import Moments

_DRAWS = 20_000


@dataclasses.dataclass(frozen=True)
class Value:
    """Holds what a policy would have brought, by one estimator.

    Attributes:
      estimate, se: mean outcome of a customer.
      effective_n: customers that the estimate is worth, of all.
    """

    estimate: float
    se: float
    effective_n: float


def thompson(m: Moments, outcome: str, *, floor: float, seed: int) -> np.ndarray:
    """Computes shares [segment arm]: the probability that an arm is the best, with a floor.

    In a segment each arm's mean is compared with the segment's; these deviations are shrunk to
    those of the arm in all segments, and drawn as normal.

    Args:
      m: sums of all customers, of the arms to choose from.
      outcome: one of `m.outcomes`; more is better.
      floor: smallest share of an arm, so that it goes on being measured.
      seed: of the draws.
    """
    n, s = np.maximum(m.n, 1), m.outcomes[outcome]
    means = s.y / n
    variance = np.maximum(s.yy / n - means**2, 0) / n
    overall = m.n.sum(0).clip(1)
    spread = np.maximum(s.yy.sum(0) / overall - (s.y.sum(0) / overall) ** 2, 0)
    # Without a success in a cell its own variance would be 0: the arm's stands in.
    variance = np.where((s.y == 0) | (m.n < 2), spread / n, variance)
    deviation = means - means.mean(1, keepdims=True)
    centre, se = np.zeros_like(means), np.zeros_like(means)
    for a in range(len(m.arms)):
        shrunk = shrinkage.shrink(deviation[:, a], np.sqrt(variance[:, a]))
        centre[:, a], se[:, a] = shrunk.estimates, np.nan_to_num(shrunk.se, posinf=0)
    rng = np.random.default_rng(seed)
    draws = centre + se * rng.standard_normal((_DRAWS, *centre.shape))
    best = np.eye(len(m.arms))[draws.argmax(-1)].mean(0)
    return floor + (1 - floor * len(m.arms)) * best


def ips(m: Moments, outcome: str, shares: np.ndarray) -> Value:
    """Estimates a policy by inverse propensity weights (Horvitz and Thompson, 1952)."""
    s, total = m.outcomes[outcome], m.n.sum()
    estimate = float((shares * s.yw).sum() / total)
    second = float((shares**2 * s.yyw2).sum() / total)
    return Value(estimate, math.sqrt(max(second - estimate**2, 0) / total), _effective_n(m, shares))


def snips(m: Moments, outcome: str, shares: np.ndarray) -> Value:
    """Estimates a policy by self-normalised weights: a little biased, less varied."""
    s, weight = m.outcomes[outcome], float((shares * m.w).sum())
    estimate = float((shares * s.yw).sum() / weight)
    squares = shares**2 * (s.yyw2 - 2 * estimate * s.yw2 + estimate**2 * m.w2)
    return Value(estimate, math.sqrt(max(squares.sum(), 0)) / weight, _effective_n(m, shares))


def doubly_robust(m: Moments, outcome: str, shares: np.ndarray) -> Value:
    """Estimates a policy by a model of each segment and arm, corrected by weights.

    The model is the arm's mean in the segment, drawn to the arm's overall mean; unbiased where
    the propensities are right, whatever the model (Dudik et al., 2011).
    """
    s, total = m.outcomes[outcome], m.n.sum()
    n = np.maximum(m.n, 1)
    means = s.y / n
    variance = np.maximum(s.yy / n - means**2, 1e-12) / n
    model = np.stack(
        [
            np.nan_to_num(shrinkage.shrink(means[:, a], np.sqrt(variance[:, a])).estimates)
            for a in range(len(m.arms))
        ],
        axis=1,
    )
    base = (shares * model).sum(1, keepdims=True)
    correction = shares * (s.yw - model * m.w)
    estimate = float(((m.n * base).sum() + correction.sum()) / total)
    squares = shares**2 * (s.yyw2 - 2 * model * s.yw2 + model**2 * m.w2)
    second = (m.n * base**2 + 2 * base * correction + squares).sum() / total
    return Value(estimate, math.sqrt(max(second - estimate**2, 0) / total), _effective_n(m, shares))


def _effective_n(m: Moments, shares: np.ndarray) -> float:
    squares = float((shares**2 * m.w2).sum())
    return float((shares * m.w).sum()) ** 2 / squares if squares else 0.0
