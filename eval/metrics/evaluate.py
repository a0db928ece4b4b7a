"""Lists the metrics of a report, and applies them to two sets of images."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

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
# The number of memorisation's random stream stays what it was before metrics were added.
_MEMORISATION_STREAM = 11


class Evaluation(NamedTuple):
    """Holds the results of all metrics.

    Attributes:
      estimates: the figures by name.
      missing: for each metric that could not be computed, the reason.
      seconds: the time that each metric took.
      neighbours: the nearest training image of each generated one; None: not computed.
    """

    estimates: dict[str, Estimate]
    missing: dict[str, str]
    seconds: dict[str, float]
    neighbours: memorisation.Neighbours | None


def evaluate(
    real: SampleSet,
    fake: SampleSet,
    train: SampleSet | None,
    seed: int,
    metrics: dict[str, Metric] | None = None,
) -> Evaluation:
    """Applies every metric, and keeps the reason of each one that cannot be computed.

    Args:
      real: what to compare with.
      fake: what to judge.
      train: what may have been memorised; None: unknown.
      seed: of resampling; each metric draws from its own stream, so that leaving one out changes no
        other.
      metrics: some of METRICS, without memorisation; None: all of them, and memorisation.
    """
    estimates, missing, seconds, neighbours = {}, {}, {}, None
    chosen = METRICS if metrics is None else metrics
    for i, (name, metric) in enumerate(chosen.items()):
        with _timed(name, missing, seconds):
            estimates |= metric(real, fake, np.random.default_rng([seed, _stream(i)]))
    if train is None:
        missing["memorisation"] = "the training images are not known: give --train=DIR"
    elif metrics is None:
        with _timed("memorisation", missing, seconds):
            memorisation.require(train, fake)
            neighbours = memorisation.neighbours(train.features, train.clusters, fake.features)
            rng = np.random.default_rng([seed, _MEMORISATION_STREAM])
            estimates |= memorisation.estimates(neighbours, train, rng)
    return Evaluation(estimates, missing, seconds, neighbours)


@contextlib.contextmanager
def _timed(name: str, missing: dict[str, str], seconds: dict[str, float]) -> Iterator[None]:
    """Records the seconds of a metric and, where it cannot be computed, the reason."""
    start = time.perf_counter()
    try:
        yield
    except UserError as e:
        missing[name] = str(e)
    seconds[name] = time.perf_counter() - start


def _stream(i: int) -> int:
    """Numbers the random stream of the i-th metric, leaving out that of memorisation."""
    return i + (i >= _MEMORISATION_STREAM)
