"""Records which proposals a person picks and rejects, or a rule picks; decisions stay."""

import argparse
import collections
import dataclasses
import json
import pathlib
import sys

from campaign import folder as folder_lib
from campaign.language import Language
from campaign.proposing import proposal
from campaign.proposing.proposal import Proposal
from emoji_gan import errors
from emoji_gan.errors import UserError


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
    wanted, unwanted = _decisions(a, language)
    if not wanted and not unwanted and a.best is None and a.file is None:
        raise UserError(
            language.pick(
                "nothing to record: give --names, --reject, --best or --file",
                "rien à noter : donnez --names, --reject, --best ou --file",
            )
        )
    names = {p.name for p in proposals}
    unknown = [name for name in (*wanted, *unwanted) if name not in names]
    for name in wanted:
        if name in names:
            picks.pick(name)
    for name, reason in unwanted.items():
        if name in names:
            picks.reject(name, reason)
    if a.best is not None:
        _pick_best(picks, proposals, a.best, language)
    print(_summary(picks, len(names), _write(a.dir, picks), language))
    if not unknown:
        print(language.next_line("check", a.dir))
        return errors.EXIT_OK
    listed = ", ".join(unknown)
    print(
        language.pick(
            f"error: no proposal is called {listed}: their names are below the pictures of the "
            "sheet",
            f"erreur : aucune proposition ne s'appelle {listed} : les noms sont sous les images",
        ),
        file=sys.stderr,
    )
    return errors.EXIT_USER_ERROR


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


def _decisions(a: argparse.Namespace, language: Language) -> tuple[list[str], dict[str, str]]:
    """Returns the names picked and, with reasons, rejected by the flags; flags beat the file."""
    wanted: list[str] = []
    unwanted: dict[str, str] = {}
    if a.file is not None:
        try:
            content = json.loads(a.file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as e:
            why = e.strerror if isinstance(e, OSError) else "JSON?"
            raise UserError(f"--file={a.file}: {why}") from e
        saved = _parsed(content, a.file, language)
        wanted, unwanted = list(saved.picked), dict(saved.rejected)
    for text in a.reject:
        name, _, reason = text.partition(":")
        unwanted[name.strip()] = reason.strip()
    given = [name for text in a.names.split(",") if (name := text.strip())]
    if both := [name for name in given if name in {t.partition(":")[0].strip() for t in a.reject}]:
        raise UserError(
            language.pick(
                f"{both[0]} is both in --names and in --reject: choose one",
                f"{both[0]} est dans --names et dans --reject : choisissez",
            )
        )
    unwanted = {name: reason for name, reason in unwanted.items() if name not in given}
    return [*(n for n in wanted if n not in unwanted), *given], unwanted


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
