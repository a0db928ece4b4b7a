"""Embeds texts by a small table of word vectors, distilled from a sentence encoder.

A text is the weighted mean of its words' vectors. `vectors.py` makes the table.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np
from safetensors import numpy as safetensors

from campaign.search import terms

TABLE = pathlib.Path(__file__).parent / "data" / "word_vectors.safetensors"


@dataclasses.dataclass(frozen=True)
class WordVectors:
    """Holds a vector for each word.

    Attributes:
      row: folded word -> its row.
      vectors: int8 [n d].
      scales: f32 [n], which bring the rows to the length that the word counts.
      emoji: f32 [m d], the mean of what each emoji of the catalogue is called; None in the making.
    """

    row: Mapping[str, int]
    vectors: np.ndarray
    scales: np.ndarray
    emoji: np.ndarray | None = None

    def embed(self, text: str) -> np.ndarray:
        """Returns the vector of a text, f32 [d], of unit length; zeros without a known word."""
        rows = [self.row[f] for w in terms.words(text) if (f := terms.fold(w)) in self.row]
        if not rows:
            return np.zeros(self.vectors.shape[1], np.float32)
        return _unit(self.scales[rows] @ self.vectors[rows].astype(np.float32))

    def mean(self, texts: Iterable[str]) -> np.ndarray:
        """Returns the mean direction of texts, f32 [d]."""
        return _unit(np.sum([self.embed(text) for text in texts], axis=0))


@functools.cache
def shipped() -> WordVectors | None:
    """Returns the table that is shipped; None where the file is not there."""
    if not TABLE.exists():
        return None
    tensors = safetensors.load_file(TABLE)
    return dataclasses.replace(table(tensors), emoji=tensors["emoji"].astype(np.float32))


def table(tensors: Mapping[str, np.ndarray]) -> WordVectors:
    """Returns the table of the tensors `words` (UTF-8, a line each), `vectors` and `scales`."""
    words = tensors["words"].tobytes().decode().split("\n")
    row = {word: i for i, word in enumerate(words)}
    return WordVectors(row, tensors["vectors"], tensors["scales"].astype(np.float32))


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / max(float(np.linalg.norm(x)), 1e-9)).astype(np.float32)
