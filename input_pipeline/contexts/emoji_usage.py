"""Reads the themes, uses and cautions of emoji, written for this project (README.md)."""

import dataclasses
import functools
import hashlib
import pathlib

from input_pipeline.unicode import emoji_names

CHANNELS = ("email", "push", "social", "chat", "web")
TONES = ("playful", "warm", "serious", "urgent", "festive", "elegant", "neutral")

_DATA = pathlib.Path(__file__).parent
_HELD_OUT = 3  # one use in three


@dataclasses.dataclass(frozen=True)
class Theme:
    """Describes an occasion or subject of campaigns.

    Attributes:
      key: its name, letters, digits and '_'.
      phrases_en: how English briefs name it, the plainest first.
      phrases_fr: how French briefs name it, the plainest first.
      emoji: code points, the most relevant first.
    """

    key: str
    phrases_en: tuple[str, ...]
    phrases_fr: tuple[str, ...]
    emoji: tuple[str, ...]

    def phrases(self, language: str) -> tuple[str, ...]:
        """Returns the phrases of 'en' or 'fr'."""
        return self.phrases_fr if language == "fr" else self.phrases_en


@dataclasses.dataclass(frozen=True)
class Use:
    """Holds a short text with which an emoji goes well, in both languages.

    Attributes:
      codepoints: of the emoji, which the texts do not contain.
      channel: of CHANNELS.
      tone: of TONES.
      en: the text in English.
      fr: the same in French.
    """

    codepoints: str
    channel: str
    tone: str
    en: str
    fr: str

    def text(self, language: str) -> str:
        """Returns the text in 'en' or 'fr'."""
        return self.fr if language == "fr" else self.en

    @property
    def held_out(self) -> bool:
        """Says whether the use is kept for measuring: a third, by a hash of its English text."""
        digest = hashlib.sha256(self.en.encode()).digest()
        return int.from_bytes(digest[:4], "big") % _HELD_OUT == 0


@dataclasses.dataclass(frozen=True)
class Caution:
    """Says when an emoji does harm and what else it means, in both languages.

    Attributes:
      codepoints: of the emoji.
      avoid_en: when to avoid it, in English.
      avoid_fr: the same in French.
      meanings_en: its other meanings, in English.
      meanings_fr: the same in French.
    """

    codepoints: str
    avoid_en: str
    avoid_fr: str
    meanings_en: str
    meanings_fr: str


@functools.cache
def themes() -> tuple[Theme, ...]:
    """Returns the themes, in the order of themes.tsv."""
    return tuple(
        Theme(
            key=key,
            phrases_en=tuple(english.split("|")),
            phrases_fr=tuple(french.split("|")),
            emoji=tuple(map(codepoints_of, emoji.split(" "))),
        )
        for key, english, french, emoji in _rows("themes.tsv")
    )


@functools.cache
def uses() -> tuple[Use, ...]:
    """Returns the uses, in the order of uses.tsv."""
    return tuple(Use(codepoints_of(emoji), *rest) for emoji, *rest in _rows("uses.tsv"))


@functools.cache
def cautions() -> dict[str, Caution]:
    """Returns the caution of each emoji that has one, by code points."""
    rows = (Caution(codepoints_of(emoji), *rest) for emoji, *rest in _rows("cautions.tsv"))
    return {caution.codepoints: caution for caution in rows}


def codepoints_of(characters: str) -> str:
    """Returns the key of an emoji in Unicode's list.

    Raises:
      ValueError: the characters are not one emoji of the list.
    """
    key = emoji_names.normalise("-".join(f"{ord(c):04X}" for c in characters))
    if key is None:
        raise ValueError(f"{characters!r} is no emoji of Unicode's list")
    return key


def _rows(name: str) -> list[list[str]]:
    lines = (_DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines]
