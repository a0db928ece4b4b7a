"""Describes what a gate gets and says."""

import dataclasses

import numpy as np

from campaign.picture_judge import Seen
from campaign.proposing.proposal import Proposal


@dataclasses.dataclass(frozen=True)
class Subject:
    """Holds a proposal and all that gates look at.

    Attributes:
      proposal: its record.
      picture: uint8 [h w 4], straight alpha.
      seen: what the judge sees in it.
      theme: code points of the emoji of its theme, besides its parents.
      unwanted: code points that the search advises against -> the reason, by language.
    """

    proposal: Proposal
    picture: np.ndarray
    seen: Seen
    theme: tuple[str, ...] = ()
    unwanted: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Gate:
    """Holds what one gate says of one proposal.

    Attributes:
      gate: its name.
      passed: whether the proposal may go on.
      value: that was measured.
      limit: that the value is compared with.
      reason: by language ("en", "fr"), also of what passed.
    """

    gate: str
    passed: bool
    value: float
    limit: float
    reason: dict[str, str]
