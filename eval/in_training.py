"""Evaluates a model inside the training loop, every `config.eval.every_kimg`."""

import math
import time
from collections.abc import Callable
from typing import Any

import ml_collections
import numpy as np

from emoji_gan import conditions, images, methods
from emoji_gan.runtime import mesh
from eval import generate
from eval.extractors import real_cache
from eval.extractors.features import Extractor
from eval.metrics import evaluate
from eval.metrics.sets import SampleSet
from eval.report import metric_names
from input_pipeline import dataset

_METRICS = ("frechet", "precision_recall", "density_coverage")  # those that need few images
_BATCH = 50


def make(
    config: ml_collections.ConfigDict, data: dataset.EmojiData
) -> Callable[[Any], dict[str, float]]:
    """Returns `judge(state) -> scalars` for the loop, which waits for it.

    Scalars are `eval/NAME`, and `eval/seconds`, for which training waits. Figures of few images are
    higher than those of `python -m eval`: they are for one run's curve.

    Args:
      config: resolved; read are `eval.samples` and what the sampler needs.
      data: the training set.
    """
    extractor = Extractor("emoji-encoder")
    of_reals = real_cache.features_of(data.images, data.content_hash, extractor)
    real = SampleSet(
        images=data.images,
        features=of_reals.features,
        logits=of_reals.logits,
        clusters=np.asarray(data.columns["cluster"]),
        names=tuple(data.columns["codepoints"].tolist()),
    )
    count = -(-config.eval.samples // _BATCH) * _BATCH
    _, condition = generate.conditions_like(data, count)
    method = methods.load(config.method)
    generator = method.generator(config, conditions.of_data(data))
    sample = mesh.readable(generator.sample, mesh.make_mesh())

    def judge(state: Any) -> dict[str, float]:
        start = time.perf_counter()
        drawn, params = [], generator.params_of(state)
        for i in range(0, count, _BATCH):
            seeds = np.arange(i, i + _BATCH, dtype=np.uint32)
            batch = {name: values[i : i + _BATCH] for name, values in condition.items()}
            x = sample(params, seeds, batch, np.float32(1))
            drawn.append(np.asarray(images.to_uint8(x)))
        pictures = np.concatenate(drawn)
        of_fakes = extractor(pictures)
        fake = SampleSet(
            images=pictures,
            features=of_fakes.features,
            logits=of_fakes.logits,
            names=tuple(f"seed {i}" for i in range(count)),
        )
        metrics = {name: evaluate.METRICS[name] for name in _METRICS}
        result = evaluate.evaluate(real, fake, None, 0, metrics)
        scalars = {
            f"eval/{metric_names.display_name(name, extractor.name)}": e.value
            for name, e in result.estimates.items()
            if math.isfinite(e.value)
        }
        return scalars | {"eval/seconds": time.perf_counter() - start}

    return judge
