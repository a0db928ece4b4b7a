"""Describes the two sides of a comparison, and a metric's result.

Every metric is a file with `evaluate(real, fake, rng) -> dict[str, Estimate]` and its bare
formulas. It raises `UserError` where it cannot be computed, because there are too few images, or
no logits, labels and the like.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from emoji_gan.errors import UserError

if TYPE_CHECKING:  # programs that only read reports run without jax
    from eval.extractors.features import Features


@dataclasses.dataclass(frozen=True)
class SampleSet:
    """Holds the images of one side and what an extractor computed from them.

    Attributes:
      images: uint8 [n h w 4], straight alpha.
      features: f32 [n d].
      logits: f32 [n k]; those of the 2015 network are without the bias, those of the encoder are
        scores of code points.
      labels: int32 [n], the class of each image, recognised or given; None: no classes.
      clusters: int64 [n], the near-duplicate cluster of each image (real side); None: unknown.
      path_pairs: f32 [m d] each, features of the two ends of small steps (fake side).
      extract: computes the features of other images, uint8 [n h w 4].
      names: n file names, code points or seeds.

    Raises:
      UserError: features or logits that are not finite.
      ValueError: lengths that differ.
    """

    images: np.ndarray
    features: np.ndarray
    logits: np.ndarray | None = None
    labels: np.ndarray | None = None
    clusters: np.ndarray | None = None
    path_pairs: tuple[np.ndarray, np.ndarray] | None = None
    extract: Callable[[np.ndarray], "Features"] | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.images)
        for field in ("features", "logits", "labels", "clusters", "names"):
            value = getattr(self, field)
            if value is not None and len(value) != n:
                raise ValueError(f"{n} images but {len(value)} {field}")
        for what, value in (("features", self.features), ("logits", self.logits)):
            if value is not None and not np.isfinite(value).all():
                bad = ~np.isfinite(value).all(1)
                raise UserError(
                    f"{bad.sum()} of {n} images have {what} that are not finite, first "
                    f"{self.names[int(bad.argmax())]}"
                )


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Holds a figure and its uncertainty.

    Attributes:
      value: the figure.
      low: lower end of the 95 % interval, which holds the value; None: there is no interval.
      high: upper end of it.
      n_real: real images that the figure rests on.
      n_fake: generated images that the figure rests on.
      note: why the figure is to be doubted, or what was left out.
    """

    value: float
    low: float | None
    high: float | None
    n_real: int
    n_fake: int
    note: str = ""


def require(
    metric: str, real: SampleSet, fake: SampleSet, *, least_real: int, least_fake: int
) -> None:
    """Refuses sides that are too small, or whose features are of two networks.

    Args:
      metric: what the error message calls it.
      real: one side.
      fake: the other side.
      least_real: images that the metric needs of `real`.
      least_fake: images that the metric needs of `fake`.

    Raises:
      UserError: a side has fewer images than it needs, or the features differ in dimension.
    """
    for what, side, least in (("real", real, least_real), ("generated", fake, least_fake)):
        if len(side.images) < least:
            raise UserError(
                f"{metric}: {len(side.images)} {what} images, it needs at least {least}"
            )
    if real.features.shape[1] != fake.features.shape[1]:
        raise UserError(
            f"{metric}: features of {real.features.shape[1]} and {fake.features.shape[1]} "
            "dimensions; both sides must come from one extractor"
        )


def join(*notes: str) -> str:
    """Joins the notes that are not empty."""
    return "; ".join(note for note in notes if note)
