"""Reads the decisions that a contact sheet saved, as far as they are on today's pictures."""

import dataclasses
import json
import pathlib
from typing import Any

from campaign import folder as folder_lib
from campaign.language import Language, unreadable
from campaign.proposing import decisions, proposal
from campaign.proposing.decisions import Picks
from campaign.proposing.proposal import Proposal
from emoji_gan.errors import UserError


@dataclasses.dataclass(frozen=True)
class Saved:
    """Holds what a sheet saved.

    Attributes:
      picks: what was decided, without the names in `changed`.
      undecided: names without a decision.
      changed: names on which was decided, and that mean another picture now.
      has_pictures: whether the file says of which pictures it is.
    """

    picks: Picks
    undecided: list[str]
    changed: list[str]
    has_pictures: bool


def read(
    path: pathlib.Path, folder: pathlib.Path, proposals: list[Proposal], language: Language
) -> Saved:
    """Reads picks.json as the page downloaded it.

    Args:
      path: of the file.
      folder: of the campaign.
      proposals: of the campaign.
      language: of messages.

    Raises:
      UserError: it cannot be read, or is not what the sheet saves.
    """
    content, picks = _content(path, language)
    pictures = content.get("pictures")
    now = {p.name: p for p in proposals}
    others = set()
    if isinstance(pictures, dict):
        others = {
            name
            for name in now.keys() & pictures.keys()
            if proposal.digest(folder, now[name]) != pictures[name]
        }
    changed = [name for name in (*picks.picked, *picks.rejected) if name in others]
    undecided = [str(n) for n in content.get("undecided", [])]
    open_names = [n for n in undecided if n not in picks.names() and n not in others]
    for name in changed:
        picks.forget(name)
    return Saved(picks, open_names, changed, isinstance(pictures, dict))


def _content(path: pathlib.Path, language: Language) -> tuple[dict[str, Any], Picks]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        return content, decisions.parsed(content, path, language)
    except (OSError, UnicodeDecodeError) as e:
        why = unreadable(e, language)
    except (ValueError, TypeError):
        why = language.pick(
            "this is not what the contact sheet saves; give the picks.json that it downloaded",
            "ce n'est pas ce que la planche enregistre ; donnez le picks.json qu'elle a téléchargé",
        )
    raise UserError(language.pick(f"--file={path}: {why}", f"--file={path} : {why}"))


def of_unknown_pictures(path: pathlib.Path, language: Language) -> str:
    """Says that a file of an earlier version does not tell of which pictures it is."""
    return language.pick(
        f"note: {path} does not say of which pictures it is (an earlier version saved it, or "
        "`pick` wrote it): its names were taken as they are; look whether they still fit",
        f"à savoir : {path} ne dit pas de quelles images il parle (une version antérieure ou "
        "`pick` l'a écrit) : ses noms sont pris tels quels ; regardez s'ils vont encore",
    )


def of_other_pictures(changed: list[str], folder: pathlib.Path, language: Language) -> str:
    """Says which decisions were skipped, since their names mean other pictures now."""
    sheet, names = (folder / folder_lib.PROPOSALS).parent, ", ".join(changed)
    return language.counted(
        len(changed),
        f"[this name means another picture|these names mean other pictures] now than on the sheet "
        f"that saved the file, skipped: {names}; choose anew on the contact sheet in {sheet}",
        f"[ce nom désigne|ces noms désignent] à présent [une autre image|d'autres images] que sur "
        f"la planche qui a enregistré le fichier, sans suite : {names} ; choisissez de nouveau sur "
        f"la planche de {sheet}",
    )
