"""Streams batches of emoji as a pure function of (seed, sample number).

No iterator has a state to save: the batch of any sample number can be made at once, in any layout
of processes.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from input_pipeline import DataError
from input_pipeline.dataset import EmojiData

with contextlib.suppress(RuntimeError):  # too late if TensorFlow already runs
    tf.config.set_visible_devices([], "GPU")  # else it takes all of the GPU's memory

_SALT, _PHRASE_SALT = 498247692, 771204377  # the third number of the seeds of order and of phrases


def batches(
    data: EmojiData,
    *,
    seed: int,
    batch_size: int,
    start_sample: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[dict[str, np.ndarray]]:
    """Streams batches without end, from any sample on.

    Sample q shows row permutation[q // n](q % n) of the n emoji; each epoch is a permutation of its
    own. Row i of process p in the batch that starts at sample q is sample q + p * batch_size /
    process_count + i.

    Args:
      data: what `load` returned.
      seed: of the order.
      batch_size: of all processes together; divisible by `process_count`.
      start_sample: number of the first sample; step * batch_size to resume at a step.
      process_index: of this process.
      process_count: number of processes.

    Returns:
      An iterator of {'image': uint8 b h w 4, 'condition': {name: int32 b}, 'sample': uint32 b}, b =
      batch_size / process_count; read-only arrays. The condition 'text' is f32 b d: one of the
      emoji's phrases, drawn by sample number.

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
    count = len(data.images)
    images = tf.constant(data.images)
    classes = {name: tf.constant(numbers) for name, numbers in data.classes.items()}
    if data.phrases:
        of = data.phrases
        vectors, phrase_rows, first_phrase = (
            tf.constant(x) for x in (of.vectors, of.rows, of.first)
        )

    def shuffled(index, count, salt, epoch):
        key = tf.stack(
            [tf.fill([rows], np.int64(salt)), tf.fill([rows], np.int64(seed)), epoch], axis=1
        )
        return tf.raw_ops.RandomIndexShuffle(
            index=index, seed=key, max_index=tf.constant(count - 1, tf.int64), rounds=4
        )

    def batch(first):
        sample = first + tf.range(rows, dtype=tf.int64)
        row = shuffled(sample % count, count, _SALT, sample // count)
        condition = {name: tf.gather(numbers, row) for name, numbers in classes.items()}
        if data.phrases:
            start = tf.gather(first_phrase, row)
            draw = shuffled(sample % 2**20, 2**20, _PHRASE_SALT, sample // 2**20)
            place = start + draw % (tf.gather(first_phrase, row + 1) - start)
            condition["text"] = tf.gather(vectors, tf.gather(phrase_rows, place))
        return {
            "image": tf.gather(images, row),
            "condition": condition,
            "sample": tf.cast(sample, tf.uint32),
        }

    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = (
        1  # more than enough, and the cores belong to the training
    )
    first = start_sample + process_index * rows
    dataset = (
        tf.data.Dataset.range(first, np.iinfo(np.int64).max, batch_size).map(batch).prefetch(4)
    )
    return dataset.with_options(options).as_numpy_iterator()
