"""Recognises the themes of a text: the occasions and subjects that the theme lexicon names."""

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from campaign.search import terms
from campaign.search.query import GENERIC, Query
from input_pipeline.contexts import emoji_usage
from input_pipeline.contexts.emoji_usage import Theme

_MOST = 6  # themes of a text
_LEAST_COVERED = 0.5  # of a phrase, by the weight of its words
_EXPLAINED = 0.2  # what a word still counts after a theme has explained it
_LEAST_OF_BEST = 0.12  # strength, relative to the strongest theme


@dataclasses.dataclass(frozen=True)
class Match:
    """Holds a theme of a text.

    Attributes:
      theme: row in the list of themes.
      strength: weight of the words that name it, more than 0.
      words: positions of these words in the query.
    """

    theme: int
    strength: float
    words: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class ThemeIndex:
    """Holds the phrases of the themes by their terms.

    Attributes:
      themes: as `emoji_usage.themes` returns them.
      phrases: (theme, terms) of each phrase of both languages.
      weights: of the terms, by language: the rarer, the more.
      totals: f32, the summed weights of each phrase.
      owner: int32, the theme of each phrase.
      postings: (language, term) -> int32 phrases that have it.
    """

    themes: Sequence[Theme]
    phrases: Sequence[tuple[str, frozenset[str]]]
    weights: Mapping[tuple[str, str], float]
    totals: np.ndarray
    owner: np.ndarray
    postings: Mapping[tuple[str, str], np.ndarray]

    @classmethod
    def load(cls) -> "ThemeIndex":
        """Indexes the phrases of all themes."""
        themes = emoji_usage.themes()
        phrases, owner, themes_of = [], [], collections.defaultdict(set)
        generic = set()
        for row, theme in enumerate(themes):
            for language in terms.LANGUAGES:
                for phrase in theme.phrases(language):
                    term_of = {w: terms.term(w, language) for w in terms.words(phrase)}
                    of_phrase = frozenset(term_of.values()) - {""}
                    generic |= {(language, t) for w, t in term_of.items() if terms.is_generic(w)}
                    if of_phrase:
                        phrases.append((language, of_phrase))
                        owner.append(row)
                    for term in of_phrase:
                        themes_of[language, term].add(row)
        count = len(themes)
        weights = {
            key: math.log(1 + count / len(rows)) * (GENERIC if key in generic else 1.0)
            for key, rows in themes_of.items()
        }
        postings = collections.defaultdict(list)
        for number, (language, of_phrase) in enumerate(phrases):
            for term in of_phrase:
                postings[language, term].append(number)
        totals = [sum(weights[x, term] for term in of_phrase) for x, of_phrase in phrases]
        return cls(
            themes,
            phrases,
            weights,
            np.array(totals, np.float32),
            np.array(owner, np.int32),
            {key: np.array(numbers, np.int32) for key, numbers in postings.items()},
        )

    def match(self, query: Query) -> list[Match]:
        """Returns the themes of a query, strongest first.

        A word that one theme explains counts little for the next, so that "fête des mères" is no
        party, while a brief of two subjects has the themes of both.
        """
        entries = self._entries(query)
        left = np.ones(len(query.words), np.float32)
        matches: list[Match] = []
        while entries and len(matches) < _MOST:
            strengths = self._strengths(entries, left)
            phrase = int(strengths.argmax())
            strength = float(strengths[phrase])
            if strength <= (_LEAST_OF_BEST * matches[0].strength if matches else 0.0):
                break
            used = tuple(sorted({p for p, rows, _ in entries if phrase in rows}))
            theme = int(self.owner[phrase])
            if theme not in [m.theme for m in matches]:
                matches.append(Match(theme, strength, used))
            left[list(used)] *= _EXPLAINED
        return matches

    def _entries(self, query: Query) -> list[tuple[int, np.ndarray, float]]:
        """Returns (position, phrases, weight) of the words of a query that themes have."""
        return [
            (position, rows, weight * self.weights[language, term])
            for position, word in enumerate(query.words)
            for language, term, weight in word.terms
            if (rows := self.postings.get((language, term))) is not None
        ]

    def _strengths(
        self, entries: list[tuple[int, np.ndarray, float]], left: np.ndarray
    ) -> np.ndarray:
        """Returns the strength of each phrase; `left` is what each word of the query counts."""
        covered, counted = np.zeros_like(self.totals), np.zeros_like(self.totals)
        for position, rows, weight in entries:
            covered[rows] += weight
            counted[rows] += weight * left[position]
        coverage = np.minimum(1.0, covered / self.totals)
        return np.where(coverage >= _LEAST_COVERED, counted * coverage**2, 0.0)
