"""Holds what a person picked and rejected, and reads and writes picks.json."""

import dataclasses
import pathlib

from campaign import folder as folder_lib
from campaign.language import Language
from emoji_gan.errors import UserError


@dataclasses.dataclass
class Picks:
    """Holds what a person decided.

    Attributes:
      picked: names, in the order of the decisions.
      rejected: name -> reason, "" without one.
      automatic: names that are picked for their score and that no person has decided on.
    """

    picked: list[str]
    rejected: dict[str, str]
    automatic: list[str] = dataclasses.field(default_factory=list)

    def names(self) -> set[str]:
        """Returns the names on which there is a decision."""
        return {*self.picked, *self.rejected}

    def pick(self, name: str) -> None:
        """Picks a proposal, whatever was decided before."""
        self.rejected.pop(name, None)
        self._decided(name)
        if name not in self.picked:
            self.picked.append(name)

    def reject(self, name: str, reason: str) -> None:
        """Rejects a proposal, whatever was decided before."""
        if name in self.picked:
            self.picked.remove(name)
        self._decided(name)
        self.rejected[name] = reason

    def forget(self, name: str) -> None:
        """Takes back what was decided on a proposal."""
        if name in self.picked:
            self.picked.remove(name)
        self.rejected.pop(name, None)
        self._decided(name)

    def pick_by_score(self, name: str) -> None:
        """Picks a proposal on which nobody has decided."""
        if name not in self.names():
            self.picked.append(name)
            self.automatic.append(name)

    def _decided(self, name: str) -> None:
        if name in self.automatic:
            self.automatic.remove(name)


def write(folder: pathlib.Path, picks: Picks) -> pathlib.Path:
    """Writes picks.json and returns its path."""
    content = {
        "picked": picks.picked,
        "rejected": [{"name": n, "reason": r} for n, r in picks.rejected.items()],
        "automatic": picks.automatic,
    }
    return folder_lib.write_record(folder, folder_lib.PICKS, content)


def read(folder: pathlib.Path, language: Language) -> Picks:
    """Reads the decisions of a campaign's folder.

    Raises:
      UserError: missing, or not as `campaign pick` writes it.
    """
    content = folder_lib.read_record(folder, folder_lib.PICKS, language)
    return parsed(content, folder / folder_lib.PICKS, language)


def parsed(content: object, path: pathlib.Path, language: Language) -> Picks:
    """Returns the decisions in the content of a picks.json.

    Args:
      content: as JSON reads it.
      path: of the file, for messages.
      language: of the messages.

    Raises:
      UserError: it is not as `campaign pick` writes it.
    """
    try:
        rejected = {str(r["name"]): str(r.get("reason") or "") for r in content["rejected"]}
        picked, automatic = (
            [str(name) for name in listed]
            for listed in (content["picked"], content.get("automatic", []))
        )
        return Picks(picked, rejected, [name for name in automatic if name in picked])
    except (AttributeError, KeyError, TypeError):
        raise UserError(
            language.pick(
                f'{path}: expected {{"picked": [name], "rejected": [{{"name", "reason"}}]}}, as '
                "the contact sheet saves it",
                f'{path} : attendu {{"picked": [nom], "rejected": [{{"name", "reason"}}]}}, comme '
                "la planche l'enregistre",
            )
        ) from None
