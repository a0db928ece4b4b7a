"""Turns texts into numbers and back: frequent words whole, all others letter by letter.

So the words of a text are spelled as they were in the texts that the vocabulary is of, a network
can still spell a word that none of them has, and reading and writing need no library.
"""

import collections
import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence

PAD, END = "<pad>", "<end>"  # nothing; the end of a text
SPELL = "<spell>"  # the letters of a word follow
_SPECIAL = (PAD, END, SPELL)
_LETTER = "~"  # before a piece that is one letter of a spelled word
_GLUED = "+"  # before a piece that is a word right behind a digit, as in 12th
_TOKEN = re.compile(r"[^\W\d_]+|[ \u202f\u00a0]?[^\w\s]|[ ]?[\d_]")
_OPENING = frozenset("(«“[#@$£€")  # a word behind these follows at once
_JOINING = frozenset("'’-/&")  # behind these too, unless a space is before them


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Holds the pieces that texts are made of.

    Attributes:
      pieces: `PAD`, `END` and `SPELL`, then letters, then words, digits and signs. A sign with a
        space before it is another piece than without.
    """

    pieces: tuple[str, ...]

    @classmethod
    def of_texts(cls, texts: Iterable[str], *, least: int, most: int) -> "Vocabulary":
        """Builds the vocabulary of texts.

        Args:
          texts: all that it may learn from.
          least: how often a word must stand in them to be a piece; a rarer one is spelled.
          most: pieces at most; then the rarest words are spelled.
        """
        counts = collections.Counter(token for text in texts for token in _tokens(text))
        letters = sorted({letter for token in counts if token[0].isalpha() for letter in token})
        kept = [token for token, n in counts.items() if n >= least or not token[0].isalpha()]
        kept.sort(key=lambda token: (-counts[token], token))
        fixed = (*_SPECIAL, *(_LETTER + letter for letter in letters))
        return cls((*fixed, *kept[: max(0, most - len(fixed))]))

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {piece: number for number, piece in enumerate(self.pieces)}

    def encode(self, text: str) -> list[int]:
        """Returns the numbers of a text's pieces, without an end; unknown signs are left out."""
        numbers: list[int] = []
        for token in _tokens(text):
            if token in self._numbers:
                numbers.append(self._numbers[token])
            elif token[0].isalpha():
                letters = [self._numbers.get(_LETTER + letter) for letter in token]
                numbers += [self._numbers[SPELL], *(n for n in letters if n is not None)]
        return numbers

    def decode(self, numbers: Sequence[int]) -> str:
        """Returns the text of pieces up to the first end, as `encode` read it.

        But for the space behind an apostrophe at a word's end, which looks as one within a word.
        """
        text = ""
        for number in numbers:
            piece = self.pieces[number]
            if piece == END:
                break
            if piece == PAD:
                continue
            word = "" if piece == SPELL else piece
            if len(piece) > 1:  # else it is the sign itself
                word = word.removeprefix(_LETTER).removeprefix(_GLUED)
            if (piece == SPELL or piece[0].isalpha()) and _is_apart(text):
                word = " " + word
            text += word
        return text.strip()


def _is_apart(text: str) -> bool:
    """Returns whether a space is between a text and a word behind it."""
    joined = text[-1:] in _JOINING and text[-2:-1] != " "
    return bool(text) and text[-1] not in _OPENING and not joined


def _tokens(text: str) -> list[str]:
    """Splits a text into words, digits and signs, the last two with the space before them."""
    return [
        _GLUED + m[0] if m.start() and m[0].isalpha() and text[m.start() - 1].isdecimal() else m[0]
        for m in _TOKEN.finditer(text)
    ]
