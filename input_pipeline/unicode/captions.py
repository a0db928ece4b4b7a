"""Lists what is said of each emoji, English and French: its names, its keywords, texts around it.

Names and keywords are CLDR's; the texts in context are the project's own (contexts/).
"""

import collections
import dataclasses
import functools
import hashlib
import random
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from input_pipeline import DataError
from input_pipeline.contexts import emoji_usage
from input_pipeline.unicode import emoji_names
from input_pipeline.unicode.vocabulary import END, SPELL, Vocabulary

if TYPE_CHECKING:
    from input_pipeline.dataset import EmojiData

KINDS = ("name", "keywords", "context")
LANGUAGES = ("en", "fr")
_NAME_COPIES = 2  # so often an emoji's name stands among its texts of one language
_KEYWORD_LISTS = 4  # texts of keywords of one emoji and language
_LISTED = 4  # keywords in such a text
_LEAST, _MOST = 2, 5000  # of the vocabulary
See = Callable[[np.ndarray], np.ndarray]  # u8 [n h w 4], straight alpha, to f32 [n d]


@dataclasses.dataclass(frozen=True)
class Text:
    """Holds what is said of an emoji.

    Attributes:
      text: as it stands in training, a text in context with a small first letter.
      language: of LANGUAGES.
      kind: of KINDS.
    """

    text: str
    language: str
    kind: str


@dataclasses.dataclass(frozen=True)
class Captions:
    """Holds the texts of n pictures as numbers, and the pictures as vectors.

    Attributes:
      features: f32 [n d], of the pictures.
      tokens: i32 [m length], pieces of `vocabulary`; behind a text's end, 0.
      kinds: i32 [m], of KINDS.
      languages: i32 [m], of LANGUAGES.
      rows: i32, the rows of `tokens` of each picture's texts, picture after picture.
      first: i64 [n + 1], where each picture's begin in `rows`.
      vocabulary: of the texts of the training split.
      picture_hash: SHA-256 of the network that made `features`.
      emoji: i32 [n], which of the training split's emoji each picture shows; -1: none of them.
      codepoints: of these e emoji.
      words: i32 [e l w], of each of these emoji in each language, the numbers of words that its
        texts have, names and keywords first; behind the last, 0.
    """

    features: np.ndarray
    tokens: np.ndarray
    kinds: np.ndarray
    languages: np.ndarray
    rows: np.ndarray
    first: np.ndarray
    vocabulary: Vocabulary
    picture_hash: str
    emoji: np.ndarray
    codepoints: tuple[str, ...]
    words: np.ndarray


def of_emoji(codepoints: str) -> list[Text]:
    """Lists the texts of an emoji, each as often as it is to be seen.

    Keywords come in lists of up to four, in an order and a choice drawn by the code points.
    """
    meta = emoji_names.lookup(codepoints)
    uses = _uses().get(codepoints, ())
    texts: list[Text] = []
    for language in LANGUAGES:
        french = language == "fr"
        name = meta.name_fr if french else meta.name_en or meta.name
        keywords = meta.keywords_fr if french else meta.keywords_en
        texts += [Text(name, language, "name")] * _NAME_COPIES if name else []
        rng = random.Random(zlib.crc32(f"{language} {codepoints}".encode()))
        for _ in range(_KEYWORD_LISTS if keywords else 0):
            some = rng.sample(keywords, min(_LISTED, len(keywords)))
            texts.append(Text(", ".join(some), language, "keywords"))
        texts += [Text(_small(use.text(language)), language, "context") for use in uses]
    return texts


def _small(text: str) -> str:
    """Writes the first letter small, so that a word is the same at the start of a text."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


@functools.cache
def _uses() -> dict[str, list[emoji_usage.Use]]:
    uses = collections.defaultdict(list)
    for use in emoji_usage.uses():
        uses[use.codepoints].append(use)
    return uses


def attached(
    data: "EmojiData",
    held_out: "EmojiData | None",
    *,
    length: int,
    words: int,
    see: See,
    picture_hash: str,
) -> tuple["EmojiData", "EmojiData | None"]:
    """Adds the texts of the emoji to the data of training, and to those held out.

    Args:
      data: of the training split; the vocabulary is that of its texts alone.
      held_out: emoji that are not trained on, or None.
      length: pieces of a text with its end; longer ones are left out.
      words: of an emoji in a language that others may take, at most.
      see: makes vectors of the pictures.
      picture_hash: SHA-256 of the network that does.

    Raises:
      DataError: no text is as short as `length`.
    """
    codepoints = list(dict.fromkeys(data.columns["codepoints"].tolist()))
    texts = dict.fromkeys(text.text for c in codepoints for text in of_emoji(c))
    vocabulary = Vocabulary.of_texts(texts, least=_LEAST, most=_MOST)

    number_of = {code: number for number, code in enumerate(codepoints)}
    words_of = np.stack([_words(code, vocabulary, words) for code in codepoints])

    def with_captions(emoji: "EmojiData") -> "EmojiData":
        codes = emoji.columns["codepoints"].tolist()
        captions = dataclasses.replace(
            _captions(codes, vocabulary, length),
            features=see(emoji.images),
            picture_hash=picture_hash,
            emoji=np.array([number_of.get(code, -1) for code in codes], np.int32),
            codepoints=tuple(codepoints),
            words=words_of,
        )
        # Vectors differ in their last bits from one processor to another: their network says it.
        content = hashlib.sha256((emoji.content_hash + picture_hash).encode())
        for array in (captions.tokens, captions.rows, captions.words):
            content.update(np.ascontiguousarray(array).data)
        return dataclasses.replace(emoji, captions=captions, content_hash=content.hexdigest())

    return with_captions(data), with_captions(held_out) if held_out else None


def _words(codepoints: str, vocabulary: Vocabulary, count: int) -> np.ndarray:
    """Returns the numbers of an emoji's words in each language, i32 [l count]."""
    numbers = np.zeros((len(LANGUAGES), count), np.int32)
    for row, language in zip(numbers, LANGUAGES, strict=True):
        texts = [text.text for text in of_emoji(codepoints) if text.language == language]
        every = dict.fromkeys(n for text in texts for n in vocabulary.encode(text))
        words = [n for n in every if vocabulary.pieces[n][0].isalpha()][:count]
        row[: len(words)] = words
    return numbers


def _captions(codepoints: Sequence[str], vocabulary: Vocabulary, length: int) -> Captions:
    """Returns the texts of pictures whose emoji these are, without vectors and words.

    Names and keywords with a word that is spelled are left out, of emoji that have others: a writer
    that has seen them, and may not spell, has nothing to say in place of the name of a land.
    """
    row_of: dict[tuple[tuple[int, ...], str, str], int] = {}
    rows_of_emoji: dict[str, list[int]] = {}
    end, spell = (vocabulary.pieces.index(piece) for piece in (END, SPELL))
    for emoji in dict.fromkeys(codepoints):
        rows = rows_of_emoji[emoji] = []
        encoded = [((*vocabulary.encode(t.text), end), t.kind, t.language) for t in of_emoji(emoji)]
        short = [text for text in encoded if len(text[0]) <= length]
        kept = [text for text in short if text[1] == "context" or spell not in text[0]]
        for text in kept or short:
            rows.append(row_of.setdefault(text, len(row_of)))
    if empty := [emoji for emoji, rows in rows_of_emoji.items() if not rows]:
        raise DataError(
            f"data.captions.length={length}: too short for any text of {empty[0]}; raise it"
        )
    tokens = np.zeros((len(row_of), length), np.int32)
    for (numbers, _, _), row in row_of.items():
        tokens[row, : len(numbers)] = numbers
    return Captions(
        features=np.zeros((len(codepoints), 0), np.float32),
        tokens=tokens,
        kinds=np.array([KINDS.index(kind) for _, kind, _ in row_of], np.int32),
        languages=np.array([LANGUAGES.index(language) for _, _, language in row_of], np.int32),
        rows=np.array([row for c in codepoints for row in rows_of_emoji[c]], np.int32),
        first=np.cumsum([0, *(len(rows_of_emoji[c]) for c in codepoints)], dtype=np.int64),
        vocabulary=vocabulary,
        picture_hash="",
        emoji=np.zeros(0, np.int32),
        codepoints=(),
        words=np.zeros((0, len(LANGUAGES), 0), np.int32),
    )
