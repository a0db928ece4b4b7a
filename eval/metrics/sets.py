"""The two sides of a comparison, and what a metric says of them.

Every metric is a file with `evaluate(real, fake, rng) -> dict[str, Estimate]` and its bare
formulas. It raises `UserError` where it cannot say anything, for want of images or of logits,
labels and the like.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from emoji_gan.errors import UserError

if TYPE_CHECKING:  # what reads reports does without jax
    from eval.extractors.features import Features


@dataclasses.dataclass(frozen=True)
class SampleSet:
    """Images of one side and what an extractor said of them.

    Raises:
      UserError: features or logits that are not finite.
      ValueError: lengths that differ.
    """

    images: np.ndarray  # n h w 4 uint8, straight alpha
    features: np.ndarray  # n d float32
    logits: (
        np.ndarray | None
    )  # n k float32; of the 2015 network without bias; of the encoder, of code points
    labels: np.ndarray | None  # n int32 class of each image, recognised or given; None: no classes
    clusters: (
        np.ndarray | None
    )  # n int64 near-duplicate cluster of each image (real side); None: unknown
    path_pairs: (
        tuple[np.ndarray, np.ndarray] | None
    )  # m d each: features of ends of small steps (fake side)
    extract: Callable[[np.ndarray], "Features"] | None  # features of other images, n h w 4 uint8
    names: tuple[str, ...]  # n: file names, code points or seeds

    def __post_init__(self):
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
    """A figure and how sure it is; the interval holds the value."""

    value: float
    low: float | None  # the 95 % interval; None: there is none
    high: float | None
    n_real: int  # images that the figure rests on
    n_fake: int
    note: str = ""  # why the figure is to be doubted, or what was left out


def require(
    metric: str, real: SampleSet, fake: SampleSet, real_least: int, fake_least: int
) -> None:
    """Refuses sides that are too small, or whose features are of two networks.

    Raises:
      UserError: so.
    """
    for what, side, least in (("real", real, real_least), ("generated", fake, fake_least)):
        if len(side.images) < least:
            raise UserError(
                f"{metric}: {len(side.images)} {what} images, it needs at least {least}"
            )
    if real.features.shape[1] != fake.features.shape[1]:
        raise UserError(
            f"{metric}: features of {real.features.shape[1]} and {fake.features.shape[1]} dimensions; both "
            "sides must come from one extractor"
        )


def join(*notes: str) -> str:
    """The notes that are not empty, as one."""
    return "; ".join(note for note in notes if note)
