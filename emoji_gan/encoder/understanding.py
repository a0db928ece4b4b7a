"""Translates a phrase that a user typed into the words that the encoder learned.

The encoder learned CLDR's names and keywords. A typed phrase can have typos and plurals, lack
accents, use words that CLDR lacks, or contain emoji. Each word is matched to a learned word,
replaced by the name of an emoji, ignored, or unknown. The encoder then embeds the matched words.
"""

import dataclasses
import difflib
import functools
import pathlib
import re
from collections.abc import Iterator

from emoji_gan.encoder.text_features import fold
from emoji_gan.errors import UserError
from input_pipeline.unicode import emoji_names

LANGUAGES = ("fr", "en")
_EVERYDAY = pathlib.Path(__file__).parent / "words" / "everyday.tsv"
_LONGEST_PHRASE = 4  # words of an entry of everyday.tsv
_LONGEST_EMOJI = 12  # characters
_INFLECTIONS = ("e", "s", "es", "ed", "er", "d", "r", "y", "ly", "ne", "le", "te")
_TYPO_RATIO = 0.8  # difflib's ratio from which a word counts as a typo of a learned word
_LEAST_TYPO = 4  # letters; shorter words are too similar to many others
_LEAST_CONFIDENCE = 0.34  # a phrase below it is refused
_ELIDED = "dljmnst"  # first letters that elide before a vowel: l'été, typed lété
_TOKEN = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    [
        "a",
        "au",
        "aux",
        "avec",
        "d",
        "dans",
        "de",
        "des",
        "du",
        "en",
        "et",
        "l",
        "la",
        "le",
        "les",
        "ma",
        "mes",
        "mon",
        "pour",
        "sa",
        "ses",
        "son",
        "sur",
        "un",
        "une",
        "vos",
        "votre",
        "an",
        "and",
        "at",
        "for",
        "from",
        "in",
        "my",
        "of",
        "on",
        "our",
        "the",
        "to",
        "with",
        "your",
    ]
)


@dataclasses.dataclass(frozen=True)
class Word:
    """Holds one piece of a phrase and what it was understood as.

    Attributes:
      typed: the piece as the user typed it.
      meant: the words it was understood as; '' where it is left out.
      how: exact, plural, inflected, typo, meaning (an emoji or everyday phrase), silent (a stop
        word), ignored (a number) or unknown.
      corrected: of a typo, the learned word as it sounds.
    """

    typed: str
    meant: str
    how: str
    corrected: str = ""


@dataclasses.dataclass(frozen=True)
class Understood:
    """Holds a phrase in words that the encoder learned.

    Attributes:
      phrase: the words to embed.
      words: each piece as typed and as understood.
      confidence: the fraction of words that were understood, in [0, 1]; words without meaning, such
        as articles and numbers, do not count.
    """

    phrase: str
    words: tuple[Word, ...]
    confidence: float

    def __str__(self) -> str:
        changed = [f"{w.typed}: {w.meant} ({w.how})" for w in self.words if _is_changed(w)]
        lost = [w.typed for w in self.words if w.how == "unknown"]
        text = f'understood as "{self.phrase}"'
        if changed:
            text += "; " + ", ".join(changed)
        if lost:
            text += f"; not understood and left out: {', '.join(lost)}"
        return text


class NotUnderstood(UserError):
    """Refuses a phrase of which too little is understood.

    Attributes:
      unknown: its words that are not understood, folded.
      near: learned words like them.
    """

    def __init__(self, message: str, unknown: list[str], near: list[str]) -> None:
        super().__init__(message)
        self.unknown, self.near = unknown, near


def _is_changed(word: Word) -> bool:
    return word.how in ("plural", "typo", "meaning")


def understand(text: str, language: str | None = None) -> Understood:
    """Understands a phrase that a user typed.

    Args:
      text: English or French, possibly with emoji, typos, plurals and digits.
      language: 'fr' or 'en'; None: the one in which more words are understood, French where both
        are equal.

    Raises:
      NotUnderstood: too little of the phrase is understood; the message names the nearest words.
      UserError: there is no such language.
    """
    if language not in (None, *LANGUAGES):
        raise UserError(f"--lang={language}: choose from {', '.join(LANGUAGES)}")
    languages = LANGUAGES if language is None else (language,)
    readings = [_read(text, each) for each in languages]
    best = max(readings, key=lambda reading: (reading.confidence, _exactness(reading)))
    if best.confidence < _LEAST_CONFIDENCE:
        raise _not_understood(text, best, languages)
    return best


def _exactness(reading: Understood) -> float:
    """Ranks readings of one confidence: exact words before plurals, near typos before far ones."""
    return sum(len(word.typed.split()) * _word_exactness(word) for word in reading.words)


def _word_exactness(word: Word) -> float:
    if word.how == "typo":
        typed = _as_sounded(fold(word.typed))
        return 0.5 + 0.2 * difflib.SequenceMatcher(None, typed, word.corrected).ratio()
    return {"exact": 1.0, "meaning": 1.0, "plural": 0.9, "inflected": 0.8}.get(word.how, 0.0)


@functools.lru_cache(maxsize=256)  # who looks for typos compares a word with thousands
def _read(text: str, language: str) -> Understood:
    """Understands a phrase in one language, however little of it."""
    words: list[Word] = []
    for piece, name in _pieces(text, language):
        words += [Word(piece, name, "meaning")] if name else _words(_TOKEN.findall(piece), language)
    meaningful = [w for w in words if w.how not in ("silent", "ignored")]
    understood_count = sum(w.how != "unknown" for w in meaningful)
    phrase = " ".join(_without_echoes([w.meant for w in words if w.meant]))
    confidence = understood_count / len(meaningful) if meaningful else 0.0
    return Understood(phrase, tuple(words), confidence)


def _without_echoes(meant: list[str]) -> list[str]:
    """Leaves out what the next name begins with: "gâteau" before "gâteau d’anniversaire"."""
    following = [*meant[1:], ""][: len(meant)]
    return [
        one
        for one, after in zip(meant, following, strict=True)
        if not fold(after).startswith(f"{fold(one)} ")
    ]


def _words(tokens: list[str], language: str) -> list[Word]:
    """Understands a run of words; longer names and everyday phrases are tried before shorter."""
    words: list[Word] = []
    i = 0
    while i < len(tokens):
        for count in range(min(_LONGEST_PHRASE, len(tokens) - i), 0, -1):
            typed = " ".join(tokens[i : i + count])
            if count > 1 and (name := _names(language).get(_key(typed))):
                words.append(Word(typed, name, "exact"))
                break
            if name := _everyday(language).get(_key(typed)):
                words.append(Word(typed, name, "meaning"))
                break
        else:
            count = 1
            words.append(_word(tokens[i], language))
        i += count
    return words


def _word(token: str, language: str) -> Word:
    """Understands one word; smaller changes to it are tried first."""
    word, vocabulary = fold(token), _vocabulary(language)
    if word in _STOP_WORDS:
        for spelling in (token.lower(), token.lower().removesuffix("s")):
            if fold(spelling) != spelling and len(spelling) > 1 and spelling in _spelled(language):
                return Word(token, spelling, "exact")  # dés, which is no article
        return Word(token, token if len(word) > 1 else "", "silent")
    if word.isdecimal():
        return Word(token, "", "ignored")
    if word in vocabulary:
        return Word(token, vocabulary[word], "exact")
    for single in _singulars(word):
        if single in vocabulary:
            return Word(token, vocabulary[single], "plural")
    stems = (word.removesuffix(end) for end in _INFLECTIONS if word.endswith(end))
    if any(stem in vocabulary for stem in stems if len(stem) >= _LEAST_TYPO):
        # souriante: the encoder reads runs of letters
        return Word(token, token, "inflected")
    if word[0] in _ELIDED and (rest := word[1:]) in (everyday := _everyday(language)) | vocabulary:
        return Word(token, everyday.get(rest) or vocabulary[rest], "typo")
    if len(word) >= _LEAST_TYPO:
        spellings, sounded = _spellings(language), _as_sounded(word)
        near = difflib.get_close_matches(sounded, spellings, 1, _TYPO_RATIO)
        if near and near[0][0] == sounded[0]:
            return Word(token, spellings[near[0]], "typo", near[0])
    return Word(token, "", "unknown")


def _as_sounded(word: str) -> str:
    """Spells a folded word with ph as f and no letter twice in a row, as typos leave these out."""
    return re.sub(r"(.)\1+", r"\1", word.replace("ph", "f"))


@functools.cache
def _spellings(language: str) -> dict[str, str]:
    """Maps words as they sound to what they mean: everyday words, then those of CLDR."""
    everyday = {word: name for word, name in _everyday(language).items() if " " not in word}
    return {_as_sounded(word): name for word, name in (_vocabulary(language) | everyday).items()}


def _singulars(word: str) -> list[str]:
    """Returns possible singulars of an English or French word."""
    endings = (
        ("aux", "al"),
        ("ves", "f"),
        ("ves", "fe"),
        ("ies", "y"),
        ("es", ""),
        ("s", ""),
        ("x", ""),
    )
    return [
        word.removesuffix(plural) + single
        for plural, single in endings
        if word.endswith(plural) and len(word) > len(plural) + 2
    ]


def _pieces(text: str, language: str) -> Iterator[tuple[str, str]]:
    """Yields the runs of text and the emoji of a phrase: (characters, name of the emoji or '')."""
    run, i = "", 0
    while i < len(text):
        for end in range(min(len(text), i + _LONGEST_EMOJI), i, -1):
            piece = text[i:end]
            key = None
            if not piece[0].isascii():
                key = _codepoints(piece)
            if key:
                yield from [(run, "")] if run else []
                yield piece, _name(key, language)
                run = ""
                break
        else:
            end = i + 1
            run += text[i]
        i = end
    yield from [(run, "")] if run else []


def _codepoints(characters: str) -> str | None:
    """Returns the key of the emoji that the characters are, or None."""
    return emoji_names.normalise("-".join(f"{ord(c):04X}" for c in characters))


def _name(codepoints: str, language: str) -> str:
    meta = emoji_names.lookup(codepoints)
    return (meta.name_fr if language == "fr" else meta.name_en) or meta.name


def _key(phrase: str) -> str:
    """Returns the folded words of a phrase, by which everyday phrases are looked up."""
    return " ".join(_TOKEN.findall(fold(phrase)))


@functools.cache
def _everyday(language: str) -> dict[str, str]:
    """Maps everyday phrases, folded, to the names of the emoji that they mean."""
    return {
        _key(phrase): _name(_codepoints(emoji), language)
        for phrase, emoji in everyday_phrases(language)
    }


def everyday_phrases(language: str) -> list[tuple[str, str]]:
    """Lists the everyday phrases of a language as people write them, each with its emoji."""
    rows = (line.split("\t") for line in _EVERYDAY.read_text(encoding="utf-8").splitlines())
    return [(phrase, emoji) for row_language, phrase, emoji in rows if row_language == language]


@functools.cache
def _names(language: str) -> dict[str, str]:
    """Maps the folded names of emoji of more than one word to their spelling."""
    names = (_name(codepoints, language) for codepoints in emoji_names.every())
    return {key: name for name in names if " " in (key := _key(name))}


@functools.cache
def _vocabulary(language: str) -> dict[str, str]:
    """Maps the folded words of CLDR's names and keywords of a language to their spelling."""
    words: dict[str, str] = {}
    for spelling in _spelled(language):
        words.setdefault(fold(spelling), spelling)
    return words


@functools.cache
def _spelled(language: str) -> dict[str, None]:
    """Lists the words of CLDR's names and keywords of a language as they are spelled, in order."""
    spellings: dict[str, None] = {}  # each once, because folding takes most of the time
    for codepoints in emoji_names.every():
        meta = emoji_names.lookup(codepoints)
        phrases = (
            (meta.name_fr, *meta.keywords_fr)
            if language == "fr"
            else (meta.name_en, *meta.keywords_en)
        )
        for phrase in phrases:
            spellings.update(dict.fromkeys(_TOKEN.findall(phrase)))
    return spellings


def _not_understood(text: str, reading: Understood, languages: tuple[str, ...]) -> NotUnderstood:
    """Says why a phrase is refused and what to type instead."""
    unknown = [fold(w.typed) for w in reading.words if w.how == "unknown"]
    matches = [
        _vocabulary(language)[match]
        for word in unknown
        for language in languages
        for match in difflib.get_close_matches(word, _vocabulary(language), 2, 0.6)
    ]
    near = list(dict.fromkeys(matches[:4]))
    reason = f"{', '.join(unknown)} unknown" if unknown else "it names nothing"
    hint = (
        f"try {', '.join(near)}"
        if near
        else "use names of emoji, e.g. 'smiling face' or 'chat souriant'"
    )
    message = f"text {text!r}: {reason} in {' or '.join(languages)}; {hint}"
    return NotUnderstood(message, unknown, near)
