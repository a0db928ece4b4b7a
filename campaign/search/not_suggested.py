"""Says which emoji are not suggested for a text, and why."""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Sequence

from campaign.search import catalogue, terms
from input_pipeline.contexts import emoji_usage
from input_pipeline.unicode import emoji_names

_TABLE = pathlib.Path(__file__).parent / "data" / "not_suggested.tsv"
_FLAG = (
    "a country's flag takes sides or leaves customers out, unless the country is the subject",
    "le drapeau d'un pays prend parti ou exclut, sauf si ce pays est le sujet",
)
# Occasions that a flag goes with although they do not name its country.
_FLAG_OCCASIONS = {
    "1F1EB-1F1F7": ("14 juillet", "Bastille Day", "français", "française", "French"),
    "1F1E7-1F1EA": ("21 juillet", "belge", "Belgian"),
    "1F1E8-1F1E6": ("Canadian", "canadien", "canadienne"),
    "1F1FA-1F1F8": ("4 juillet", "Fourth of July", "4th of July", "Independence Day", "American"),
    "1F1EE-1F1EA": ("Saint Patrick", "irlandais", "irlandaise", "Irish"),
    "1F1EC-1F1E7": ("anglais", "English", "British"),
    "1F1EF-1F1F5": ("japonais", "japonaise", "Japanese"),
    "1F1EA-1F1FA": ("Europe", "européen", "européenne", "European"),
}


@dataclasses.dataclass(frozen=True)
class Reason:
    """Says why an emoji is not suggested.

    Attributes:
      en: in English.
      fr: in French.
    """

    en: str
    fr: str


@dataclasses.dataclass(frozen=True)
class _Rule:
    """Holds one line of the table.

    Attributes:
      emoji: code points.
      unless: whether the words lift the rule; else they bring it.
      words: terms of both languages.
      reason: why.
    """

    emoji: frozenset[str]
    unless: bool
    words: frozenset[str]
    reason: Reason


def reasons(text: str, avoid: Sequence[str] = ()) -> dict[str, Reason]:
    """Returns the emoji that are not suggested for a text.

    Args:
      text: of the brief or the query.
      avoid: emoji, or words for emoji, that the brief does not want.

    Returns:
      Code points -> why.
    """
    in_text = _all_terms(text)
    out: dict[str, Reason] = {}
    for codepoints, names in _flags().items():
        if not any(name <= in_text for name in names):
            out[codepoints] = Reason(*_FLAG)
    for rule in _rules():
        for codepoints in rule.emoji:
            named = rule.unless and any(n <= in_text for n in _names(codepoints) if n)
            if rule.unless != bool(rule.words & in_text) and not named:
                out[codepoints] = rule.reason
    for unwanted in avoid:
        for codepoints in avoided(unwanted):
            out[codepoints] = Reason(
                f'the brief avoids "{unwanted}"', f"le brief évite « {unwanted} »"
            )
    return out


def avoided(unwanted: str) -> frozenset[str]:
    """Returns the emoji that an entry of a brief's `avoid` means; empty if there is none.

    Args:
      unwanted: emoji, or words that stand in an emoji's names, keywords or themes.
    """
    characters = [c for c in re.split(r"[\s,]+", unwanted) if c]
    keys = [_key(c) for c in characters]
    if characters and all(keys):
        return frozenset(keys)
    wanted = {x: frozenset(terms.terms(unwanted, x)) for x in terms.LANGUAGES}
    out = set()
    for theme in emoji_usage.themes():
        phrases = [(x, p) for x in terms.LANGUAGES for p in theme.phrases(x)[:3]]
        if any(wanted[x] and wanted[x] == frozenset(terms.terms(p, x)) for x, p in phrases):
            out |= set(theme.emoji[:5])
    for entry in catalogue.entries():
        m = entry.meta
        named = {"en": (m.name_en, *m.keywords_en), "fr": (m.name_fr, *m.keywords_fr)}
        if any(
            wanted[x] and wanted[x] <= frozenset(terms.terms(phrase, x))
            for x in terms.LANGUAGES
            for phrase in named[x]
        ):
            out.add(m.codepoints)
    return frozenset(out)


def _key(characters: str) -> str | None:
    if characters.isascii():
        return None
    return emoji_names.normalise("-".join(f"{ord(c):04X}" for c in characters))


def _all_terms(text: str) -> frozenset[str]:
    """Returns the terms of a text in both languages, é like e."""
    of_text = [t for x in terms.LANGUAGES for t in terms.terms(text, x)]
    return frozenset(t.removesuffix(terms.PARTICIPLE) for t in of_text)


@functools.lru_cache(maxsize=4096)
def _names(codepoints: str) -> tuple[frozenset[str], ...]:
    """Returns the terms of an emoji's names, by which a text asks for it."""
    meta = emoji_names.lookup(codepoints)
    names = ((meta.name_en, "en"), (meta.name_fr, "fr"))
    return tuple(
        frozenset(t.removesuffix(terms.PARTICIPLE) for t in terms.terms(name, x))
        for name, x in names
    )


@functools.cache
def _flags() -> dict[str, list[frozenset[str]]]:
    """Returns the terms that ask for each country's flag."""
    out = {}
    for entry in catalogue.entries():
        if entry.kind in ("country-flag", "subdivision-flag"):
            names = [n.partition(":")[2] for n in (entry.meta.name_en, entry.meta.name_fr)]
            names += _FLAG_OCCASIONS.get(entry.meta.codepoints, ())
            out[entry.meta.codepoints] = [a for n in names if (a := _all_of(n))]
    return out


def _all_of(name: str) -> frozenset[str]:
    """Returns the terms of a name in the language in which it has fewer."""
    return frozenset(
        t.removesuffix(terms.PARTICIPLE)
        for t in min((terms.terms(name, x) for x in terms.LANGUAGES), key=len)
    )


@functools.cache
def _rules() -> tuple[_Rule, ...]:
    lines = _TABLE.read_text(encoding="utf-8").splitlines()[1:]
    return tuple(
        _Rule(
            emoji=frozenset(map(emoji_usage.codepoints_of, emoji.split(" "))),
            unless=rule == "unless",
            words=_all_terms(words),
            reason=Reason(english, french),
        )
        for emoji, rule, words, english, french in (line.split("\t") for line in lines)
    )
