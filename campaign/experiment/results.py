"""Holds what a verdict says and rests on."""

import dataclasses
import math
import typing
from collections.abc import Iterable

from campaign.experiment.inference.effects import Effect

Decision = typing.Literal["refused", "deploy", "continue", "stop"]
Status = typing.Literal["better", "worse", "undecided", "futile", "vanished", "too_few"]


@dataclasses.dataclass(frozen=True)
class Guardrail:
    """Says whether an arm hurts an outcome that must not be hurt.

    Attributes:
      outcome: its name.
      change: relative change against the control.
      low, high: of the change, at all looks together.
      tolerated: relative worsening.
      status: "worse" where harm is proved and may exceed what is tolerated.
    """

    outcome: str
    change: float
    low: float
    high: float
    tolerated: float
    status: typing.Literal["worse", "tolerated", "unclear"]


@dataclasses.dataclass(frozen=True)
class Arm:
    """Holds the result of an arm against the control.

    Attributes:
      name: of the arm.
      effect: the estimate that is tested.
      low, high: of the difference; all arms and looks together.
      estimate: median-unbiased where the campaign stopped early, else as estimated.
      status: what is proved.
      information: fraction of the plan.
      critical: boundary of |Z| at this look.
      chance: of proving the planned effect at the last look.
      guardrails: of this arm.
    """

    name: str
    effect: Effect
    low: float
    high: float
    estimate: float
    status: Status
    information: float
    critical: float
    chance: float
    guardrails: tuple[Guardrail, ...]

    @property
    def relative(self) -> tuple[float, float, float]:
        """Returns the lower end, the estimate and the upper end as fractions of the control."""
        of = self.effect
        middle = self.estimate / of.control if of.control else math.nan
        return of.relative_end(self.low), middle, of.relative_end(self.high)

    @property
    def is_candidate(self) -> bool:
        """Tells whether it is proved better and not proved to hurt a guardrail."""
        return self.status == "better" and all(g.status != "worse" for g in self.guardrails)

    def undecided(self, planned: Iterable[str]) -> list[str]:
        """Returns the planned guardrails not shown to be within what is tolerated, nor hurt."""
        decided = {g.outcome for g in self.guardrails if g.status != "unclear"}
        return [outcome for outcome in planned if outcome not in decided]


@dataclasses.dataclass(frozen=True)
class Segment:
    """Holds the effect of an arm in a segment, as measured and drawn to the common mean.

    Attributes:
      name, arm: of what.
      customers: in the segment.
      measured, measured_se: from its own customers.
      shrunk, shrunk_se: after empirical Bayes.
    """

    name: str
    arm: str
    customers: int
    measured: float
    measured_se: float
    shrunk: float
    shrunk_se: float


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Holds the decision and all it rests on.

    Attributes:
      decision: "deploy" names the winner; "refused" gives no result at all.
      winner: arm to deploy, or "".
      look: number of this look, from 1.
      final: whether this look is the last.
      ratio_p_value: of the sample-ratio check; `sent_p_value` of those to whom was sent.
      arms: results; empty where refused.
      segments: by segment and arm.
      differ_p_value: by arm, of no difference between segments.
      covariate: "", "used", "useless" or "refused".
      variance_saved: fraction, by the covariate.
      total: effect of all arms against the holdout, None without one.
    """

    decision: Decision
    winner: str
    look: int
    final: bool
    ratio_p_value: float
    sent_p_value: float | None
    arms: tuple[Arm, ...]
    segments: tuple[Segment, ...]
    differ_p_value: dict[str, float]
    covariate: str
    variance_saved: float
    total: Effect | None
