"""Writes and reads an npz with all that training needs, and makes batches of it by numpy alone.

The file holds images, conditions, phrases' vectors and the statistics of the real images' features,
so that a machine without TensorFlow, the data set or a network trains and judges.
"""

import dataclasses
import functools
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from emoji_gan import conditions
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths, workdir
from eval.metrics import frechet
from input_pipeline.unicode.phrases import Phrases

if TYPE_CHECKING:  # where the file is read there is no TensorFlow
    from input_pipeline.dataset import EmojiData

_FORMAT = 1  # to be raised when the meaning of a name below changes
_ORDER_SALT = 498247692  # of the order of the images and the choice of phrases
_PHRASE_DRAWS = 2**20  # numbers that an image's phrase is chosen by


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """Holds the images of a training split with all that goes with them.

    It has what `emoji_gan.conditions` reads of a data set: images, classes, phrases.

    Attributes:
      images: u8 [n h w 4], straight alpha.
      classes: condition -> i32 [n], numbers of the classes of `spec`.
      phrases: of the images; None without the condition 'text'.
      spec: of the conditions.
      config: `config.data` of the experiment, as plain values.
      content_hash: of the data set.
      real: of the features of all images, by the emoji encoder.
      encoder_hash: SHA-256 of the weights that made these features.
      licence: of the images, and whom to attribute.
    """

    images: np.ndarray
    classes: dict[str, np.ndarray]
    phrases: Phrases | None
    spec: conditions.Spec
    config: dict[str, Any]
    content_hash: str
    real: frechet.Gaussian
    encoder_hash: str
    licence: str


def of_data(
    data: "EmojiData", config: Mapping[str, Any], *, text_hash: str, licence: str
) -> TrainingData:
    """Adds the statistics of the features to a data set.

    Args:
      data: a training split.
      config: `config.data` that it was loaded with.
      text_hash: of the encoder that made the phrases' vectors; '' without any.
      licence: of the images, and whom to attribute.
    """
    from eval.extractors.features import Extractor

    extractor = Extractor("emoji-encoder")
    return TrainingData(
        images=data.images,
        classes=data.classes,
        phrases=data.phrases,
        spec=conditions.of_data(data, text_hash),
        config=dict(config),
        content_hash=data.content_hash,
        real=frechet.fit(extractor(data.images).features),
        encoder_hash=extractor.weights_hash,
        licence=licence,
    )


def save(path: str | os.PathLike, data: TrainingData) -> int:
    """Writes the npz and returns its size in bytes.

    Raises:
      UserError: the path is not writable.
    """
    meta = {
        "format": _FORMAT,
        "spec": data.spec.to_json(),
        "config": data.config,
        "content_hash": data.content_hash,
        "encoder_hash": data.encoder_hash,
        "licence": data.licence,
    }
    arrays = {f"class_{name}": numbers for name, numbers in data.classes.items()}
    if data.phrases:
        arrays |= {f"phrases_{k}": v for k, v in dataclasses.asdict(data.phrases).items()}
    out = io.BytesIO()
    np.savez_compressed(
        out,
        meta=np.array(json.dumps(meta)),
        images=data.images,
        real_mean=data.real.mean,
        real_factor=data.real.factor,
        **arrays,
    )
    workdir.write_atomic(path, out.getvalue())
    return len(out.getvalue())


def read(path: str | os.PathLike) -> TrainingData:
    """Reads a file that `save` wrote.

    Raises:
      UserError: the file is missing or damaged, or is another one.
    """
    path = paths.local(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            if "meta" not in file.files:
                raise KeyError("meta")
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays["meta"]))
        if meta["format"] != _FORMAT:
            raise ValueError(f"its format is {meta['format']}, this program reads {_FORMAT}")
        spec = conditions.Spec.from_json(meta["spec"])
        phrases = None
        if spec.text_dim:
            names = [field.name for field in dataclasses.fields(Phrases)]
            phrases = Phrases(**{name: arrays[f"phrases_{name}"] for name in names})
        return TrainingData(
            images=arrays["images"],
            classes={name: arrays[f"class_{name}"] for name, _ in spec.classes},
            phrases=phrases,
            spec=spec,
            config=meta["config"],
            content_hash=meta["content_hash"],
            real=frechet.Gaussian(arrays["real_mean"], arrays["real_factor"]),
            encoder_hash=meta["encoder_hash"],
            licence=meta["licence"],
        )
    except FileNotFoundError:
        raise UserError(
            f"no file {path}: python -m benchmarks.gpu_data --train --out=FILE makes one where the "
            "data set is"
        ) from None
    except KeyError as e:
        raise UserError(
            f"{path} lacks {e}: it is no file of python -m benchmarks.gpu_data --train"
        ) from e
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as e:
        why = " ".join(str(e).split())[:200]
        raise UserError(f"{path} is damaged ({why}); copy it again or make it anew") from e


# ---- batches -------------------------------------------------------------------------------------


def batches(
    data: TrainingData, *, seed: int, batch_size: int, start_sample: int
) -> Iterator[dict[str, Any]]:
    """Yields batches as `emoji_gan.methods.base` describes them, without end.

    Each batch is a pure function of the seed and its sample numbers: every n samples are one
    permutation of the n images, another one in each epoch. The permutations are numpy's, so they
    differ from those of `input_pipeline.pipeline`.

    Args:
      data: what to train on.
      seed: of the order.
      batch_size: images.
      start_sample: number of the first sample; step * batch_size to resume at a step.
    """
    first = start_sample
    while True:
        sample = np.arange(first, first + batch_size)
        rows, draws = _order(sample, len(data.images), seed)
        condition = {name: numbers[rows] for name, numbers in data.classes.items()}
        if data.phrases:
            start, end = data.phrases.first[rows], data.phrases.first[rows + 1]
            phrases = data.phrases.rows[start + draws % (end - start)]
            condition[conditions.TEXT] = data.phrases.vectors[phrases]
        yield {
            "image": data.images[rows],
            "condition": condition,
            "sample": sample.astype(np.uint32),
        }
        first += batch_size


def _order(sample: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the image of each sample, i64 [b], and the number that its phrase is chosen by."""
    rows, draws = np.empty_like(sample), np.empty_like(sample)
    for epoch in np.unique(sample // count):
        of_epoch = sample // count == epoch
        permutation, numbers = _epoch(seed, int(epoch), count)
        rows[of_epoch] = permutation[sample[of_epoch] % count]
        draws[of_epoch] = numbers[sample[of_epoch] % count]
    return rows, draws


@functools.lru_cache(maxsize=4)
def _epoch(seed: int, epoch: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the order of an epoch and the numbers that its phrases are chosen by, i64 [count]."""
    key = hashlib.sha256(f"{_ORDER_SALT} {seed} {epoch}".encode()).digest()[:16]
    rng = np.random.Generator(np.random.Philox(int.from_bytes(key)))
    return rng.permutation(count), rng.integers(0, _PHRASE_DRAWS, count)
