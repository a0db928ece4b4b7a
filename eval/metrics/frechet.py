"""Frechet distance of two sets of features (1706.08500): FID if they are of the 2015 network.

Covariances divide by n - 1, in float64. A covariance is held as a factor F [r d] with F^T F =
covariance: Cholesky's, or the centred features themselves where there are no more of them than
dimensions. Then

    trace (C_a C_b)^(1/2) = sum of the singular values of F_a F_b^T,

by the eigenvalues of the smaller of its two Gram matrices, which is symmetric: no matrix square
root.
"""

import dataclasses

import numpy as np

from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

_POINTS = 15  # of the fit in 1/N
_LEAST_SHARE, _MOST_SHARE = 0.2, 0.5  # of the generated images, in the fit's smallest point
_PER_DIMENSION = 3  # images there, for the line to hold
_CHEAP = 512  # dimensions up to which the fit is averaged over several orders
_ORDERS = 8
_ROWS = 2048  # of features in float64 at a time


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """A normal distribution in feature space."""

    mean: np.ndarray  # f64 [d]
    factor: np.ndarray  # f64 [r d], factor^T factor = covariance, r <= d


def fit(features: np.ndarray) -> Gaussian:
    """Mean and covariance (over n - 1) of features f32 [n d], n >= 2."""
    n, d = features.shape
    mean = features.mean(0, dtype=np.float64)
    if n <= d:
        return Gaussian(mean, (features - mean) / np.sqrt(n - 1))
    return from_moments(mean, covariance(features))


def from_moments(mean: np.ndarray, cov: np.ndarray) -> Gaussian:
    """Of a mean f64 [d] and a covariance f64 [d d], which may be singular."""
    try:
        return Gaussian(mean, np.linalg.cholesky(cov).T)
    except np.linalg.LinAlgError:
        squares, vectors = np.linalg.eigh(cov)
        keep = squares > squares[-1] * np.finfo(np.float64).eps
        return Gaussian(mean, (vectors[:, keep] * np.sqrt(squares[keep])).T)


def covariance(features: np.ndarray) -> np.ndarray:
    """Covariance of features f32 [n d] over n - 1: f64 [d d]."""
    mean = features.mean(0, dtype=np.float64)
    total = np.zeros((features.shape[1],) * 2)
    for start in range(0, len(features), _ROWS):
        x = features[start : start + _ROWS] - mean
        total += x.T @ x
    return total / (len(features) - 1)


def distance(a: Gaussian, b: Gaussian) -> float:
    """|mean_a - mean_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2)), squared units of the features.

    Rounding can make it a little negative where it should be 0.
    """
    small, large = sorted((a.factor, b.factor), key=len)
    cross = small @ large.T
    squares = np.linalg.eigvalsh(cross @ cross.T)
    return _sum(a, b, squares)


def fd(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance of features f32 [n d] and f32 [m d]."""
    return distance(fit(a), fit(b))


def distance_and_influences(
    a: Gaussian, b: Gaussian, features_a: np.ndarray, features_b: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """The distance, and how each image moves it.

    An image's influence is the distance's derivative by the image's weight, times the number of
    images, up to a constant. The variance of the influences over n is the distance's variance
    (infinitesimal jackknife), in place of a bootstrap, which would repeat the eigenvalues hundreds
    of times. With D the difference of the means and T_a the map that carries distribution a to b,
    at x centred: 2 D x + x^T (1 - T_a) x.

    Args:
      a: of `features_a`.
      b: of `features_b`.
      features_a: f32 [n d].
      features_b: f32 [m d].

    Returns:
      The distance, f64 [n], f64 [m].
    """
    if len(a.factor) > len(b.factor):
        value, of_b, of_a = distance_and_influences(b, a, features_b, features_a)
        return value, of_a, of_b
    cross = a.factor @ b.factor.T
    squares, vectors = np.linalg.eigh(cross @ cross.T)
    keep = squares > squares.max(initial=0.0) * len(squares) * np.finfo(np.float64).eps
    root = np.sqrt(squares[keep])[:, None]
    vectors = vectors[:, keep].T
    # T_a = A^T A and T_b = B^T B, in float32: an interval needs no more.
    map_a = ((vectors @ cross) @ b.factor / root**1.5).astype(np.float32)
    map_b = (vectors @ a.factor / root**0.5).astype(np.float32)
    of_a = _influences(features_a, a.mean, b.mean, map_a)
    of_b = _influences(features_b, b.mean, a.mean, map_b)
    return _sum(a, b, squares), of_a, of_b


def fd_infinity(
    real: np.ndarray, fake: np.ndarray, rng: np.random.Generator, orders: int = 1
) -> tuple[float, float]:
    """The distance for endlessly many generated images (1911.07023): a line in 1/N through 15 values of N.

    The real images are what they are: all of them are used at every point. Points are nested: the
    first N images in a random order, evenly from a fifth of them (or three a dimension, up to half)
    to all; the line is the mean over `orders`.

    Args:
      real: f32 [n d].
      fake: f32 [m d].
      rng: of the orders.
      orders: how many.

    Returns:
      The line's value at 1/N = 0, and the sum over images of their squared weights in it: what 1/m
      is for the distance itself.
    """
    side, shift = fit(real), fake.mean(0, dtype=np.float64)
    sizes = np.rint(np.linspace(_smallest(*fake.shape), len(fake), _POINTS)).astype(int)
    line = np.linalg.pinv(np.stack([np.ones(_POINTS), 1 / sizes], axis=1))[
        0
    ]  # value at 0 = line . values
    weights = np.zeros(len(fake))
    value = 0.0
    for _ in range(orders):
        order = rng.permutation(len(fake))
        for share, size in zip(line, sizes, strict=True):
            weights[order[:size]] += share / size / orders
        value += line @ _nested(side, fake, shift, order, sizes) / orders
    return float(value), float(np.sum(weights**2))


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """'fd' and 'fd_infinity', with intervals by the infinitesimal jackknife over both sides.

    Raises:
      UserError: fewer than 10 real or 75 generated images.
    """
    sets.require("Frechet distance", real, fake, 10, 5 * _POINTS)
    a, b = real.features, fake.features
    (n, d), m = a.shape, len(b)
    value, of_real, of_fake = distance_and_influences(fit(a), fit(b), a, b)
    var_real, var_fake = of_real.var(ddof=1), of_fake.var(ddof=1)
    few = [f"{count} {what}" for count, what in ((n, "real"), (m, "generated")) if count <= d]
    note = ""
    if few:
        note = (
            f"only {' and '.join(few)} images for {d} dimensions: too high, compare at equal N only"
        )
    found = {"fd": _estimate(value, var_real / n + var_fake / m, n, m, note)}
    limit, spread = fd_infinity(a, b, rng, _ORDERS if d <= _CHEAP else 1)
    note = ""
    if (smallest := _smallest(m, d)) < _PER_DIMENSION * d:
        note = f"fitted from {smallest} images on for {d} dimensions: the line may not hold"
    return found | {"fd_infinity": _estimate(limit, var_real / n + var_fake * spread, n, m, note)}


def _estimate(value, variance, n, m, note):
    return Estimate(value, *resample.normal(value, np.sqrt(variance), least=0.0), n, m, note)


def _smallest(n, d):
    return round(np.clip(_PER_DIMENSION * d, _LEAST_SHARE * n, _MOST_SHARE * n))


def _sum(a, b, squares):
    spread = np.sum(a.factor**2) + np.sum(b.factor**2)  # the traces
    return float(
        np.sum((a.mean - b.mean) ** 2) + spread - 2 * np.sqrt(np.maximum(squares, 0)).sum()
    )


def _influences(features, mean, other_mean, transport):
    found = np.empty(len(features))
    for start in range(0, len(features), _ROWS):
        x = (features[start : start + _ROWS] - mean).astype(np.float32)
        moved = x @ transport.T
        squares = np.einsum("nd,nd->n", x, x) - np.einsum("nr,nr->n", moved, moved)
        found[start : start + _ROWS] = 2 * x @ (mean - other_mean).astype(np.float32) + squares
    return found


def _nested(side, fake, shift, order, sizes):
    # The distance from `side` to the first N of `fake` in `order`, for each N of `sizes`: f64
    # [points]. With y = F_a x, the Gram matrix of F_a F_b^T is y's covariance, whose sums grow from
    # point to point.
    r, d = side.factor.shape
    squares, y_sum, x_sum, norms = np.zeros((r, r)), np.zeros(r), np.zeros(d), 0.0
    spread_real = np.sum(side.factor**2)
    found, done = [], 0
    for size in sizes:
        for start in range(done, size, _ROWS):
            x = fake[order[start : min(start + _ROWS, size)]] - shift
            y = x @ side.factor.T
            squares += y.T @ y
            y_sum += y.sum(0)
            x_sum += x.sum(0)
            norms += np.sum(x**2)
        done = size
        cov = (squares - np.outer(y_sum, y_sum / size)) / (size - 1)
        spread_fake = (norms - x_sum @ x_sum / size) / (size - 1)
        eigenvalues = np.linalg.eigvalsh(cov)[-(size - 1) :]  # the others are 0
        means = np.sum((side.mean - shift - x_sum / size) ** 2)
        found.append(
            means + spread_real + spread_fake - 2 * np.sqrt(np.maximum(eigenvalues, 0)).sum()
        )
    return np.array(found)
