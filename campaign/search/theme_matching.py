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
_NAMED = 0.79  # of a phrase, from which it names its theme even if a part of it is a date
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
        phrases, weights = self._weights(query)
        if not len(phrases):
            return []
        coverage = np.minimum(1.0, weights.sum(0) / self.totals[phrases])
        gain = np.where(coverage >= _LEAST_COVERED, coverage**2, 0.0)
        if min(query.weights) < 1.0:
            named = (coverage >= _NAMED) & ((weights > 0).sum(0) > 1)  # as 14 juillet is
            weights = np.where(named, weights, np.array(query.weights, "f4")[:, None] * weights)
        left = np.ones(len(query.words), np.float32)
        matches: list[Match] = []
        while len(matches) < _MOST:
            strengths = (left @ weights) * gain
            best = int(strengths.argmax())
            strength = float(strengths[best])
            if strength <= (_LEAST_OF_BEST * matches[0].strength if matches else 0.0):
                break
            used = np.flatnonzero(weights[:, best])
            theme = int(self.owner[phrases[best]])
            if theme not in [m.theme for m in matches]:
                matches.append(Match(theme, strength, tuple(used.tolist())))
            left[used] *= _EXPLAINED
        return matches

    def _weights(self, query: Query) -> tuple[np.ndarray, np.ndarray]:
        """Returns phrases that share words, int [m], and what each word counts, f32 [words m]."""
        entries = [
            (position, rows, weight * self.weights[language, term])
            for position, word in enumerate(query.words)
            for language, term, weight in word.terms
            if (rows := self.postings.get((language, term))) is not None
        ]
        if not entries:
            return np.zeros(0, np.int32), np.zeros((0, 0), np.float32)
        phrases = np.unique(np.concatenate([rows for _, rows, _ in entries]))
        weights = np.zeros((len(query.words), len(phrases)), np.float32)
        for position, rows, weight in entries:
            weights[position, np.searchsorted(phrases, rows)] += weight
        return phrases, weights
