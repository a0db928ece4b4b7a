"""Learns from few decisions what a person picks: a logistic ranker on the encoder's vectors."""

import dataclasses

import numpy as np
import scipy.optimize
import scipy.special

LEAST = 3  # picked, and rejected, below which nothing is learned
_RIDGE = 1.0  # on the weights; vectors have unit length, decisions are few


@dataclasses.dataclass(frozen=True)
class Ranker:
    """Ranks pictures by the probability of being picked.

    Attributes:
      weights: f64 [d + 1], the last one the offset.
      right: fraction of the decisions that a ranker of all others predicts.
      chance: that fraction where it always says what the others mostly are.
    """

    weights: np.ndarray
    right: float
    chance: float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Returns the probabilities f64 [n] of f32 [n d]."""
        return scipy.special.expit(features @ self.weights[:-1] + self.weights[-1])


def learn(picked: np.ndarray, rejected: np.ndarray) -> Ranker | None:
    """Learns from encoder vectors, f32 [n d] each; None where there are too few of a kind.

    The decisions are left out one at a time to say how much the ranker is worth.
    """
    if min(len(picked), len(rejected)) < LEAST:
        return None
    x = np.concatenate([picked, rejected]).astype(np.float64)
    y = np.concatenate([np.ones(len(picked)), np.zeros(len(rejected))])
    right = chance = 0
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        weights = _fit(x[rest], y[rest])
        right += bool((x[i] @ weights[:-1] + weights[-1] > 0) == y[i])
        chance += bool((y[rest].mean() > 0.5) == y[i])
    return Ranker(_fit(x, y), right / len(x), chance / len(x))


def _fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fits logistic regression with a ridge: f64 [d + 1]."""
    sign = 2 * y - 1

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ weights[:-1] + weights[-1])
        pull = -sign * scipy.special.expit(-margin)
        gradient = np.append(x.T @ pull + _RIDGE * weights[:-1], pull.sum())
        penalty = 0.5 * _RIDGE * (weights[:-1] @ weights[:-1])
        return float(np.logaddexp(0, -margin).sum() + penalty), gradient

    start = np.zeros(x.shape[1] + 1)
    return scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x
