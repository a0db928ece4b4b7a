"""Says which two emoji are not to be crossed, and why.

unwanted_pairs.tsv has a line for each pair of sets: the emoji of the first, those of the second,
the reason in English and in French. A set lists code points, `group:NAME` and `subgroup:NAME`,
with _ for a space; a tone of an emoji counts as the emoji, and a sequence as each emoji that it is
joined of.
"""

import dataclasses
import functools
import pathlib

from emoji_gan.errors import UserError
from input_pipeline.unicode import emoji_names

_LIST = pathlib.Path(__file__).with_name("unwanted_pairs.tsv")


@dataclasses.dataclass(frozen=True)
class Reason:
    """Says why a pair is not to be crossed.

    Attributes:
      en: in English, as what follows "that".
      fr: in French, a clause of its own.
    """

    en: str
    fr: str


def refuse(first: str, second: str) -> None:
    """Refuses two emoji, keys of the Unicode list, that are a listed pair.

    Raises:
      UserError: they are; gives the reason.
    """
    if reason := reason_against(first, second):
        names = " and ".join(emoji_names.lookup(key).name for key in (first, second))
        raise UserError(f"{names} are not crossed, as that {reason.en}; choose another pair")


def reason_against(first: str, second: str) -> Reason | None:
    """Returns why two emoji, keys of the Unicode list, are not to be crossed; None: they may be."""
    a, b = _labels(first), _labels(second)
    for one, other, reason in _pairs():
        if (a & one and b & other) or (b & one and a & other):
            return reason
    return None


def reasons() -> list[Reason]:
    """Returns every reason of the list."""
    return [reason for *_, reason in _pairs()]


def _labels(codepoints: str) -> set[str]:
    """Returns what an emoji may be listed as."""
    meta = emoji_names.lookup(codepoints)
    classes = {f"group:{meta.group}", f"subgroup:{meta.subgroup}"}
    return {name.replace(" ", "_") for name in classes} | {meta.base, *_parts(meta.base)}


def _parts(base: str) -> list[str]:
    """Returns the emoji that a sequence is joined of, as a black cat is a cat."""
    return base.split("-200D-") if "-200D-" in base else []


@functools.cache
def _pairs() -> list[tuple[frozenset[str], frozenset[str], Reason]]:
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return [(frozenset(a.split()), frozenset(b.split()), Reason(en, fr)) for a, b, en, fr in rows]
