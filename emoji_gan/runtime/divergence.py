"""Rolls a run back that has met too many non-finite steps."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from absl import logging

from emoji_gan.errors import Diverged
from emoji_gan.runtime import checkpoint


def roll_back(
    checkpoints: checkpoint.Checkpointer,
    shapes: Any,
    state: Any,
    *,
    step: int,
    kimg: float,
    again: bool,
) -> Any:
    """Returns the newest good checkpoint's state at the current step, with new randomness.

    Args:
      checkpoints: of the run.
      shapes: of the state, with shardings.
      state: after the non-finite steps.
      step: training steps done.
      kimg: the same in thousands of images.
      again: whether the run was rolled back before.

    Raises:
      Diverged: there is no checkpoint, or this is the second time.
    """
    counters = state.counters
    event = (
        f"{int(counters.bad_in_a_row)} non-finite steps in a row at {kimg:.1f} kimg "
        f"({int(counters.bad_total)} in all)"
    )
    restored = None if again else checkpoints.restore(shapes)
    if restored is None:
        when = "again after rolling back" if again else "before the first checkpoint"
        raise Diverged(
            f"{event}, {when}: lower optim.*_lr, or raise a penalty; the checkpoints are intact"
        )
    old, from_step = restored
    logging.warning("%s: rolling back to the state of step %d", event, from_step)
    counters = dataclasses.replace(
        old.counters,
        step=jnp.full_like(old.counters.step, step),
        rollbacks=counters.rollbacks + 1,
        bad_total=counters.bad_total,
    )
    return dataclasses.replace(old, counters=counters)
