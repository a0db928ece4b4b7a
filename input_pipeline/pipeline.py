"""Streams batches of emoji as a pure function of (seed, sample number).

No iterator has a state to save: the batch of any sample number can be made at once, in any layout
of processes.
"""

import collections
import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from input_pipeline import DataError
from input_pipeline.dataset import EmojiData

with contextlib.suppress(RuntimeError):  # too late if TensorFlow already runs
    tf.config.set_visible_devices([], "GPU")  # else it takes all of the GPU's memory

# The first number of the seeds: of the order of the emoji, of the choice of phrases, sources and
# captions.
_ORDER_SALT = 498247692
_PHRASE_SALT = 771204377
_SOURCE_SALT = 350377129
_CAPTION_SALT = 622690161
_AHEAD = 3  # batches
_DRAWS = 2**20  # numbers that an emoji's phrase or source is chosen by

Degrade = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]
Batch = dict[str, Any]  # image, condition and sample, as `batches` describes them


def batches(
    data: EmojiData,
    *,
    seed: int,
    batch_size: int,
    start_sample: int = 0,
    process_index: int = 0,
    process_count: int = 1,
    degrade: Degrade | None = None,
) -> Iterator[Batch]:
    """Streams batches without end, from any sample on.

    Sample q shows row permutation[q // n](q % n) of the n emoji; each epoch is a permutation of its
    own. Row i of process p in the batch that starts at sample q is sample q + p * batch_size /
    process_count + i.

    Args:
      data: what `load` returns.
      seed: of the order.
      batch_size: of all processes together; divisible by `process_count`.
      start_sample: number of the first sample; step * batch_size to resume at a step.
      process_index: of this process.
      process_count: number of processes.
      degrade: (images, sample numbers) -> arrays that are added to a batch or replace some of it.

    Returns:
      An iterator of {'image': uint8 b h w 4, 'condition': {name: int32 b}, 'sample': uint32 b}, b =
      batch_size / process_count; read-only arrays. The condition 'text' is f32 b d: one of the
      emoji's phrases, drawn by sample number. Of paired data the images are the targets, and
      'source' uint8 b h w 4 shows the same emoji in another style, drawn by sample number. Of data
      with captions 'features' f32 b d are vectors of the images, and 'caption' has one text of
      each, drawn by sample number: 'tokens' int32 b t, 'language' and 'kind' int32 b; 'emoji' int32
      b is its number and 'words' int32 b l w are all its words.

    Raises:
      DataError: sizes that do not fit.
    """
    if batch_size < 1 or batch_size % process_count:
        raise DataError(
            f"batch_size={batch_size} is not divisible by the {process_count} processes"
        )
    if not 0 <= process_index < process_count:
        raise DataError(f"process_index={process_index} is not below process_count={process_count}")
    if start_sample < 0:
        raise DataError(f"start_sample={start_sample} is negative")
    rows = batch_size // process_count
    options = tf.data.Options()
    options.autotune.enabled = False
    # One thread is more than enough, and the cores belong to the training.
    options.threading.private_threadpool_size = 1
    first = start_sample + process_index * rows
    dataset = tf.data.Dataset.range(first, np.iinfo(np.int64).max, batch_size)
    dataset = dataset.map(_batch_maker(data, seed=seed, rows=rows)).prefetch(4)
    stream = dataset.with_options(options).as_numpy_iterator()
    if degrade is None:
        return stream
    return _degraded(stream, degrade)


def _degraded(stream: Iterator[Batch], degrade: Degrade) -> Iterator[Batch]:
    """Yields the batches of a stream with what `degrade` makes of them, a few ahead of use."""

    def made(batch: Batch) -> Batch:
        return batch | degrade(batch["image"], batch["sample"])

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        waiting = collections.deque(thread.submit(made, next(stream)) for _ in range(_AHEAD))
        while True:
            yield waiting.popleft().result()
            waiting.append(thread.submit(made, next(stream)))


def _batch_maker(data: EmojiData, *, seed: int, rows: int) -> Callable[[tf.Tensor], Batch]:
    """Returns what makes the batch of `rows` samples that starts at a sample number."""
    pairs, count = data.pairs, len(data.images)
    if pairs:
        targets, sources, first_source = map(
            tf.constant, (pairs.targets, pairs.sources, pairs.first)
        )
        count = len(pairs.targets)
    images = tf.constant(data.images)
    classes = {name: tf.constant(numbers) for name, numbers in data.classes.items()}
    phrases = data.phrases
    caption_of = _caption_maker(data, seed=seed) if data.captions else None
    if phrases:
        vectors = tf.constant(phrases.vectors)
        phrase_rows = tf.constant(phrases.rows)
        first_phrase = tf.constant(phrases.first)

    def make(first: tf.Tensor) -> Batch:
        sample = first + tf.range(rows, dtype=tf.int64)
        row = number = _shuffled(sample, count, salt=_ORDER_SALT, seed=seed)
        more = {}
        if pairs:
            row, start = tf.gather(targets, number), tf.gather(first_source, number)
            draw = _shuffled(sample, _DRAWS, salt=_SOURCE_SALT, seed=seed)
            other = tf.gather(sources, start + draw % (tf.gather(first_source, number + 1) - start))
            itself = draw < int(pairs.identity * _DRAWS)
            more["source"] = tf.gather(images, tf.where(itself, row, other))
        if caption_of:
            more |= caption_of(sample, row)
        condition = {name: tf.gather(numbers, row) for name, numbers in classes.items()}
        if phrases:
            start = tf.gather(first_phrase, row)
            draw = _shuffled(sample, _DRAWS, salt=_PHRASE_SALT, seed=seed)
            phrase = start + draw % (tf.gather(first_phrase, row + 1) - start)
            condition["text"] = tf.gather(vectors, tf.gather(phrase_rows, phrase))
        return {
            "image": tf.gather(images, row),
            "condition": condition,
            "sample": tf.cast(sample, tf.uint32),
            **more,
        }

    return make


def _caption_maker(
    data: EmojiData, *, seed: int
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, Any]]:
    """Returns what makes vectors and a text of each image, and all words of its emoji."""
    names = ("tokens", "languages", "kinds", "rows", "first", "features", "emoji", "words")
    tokens, languages, kinds, rows, begin, features, emoji, words = (
        tf.constant(getattr(data.captions, name)) for name in names
    )

    def caption_of(sample: tf.Tensor, row: tf.Tensor) -> dict[str, Any]:
        start = tf.gather(begin, row)
        draw = _shuffled(sample, _DRAWS, salt=_CAPTION_SALT, seed=seed)
        text = tf.gather(rows, start + draw % (tf.gather(begin, row + 1) - start))
        number = tf.gather(emoji, row)
        return {
            "features": tf.gather(features, row),
            "caption": {
                "tokens": tf.gather(tokens, text),
                "language": tf.gather(languages, text),
                "kind": tf.gather(kinds, text),
                "emoji": number,
                "words": tf.gather(words, tf.maximum(number, 0)),
            },
        }

    return caption_of


def _shuffled(sample: tf.Tensor, count: int, *, salt: int, seed: int) -> tf.Tensor:
    """Returns the item of each sample, int64 b: every `count` samples are one permutation."""
    epoch = sample // count
    key = tf.stack(
        [tf.fill(sample.shape, np.int64(salt)), tf.fill(sample.shape, np.int64(seed)), epoch],
        axis=1,
    )
    return tf.raw_ops.RandomIndexShuffle(
        index=sample % count, seed=key, max_index=tf.constant(count - 1, tf.int64), rounds=4
    )
