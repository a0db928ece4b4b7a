"""Hashes English and French phrases into bags of words and runs of letters."""

import functools
import itertools
import re
import unicodedata
import zlib
from collections.abc import Sequence

import numpy as np

_WORD = re.compile(r"\w+")


def fold(phrase: str) -> str:
    """Removes case and accents: 'Émoticône' -> 'emoticone'."""
    decomposed = unicodedata.normalize("NFKD", phrase.casefold())
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return letters.replace("œ", "oe").replace("æ", "ae")


@functools.lru_cache(maxsize=100_000)
def phrase_features(phrase: str, buckets: int) -> tuple[int, ...]:
    """Returns the hashed features of a phrase, sorted, each in [0, buckets).

    The features are its words, its pairs of neighbouring words, and the runs of three and of four
    letters in its words.
    """
    words = _WORD.findall(fold(phrase)) or [fold(phrase)]
    features = {f"w {w}" for w in words} | {f"p {a} {b}" for a, b in itertools.pairwise(words)}
    for word in words:
        edged = f"<{word}>"
        features |= {edged[i : i + n] for n in (3, 4) for i in range(len(edged) - n + 1)}
    return tuple(sorted({zlib.crc32(f.encode()) % buckets for f in features}))


def bags(phrases: Sequence[str], buckets: int) -> np.ndarray:
    """Returns the bags of features of phrases, f32 `n buckets`, rows of unit length."""
    out = np.zeros((len(phrases), buckets), np.float32)
    for row, phrase in zip(out, phrases, strict=True):
        features = phrase_features(phrase, buckets)
        row[list(features)] = len(features) ** -0.5
    return out
