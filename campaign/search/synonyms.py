"""Spells out short forms and slang by a table of synonyms: `teuf` is read as `fête`."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence

from campaign.search import terms

Run = tuple[str, ...]  # folded words that follow each other

_TABLE = pathlib.Path(__file__).parent / "data" / "synonyms.tsv"
_ALONE = "="  # before what is read so only where it is the whole text


@dataclasses.dataclass(frozen=True)
class Row:
    """Holds a row of the table.

    Attributes:
      language: "en" or "fr".
      meaning: words that the search understands.
      forms: what is read as them.
    """

    language: str
    meaning: str
    forms: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Reading:
    """Holds how some words of a text are read.

    Attributes:
      typed: the words as typed.
      words: in their stead; the same where the table has none of them.
    """

    typed: tuple[str, ...]
    words: tuple[str, ...]


def read(words: Sequence[str], language: str, lacks: Callable[[str], bool]) -> list[Reading]:
    """Reads the words of a text, the longest run that the table has first.

    Args:
      words: in lower case.
      language: of the text; the other one's table counts for what it lacks.
      lacks: whether the language lacks a word.
    """
    folded = [terms.fold(word) for word in words]
    other = next(x for x in terms.LANGUAGES if x != language)
    out, start = [], 0
    while start < len(words):
        longest = _longest().get(folded[start].removesuffix("s"), 0)
        end, meaning = start + 1, ()
        for end in range(min(len(words), start + longest), start, -1):
            run = tuple(folded[start:end])
            whole = end - start == len(words)
            meaning = _meaning(run, language, whole)
            if not meaning and all(map(lacks, run)):
                meaning = _meaning(run, other, whole)
            if meaning:
                break
        typed = tuple(words[start:end])
        out.append(Reading(typed, meaning or typed))
        start = end
    return out


@functools.lru_cache(maxsize=20_000)
def has(word: str, language: str) -> bool:
    """Says whether the table of a language has a word, in lower case, by itself."""
    return bool(_meaning((terms.fold(word),), language, False))


def _meaning(run: Run, language: str, whole: bool) -> Run:
    """Returns what a run is read as; () where the table lacks it, a plural allowed for."""
    for singular in (run, (*run[:-1], run[-1].removesuffix("s"))):
        for alone in (True, False) if whole else (False,):
            if meaning := _meanings().get((language, alone, singular)):
                return meaning
    return ()


def table() -> tuple[Row, ...]:
    """Returns the rows of the table."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return tuple(Row(x, meaning, tuple(forms.split("|"))) for x, meaning, forms in rows)


@functools.cache
def _meanings() -> Mapping[tuple[str, bool, Run], Run]:
    """Maps language, whether it must stand alone, and a run to what it is read as."""
    out = {}
    for row in table():
        for form in row.forms:
            run = tuple(map(terms.fold, terms.words(form)))
            out[row.language, form.startswith(_ALONE), run] = tuple(terms.words(row.meaning))
    return out


@functools.cache
def _longest() -> Mapping[str, int]:
    """Maps the first word of a run, as a singular, to the words of the longest such run."""
    out: dict[str, int] = {}
    for _, _, run in _meanings():
        first = run[0].removesuffix("s")
        out[first] = max(len(run), out.get(first, 0))
    return out
