"""Joins TensorBoard's files where a run goes on, so that each point is there once.

TensorBoard drops orphaned points only in files of its first version, orders files by the wall clock
in their names, and reads no further in a file than its first damaged record. So what earlier jobs
have left is joined into one file, which sorts before all later ones.
"""

import hashlib
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf
from absl import logging

# The others have seconds since 1970 where this one has zeros.
NAME = "events.out.tfevents.0000000000.before"


def cut(root: pathlib.Path, last: int) -> None:
    """Joins the event files in `root` into one, without points beyond `last`.

    A kill at any moment leaves every point in some file, and the next call drops those that are
    there twice.

    Args:
      root: the workdir.
      last: the largest step to keep, on TensorBoard's axis (images).

    Raises:
      OSError, tf.errors.OpError: the file cannot be written; the old ones are then still there.
    """
    files = sorted(root.glob("events.out.tfevents.*"))
    if not files:
        return
    temporary = root / f".{NAME}"
    seen = set()
    try:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for file in files:
                for record in _whole_records(file):
                    event = tf.compat.v1.Event.FromString(record)
                    header = event.HasField("file_version")  # of several files one is enough
                    key = b"header" if header else hashlib.sha256(record).digest()
                    if key not in seen and (header or event.step <= last):
                        seen.add(key)
                        writer.write(record)
        with open(temporary, "rb") as f:
            os.fsync(f.fileno())
        os.replace(temporary, root / NAME)
    finally:
        temporary.unlink(missing_ok=True)
    for file in files:
        if file.name != NAME:
            file.unlink()


def _whole_records(file: pathlib.Path) -> Iterator[bytes]:
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            yield record
            count += 1
    except tf.errors.DataLossError:
        logging.info("%s ends after %d whole records", file, count)


def points(root: pathlib.Path) -> Iterator[tuple[int, str]]:
    """Yields (step on TensorBoard's axis, tag) of every point in the event files of `root`."""
    for file in sorted(root.glob("events.out.tfevents.*")):
        for record in _whole_records(file):
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                yield event.step, value.tag
