"""Keeps which step of a run was the best, and ends a run that no longer improves."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import ml_collections

DISTANCE = "eval/fd_emoji"  # of the evaluation during training


@dataclasses.dataclass(frozen=True)
class Record:
    """Holds what the evaluations of a run have said so far; every checkpoint stores it.

    Attributes:
      metric: the curve that is looked at, the lower the better.
      step: training steps at the best evaluation; None: there was none.
      value: of the metric there.
      since: evaluations after the best one.
    """

    metric: str
    step: int | None = None
    value: float = math.inf
    since: int = 0

    @classmethod
    def restored(cls, metric: str, stored: Mapping[str, Any]) -> "Record":
        """Returns what a checkpoint has stored; anew where that was of another metric."""
        return cls(**stored) if stored.get("metric") == metric else cls(metric)

    def is_better(self, scalars: Mapping[str, float]) -> bool:
        """Returns whether an evaluation is below the best one."""
        return scalars.get(self.metric, math.nan) < self.value

    def after(self, step: int, scalars: Mapping[str, float], *, better: bool) -> "Record":
        """Returns the record with one more evaluation."""
        if better:
            return Record(self.metric, step, scalars[self.metric])
        return dataclasses.replace(self, since=self.since + 1)

    def is_over(self, patience: int) -> bool:
        """Returns whether so many evaluations brought nothing; never with a patience of 0."""
        return 0 < patience <= self.since


def metric_of(config: ml_collections.FrozenConfigDict, held_out_loss: str | None) -> str | None:
    """Returns the curve that says which step is the best: the evaluation's, or a held-out loss.

    Args:
      config: with `eval.every_kimg`.
      held_out_loss: the method's, among its summaries; None: it has none.
    """
    return DISTANCE if config.eval.every_kimg else held_out_loss


def every_kimg(config: ml_collections.FrozenConfigDict) -> float:
    """Returns the kimg between evaluations: those of the judge, else those between checkpoints."""
    return config.eval.every_kimg or config.checkpoint.every_kimg
