"""Records which proposals a person picks and rejects, or a rule picks; decisions stay."""

import argparse
import collections
import dataclasses
import difflib
import itertools
import json
import pathlib
import sys

from campaign import folder as folder_lib
from campaign.language import Language, unreadable
from campaign.proposing import proposal
from campaign.proposing.proposal import Proposal
from emoji_gan import errors
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
            "pick so many of each theme by their score alone",
            "en retenir autant par thème, d'après le seul score",
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


def read(folder: pathlib.Path, language: Language) -> Picks:
    """Reads the decisions of a campaign's folder.

    Raises:
      UserError: missing, or not as `campaign pick` writes it.
    """
    content = folder_lib.read_record(folder, folder_lib.PICKS, language)
    return _parsed(content, folder / folder_lib.PICKS, language)


def _parsed(content: object, path: pathlib.Path, language: Language) -> Picks:
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


def run(a: argparse.Namespace, language: Language) -> int:
    """Runs the verb by its flags: what is unknown is named, the rest recorded."""
    proposals = proposal.read_all(a.dir, language)
    picks = Picks([], {})
    if (a.dir / folder_lib.PICKS).exists():
        picks = read(a.dir, language)
    new = _decisions(a, language)
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
    if unknown and len(unknown) == len(given) and a.best is None:
        raise UserError(_unknown(unknown, sorted(names), language))
    for name in new.undecided:
        picks.forget(name)
    for name in (n for n in new.picked if n in names):
        picks.pick(name)
    for name, reason in new.rejected.items():
        if name in names:
            picks.reject(name, reason)
    if a.best is not None:
        _pick_best(picks, proposals, a.best, language)
    print(_summary(picks, len(names), _write(a.dir, picks), language))
    if not unknown:
        print(language.next_line("check", a.dir))
        return errors.EXIT_OK
    start = language.pick("error: ", "erreur : ")
    print(start + _unknown(unknown, sorted(names), language), file=sys.stderr)
    return errors.EXIT_USER_ERROR


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


def _write(folder: pathlib.Path, picks: Picks) -> pathlib.Path:
    content = {
        "picked": picks.picked,
        "rejected": [{"name": n, "reason": r} for n, r in picks.rejected.items()],
        "automatic": picks.automatic,
    }
    return folder_lib.write_record(folder, folder_lib.PICKS, content)


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
    """Holds what one call decides: each name is in one of the three."""

    picked: list[str]
    rejected: dict[str, str]
    undecided: list[str]


def _decisions(a: argparse.Namespace, language: Language) -> _Decisions:
    """Returns what the flags and the file decide; flags beat the file."""
    given = {"--names": _listed(a.names), "--reject": {}, "--undecided": _listed(a.undecided)}
    for text in a.reject:
        name, _, reason = text.partition(":")
        given["--reject"][name.strip()] = reason.strip()
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
    saved, open_names = _saved(a.file, language)
    flagged = {*picked, *rejected, *undecided}
    return _Decisions(
        [*(n for n in saved.picked if n not in flagged), *picked],
        {n: r for n, r in saved.rejected.items() if n not in flagged} | rejected,
        [*(n for n in open_names if n not in flagged), *undecided],
    )


def _listed(text: str) -> dict[str, str]:
    return {name: "" for part in text.split(",") if (name := part.strip())}


def _saved(path: pathlib.Path, language: Language) -> tuple[Picks, list[str]]:
    """Reads what the contact sheet saved: the decisions, and the names without one.

    Raises:
      UserError: it cannot be read, or is not what the sheet saves.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        saved = _parsed(content, path, language)
        return saved, [str(n) for n in content.get("undecided", []) if str(n) not in saved.names()]
    except (OSError, UnicodeDecodeError) as e:
        why = unreadable(e, language)
    except (ValueError, TypeError):
        why = language.pick(
            "this is not what the contact sheet saves; give the picks.json that it downloaded",
            "ce n'est pas ce que la planche enregistre ; donnez le picks.json qu'elle a téléchargé",
        )
    raise UserError(language.pick(f"--file={path}: {why}", f"--file={path} : {why}"))


def _pick_best(picks: Picks, proposals: list[Proposal], count: int, language: Language) -> None:
    """Picks the best of each theme that nobody rejected."""
    if count < 1:
        raise UserError(
            language.pick(
                f"--best={count}: expected at least 1", f"--best={count} : attendu au moins 1"
            )
        )
    numbers: dict[str, int] = collections.defaultdict(int)
    for p in sorted(proposals, key=lambda p: -p.score):
        if p.name not in picks.rejected and numbers[p.theme] < count:
            picks.pick_by_score(p.name)
            numbers[p.theme] += 1
