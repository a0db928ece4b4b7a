"""Cuts a text into terms that meet whatever the spelling: accents, plurals, feminine, elisions.

French folds to letters without accents, so `coeur` meets `cœur`. Only a final é is told from e, as
in livré and livre, and only in texts whose writer types accents.
"""

import functools
import pathlib
import re

import snowballstemmer

from emoji_gan.encoder import text_features

LANGUAGES = ("en", "fr")

PARTICIPLE = "+"  # ends the term of a word in é

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans({c: "'" for c in "\u2019\u2018\u02bc\u00b4`\u2032"})
_PARTICIPLE = re.compile(r"(?<=\w{2})(é|ée|és|ées)$")
_PLURAL = re.compile(r"(?<=\w{2})(?<!e)aux$")  # chevaux, but not bateaux
_FEMININE = re.compile(r"(?<=\w{2})ees?$")
_ACCENT = re.compile("[éèêëàâùûôîïçœ]")
_HUMP = re.compile(r"(?<=[^\W\d_A-ZÀ-Þ])(?=[A-ZÀ-Þ])|(?<=[^\W\d_])(?=\d)")
_HASHTAG = re.compile(r"#\w+")
_CLOCK = re.compile(r"\b(\d{1,2}) ?(?:h|am|pm)(\d\d)?\b", re.IGNORECASE)
_GENDERS = tuple(
    (re.compile(rf"(?<=\w{{2}}){feminine}s?$"), masculine)
    for feminine, masculine in (
        ("euse", "eur"),
        ("trice", "teur"),
        ("iere", "ier"),
        ("ere", "er"),
        ("(?<=i)enne", "en"),
        ("onne", "on"),
    )
)
_ELIDED = "dljmnstc"  # first letters that elide before a vowel: l'été, typed lété
_VOWELS = tuple("aeiouyh")


_DATA = pathlib.Path(__file__).parent / "data"


def _light_words(kind: str, language: str = "") -> frozenset[str]:
    """Reads the words without a subject (stop), with little of one (generic), or of dates."""
    text = (_DATA / "light_words.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return frozenset(w for k, x, ws in rows if (k, x) == (kind, language) for w in ws.split(" "))


_STOP_WORDS = {language: _light_words("stop", language) for language in LANGUAGES}
_GENERIC = _light_words("generic")
_CALENDAR = {language: _light_words("calendar", language) for language in LANGUAGES}


@functools.cache
def _stemmer(language: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("french" if language == "fr" else "english")


fold = functools.lru_cache(maxsize=200_000)(text_features.fold)  # letters without accents


def words(text: str) -> list[str]:
    """Returns the words of a text in lower case, with their accents.

    Elisions stand apart, and so do the words of a #HashTag; of 10h30 and 9am numbers are left.
    """
    if "#" in text:
        text = _HASHTAG.sub(lambda tag: _HUMP.sub(" ", tag[0]), text)
    text = _CLOCK.sub(r"\1 \2", text)
    return _WORD.findall(text.translate(_APOSTROPHES).casefold())


@functools.lru_cache(maxsize=200_000)
def term(word: str, language: str) -> str:
    """Returns the term of a word, in lower case and with its accents; '' for a stop word."""
    folded = fold(word)
    if folded in _STOP_WORDS[language] or (len(folded) == 1 and not folded.isdigit()):
        return ""
    if language == "fr":
        folded = _FEMININE.sub("e", _PLURAL.sub("al", folded))
    if len(folded) > 3 and folded[-1] in "sx":
        folded = folded[:-1]
    stem = _stemmer(language).stemWord(folded)
    return stem + PARTICIPLE if language == "fr" and _PARTICIPLE.search(word) else stem


def terms(text: str, language: str) -> list[str]:
    """Returns the terms of a text whose writer types accents, stop words left out."""
    return [t for word in words(text) if (t := term(word, language))]


def types_accents(text: str) -> bool:
    """Says whether a text has an accent."""
    return bool(_ACCENT.search(text.casefold()))


def without_elision(word: str) -> str:
    """Returns the word behind an elision that lacks its apostrophe: lete -> ete; or ''."""
    folded = fold(word)
    if len(folded) > 3 and folded[0] in _ELIDED and folded[1:].startswith(_VOWELS):
        return folded[1:]
    return ""


def without_gender(word: str) -> str:
    """Returns the masculine of a folded word that ends as a feminine does, or ''."""
    for ending, masculine in _GENDERS:
        if ending.search(word):
            return ending.sub(masculine, word)
    return ""


@functools.lru_cache(maxsize=200_000)
def is_generic(word: str) -> bool:
    """Says whether a word says little of a brief's subject."""
    return fold(word) in _GENERIC


@functools.lru_cache(maxsize=200_000)
def is_stop_word(word: str, language: str) -> bool:
    """Says whether a word, in lower case, carries no subject."""
    return fold(word) in _STOP_WORDS[language]


@functools.cache
def _common() -> frozenset[str]:
    text = (_DATA / "common_words.txt").read_text(encoding="utf-8")
    return frozenset(map(fold, text.split()))


def is_common(folded: str) -> bool:
    """Says whether a folded word is a common one of either language, and so no slip."""
    return folded in _common()


@functools.lru_cache(maxsize=200_000)
def is_calendar(word: str, language: str) -> bool:
    """Says whether a word, in lower case, is a number or a part of a date or of a day."""
    return word.isdecimal() or fold(word) in _CALENDAR[language]
