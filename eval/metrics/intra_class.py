"""Averages the Frechet distance within each class.

It measures variety and likeness inside the classes, not only between them.
"""

import dataclasses

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import frechet, resample, sets
from eval.metrics.sets import Estimate, SampleSet

_LEAST = 20  # images of a class on either side
_DIMENSIONS = 256  # at most; more are reduced to the real features' first principal components


@dataclasses.dataclass(frozen=True)
class ClassDistance:
    """Holds the Frechet distance of one class.

    Attributes:
      label: the class.
      n_real: real images of it.
      n_fake: generated images of it.
      distance: squared units of the features.
      standard_error: of the distance.
      shrinkage: weight of the pooled covariance, in [0, 1].
    """

    label: int
    n_real: int
    n_fake: int
    distance: float
    standard_error: float
    shrinkage: float


def per_class(
    real: np.ndarray,
    real_labels: np.ndarray,
    fake: np.ndarray,
    fake_labels: np.ndarray,
    *,
    least: int = _LEAST,
) -> list[ClassDistance]:
    """Computes the distance of every class with `least` images on both sides.

    Few images give a poor covariance, so the covariance of a class is shrunk towards the mean
    within-class covariance of its side, by the same weight on both sides: s = d / (d + the smaller
    side's images). The means are not shrunk.

    Args:
      real: f32 [n d].
      real_labels: int [n].
      fake: f32 [m d].
      fake_labels: int [m].
      least: images of a class on either side.
    """
    classes = np.intersect1d(real_labels, fake_labels)
    rows = {
        c: (np.flatnonzero(real_labels == c), np.flatnonzero(fake_labels == c))
        for c in classes.tolist()
    }
    rows = {c: r for c, r in rows.items() if min(map(len, r)) >= least}
    pooled = [
        _pooled_covariance(features, [r[side] for r in rows.values()])
        for side, features in enumerate((real, fake))
    ]
    results, d = [], real.shape[1]
    for label, chosen in rows.items():
        x, y = real[chosen[0]], fake[chosen[1]]
        shrinkage = d / (d + min(len(x), len(y)))
        a, b = (
            frechet.from_moments(
                z.mean(0, dtype=np.float64), (1 - shrinkage) * frechet.covariance(z) + shrinkage * p
            )
            for z, p in zip((x, y), pooled, strict=True)
        )
        distance, of_x, of_y = frechet.distance_and_influences(a, b, x, y)
        # The pooled covariance is treated as the class's own: a class takes as much from the other
        # classes as it gives to them.
        variance = of_x.var(ddof=1) / len(x) + of_y.var(ddof=1) / len(y)
        results.append(
            ClassDistance(label, len(x), len(y), distance, float(np.sqrt(variance)), shrinkage)
        )
    return results


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'intra_class_fd', the mean over classes with at least 20 images on both sides.

    The counts of images are those of these classes.

    Raises:
      UserError: no labels, or no such class.
    """
    sets.require("intra-class distance", real, fake, least_real=_LEAST, least_fake=_LEAST)
    if real.labels is None or fake.labels is None:
        raise UserError("intra-class distance: the images have no classes")
    del rng
    x, y = real.features, fake.features
    reduced = ""
    if x.shape[1] > _DIMENSIONS:
        axes = np.linalg.eigh(frechet.covariance(x))[1][:, -_DIMENSIONS:].astype(np.float32)
        reduced = f"on {_DIMENSIONS} principal components of {x.shape[1]} dimensions"
        x, y = x @ axes, y @ axes
    results = per_class(x, real.labels, y, fake.labels)
    classes = len(np.unique(real.labels))
    if not results:
        raise UserError(
            f"intra-class distance: none of the {classes} classes has {_LEAST} real and {_LEAST} "
            "generated images; use coarser classes (the group) or generate more"
        )
    error = np.sqrt(sum(c.standard_error**2 for c in results)) / len(results)
    value = float(np.mean([c.distance for c in results]))
    note = sets.join(_note(results, classes), reduced)
    n, m = sum(c.n_real for c in results), sum(c.n_fake for c in results)
    return {
        "intra_class_fd": Estimate(value, *resample.normal(value, error, least=0.0), n, m, note)
    }


def _note(results: list[ClassDistance], classes: int) -> str:
    """Says which of the classes count, and how far their covariances are shrunk."""
    left_out = classes - len(results)
    least_real = min(c.n_real for c in results)
    least_fake = min(c.n_fake for c in results)
    shrinkages = [c.shrinkage for c in results]
    return sets.join(
        f"{left_out} of {classes} classes left out, with fewer than {_LEAST} images on a side"
        if left_out
        else "",
        f"{len(results)} classes of at least {least_real} real and {least_fake} generated images, "
        f"covariances shrunk by {min(shrinkages):.2f} to {max(shrinkages):.2f}",
    )


def _pooled_covariance(features: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Averages the covariances of groups of rows, weighted by their degrees of freedom."""
    total = np.zeros((features.shape[1],) * 2)
    for rows in groups:
        total += (len(rows) - 1) * frechet.covariance(features[rows])
    return total / max(1, sum(len(rows) - 1 for rows in groups))
