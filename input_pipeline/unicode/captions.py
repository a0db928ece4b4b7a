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
from input_pipeline.unicode.vocabulary import END, Vocabulary

if TYPE_CHECKING:
    from input_pipeline.dataset import EmojiData

KINDS = ("name", "keywords", "context")
LANGUAGES = ("en", "fr")
_NAME_COPIES = 2  # so often an emoji's name stands among its texts of one language
_KEYWORD_LISTS = 4  # texts of keywords of one emoji and language
_LISTED = 4  # keywords in such a text
_LEAST, _MOST = 2, 5000  # of the vocabulary
_ROWS = 1024  # compared with all at once
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
      near: i32 [n k], the pictures of other emoji that are nearest to each; k = 0 where a picture
        is seen as it is.
    """

    features: np.ndarray
    tokens: np.ndarray
    kinds: np.ndarray
    languages: np.ndarray
    rows: np.ndarray
    first: np.ndarray
    vocabulary: Vocabulary
    picture_hash: str
    near: np.ndarray


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
    near: int,
    see: See,
    picture_hash: str,
) -> tuple["EmojiData", "EmojiData | None"]:
    """Adds the texts of the emoji to the data of training, and to those held out.

    Args:
      data: of the training split; the vocabulary is that of its texts alone.
      held_out: emoji that are not trained on, or None.
      length: pieces of a text with its end; longer ones are left out.
      near: pictures of other emoji among which each one trained on finds its like.
      see: makes vectors of the pictures.
      picture_hash: SHA-256 of the network that does.

    Raises:
      DataError: no text is as short as `length`.
    """
    codepoints = list(dict.fromkeys(data.columns["codepoints"].tolist()))
    texts = dict.fromkeys(text.text for c in codepoints for text in of_emoji(c))
    vocabulary = Vocabulary.of_texts(texts, least=_LEAST, most=_MOST)

    def with_captions(emoji: "EmojiData", near: int) -> "EmojiData":
        codes, features = emoji.columns["codepoints"], see(emoji.images)
        captions = _captions(codes.tolist(), vocabulary, length)
        captions = dataclasses.replace(
            captions,
            features=features,
            picture_hash=picture_hash,
            near=nearest_others(features, codes, near),
        )
        content = hashlib.sha256(emoji.content_hash.encode())
        for array in (captions.tokens, captions.rows, captions.features, captions.near):
            content.update(np.ascontiguousarray(array).data)
        return dataclasses.replace(emoji, captions=captions, content_hash=content.hexdigest())

    return with_captions(data, near), with_captions(held_out, 0) if held_out else None


def nearest_others(features: np.ndarray, codepoints: np.ndarray, count: int) -> np.ndarray:
    """Returns the pictures of other emoji that are nearest to each by the angle: i32 [n count].

    Args:
      features: f32 [n d].
      codepoints: [n], whose pictures of one emoji are no others.
      count: at most; fewer where there are fewer others of some emoji.
    """
    _, numbers, copies = np.unique(codepoints, return_inverse=True, return_counts=True)
    count = min(count, len(codepoints) - copies.max())
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    near = np.zeros((len(unit), count), np.int32)
    for start in range(0, len(unit) if count else 0, _ROWS):
        rows = slice(start, start + _ROWS)
        cosine = np.where(numbers[rows, None] == numbers[None], -2.0, unit[rows] @ unit.T)
        near[rows] = np.argsort(-cosine, axis=1, kind="stable")[:, :count]
    return near


def _captions(codepoints: Sequence[str], vocabulary: Vocabulary, length: int) -> Captions:
    """Returns the texts of pictures whose emoji these are, without vectors of the pictures."""
    row_of: dict[tuple[tuple[int, ...], str, str], int] = {}
    rows_of_emoji: dict[str, list[int]] = {}
    end = vocabulary.pieces.index(END)
    for emoji in dict.fromkeys(codepoints):
        rows = rows_of_emoji[emoji] = []
        for text in of_emoji(emoji):
            numbers = (*vocabulary.encode(text.text), end)
            if len(numbers) <= length:
                rows.append(row_of.setdefault((numbers, text.kind, text.language), len(row_of)))
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
        near=np.zeros((len(codepoints), 0), np.int32),
    )
