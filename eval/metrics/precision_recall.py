"""Computes improved precision and recall (1904.06991).

They are the fractions of each side's images that lie within the other side's manifold.
"""

import numpy as np

from eval.metrics import distances, resample, sets
from eval.metrics.sets import Estimate, SampleSet

_K = 3


def inside(real: np.ndarray, fake: np.ndarray, k: int = _K) -> tuple[np.ndarray, np.ndarray]:
    """Tests which images lie within the other side's manifold.

    A manifold is the union of balls around a side's images, each as large as the distance to the
    image's k-th nearest neighbour on its own side (the boundary included).

    Args:
      real: f32 [n d], n > k.
      fake: f32 [m d], m > k.
      k: neighbours.

    Returns:
      bool [m] of the generated images, whose mean is the precision; bool [n] of the real ones,
      whose mean is the recall.
    """
    radius_real, radius_fake = distances.kth_nearest(real, k), distances.kth_nearest(fake, k)
    of_fake, of_real = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    for rows, squared in distances.blocks(fake, real):
        of_fake[rows] = (squared <= radius_real).any(1)
        of_real |= (squared <= radius_fake[rows, None]).any(0)
    return of_fake, of_real


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'precision' and 'recall', k = 3.

    The intervals (Wilson's) take the other side's manifold as given. In the interval of the recall,
    real images of one cluster count as one, as they are not independent.

    Raises:
      UserError: fewer than 50 images on a side.
    """
    sets.require("precision and recall", real, fake, least_real=50, least_fake=50)
    del rng
    of_fake, of_real = inside(real.features, fake.features)
    n, m = len(of_real), len(of_fake)
    independent = n if real.clusters is None else len(np.unique(real.clusters))
    precision, recall = float(of_fake.mean()), float(of_real.mean())
    note = small_side_note(n, m)
    return {
        "precision": Estimate(precision, *resample.wilson(precision * m, m), n, m, note),
        "recall": Estimate(recall, *resample.wilson(recall * independent, independent), n, m, note),
    }


def small_side_note(n: int, m: int) -> str:
    """Says where one side is so small that its balls are large; '' otherwise."""
    return (
        f"only {min(n, m)} images on one side: compare at equal N only" if min(n, m) < 1000 else ""
    )
