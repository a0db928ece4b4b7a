"""Says which emoji a picture is like, and how well texts go with it, by a captioner's memory."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

_SHARP = 0.05  # of a cosine: by so much less like it, an emoji counts e times less
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
        for n, row in enumerate(map(self._cosine, features)):
            near = np.argsort(-row)[:_NEIGHBOURS]
            of_picture = np.zeros(len(rarity), np.float32)
            for i in near:
                words = self._words[i, language]
                of_picture[words[words > 0]] += np.exp((row[i] - row[near[0]]) / _SHARP)
            of_picture *= rarity
            of_text = np.zeros_like(of_picture)
            of_text[tokens[n]] = rarity[tokens[n]]
            norm = np.linalg.norm(of_picture) * np.linalg.norm(of_text)
            scores[n] = of_picture @ of_text / norm if norm > 0 else 0.0
        return scores

    def _cosine(self, features: np.ndarray) -> np.ndarray:
        """Compares one picture, f32 [d], with all emoji: alone, so that others change no bit."""
        return self._vectors @ _unit(features - self._mean)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.square(x).sum(-1, keepdims=True) + 1e-6)
