"""Picks the best proposals of each theme and segment by score, of those that can be exported."""

import dataclasses
import pathlib

from campaign import folder as folder_lib
from campaign.language import Language
from campaign.proposing import proposal
from campaign.proposing.decisions import Picks
from campaign.proposing.proposal import Proposal
from emoji_gan.errors import UserError


@dataclasses.dataclass
class Group:
    """Counts what was taken for a theme and segment.

    Attributes:
      theme: of the brief.
      segment: of the brief, or "".
      picked: names.
      failed: how many were passed over since they fail `check`.
    """

    theme: str
    segment: str
    picked: list[str] = dataclasses.field(default_factory=list)
    failed: int = 0

    def text(self, language: Language) -> str:
        """Says in a line what was taken."""
        of = ", ".join(x for x in (self.theme, self.segment) if x)
        names = f" ({', '.join(self.picked)})" if self.picked else ""
        colon = language.pick(":", " :")
        line = f"  {of}{colon} {len(self.picked)}{names}"
        if self.failed:
            line += language.counted(
                self.failed,
                "; {n} passed over, as [it fails|they fail] `check`",
                " ; {n} [laissée, qui échoue|laissées, qui échouent] à `check`",
            )
        return line


def pick(
    picks: Picks, proposals: list[Proposal], failing: set[str], count: int, language: Language
) -> list[Group]:
    """Picks the best of each theme and segment that nobody rejected and that do not fail.

    Args:
      picks: gets them; what an earlier call took by score and fails by now is taken back.
      proposals: of the campaign.
      failing: names of those that fail `check`.
      count: of each theme and segment.
      language: of the message.

    Returns:
      What was taken, in the order of the proposals.

    Raises:
      UserError: the count is below 1.
    """
    if count < 1:
        raise UserError(
            language.pick(
                f"--best={count}: expected at least 1", f"--best={count} : attendu au moins 1"
            )
        )
    groups = {(p.theme, p.segment): Group(p.theme, p.segment) for p in proposals}
    for name in [name for name in picks.automatic if name in failing]:
        picks.forget(name)
    for p in sorted(proposals, key=lambda p: -p.score):
        group = groups[p.theme, p.segment]
        if p.name in picks.rejected or len(group.picked) == count:
            continue
        if p.name in failing and p.name not in picks.picked:
            group.failed += 1
            continue
        picks.pick_by_score(p.name)
        group.picked.append(p.name)
    return list(groups.values())


def failing(folder: pathlib.Path, proposals: list[Proposal], language: Language) -> set[str]:
    """Returns the names of proposals whose pictures, as they are now, `check` has refused.

    Raises:
      UserError: checks.json is there and cannot be read.
    """
    if not (folder / folder_lib.CHECKS).exists():
        return set()
    checked = folder_lib.read_record(folder, folder_lib.CHECKS, language).get("checked", [])
    refused = {c.get("name"): c.get("picture") for c in checked if c.get("passed") is False}
    return {
        p.name
        for p in proposals
        if refused.get(p.name) and refused[p.name] == proposal.digest(folder, p)
    }
