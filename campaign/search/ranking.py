"""Ranks emoji for a text by several signals, each measured by benchmarks/campaign/retrieval.py."""

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from campaign.search import catalogue, sentence_vectors, terms, word_vectors
from campaign.search.query import Query, Vocabulary
from campaign.search.theme_matching import Match, ThemeIndex
from campaign.search.word_index import WordIndex
from input_pipeline.contexts import emoji_usage
from input_pipeline.contexts.emoji_usage import Theme, Use
from input_pipeline.unicode.emoji_names import Meta

SIGNALS = ("names", "uses", "themes", "static", "dense")
# What a signal counts, its best emoji at 1. Chosen on every other brief of the benchmark.
WEIGHTS = {"names": 0.55, "uses": 0.4, "themes": 1.0, "static": 0.25, "dense": 0.35}
_LATER_THEMES = 0.75  # power of a theme's strength: below 1 a brief's later themes count more
# Scores from which a signal counts in full.
_FULL = {"names": 12.0, "uses": 12.0, "themes": 12.0**_LATER_THEMES, "static": 0.24}

_NEAR_EMOJI = 60  # emoji that a vector can bring
_NEAR_THEMES = 5  # themes that a sentence's vector can bring
_NAME = 2.0  # what a word of a name counts, relative to a keyword
_THEME_FALL = 0.09  # how much less an emoji counts than the one before it in its theme
_SAME_KIND = 0.93  # factor for each emoji of the same kind that already stands before
_HEARTS = 0.6  # the same for hearts and clocks


@dataclasses.dataclass(frozen=True)
class Ranked:
    """Holds a suggested emoji.

    Attributes:
      entry: the emoji.
      score: of the fused signals; the best of a query is about 1, the scale differs by query.
      signals: what each signal gave, in [0, 1].
    """

    entry: catalogue.Entry
    score: float
    signals: Mapping[str, float]


class Ranker:
    """Ranks the emoji of the catalogue.

    Attributes:
      themes: the index of themes.
      entries: the emoji, a row each.
      vocabulary: the words that any signal but the vectors knows.
    """

    def __init__(
        self,
        uses: Sequence[Use],
        words: word_vectors.WordVectors | None = None,
        encoder: sentence_vectors.Encoder | None = None,
    ) -> None:
        """Indexes names, themes and uses.

        Args:
          uses: that may be looked up.
          words: vectors for the signal "static"; None: without it.
          encoder: for the signal "dense"; None: without it.
        """
        self.entries = catalogue.entries()
        self.themes = ThemeIndex.load()
        self._row = {e.meta.codepoints: i for i, e in enumerate(self.entries)}
        self._uses_row = np.array([self._row.get(u.codepoints, -1) for u in uses], np.int32)
        self._words, self._encoder = words, encoder
        self._uses_by_emoji = collections.defaultdict(list)
        for use in uses:
            self._uses_by_emoji[use.codepoints].append(use)
        self.vocabulary = Vocabulary.of(
            {language: self._texts(language, uses) for language in terms.LANGUAGES}
        )
        self._names, self._uses = {}, {}
        for language in terms.LANGUAGES:
            names = [_name_terms(e.meta, language) for e in self.entries]
            self._names[language] = WordIndex.of(names)
            texts = [collections.Counter(terms.terms(u.text(language), language)) for u in uses]
            self._uses[language] = WordIndex.of(texts) if texts else None

    def uses_of(self, entry: catalogue.Entry) -> list[Use]:
        """Returns the uses of an emoji that are indexed.

        Of a person's three genders one has uses as a rule; the other two have the same.
        """
        family = [entry]
        if entry.kind.startswith("person-"):
            family += [e for e in self.entries if e.family == entry.family]
        written = (self._uses_by_emoji.get(e.meta.codepoints, []) for e in family)
        return next(filter(None, written), [])

    def themes_of(self, codepoints: str) -> list[Theme]:
        """Returns the themes that list an emoji, those that list it first before the others."""
        of = [t for t in self.themes.themes if codepoints in t.emoji]
        return sorted(of, key=lambda t: t.emoji.index(codepoints))

    def shared(self, use: Use, wanted: set[str]) -> int:
        """Returns how many of the wanted terms a use has."""
        return sum(t in wanted for x in terms.LANGUAGES for t in terms.terms(use.text(x), x))

    def _texts(self, language: str, uses: Sequence[Use]) -> list[str]:
        texts = [phrase for t in self.themes.themes for phrase in t.phrases(language)]
        texts += [use.text(language) for use in uses]
        return texts + [phrase for e in self.entries for phrase in phrases(e.meta, language)]

    def read(self, text: str, language: str | None = None) -> Query:
        """Reads a text; `language` is the one that the user reads."""
        return self.vocabulary.read(text, language)

    def signals(self, query: Query, matches: list[Match]) -> dict[str, np.ndarray]:
        """Returns what each signal says of each emoji, f32 [n] in [0, 1]."""
        out = {
            "names": self._by_words(self._names, query),
            "uses": self._by_uses(query),
            "themes": self._by_themes(matches),
        }
        if self._words:
            similar = self._words.emoji @ self._words.embed(query.subject_text)
            out["static"] = _above_others(similar)
        if self._encoder:
            vector = np.asarray(self._encoder.query([query.subject_text]), np.float32)[0]
            out["dense"] = self._by_sentence(vector)
        return {name: _scaled(x, _FULL.get(name, 0.0)) for name, x in out.items()}

    def rank(
        self,
        query: Query,
        n: int,
        *,
        without: frozenset[str] = frozenset(),
        weights: Mapping[str, float] = WEIGHTS,
    ) -> list[Ranked]:
        """Returns the n most relevant emoji, best first; fewer where no signal has any.

        Args:
          query: as `read` returns it.
          n: how many.
          without: code points that are never suggested.
          weights: of the signals.
        """
        matches = self.themes.match(query)
        signals = self.signals(query, matches)
        total = np.zeros(len(self.entries), np.float32)
        for name, x in signals.items():
            total += weights.get(name, 0.0) * x
        rows = _diverse(self.entries, total, n, without)
        return [
            Ranked(
                self.entries[row],
                float(total[row]),
                {name: float(x[row]) for name, x in signals.items()},
            )
            for row in rows
        ]

    def _by_words(self, indexes: Mapping[str, WordIndex], query: Query) -> np.ndarray:
        return sum(indexes[x].scores(query.terms(x)) for x in terms.LANGUAGES)

    def _by_uses(self, query: Query) -> np.ndarray:
        """Returns the score of each emoji's best use, and a little of its others."""
        out = np.zeros(len(self.entries), np.float32)
        if len(self._uses_row):
            scores = self._by_words(self._uses, query)
            hits = np.flatnonzero((scores > 0) & (self._uses_row >= 0))
            np.maximum.at(out, self._uses_row[hits], scores[hits])
        return out

    def _by_themes(self, matches: list[Match]) -> np.ndarray:
        out = np.zeros(len(self.entries), np.float32)
        for match in matches:
            rows, falls = self._theme_rows[match.theme]
            out[rows] += match.strength**_LATER_THEMES * falls
        return out

    def _by_sentence(self, vector: np.ndarray) -> np.ndarray:
        """Returns the score of each emoji by its own passage and those of the nearest themes."""
        own = _above_others(self._sentences.emoji @ vector)
        near = _above_others(self._sentences.themes @ vector, _NEAR_THEMES)
        by_theme = np.zeros(len(self.entries), np.float32)
        for theme in np.flatnonzero(near):
            rows, falls = self._theme_rows[theme]
            by_theme[rows] += near[theme] * falls
        return own / max(float(own.max()), 1e-9) + by_theme / max(float(by_theme.max()), 1e-9)

    @functools.cached_property
    def _sentences(self) -> sentence_vectors.SentenceVectors:
        return sentence_vectors.shipped()

    @functools.cached_property
    def _theme_rows(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns the rows of the emoji of each theme, and what each counts."""
        out = []
        for theme in self.themes.themes:
            rows = [self._row[c] for c in theme.emoji if c in self._row]
            falls = (1 - _THEME_FALL) ** np.arange(len(rows), dtype=np.float32)
            out.append((np.array(rows, np.int32), falls))
        return out


def phrases(meta: Meta, language: str) -> tuple[str, ...]:
    """Returns the name of an emoji and its keywords in 'en' or 'fr'."""
    if language == "fr":
        return (meta.name_fr, *meta.keywords_fr)
    return (meta.name_en, *meta.keywords_en)


def _name_terms(meta: Meta, language: str) -> dict[str, float]:
    """Returns the terms of an emoji's name and keywords; a word of many counts less."""
    counts: dict[str, float] = collections.defaultdict(float)
    name, *keywords = phrases(meta, language)
    for phrase, weight in ((name, _NAME), *((keyword, 1.0) for keyword in keywords)):
        of_phrase = terms.terms(phrase, language)
        for term in of_phrase:
            counts[term] = max(counts[term], weight / len(of_phrase) ** 0.5)
    return counts


def _scaled(x: np.ndarray, full: float) -> np.ndarray:
    """Brings scores into [0, 1]; a signal that hardly matches stays below 1."""
    best = max(float(x.max()), full)
    return x / best if best > 0 else x


def _diverse(
    entries: Sequence[catalogue.Entry], total: np.ndarray, n: int, without: frozenset[str]
) -> list[int]:
    """Returns the best rows, one of each family, others of the same kind held back."""
    count = min(len(total), 4 * n + 20 + len(without))
    top = np.sort(np.argpartition(-total, count - 1)[:count])
    order = top[np.argsort(-total[top], kind="stable")]
    candidates: dict[int, float] = {}
    for row, score in zip(order.tolist(), total[order].tolist(), strict=True):
        if score <= 0 or len(candidates) >= 4 * n + 20:
            break
        if entries[row].meta.codepoints not in without:
            candidates[row] = score
    chosen: list[int] = []
    of_kind: dict[str, list[int]] = {}  # a family is of one kind
    for row in candidates:
        of_kind.setdefault(entries[row].kind, []).append(row)
    while candidates and len(chosen) < n:
        row = max(candidates, key=candidates.__getitem__)
        chosen.append(row)
        entry = entries[row]
        factor = _HEARTS if entry.kind in ("heart", "time") else _SAME_KIND
        for other in of_kind[entry.kind]:
            if entries[other].family == entry.family:
                candidates.pop(other, None)
            elif other in candidates:
                candidates[other] *= factor
    return chosen


def _above_others(similarities: np.ndarray, count: int = _NEAR_EMOJI) -> np.ndarray:
    """Returns by how much the nearest ones are nearer than the next one; 0 for the others."""
    base = np.partition(similarities, -count - 1)[-count - 1]
    return np.maximum(similarities - base, 0.0)


@functools.cache
def shipped() -> Ranker:
    """Returns the ranker of the command: all uses, and the vectors that are installed."""
    encoder = sentence_vectors.encoder() if sentence_vectors.shipped() else None
    return Ranker(emoji_usage.uses(), word_vectors.shipped(), encoder)
