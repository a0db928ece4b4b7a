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
_ELIDED = "dljmnstc"  # first letters that elide before a vowel: l'été, typed lété
_VOWELS = tuple("aeiouyh")


def _light_words(kind: str, language: str = "") -> frozenset[str]:
    """Reads the words that carry no subject (stop) or little of it (generic)."""
    path = pathlib.Path(__file__).parent / "data" / "light_words.tsv"
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return frozenset(w for k, x, ws in rows if (k, x) == (kind, language) for w in ws.split(" "))


_STOP_WORDS = {language: _light_words("stop", language) for language in LANGUAGES}
_GENERIC = _light_words("generic")


@functools.cache
def _stemmer(language: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("french" if language == "fr" else "english")


def words(text: str) -> list[str]:
    """Returns the words of a text in lower case, with their accents; elisions apart."""
    return _WORD.findall(text.translate(_APOSTROPHES).casefold())


@functools.lru_cache(maxsize=200_000)
def term(word: str, language: str) -> str:
    """Returns the term of a word, in lower case and with its accents; '' for a stop word."""
    folded = text_features.fold(word)
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
    folded = text_features.fold(word)
    if len(folded) > 3 and folded[0] in _ELIDED and folded[1:].startswith(_VOWELS):
        return folded[1:]
    return ""


def is_generic(word: str) -> bool:
    """Says whether a word says little of a brief's subject."""
    return text_features.fold(word) in _GENERIC


def is_stop_word(word: str, language: str) -> bool:
    """Says whether a word, in lower case, carries no subject."""
    return text_features.fold(word) in _STOP_WORDS[language]
