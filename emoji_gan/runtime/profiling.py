"""Records a JAX profile of a few steps."""

import contextlib
import pathlib
from collections.abc import Iterator

import jax
from absl import logging

_STEPS = range(20, 25)  # after compilation and the first lazy regularisers


@contextlib.contextmanager
def profiled(directory: pathlib.Path | None, step: int) -> Iterator[None]:
    """Wraps a step, counted from the start of the process; a few of them are recorded.

    Args:
      directory: where the profile is written; None: nothing is recorded.
      step: which one this is.
    """
    if directory and step == _STEPS.start:
        jax.profiler.start_trace(str(directory))
    yield
    if directory and step == _STEPS.stop - 1:
        jax.profiler.stop_trace()
        logging.info("profile of steps %s written to %s", _STEPS, directory)
