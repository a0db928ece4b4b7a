"""Measures how well phrases that a trained encoder was not trained on retrieve their emoji."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from emoji_gan.encoder import encoder, text_features, training_phrases
from emoji_gan.encoder.training_phrases import Phrase

_PHRASES_PER_BATCH = 512


def figures(
    params: encoder.Params, codepoints: Sequence[str], drawings: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Measures the retrieval of emoji by held-out phrases.

    Other emoji with the same phrase in CLDR are right answers too, and are left out of the ranking.

    Args:
      params: as `encoder.load` returns them.
      codepoints: k names of the classes.
      drawings: features f32 [d] of a drawing of each emoji in a held-out style; may be empty.

    Returns:
      The number of all pairs of emoji and phrase and of those held out, and tables of accuracy and
      rank: by `classes`; by spelling alone, the `lexical_baseline`; and by the drawings, if any.
    """
    pairs = training_phrases.phrases(codepoints)
    retrieval = _Retrieval.of(pairs, codepoints)
    every_class = np.arange(len(codepoints))
    result: dict[str, Any] = {"pairs": len(pairs), "held_out": len(retrieval.queries)}
    result["classes"] = retrieval.table(
        _similarities(params, retrieval.queries, np.asarray(params["classes"])), every_class
    )
    buckets = params["text/table"].shape[0]
    result["lexical_baseline"] = retrieval.table(
        _lexical_similarities(retrieval.queries, _lexical_classes(pairs, retrieval.index, buckets)),
        every_class,
    )
    if drawings:
        result["held_out_style"] = retrieval.table(
            _similarities(params, retrieval.queries, np.stack(list(drawings.values()))),
            np.array([retrieval.index[c] for c in drawings]),
        )
    return result


@dataclasses.dataclass(frozen=True)
class _Retrieval:
    """Holds the queries and their right answers.

    Attributes:
      queries: the held-out phrases.
      index: number of the class of each emoji.
      classes_of: classes that have a phrase, by the folded phrase.
      trained: folded phrases that were trained on for some emoji.
    """

    queries: list[Phrase]
    index: dict[str, int]
    classes_of: dict[str, set[int]]
    trained: set[str]

    @classmethod
    def of(cls, pairs: Sequence[Phrase], codepoints: Sequence[str]) -> "_Retrieval":
        index = {c: i for i, c in enumerate(codepoints)}
        classes_of, trained = collections.defaultdict(set), set()
        for pair in pairs:
            key = text_features.fold(pair.text)
            classes_of[key].add(index[pair.codepoints])
            if not pair.held_out:
                trained.add(key)
        return cls([pair for pair in pairs if pair.held_out], index, classes_of, trained)

    def table(self, similarities: Iterable[np.ndarray], classes: np.ndarray) -> dict[str, Any]:
        """Returns accuracies and the median rank, by kind of query.

        Args:
          similarities: for each query, to each candidate.
          classes: of each candidate.
        """
        ranks = collections.defaultdict(list)
        for query, row in zip(self.queries, similarities, strict=True):
            key = text_features.fold(query.text)
            rank = _rank(
                row, classes, right=self.index[query.codepoints], ignored=self.classes_of[key]
            )
            if rank is None:
                continue
            seen = "seen with other emoji" if key in self.trained else "never seen"
            for name in ("all", f"{query.language} {query.kind}", query.language, seen):
                ranks[name].append(rank)
        return {
            name: {"n": len(r)}
            | {f"top{n}": float(np.mean(np.array(r) < n)) for n in (1, 5, 10)}
            | {"median_rank": int(np.median(r)) + 1}
            for name, r in sorted(ranks.items())
        }


def _similarities(
    params: encoder.Params, queries: Sequence[Phrase], candidates: np.ndarray
) -> Iterator[np.ndarray]:
    """Yields the similarities of each query to the candidates, f32 [m], whose vectors are [m d]."""
    for start in range(0, len(queries), _PHRASES_PER_BATCH):
        texts = [query.text for query in queries[start : start + _PHRASES_PER_BATCH]]
        yield from encoder.embed_text(params, texts) @ candidates.T


def _lexical_similarities(queries: Sequence[Phrase], classes: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the similarities of each query's spelling to the classes, whose bags are [k b]."""
    for query in queries:
        features = text_features.phrase_features(query.text, classes.shape[1])
        yield classes[:, list(features)].sum(1)


def _lexical_classes(pairs: Sequence[Phrase], index: Mapping[str, int], buckets: int) -> np.ndarray:
    """Returns the mean bag of each emoji's trained phrases, f32 [k buckets], of unit length."""
    bags = np.zeros((len(index), buckets), np.float32)
    for pair in pairs:
        if not pair.held_out:
            features = list(text_features.phrase_features(pair.text, buckets))
            bags[index[pair.codepoints], features] += len(features) ** -0.5
    return bags / np.maximum(np.linalg.norm(bags, axis=1, keepdims=True), 1e-9)


def _rank(
    similarity: np.ndarray, classes: np.ndarray, *, right: int, ignored: set[int]
) -> int | None:
    """Returns how many candidates come before the right one; None if it is no candidate."""
    of_right = similarity[classes == right]
    if not len(of_right):
        return None
    rivals = ~np.isin(classes, list(ignored))
    return int((similarity[rivals] >= of_right.max()).sum())
