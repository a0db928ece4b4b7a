"""Recognises by its headings what a file is, so that swapped files are named as what they are."""

import dataclasses
import pathlib

from campaign.experiment.reading import headings
from campaign.experiment.reading.tables import Tables
from campaign.experiment.reading.text_files import fold
from campaign.language import Language
from emoji_gan.errors import UserError

# Kind, which is also the flag that takes such a file -> what it is.
_NAMES = {
    "customers": ("a list of customers", "une liste de clients"),
    "assignments": (
        "assignments (customers and their arms)",
        "des affectations (les clients et leurs bras)",
    ),
    "outcomes": (
        "outcomes (what customers did)",
        "des résultats (ce que les clients ont fait)",
    ),
    "counts": ("counts (impressions and clicks)", "des comptes (impressions et clics)"),
}


@dataclasses.dataclass(frozen=True)
class Given:
    """Names a file that was given by a flag.

    Attributes:
      flag: which is also the kind that it should be.
      pattern: the file, or files.
      required: columns that must be there.
    """

    flag: str
    pattern: str
    required: tuple[str, ...]


def kind_of(heads: list[str]) -> str | None:
    """Returns what a file with these headings looks like, None where that is unclear."""
    names = {fold(h) for h in heads}

    def has(*columns: str) -> bool:
        return all(names & headings.folded((c,)) for c in columns)

    if has("arm", "impressions", "clicks"):
        return "counts"
    if not has("customer"):
        return None
    if has("arm", "propensity"):
        return "assignments"
    if any(has(outcome) for outcome in headings.OUTCOMES):
        return "outcomes"
    return "assignments" if has("arm") else "customers"


def check(tables: Tables, files: list[Given], given: dict[str, str]) -> None:
    """Refuses files that cannot be what they were given as, and headings that none of them has.

    Args:
      tables: a database of this command.
      files: with their flags.
      given: headings by column, from --columns.

    Raises:
      UserError: says in one line which looks like which, and by which flag to give it.
    """
    language, wrong = tables.language, []
    seen = {file: tables.peek(file.pattern) for file in files}
    for file, heads in seen.items():
        kind = kind_of(heads)
        if kind in (None, file.flag):
            continue
        names = {fold(h) for h in heads}
        lacks = [c for c in file.required if c not in given and not names & headings.folded((c,))]
        # A list of customers may have anything beside them, but not arms that were drawn already.
        if lacks or (file.flag == "customers" and kind in ("assignments", "counts")):
            wrong.append((file, kind, heads))
    if wrong:
        raise UserError(_text(wrong, language))
    _refuse_absent(list(seen.values()), given, language)


def _refuse_absent(seen: list[list[str]], given: dict[str, str], language: Language) -> None:
    """Refuses a heading of --columns that is in no file, most likely a slip of the pen."""
    if not all(seen):  # a file that is no table: whoever loads it says so
        return
    names = {fold(h) for heads in seen for h in heads}
    for column, heading in given.items():
        if fold(heading) not in names:
            name = headings.word(column, language)
            listed = ", ".join(dict.fromkeys(h for heads in seen for h in heads[:12]))
            raise UserError(
                language.pick(
                    f"--columns={column}={heading}: no file has that heading; there are: {listed}",
                    f"--columns={name}={heading} : aucun fichier n'a cet intitulé ; il y a : "
                    f"{listed}",
                )
            )


def _text(wrong: list[tuple[Given, str, list[str]]], language: Language) -> str:
    looks = []
    for file, kind, heads in wrong:
        seen = ", ".join(heads[:4]) + (", ..." if heads[4:] else "")
        looks.append(
            language.pick(
                f"--{file.flag}={file.pattern} looks like {_NAMES[kind][0]}, by {seen}",
                f"--{file.flag}={file.pattern} ressemble à {_NAMES[kind][1]}, d'après {seen}",
            )
        )
    kinds, flags = {kind for _, kind, _ in wrong}, {file.flag for file, _, _ in wrong}
    if len(wrong) > 1 and kinds == flags:
        advice = language.pick("exchange the two", "échangez les deux")
    else:
        (file, kind, _) = wrong[0]
        name = pathlib.Path(file.pattern).name
        advice = language.pick(
            f"needed are {_NAMES[file.flag][0]}; {name} may belong to --{kind}",
            f"il faut {_NAMES[file.flag][1]} ; {name} irait plutôt à --{kind}",
        )
    return language.pick("; ", " ; ").join([*looks, advice])


def notice_outcomes(tables: Tables, pattern: str) -> None:
    """Warns where a list of customers looks like outcomes, which lack those who did nothing."""
    heads = tables.peek(pattern)
    names = {fold(h) for h in heads}
    if kind_of(heads) == "outcomes" and names & headings.folded(("date",)):
        name = pathlib.Path(pattern).name
        tables.notice(
            "customers_like_outcomes",
            1,
            f"{name} looks like outcomes, not like a list of customers: is everybody in it, also "
            "those who did nothing?",
            f"{name} ressemble à des résultats, pas à une liste de clients : tous y sont-ils, "
            "aussi ceux qui n'ont rien fait ?",
        )
