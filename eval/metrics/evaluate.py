"""Every metric of two sets of images: the list of what a report holds."""

import time
from collections.abc import Callable

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import (
    agreement,
    alpha,
    density_coverage,
    distinct,
    frechet,
    inception_score,
    intra_class,
    kid,
    legibility,
    memorisation,
    palette,
    path_length,
    precision_recall,
    real_baseline,
)
from eval.metrics.sets import Estimate, SampleSet

Metric = Callable[[SampleSet, SampleSet, np.random.Generator], dict[str, Estimate]]
METRICS: dict[str, Metric] = {
    module.__name__.rpartition(".")[2]: module.evaluate
    for module in (
        frechet,
        kid,
        inception_score,
        precision_recall,
        density_coverage,
        path_length,
        intra_class,
        agreement,
        legibility,
        alpha,
        palette,
        distinct,
        real_baseline,
    )
}
_MEMORISATION_STREAM = 11  # of its random numbers: what it was before metrics were added


def evaluate(
    real: SampleSet,
    fake: SampleSet,
    train: SampleSet | None,
    seed: int,
    metrics: dict[str, Metric] | None = None,
) -> tuple[dict[str, Estimate], dict[str, str], dict[str, float], memorisation.Neighbours | None]:
    """Applies every metric; one that cannot say anything says why.

    Args:
      real: what to compare with.
      fake: what to judge.
      train: what may have been memorised, or None where that is not known.
      seed: of resampling; each metric draws from its own stream, so that leaving one out changes no
        other.
      metrics: some of METRICS; None: all.

    Returns:
      The figures, the reasons of those that are missing, seconds by stage, and for each of `fake`
      its nearest in `train`.
    """
    found, missing, seconds = {}, {}, {}
    chosen = METRICS if metrics is None else metrics

    def timed(name: str, compute: Callable[[], dict[str, Estimate]]) -> None:
        start = time.perf_counter()
        try:
            found.update(compute())
        except UserError as e:
            missing[name] = str(e)
        seconds[name] = time.perf_counter() - start

    for i, (name, metric) in enumerate(chosen.items()):
        timed(
            name,
            lambda i=i, metric=metric: metric(
                real, fake, np.random.default_rng([seed, _stream(i)])
            ),
        )
    neighbours = None

    def copies() -> dict[str, Estimate]:
        nonlocal neighbours
        memorisation.require(train, fake)
        neighbours = memorisation.neighbours(train.features, train.clusters, fake.features)
        return memorisation.estimates(
            neighbours, train, np.random.default_rng([seed, _MEMORISATION_STREAM])
        )

    if train is None:
        missing["memorisation"] = "the training images are not known: give --train=DIR"
    elif metrics is None:
        timed("memorisation", copies)
    return found, missing, seconds, neighbours


def _stream(i: int) -> int:
    """Numbers the random stream of the i-th metric; memorisation has one between them."""
    return i + (i >= _MEMORISATION_STREAM)
