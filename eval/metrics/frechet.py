"""Computes the Frechet distance of two sets of features (1706.08500).

It is FID if the features are of the 2015 network.

Covariances divide by n - 1, in float64. A covariance is held as a factor F [r d] with F^T F =
covariance: Cholesky's, or the centred features themselves where there are no more of them than
dimensions. Then

    trace (C_a C_b)^(1/2) = sum of the singular values of F_a F_b^T.

These are the square roots of the eigenvalues of the smaller of the two Gram matrices of F_a F_b^T.
That matrix is symmetric, so no matrix square root is needed.
"""

import dataclasses

import numpy as np

from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

_POINTS = 15  # of the fit in 1/N
# Images in the fit's smallest point: so many a dimension, for the line to hold, but at least and at
# most these fractions of the generated images.
_PER_DIMENSION = 3
_LEAST_FRACTION, _MOST_FRACTION = 0.2, 0.5
_CHEAP = 512  # dimensions up to which the fit is averaged over several orders
_ORDERS = 8
_ROWS = 2048  # of features in float64 at a time


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """Describes a normal distribution in feature space.

    Attributes:
      mean: f64 [d].
      factor: f64 [r d], r <= d, with factor^T factor = covariance.
    """

    mean: np.ndarray
    factor: np.ndarray


def fit(features: np.ndarray) -> Gaussian:
    """Fits mean and covariance (over n - 1) to features f32 [n d], n >= 2."""
    n, d = features.shape
    mean = features.mean(0, dtype=np.float64)
    if n <= d:
        return Gaussian(mean, (features - mean) / np.sqrt(n - 1))
    return from_moments(mean, covariance(features))


def from_moments(mean: np.ndarray, cov: np.ndarray) -> Gaussian:
    """Makes a Gaussian of a mean f64 [d] and a covariance f64 [d d], which may be singular."""
    try:
        return Gaussian(mean, np.linalg.cholesky(cov).T)
    except np.linalg.LinAlgError:
        eigenvalues, vectors = np.linalg.eigh(cov)
        keep = eigenvalues > eigenvalues[-1] * np.finfo(np.float64).eps
        return Gaussian(mean, (vectors[:, keep] * np.sqrt(eigenvalues[keep])).T)


def covariance(features: np.ndarray) -> np.ndarray:
    """Computes the covariance of features f32 [n d] over n - 1: f64 [d d]."""
    mean = features.mean(0, dtype=np.float64)
    total = np.zeros((features.shape[1],) * 2)
    for start in range(0, len(features), _ROWS):
        x = features[start : start + _ROWS] - mean
        total += x.T @ x
    return total / (len(features) - 1)


def distance(a: Gaussian, b: Gaussian) -> float:
    """Computes |mean_a - mean_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2)).

    It is in squared units of the features. Rounding can make it a little negative where it should
    be 0.
    """
    small, large = sorted((a.factor, b.factor), key=len)
    cross = small @ large.T
    eigenvalues = np.linalg.eigvalsh(cross @ cross.T)
    return _sum_of_terms(a, b, eigenvalues)


def fd(a: np.ndarray, b: np.ndarray) -> float:
    """Computes the Frechet distance of features f32 [n d] and f32 [m d]."""
    return distance(fit(a), fit(b))


def distance_and_influences(
    a: Gaussian, b: Gaussian, features_a: np.ndarray, features_b: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Computes the distance, and how much each image moves it.

    An image's influence is the distance's derivative by the image's weight, times the number of
    images, up to a constant. The variance of the influences over n is the distance's variance
    (infinitesimal jackknife). A bootstrap would repeat the eigenvalues hundreds of times instead.
    With D the difference of the means and T_a the map that carries distribution a to b, the
    influence at the centred features x is 2 D x + x^T (1 - T_a) x.

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
    eigenvalues, vectors = np.linalg.eigh(cross @ cross.T)
    keep = eigenvalues > eigenvalues.max(initial=0.0) * len(eigenvalues) * np.finfo(np.float64).eps
    root = np.sqrt(eigenvalues[keep])[:, None]
    vectors = vectors[:, keep].T
    # T_a = map_a^T map_a and T_b = map_b^T map_b, in float32: an interval needs no more.
    map_a = ((vectors @ cross) @ b.factor / root**1.5).astype(np.float32)
    map_b = (vectors @ a.factor / root**0.5).astype(np.float32)
    of_a = _influences(features_a, a.mean, b.mean, map_a)
    of_b = _influences(features_b, b.mean, a.mean, map_b)
    return _sum_of_terms(a, b, eigenvalues), of_a, of_b


def fd_infinity(
    real: np.ndarray, fake: np.ndarray, rng: np.random.Generator, *, orders: int = 1
) -> tuple[float, float]:
    """Extrapolates the distance to infinitely many generated images (1911.07023).

    A line in 1/N is fitted to the distances at 15 values of N. All real images are used at every
    point. The points are nested: each takes the first N generated images of one random order, with
    N spaced evenly from a fifth of them (or three a dimension, up to half) to all. The line is the
    mean over `orders`.

    Args:
      real: f32 [n d].
      fake: f32 [m d].
      rng: of the orders.
      orders: how many random orders.

    Returns:
      The line's value at 1/N = 0, and the sum over images of their squared weights in it: what 1/m
      is for the distance itself.
    """
    side, shift = fit(real), fake.mean(0, dtype=np.float64)
    sizes = np.rint(np.linspace(_smallest(*fake.shape), len(fake), _POINTS)).astype(int)
    # The fitted line's value at 1/N = 0 is the scalar product of `line` and the distances.
    line = np.linalg.pinv(np.stack([np.ones(_POINTS), 1 / sizes], axis=1))[0]
    weights = np.zeros(len(fake))
    value = 0.0
    for _ in range(orders):
        order = rng.permutation(len(fake))
        for weight, size in zip(line, sizes, strict=True):
            weights[order[:size]] += weight / size / orders
        value += line @ _nested_distances(side, fake, shift, order, sizes) / orders
    return float(value), float(np.sum(weights**2))


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'fd' and 'fd_infinity', with intervals by the infinitesimal jackknife.

    The jackknife is over the images of both sides.

    Raises:
      UserError: fewer than 10 real or 75 generated images.
    """
    sets.require("Frechet distance", real, fake, least_real=10, least_fake=5 * _POINTS)
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
    fd_estimate = _estimate(value, var_real / n + var_fake / m, n, m, note)
    limit, spread = fd_infinity(a, b, rng, orders=_ORDERS if d <= _CHEAP else 1)
    note = ""
    if (smallest := _smallest(m, d)) < _PER_DIMENSION * d:
        note = f"fitted from {smallest} images on for {d} dimensions: the line may not hold"
    return {
        "fd": fd_estimate,
        "fd_infinity": _estimate(limit, var_real / n + var_fake * spread, n, m, note),
    }


def _estimate(value: float, variance: float, n: int, m: int, note: str) -> Estimate:
    return Estimate(value, *resample.normal(value, np.sqrt(variance), least=0.0), n, m, note)


def _smallest(n: int, d: int) -> int:
    """Returns how many of n generated images of d dimensions the fit's smallest point has."""
    return round(np.clip(_PER_DIMENSION * d, _LEAST_FRACTION * n, _MOST_FRACTION * n))


def _sum_of_terms(a: Gaussian, b: Gaussian, eigenvalues: np.ndarray) -> float:
    """Computes the distance, given the eigenvalues f64 [r] of the Gram matrix of F_a F_b^T."""
    traces = np.sum(a.factor**2) + np.sum(b.factor**2)
    return float(
        np.sum((a.mean - b.mean) ** 2) + traces - 2 * np.sqrt(np.maximum(eigenvalues, 0)).sum()
    )


def _influences(
    features: np.ndarray, mean: np.ndarray, other_mean: np.ndarray, transport: np.ndarray
) -> np.ndarray:
    influences = np.empty(len(features))
    for start in range(0, len(features), _ROWS):
        x = (features[start : start + _ROWS] - mean).astype(np.float32)
        moved = x @ transport.T
        squares = np.einsum("nd,nd->n", x, x) - np.einsum("nr,nr->n", moved, moved)
        influences[start : start + _ROWS] = 2 * x @ (mean - other_mean).astype(np.float32) + squares
    return influences


def _nested_distances(
    side: Gaussian, fake: np.ndarray, shift: np.ndarray, order: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Computes the distance from `side` to the first N of `fake` in `order`, for N of `sizes`.

    With y = F_a x, the Gram matrix of F_a F_b^T is the covariance of y. Its sums grow from point to
    point, so no point starts anew.

    Returns:
      f64 [points].
    """
    r, d = side.factor.shape
    squares, y_sum, x_sum, norms = np.zeros((r, r)), np.zeros(r), np.zeros(d), 0.0
    trace_real = np.sum(side.factor**2)
    distances, done = [], 0
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
        trace_fake = (norms - x_sum @ x_sum / size) / (size - 1)
        eigenvalues = np.linalg.eigvalsh(cov)[-(size - 1) :]  # the others are 0
        means = np.sum((side.mean - shift - x_sum / size) ** 2)
        distances.append(
            means + trace_real + trace_fake - 2 * np.sqrt(np.maximum(eigenvalues, 0)).sum()
        )
    return np.array(distances)
