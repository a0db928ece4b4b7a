"""Computes the perceptual path length in W, at its ends (1812.04948).

It measures how evenly images change with the latent.
"""

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

EPSILON = 1e-4  # length of the steps in W
_TRIM = (1, 99)  # percentiles
_LEAST = 100


def lengths(first: np.ndarray, second: np.ndarray, epsilon: float = EPSILON) -> np.ndarray:
    """Computes the squared feature distance over epsilon^2 of each pair of f32 [m d]: f64 [m]."""
    return np.sum(np.square(first.astype(np.float64) - second), axis=1) / epsilon**2


def trimmed_mean(values: np.ndarray) -> float:
    """Averages what lies between the 1st and the 99th percentile, both included."""
    low = np.percentile(values, _TRIM[0], method="lower")
    high = np.percentile(values, _TRIM[1], method="higher")
    return float(values[(values >= low) & (values <= high)].mean())


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'ppl', in squared units of the features, bootstrapped over pairs.

    The number of generated images in the result is that of pairs.

    Raises:
      UserError: no pairs, or fewer than 100.
    """
    if fake.path_pairs is None:
        raise UserError("path length: it needs a model to step through, not a folder of images")
    values = lengths(*fake.path_pairs)
    if len(values) < _LEAST:
        raise UserError(f"path length: {len(values)} pairs, it needs at least {_LEAST}")
    if not np.isfinite(values).all():
        bad = int(np.sum(~np.isfinite(values)))
        raise UserError(f"path length: {bad} pairs have features that are not finite")
    replicates = resample.bootstrap(lambda rows: trimmed_mean(values[rows]), [len(values)], rng)
    equal = float(np.mean(values == 0))
    note = sets.join(
        f"{equal:.0%} of the pairs have equal features: the step is lost in rounding"
        if equal > 0.05
        else "",
        f"only {len(values)} pairs" if len(values) < 1000 else "",
    )
    low, high = resample.percentile(replicates)
    n, m = len(real.images), len(values)
    return {"ppl": Estimate(trimmed_mean(values), low, high, n, m, note)}
