"""Finds emoji by their words, English or French, for sets that give no code points."""

import functools
import re
import unicodedata

from input_pipeline.unicode import emoji_names

_TONE = "(medium-light|medium-dark|light|medium|dark)"


def lookup(name: str) -> str | None:
    """Finds an emoji by its words, as Iconify and Fluent name files.

    Args:
      name: e.g. 'grinning-face', 'waving-hand-dark-skin-tone', 'woman-teacher-light', 'alarmclock'.

    Returns:
      Codepoints as in the Unicode list, or None.
    """
    words = re.sub(r"(-default|-flat|-3d|-color|-high-contrast)+(?=-|$)", "", _slug(name))
    table = _name_table()
    spelled = words.replace("blonde", "blond").replace("merpeople", "merperson")
    for candidate in (words, spelled, spelled.removeprefix("person-")):
        # A whole name first: 'police-car-light' ends in no tone.
        if candidate in table:
            return table[candidate]
        for tones in (_split_tones(candidate), _split_short_tones(candidate)):
            if tones in table:
                return table[tones]
    return _run_together().get(words)


def _slug(text: str) -> str:
    """Folds words to one spelling, 'Flag: Côte d’Ivoire' -> 'flag-cote-divoire'."""
    text = (
        text.replace("#", "hash")
        .replace("*", "asterisk")
        .replace("’", "")
        .replace("'", "")
        .replace("&", " ")
        .replace("œ", "oe")
    )
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    text = re.sub(r"[^a-z0-9]+", "-", text).strip("-")
    return re.sub(r"\band-", "", text)


def _split_tones(slug: str) -> tuple[str, tuple[str, ...]]:
    """Splits off skin tones, 'man-dark-skin-tone-bald' -> ('man-bald', ('dark',))."""
    base = re.sub(rf"\b{_TONE}-skin-tone\b", "", slug)
    return re.sub("-+", "-", base).strip("-"), tuple(re.findall(rf"\b{_TONE}-skin-tone\b", slug))


def _split_short_tones(slug: str) -> tuple[str, tuple[str, ...]]:
    """Splits off tones as Fluent writes them, 'bald-dark' -> ('bald', ('dark',))."""
    match = re.fullmatch(rf"(.+?)-{_TONE}(?:-{_TONE})?", slug)
    return (match[1], tuple(t for t in match.groups()[1:] if t)) if match else (slug, ())


@functools.cache
def _name_table() -> dict[str | tuple[str, tuple[str, ...]], str]:
    """Returns code points by slug, and by (slug without tones, tones)."""
    table: dict[str | tuple[str, tuple[str, ...]], str] = {}
    metas = [emoji_names.lookup(c) for c in emoji_names.every()]
    # Where two emoji share a name, Unicode's counts before CLDR's, and English before French.
    for key in ("name", "name_en", "name_fr"):
        for meta in metas:
            if key != "name" and meta.tones:
                continue  # the base's name
            slug = _slug(getattr(meta, key))
            if not slug:
                continue
            table.setdefault(slug, meta.codepoints)
            table.setdefault(_split_tones(slug), meta.codepoints)
    return table


@functools.cache
def _run_together() -> dict[str, str]:
    """Returns code points by words without anything between them, as older sets write them.

    These also call an emoji by the name of its character, 'bactrian camel'. Words that mean one
    emoji by that and another by today's name mean none. A single word is no such name: sets that
    have both, 'adult' and 'person', drew them apart.
    """
    table = {k.replace("-", ""): c for k, c in _name_table().items() if isinstance(k, str)}
    for codepoints in emoji_names.every():
        first, *rest = (chr(int(c, 16)) for c in codepoints.split("-") if c != "FE0F")
        slug = "" if rest else _slug(unicodedata.name(first, ""))
        words = slug.replace("-", "")
        if words != slug and table.setdefault(words, codepoints) != codepoints:
            table.pop(words)
    return table
