"""Density and coverage (2002.09797): precision and recall that outliers and the generator's N sway less."""

import numpy as np

from eval.metrics import distances, precision_recall, resample, sets
from eval.metrics.sets import Estimate, SampleSet

_K = 5


def reach(real: np.ndarray, fake: np.ndarray, k: int = _K) -> tuple[np.ndarray, np.ndarray]:
    """How many real images each generated one is near to, and which real ones have one nearby.

    Near: closer (strictly) than the real image's k-th nearest real neighbour.

    Args:
      real: f32 [n d], n > k.
      fake: f32 [m d].
      k: neighbours.

    Returns:
      int64 [m] (their mean over k is the density), bool [n] (their share is the coverage).
    """
    radius = distances.kth_nearest(real, k)
    counts, covered = np.zeros(len(fake), np.int64), np.zeros(len(real), bool)
    for rows, squared in distances.blocks(fake, real):
        near = squared < radius
        counts[rows] = near.sum(1)
        covered |= near.any(0)
    return counts, covered


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """'density' (about 1 for a perfect model) and 'coverage', k = 5.

    Density's interval is bootstrapped over the generated images; coverage's is Wilson's over the
    real ones, those of one cluster counted as one. Both take the other side as given.

    Raises:
      UserError: fewer than 50 images on a side.
    """
    sets.require("density and coverage", real, fake, 50, 50)
    counts, covered = reach(real.features, fake.features)
    n, m = len(covered), len(counts)
    independent = n if real.clusters is None else len(np.unique(real.clusters))
    replicates = resample.bootstrap(lambda rows: counts[rows].mean() / _K, [m], rng)
    coverage = float(covered.mean())
    note = precision_recall.few(n, m)
    return {
        "density": Estimate(
            float(counts.mean() / _K), *resample.percentile(replicates), n, m, note
        ),
        "coverage": Estimate(
            coverage, *resample.wilson(coverage * independent, independent), n, m, note
        ),
    }
