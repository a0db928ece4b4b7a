"""Computes density and coverage (2002.09797).

They measure what precision and recall do, but depend less on outliers and on the number of
generated images.
"""

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import distances, distinct, precision_recall, resample, sets
from eval.metrics.sets import Estimate, SampleSet

_K = 5


def reach(real: np.ndarray, fake: np.ndarray, k: int = _K) -> tuple[np.ndarray, np.ndarray]:
    """Counts the real images near each generated one, and tests which real ones have one nearby.

    A generated image is near a real one if it is closer to it (strictly) than the real image's k-th
    nearest real neighbour.

    Args:
      real: f32 [n d], n > k.
      fake: f32 [m d].
      k: neighbours.

    Returns:
      int64 [m], whose mean over k is the density; bool [n], whose mean is the coverage.
    """
    radius = distances.kth_nearest(real, k)
    counts, covered = np.zeros(len(fake), np.int64), np.zeros(len(real), bool)
    for rows, squared in distances.blocks(fake, real):
        near = squared < radius
        counts[rows] = near.sum(1)
        covered |= near.any(0)
    return counts, covered


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'density' (about 1 for a perfect model) and 'coverage', k = 5.

    Only the distinct images of each side count: a real image that occurs more than k times would
    have a radius of 0, and one generated image drawn a thousand times would count as a thousand.

    The interval of the density is bootstrapped over the generated images. That of the coverage is
    Wilson's over the real ones, where those of one cluster count as one. Both take the other side
    as given.

    Raises:
      UserError: fewer than 50 images on a side.
    """
    sets.require("density and coverage", real, fake, least_real=50, least_fake=50)
    if len(distinct.rows(real.features)) <= _K:
        raise UserError(f"density and coverage: needs more than {_K} distinct real images")
    real_rows, fake_rows = distinct.rows(real.features), distinct.rows(fake.features)
    counts, covered = reach(real.features[real_rows], fake.features[fake_rows])
    n, m = len(covered), len(counts)
    independent = n if real.clusters is None else len(np.unique(real.clusters[real_rows]))
    replicates = resample.bootstrap(lambda rows: counts[rows].mean() / _K, [m], rng)
    coverage = float(covered.mean())
    note = sets.join(
        precision_recall.small_side_note(n, m),
        distinct.note(len(real.features) - n, "real"),
        distinct.note(len(fake.features) - m, "generated"),
    )
    return {
        "density": Estimate(
            float(counts.mean() / _K), *resample.percentile(replicates), n, m, note
        ),
        "coverage": Estimate(
            coverage, *resample.wilson(coverage * independent, independent), n, m, note
        ),
    }
