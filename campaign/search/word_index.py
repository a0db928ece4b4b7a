"""Scores texts by the words that they have in common with a query (BM25)."""

import collections
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

_K1 = 1.2  # how soon a repeated word counts no more
_B = 0.4  # how much long texts are held back


@dataclasses.dataclass(frozen=True)
class WordIndex:
    """Holds the words of n texts.

    Attributes:
      postings: term -> (int32 rows of the texts that have it, f32 its weight in each).
      size: n.
    """

    postings: Mapping[str, tuple[np.ndarray, np.ndarray]]
    size: int

    @classmethod
    def of(cls, texts: Sequence[Mapping[str, float]]) -> "WordIndex":
        """Indexes texts, each given as its terms and how often (or how much) it has them."""
        lengths = np.array([sum(counts.values()) for counts in texts], np.float32)
        norms = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()), 1e-9))
        rows = collections.defaultdict(list)
        for row, counts in enumerate(texts):
            for term, count in counts.items():
                rows[term].append((row, count * (_K1 + 1) / (count + norms[row])))
        postings = {}
        for term, entries in rows.items():
            idf = math.log(1 + (len(texts) - len(entries) + 0.5) / (len(entries) + 0.5))
            ids, weights = zip(*entries, strict=True)
            postings[term] = (np.array(ids, np.int32), np.float32(idf) * np.array(weights, "f4"))
        return cls(postings, len(texts))

    def scores(self, query: Iterable[tuple[str, float]]) -> np.ndarray:
        """Returns the BM25 score of each text, f32 [n], for terms and their weights."""
        out = np.zeros(self.size, np.float32)
        for term, weight in query:
            if entry := self.postings.get(term):
                out[entry[0]] += weight * entry[1]
        return out
