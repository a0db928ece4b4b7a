"""Computes the Kernel Inception Distance (1801.01401).

It is a squared maximum mean discrepancy, which has no bias even for few images.
"""

import dataclasses

import numpy as np

from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

_SUBSETS = 100
_SIZE = 1000  # images of each side in a subset
_SEED = 2020  # of the subsets, as in torch-fidelity
_LEAST = 50


@dataclasses.dataclass(frozen=True)
class Kid:
    """Holds the distance over subsets.

    Attributes:
      mean: over subsets.
      std: between subsets, as often quoted; it hardly depends on the number of images.
      standard_error: of the mean, over other draws of real and generated images.
    """

    mean: float
    std: float
    standard_error: float


def mmd2(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Computes the unbiased squared MMD under the kernel (x y / d + 1)^3, of equally many rows.

    Args:
      x: [n d].
      y: [n d].

    Returns:
      The estimate, and for each row of x, f64 [n], and of y, f64 [n], how much further it is from
      the other side than from its own (half of its influence on the estimate, up to a constant).
    """
    n, d = x.shape
    x, y = x.astype(np.float64), y.astype(np.float64)
    xx, yy, xy = _kernel(x, x, d), _kernel(y, y, d), _kernel(x, y, d)
    of_x = (xx.sum(1) - np.diagonal(xx)) / (n - 1) - xy.mean(1)
    of_y = (yy.sum(1) - np.diagonal(yy)) / (n - 1) - xy.mean(0)
    return float(of_x.mean() + of_y.mean()), of_x, of_y


def kid(
    real: np.ndarray,
    fake: np.ndarray,
    subsets: int = _SUBSETS,
    size: int = _SIZE,
    seed: int = _SEED,
) -> Kid:
    """Averages `mmd2` over random subsets.

    The standard error is that of a U-statistic: for both sides, 4 times the variance of the rows'
    parts over the number of rows, plus what the choice of subsets adds.

    Args:
      real: f32 [n d], n >= size.
      fake: f32 [m d], m >= size.
      subsets: how many.
      size: images of each side in a subset.
      seed: of the choice.
    """
    rng = np.random.RandomState(seed)
    values, sides = [], [(np.zeros(len(x)), np.zeros(len(x))) for x in (real, fake)]
    for _ in range(subsets):
        rows = [rng.choice(len(x), size, replace=False) for x in (real, fake)]
        value, *parts = mmd2(real[rows[0]], fake[rows[1]])
        values.append(value)
        for (total, count), chosen, part in zip(sides, rows, parts, strict=True):
            total[chosen] += part
            count[chosen] += 1
    variance = np.var(values) / subsets
    for total, count in sides:
        variance += 4 * np.var(total[count > 0] / count[count > 0], ddof=1) / len(total)
    return Kid(float(np.mean(values)), float(np.std(values)), float(np.sqrt(variance)))


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'kid' and 'kid_standard_error'.

    Both are over 100 subsets of 1000 images, or of as many as the smaller side has.

    Raises:
      UserError: fewer than 50 images on a side.
    """
    sets.require("KID", real, fake, least_real=_LEAST, least_fake=_LEAST)
    del rng  # the subsets are those of torch-fidelity
    n, m = len(real.images), len(fake.images)
    size = min(n, m, _SIZE)
    result = kid(real.features, fake.features, size=size)
    note = f"subsets of {size} images in place of {_SIZE}" if size < _SIZE else ""
    low, high = resample.normal(result.mean, result.standard_error)
    return {
        "kid": Estimate(result.mean, low, high, n, m, note),
        "kid_standard_error": Estimate(result.standard_error, None, None, n, m, note),
    }


def _kernel(x: np.ndarray, y: np.ndarray, d: int) -> np.ndarray:
    k = x @ y.T
    k /= d
    k += 1.0
    return k * k * k
