"""Finds generated images that are nearer to a training image than training images to one another.

The distance of each generated image to its nearest training image is ranked among the distances
from training images to their nearest in another near-duplicate cluster: how close different emoji
come to one another. Drawings that are the same in two clusters, as the line art of hearts of two
colours is, are left out: they would make of all but exact copies new emoji. A copy ranks at 0. A
new emoji that differs from the training images as much as these differ from one another is equally
likely to rank at any percentile.
"""

from typing import NamedTuple

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import distances, resample, sets
from eval.metrics.sets import Estimate, SampleSet

THRESHOLD = 1.0  # percentile below which an image counts as memorised
_SAME = 1e-3  # distance in feature space, below which two drawings are the same
_LEAST_REAL = 100  # so that the threshold is at least one image


class Neighbours(NamedTuple):
    """Describes the nearest training image of each generated image.

    Attributes:
      index: int64 [m], its row.
      distance: f32 [m], to it in feature space.
      percentile: f64 [m] in [0, 100], how many of the training images are nearer to one of another
        cluster that is not the same drawing.
    """

    index: np.ndarray
    distance: np.ndarray
    percentile: np.ndarray


def neighbours(real: np.ndarray, clusters: np.ndarray | None, fake: np.ndarray) -> Neighbours:
    """Finds the nearest training image of each generated one, and ranks its distance.

    Args:
      real: f32 [n d], of the training images.
      clusters: int64 [n], or None: each image is a cluster.
      fake: f32 [m d].

    Raises:
      UserError: all training images are of one cluster.
    """
    index, distance = distances.nearest(fake, real)
    return Neighbours(index, distance, percentiles(distance, apart(real, clusters)))


def percentiles(distance: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Ranks distances f32 [m] among those that `apart` returns: f64 [m] in [0, 100]."""
    return 100.0 * np.searchsorted(between, distance, side="left") / len(between)


def apart(real: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    """Computes the distances from training images to their nearest in another cluster.

    Args:
      real: f32 [n d], of the training images.
      clusters: int64 [n], or None: each image is a cluster.

    Returns:
      f32 [at most n] in feature space, ascending, without those of the same drawing.

    Raises:
      UserError: all training images are of one cluster, or each is drawn twice.
    """
    clusters = np.arange(len(real)) if clusters is None else clusters
    if (clusters == clusters[0]).all():
        raise UserError(
            "memorisation: all real images are of one cluster, there is nothing to rank against"
        )
    _, between = distances.nearest(real, real, (clusters, clusters))
    between = np.sort(between[between > _SAME])
    if not len(between):
        raise UserError("memorisation: every real image is drawn twice, none is there to rank by")
    return between


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'memorisation_rate' and 'memorisation_percentile'; `real` is the training images.

    The rate is the fraction of generated images below the 1st percentile (by chance 0.01), with
    Wilson's interval. The other is the median percentile (50: as far from the training images as
    these from one another), with a bootstrapped interval.

    Raises:
      UserError: fewer than 100 real or 20 generated images, or a single cluster.
    """
    require(real, fake)
    return estimates(neighbours(real.features, real.clusters, fake.features), real, rng)


def require(real: SampleSet, fake: SampleSet) -> None:
    """Raises a UserError where there are too few images to say anything."""
    sets.require("memorisation", real, fake, least_real=_LEAST_REAL, least_fake=20)


def estimates(
    nearest: Neighbours, real: SampleSet, rng: np.random.Generator
) -> dict[str, Estimate]:
    """Computes what `evaluate` does, from the result of `neighbours`."""
    n, m = len(real.images), len(nearest.index)
    rest = int(np.ceil(n * THRESHOLD / 100))
    copied = int(np.sum(nearest.percentile < THRESHOLD))
    replicates = resample.bootstrap(lambda rows: np.median(nearest.percentile[rows]), [m], rng)
    note = sets.join(
        "near-duplicates are not known: the threshold may be too small"
        if real.clusters is None
        else "",
        f"the threshold rests on {rest} of {n} training images" if n < 1000 else "",
    )
    median = float(np.median(nearest.percentile))
    return {
        "memorisation_rate": Estimate(copied / m, *resample.wilson(copied, m), n, m, note),
        "memorisation_percentile": Estimate(median, *resample.percentile(replicates), n, m, note),
    }
