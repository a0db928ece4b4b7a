"""Frechet distance within each class, averaged: variety and likeness inside the classes, not only between."""

import dataclasses

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import frechet, resample, sets
from eval.metrics.sets import Estimate, SampleSet

_LEAST = 20  # images of a class on either side
_DIMENSIONS = 256  # at most; more are reduced to the real features' first principal components


@dataclasses.dataclass(frozen=True)
class ClassDistance:
    """The Frechet distance of one class."""

    label: int
    n_real: int
    n_fake: int
    distance: float
    standard_error: float
    shrinkage: float  # share of the pooled covariance


def per_class(
    real: np.ndarray,
    real_labels: np.ndarray,
    fake: np.ndarray,
    fake_labels: np.ndarray,
    least: int = _LEAST,
) -> list[ClassDistance]:
    """The distance of every class with `least` images on both sides.

    Few images give a poor covariance, so a class's is shrunk to the mean within-class covariance of
    its side, by the same share on both sides: s = d / (d + the smaller side's images). The means
    are as they are.

    Args:
      real: f32 [n d].
      real_labels: int [n].
      fake: f32 [m d].
      fake_labels: int [m].
      least: images.
    """
    classes = np.intersect1d(real_labels, fake_labels)
    rows = {
        c: (np.flatnonzero(real_labels == c), np.flatnonzero(fake_labels == c))
        for c in classes.tolist()
    }
    rows = {c: r for c, r in rows.items() if min(map(len, r)) >= least}
    pooled = [
        _pooled(features, [r[side] for r in rows.values()])
        for side, features in enumerate((real, fake))
    ]
    found, d = [], real.shape[1]
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
        # As if the pooled covariance were the class's own: it takes as much from the others as it
        # gives.
        variance = of_x.var(ddof=1) / len(x) + of_y.var(ddof=1) / len(y)
        found.append(
            ClassDistance(label, len(x), len(y), distance, float(np.sqrt(variance)), shrinkage)
        )
    return found


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """'intra_class_fd', the mean over classes with at least 20 images on both sides; N counts their images.

    Raises:
      UserError: no labels, or no such class.
    """
    sets.require("intra-class distance", real, fake, _LEAST, _LEAST)
    if real.labels is None or fake.labels is None:
        raise UserError("intra-class distance: the images have no classes")
    del rng
    x, y = real.features, fake.features
    reduced = ""
    if x.shape[1] > _DIMENSIONS:
        axes = np.linalg.eigh(frechet.covariance(x))[1][:, -_DIMENSIONS:].astype(np.float32)
        reduced = f"on {_DIMENSIONS} principal components of {x.shape[1]} dimensions"
        x, y = x @ axes, y @ axes
    found = per_class(x, real.labels, y, fake.labels)
    classes = len(np.unique(real.labels))
    if not found:
        raise UserError(
            f"intra-class distance: none of the {classes} classes has {_LEAST} real and {_LEAST} generated "
            "images; use coarser classes (the group) or generate more"
        )
    error = np.sqrt(sum(c.standard_error**2 for c in found)) / len(found)
    value = float(np.mean([c.distance for c in found]))
    least = [min(getattr(c, side) for c in found) for side in ("n_real", "n_fake")]
    note = sets.join(
        f"{classes - len(found)} of {classes} classes left out, with fewer than {_LEAST} images on a side"
        if len(found) < classes
        else "",
        f"{len(found)} classes of at least {least[0]} real and {least[1]} generated images, covariances "
        f"shrunk by {min(c.shrinkage for c in found):.2f} to {max(c.shrinkage for c in found):.2f}",
        reduced,
    )
    n, m = sum(c.n_real for c in found), sum(c.n_fake for c in found)
    return {
        "intra_class_fd": Estimate(value, *resample.normal(value, error, least=0.0), n, m, note)
    }


def _pooled(features, groups):
    total = np.zeros((features.shape[1],) * 2)
    for rows in groups:
        total += (len(rows) - 1) * frechet.covariance(features[rows])
    return total / max(1, sum(len(rows) - 1 for rows in groups))
