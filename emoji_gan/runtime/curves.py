"""Writes the curves of a run to TensorBoard, the console and a JSONL file.

The clock is images shown: TensorBoard's step axis is step * batch_size, so that runs of different
batch sizes lie on one another; 1,000 there are 1 kimg.
"""

import collections
import contextlib
import json
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import ml_collections
import numpy as np
import tensorflow as tf
from absl import logging
from clu import metric_writers

from emoji_gan.errors import UserError
from emoji_gan.runtime import events, workdir

Scalars = dict[str, float]


class Writer:
    """Writes curves and pictures of a run; only on process 0.

    Curves go to TensorBoard's events, the console and `metrics.jsonl` of the workdir.

    A line of `metrics.jsonl` is one JSON object: "kimg", "step", then the values, null where not
    finite. Each line is in the file before the call returns. Going on at step s drops what lies
    after s (and what a crash cut off) there and in TensorBoard's files, so no point is there twice.

    Training goes on without a curve: once the files are open, a write that fails is one warning.
    """

    def __init__(
        self, root: str | os.PathLike, config: ml_collections.ConfigDict, step: int
    ) -> None:
        """Opens the files.

        Args:
          root: the workdir, existing.
          config: resolved; read are batch_size and log.jsonl.
          step: where training starts or goes on.

        Raises:
          UserError: the files cannot be written.
        """
        self._root, self._batch_size, self._jsonl = pathlib.Path(root), config.batch_size, None
        self._console = self._board = None
        self._failed: collections.Counter[str] = collections.Counter()  # writes of each kind
        if jax.process_index() != 0:
            return
        with self._one_line_errors():
            last = step or -1  # a run that starts anew writes its first points anew
            events.cut(self._root, last * self._batch_size)
            self._console = metric_writers.LoggingWriter()
            self._board = metric_writers.SummaryWriter(str(self._root))
            if config.log.jsonl:
                self._jsonl = _open_jsonl(self._root / "metrics.jsonl", last)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers (Python's, numpy's or jax scalars) at a training step."""
        values = {name: float(value) for name, value in jax.device_get(dict(values)).items()}
        if self._jsonl is not None:
            finite = {
                name: value if math.isfinite(value) else None for name, value in values.items()
            }
            kimg = step * self._batch_size / 1000
            with self.tolerant("metrics.jsonl"), self._one_line_errors():
                _append(self._jsonl, json.dumps({"kimg": kimg, "step": step} | finite))
        if self._console is not None:
            self._console.write_scalars(step * self._batch_size, values)
        self._on_the_board(lambda board: board.write_scalars(step * self._batch_size, values))

    def images(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """Writes pictures (uint8 [h w 3]) at a training step, to TensorBoard."""
        self._on_the_board(lambda board: board.write_images(step * self._batch_size, pictures))

    def flush(self) -> None:
        """Brings TensorBoard's file up to date."""
        self._on_the_board(lambda board: board.flush())

    def close(self) -> None:
        """Flushes and closes; the writer is of no use afterwards."""
        if self._board is not None:
            self._on_the_board(lambda board: board.close())
            self._board = None
        if self._jsonl is not None:
            os.close(self._jsonl)
        for what, count in self._failed.items():
            logging.warning("%d writes of %s failed in all", count, what)

    @contextlib.contextmanager
    def tolerant(self, what: str) -> Iterator[None]:
        """Turns the failure of a write that training can do without into one warning a kind."""
        try:
            yield
        except UserError as e:
            self._failed[what] += 1
            if self._failed[what] == 1:
                logging.warning("%s; training goes on without", e)

    def _on_the_board(self, write: Callable[[metric_writers.MetricWriter], None]) -> None:
        """Calls `write` with TensorBoard's writer.

        After a failure it is a new one with a new file: readers stop at half a record.
        """
        if jax.process_index() != 0:
            return
        with self.tolerant("TensorBoard's file"):
            try:
                with self._one_line_errors():
                    if self._board is None:
                        self._board = metric_writers.SummaryWriter(str(self._root))
                    write(self._board)
            except UserError:
                if self._board is not None:
                    with contextlib.suppress(tf.errors.OpError):
                        self._board.close()
                    self._board = None
                raise

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, tf.errors.OpError) as e:
            # TensorFlow's is "{{a node}} a path; the reason", then more lines.
            reason = getattr(e, "strerror", None) or str(e).splitlines()[0].rpartition("; ")[2]
            raise UserError(f"cannot write the curves in {self._root}: {reason}") from e


def _open_jsonl(path: pathlib.Path, last: int) -> int:
    if path.exists():
        old = path.read_bytes()
        kept = b"".join(line for line in old.splitlines(keepends=True) if _is_before(line, last))
        if kept != old:
            workdir.write_atomic(path, kept)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _is_before(line: bytes, last: int) -> bool:
    try:
        return line.endswith(b"\n") and json.loads(line)["step"] <= last
    except (ValueError, KeyError, TypeError):  # half a line, from a crash
        return False


def _append(descriptor: int, line: str) -> None:
    data = line.encode() + b"\n"
    end = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, data) != len(data):
            raise OSError(28, os.strerror(28))  # a disk that fills up writes what still fits
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def mean_of(history: Sequence[Mapping[str, jax.Array]]) -> Scalars:
    """Averages the scalars of several steps.

    Args:
      history: one mapping a step; a name need not be in all of them (lazy regularisers).

    Returns:
      For each name the mean of its finite values over the steps that have it (nan if there is none;
      a step skipped for such a value is counted in bad_steps/). Of the counters, bad_steps/..., the
      last value.
    """
    values = collections.defaultdict(list)
    for step in jax.device_get(list(history)):
        for name, value in step.items():
            values[name].append(float(value))
    means = {}
    for name, series in values.items():
        if name.startswith("bad_steps/"):
            means[name] = series[-1]
        else:
            finite = [value for value in series if math.isfinite(value)]
            means[name] = sum(finite) / len(finite) if finite else math.nan
    return means
