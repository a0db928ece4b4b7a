"""Records which proposals a person picks and rejects, or a rule picks; decisions stay."""

import argparse
import dataclasses
import difflib
import itertools
import pathlib
import re
import sys

from campaign import folder as folder_lib
from campaign.language import Language
from campaign.proposing import best_scored, decisions, proposal, saved_sheet
from campaign.proposing.decisions import Picks
from campaign.proposing.proposal import Proposal
from emoji_gan import errors
from emoji_gan.encoder import text_features
from emoji_gan.errors import UserError

_MOST_LISTED = 12  # names in a message


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign pick`."""
    text = language.pick
    p.add_argument(
        "--names",
        default="",
        metavar="a,b",
        help=text("proposals that you pick", "propositions que vous retenez"),
    )
    p.add_argument(
        "--reject",
        action="append",
        default=[],
        metavar=text("NAME:REASON", "NOM:RAISON"),
        help=text(
            "one that you reject, and why; repeatable",
            "une que vous écartez, et pourquoi ; répétable",
        ),
    )
    p.add_argument(
        "--undecided",
        default="",
        metavar="a,b",
        help=text(
            "take back what was decided on these", "revenir sur ce qui a été décidé de celles-ci"
        ),
    )
    p.add_argument(
        "--best",
        type=int,
        metavar="N",
        help=text(
            "pick so many of each theme and segment by their score alone, without what `check` "
            "refused",
            "en retenir autant par thème et par segment, d'après le seul score, sans ce que "
            "`check` a refusé",
        ),
    )
    p.add_argument(
        "--file",
        type=pathlib.Path,
        metavar=text("FILE", "FICHIER"),
        help=text(
            "picks.json as the contact sheet saved it",
            "picks.json tel que la planche l'a enregistré",
        ),
    )


def run(a: argparse.Namespace, language: Language) -> int:
    """Runs the verb by its flags: what is unknown is named, the rest recorded."""
    proposals = proposal.read_all(a.dir, language)
    picks = Picks([], {})
    if (a.dir / folder_lib.PICKS).exists():
        picks = decisions.read(a.dir, language)
    new = _decisions(a, proposals, language)
    given = [*new.picked, *new.rejected, *new.undecided]
    if not given and a.best is None and a.file is None:
        raise UserError(
            language.pick(
                "nothing to record: give --names, --reject, --undecided, --best or --file",
                "rien à noter : donnez --names, --reject, --undecided, --best ou --file",
            )
        )
    names = {p.name for p in proposals}
    unknown = [name for name in given if name not in names]
    faults = [_unknown(unknown, sorted(names), language)] if unknown else []
    if new.changed:
        faults.append(saved_sheet.of_other_pictures(new.changed, a.dir, language))
    if faults and len(unknown) == len(given) and a.best is None:
        raise UserError("; ".join(faults))
    for name in new.undecided:
        picks.forget(name)
    for name in (n for n in new.picked if n in names):
        picks.pick(name)
    for name, reason in new.rejected.items():
        if name in names:
            picks.reject(name, reason)
    groups = []
    if a.best is not None:
        failing = best_scored.failing(a.dir, proposals, language)
        groups = best_scored.pick(picks, proposals, failing, a.best, language)
    print(_summary(picks, len(names), decisions.write(a.dir, picks), language))
    for group in groups:
        print(group.text(language))
    if new.has_unknown_pictures:
        print(saved_sheet.of_unknown_pictures(a.file, language))
    for fault in faults:
        print(language.pick("error: ", "erreur : ") + fault, file=sys.stderr)
    if faults:
        return errors.EXIT_USER_ERROR
    print(language.next_line("check", a.dir))
    return errors.EXIT_OK


def _unknown(unknown: list[str], names: list[str], language: Language) -> str:
    """Says which names no proposal has, and which it has: all, or those nearest to them."""
    nearest = names
    if len(names) > _MOST_LISTED:
        near = (difflib.get_close_matches(name, names, 3, 0.3) for name in unknown)
        nearest = list(dict.fromkeys(name for listed in near for name in listed))[:_MOST_LISTED]
        nearest = nearest or names[:_MOST_LISTED]
    listed, there = ", ".join(unknown), ", ".join(nearest)
    if len(nearest) == len(names):
        return language.pick(
            f"no proposal is called {listed}; the names: {there}",
            f"aucune proposition ne s'appelle {listed} ; les noms : {there}",
        )
    return language.pick(
        f"no proposal is called {listed}; the nearest of {len(names)}: {there}; all of them head "
        "the pictures of the contact sheet",
        f"aucune proposition ne s'appelle {listed} ; les plus proches sur {len(names)} : {there} ; "
        "tous les noms sont en tête des images de la planche",
    )


def _summary(picks: Picks, count: int, path: pathlib.Path, language: Language) -> str:
    by_score = len(picks.automatic)
    english = f" ({by_score} by score alone)" if by_score else ""
    french = f" ({by_score} d'après le score seul)" if by_score else ""
    return language.counted(
        len(picks.picked),
        f"{{n}} picked{english}, ",
        f"{{n}} [retenue|retenues]{french}, ",
    ) + language.counted(
        len(picks.rejected),
        f"{{n}} rejected of {count} in {path}",
        f"{{n}} [écartée|écartées] sur {count} dans {path}",
    )


@dataclasses.dataclass(frozen=True)
class _Decisions:
    """Holds what one call decides: each name is in one of the first three.

    Attributes:
      picked: names.
      rejected: name -> reason.
      undecided: names.
      changed: names of the file that mean other pictures now: nothing is decided on them.
      has_unknown_pictures: whether a file was read that does not say of which pictures it is.
    """

    picked: list[str]
    rejected: dict[str, str]
    undecided: list[str]
    changed: list[str] = dataclasses.field(default_factory=list)
    has_unknown_pictures: bool = False


def _decisions(a: argparse.Namespace, proposals: list[Proposal], language: Language) -> _Decisions:
    """Returns what the flags and the file decide; flags beat the file."""
    names = {_key(p.name): p.name for p in proposals}
    given: dict[str, dict[str, str]] = {
        "--names": _listed(a.names, names),
        "--reject": {},
        "--undecided": _listed(a.undecided, names),
    }
    for text in a.reject:
        name, _, reason = text.partition(":")
        given["--reject"] |= dict.fromkeys(_listed(name, names), reason.strip())
    for first, second in itertools.combinations(given, 2):
        if both := [name for name in given[first] if name in given[second]]:
            raise UserError(
                language.pick(
                    f"{both[0]} is both in {first} and in {second}: choose one",
                    f"{both[0]} est dans {first} et dans {second} : choisissez",
                )
            )
    picked, rejected, undecided = given.values()
    if a.file is None:
        return _Decisions(list(picked), rejected, list(undecided))
    saved = saved_sheet.read(a.file, a.dir, proposals, language)
    flagged = {*picked, *rejected, *undecided}
    return _Decisions(
        [*(n for n in saved.picks.picked if n not in flagged), *picked],
        {n: r for n, r in saved.picks.rejected.items() if n not in flagged} | rejected,
        [*(n for n in saved.undecided if n not in flagged), *undecided],
        [n for n in saved.changed if n not in flagged],
        not saved.has_pictures,
    )


def _listed(text: str, names: dict[str, str]) -> dict[str, str]:
    """Reads names with commas, semicolons or spaces between, in any case and with any accents.

    Args:
      text: as typed.
      names: of proposals by their `_key`; others are kept as typed.
    """
    typed = re.split(r"[,;\s]+", text.strip(" ,;"))
    return {names.get(_key(name), name): "" for name in typed if name}


def _key(name: str) -> str:
    """Returns what names have in common that people take for the same: Tête_1 and tete_01."""
    return re.sub(r"_0+(?=\d+$)", "_", text_features.fold(name))
