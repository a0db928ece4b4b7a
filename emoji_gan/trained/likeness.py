"""Says which emoji a picture is like, and how well texts go with it, by a captioner's memory."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from emoji_gan.methods.recall import SHARP

_NEIGHBOURS = 8  # emoji whose words a text is compared with


@dataclasses.dataclass(frozen=True)
class Like:
    """Names an emoji that a picture is like.

    Attributes:
      codepoints: of the emoji.
      cosine: of the angle between both, seen from the mean emoji.
    """

    codepoints: str
    cosine: float


class Likeness:
    """Compares pictures with the emoji that a captioner has seen, and texts with their words.

    Args:
      memory: of `emoji_gan.methods.recall`.
      codepoints: of its rows.
      pieces: how many the vocabulary has.
    """

    def __init__(
        self, memory: Mapping[str, np.ndarray], codepoints: Sequence[str], pieces: int
    ) -> None:
        seen = np.flatnonzero(np.asarray(memory["times"]) > 0)
        vectors = np.asarray(memory["vectors"], np.float32)[seen]
        self._mean = vectors.mean(0) if len(seen) else np.zeros(vectors.shape[1], np.float32)
        self._vectors = _unit(vectors - self._mean)
        self._codepoints = [codepoints[i] for i in seen]
        self._words = np.asarray(memory["words"], np.int64)[seen]  # m l w
        # The fewer emoji have a word, the more it says.
        self._rarity = np.zeros((self._words.shape[1], pieces), np.float32)
        for language, rarity in enumerate(self._rarity):
            for words in self._words[:, language]:
                rarity[np.unique(words[words > 0])] += 1
            had = rarity > 0
            rarity[had] = np.log(len(seen) / rarity[had])

    def of_pictures(self, features: np.ndarray, count: int) -> list[list[Like]]:
        """Returns the emoji that each picture, f32 [n d], is most like, the nearest first."""
        return [
            [Like(self._codepoints[i], float(row[i])) for i in np.argsort(-row)[:count]]
            for row in map(self._cosine, features)
        ]

    def of_texts(self, features: np.ndarray, tokens: np.ndarray, language: int) -> np.ndarray:
        """Returns how well a text goes with each picture, f32 [n] in [0, 1].

        That is the cosine of the words of both, each word by its rarity, those of a picture also by
        how like it their emoji are.

        Args:
          features: f32 [n d].
          tokens: int [n t], a text of each picture.
          language: its number, of all texts.
        """
        rarity, scores = self._rarity[language], np.zeros(len(features), np.float32)
        for n, row in enumerate(features):
            if not n or not np.array_equal(row, features[n - 1]):  # several texts of each picture
                of_picture = self._words_like(row, language)
            of_text = np.zeros_like(of_picture)
            of_text[tokens[n]] = rarity[tokens[n]]
            norm = np.linalg.norm(of_picture) * np.linalg.norm(of_text)
            scores[n] = of_picture @ of_text / norm if norm > 0 else 0.0
        return scores

    def _words_like(self, features: np.ndarray, language: int) -> np.ndarray:
        """Weighs the words of the emoji that a picture f32 [d] is like: f32 [pieces]."""
        cosine, weights = self._cosine(features), np.zeros_like(self._rarity[language])
        near = np.argsort(-cosine)[:_NEIGHBOURS]
        for i in near:
            words = self._words[i, language]
            weights[words[words > 0]] += np.exp((cosine[i] - cosine[near[0]]) / SHARP)
        return weights * self._rarity[language]

    def _cosine(self, features: np.ndarray) -> np.ndarray:
        """Compares one picture, f32 [d], with all emoji: alone, so that others change no bit."""
        return self._vectors @ _unit(features - self._mean)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.square(x).sum(-1, keepdims=True) + 1e-6)
