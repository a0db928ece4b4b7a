"""Reads what a person typed as terms of English and French, typos mended."""

import dataclasses
import functools
from collections.abc import Mapping

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from campaign.search import synonyms, terms

_LEAST_TYPO = 4  # letters; shorter words are too like many others
_TYPO_SIMILARITY = 0.79  # one letter of five, two of ten
_HINT = 0.15  # how much a language counts for being the one that the user reads
_ACCENT_BONUS = 0.3  # for French, where a text has accents
_OTHER = 0.3  # weight of a word in the language that the text is not in
_TYPO_WEIGHT = 0.8
GENERIC = 0.4  # weight of words such as "day" and "new"
CALENDAR = 0.15  # weight of numbers and words such as "Saturday" beside another subject
_LEAST_GLUED, _MOST_GLUED = 7, 40  # letters of words without spaces between
_LEAST_PART = 4  # letters of a word with a subject among them
_EVERY = ("every", "each", "chaque")  # before a day that is a subject, as Mondays is


@dataclasses.dataclass(frozen=True)
class Word:
    """Holds one word of a query.

    Attributes:
      typed: in lower case, as typed.
      terms: (language, term, weight) by which texts are looked up; none for a stop word or an
        unknown word.
      meant: the word that a typo was taken for, or "".
    """

    typed: str
    terms: tuple[tuple[str, str, float], ...]
    meant: str = ""


@dataclasses.dataclass(frozen=True)
class Query:
    """Holds a query.

    Attributes:
      text: as typed.
      language: in which it seems to be, "en" or "fr".
      certain: whether the other language is clearly less likely.
      words: stop words included.
      known_share: share of the words with a subject that are known as typed, in [0, 1].
      readings: (typed, read as) of short forms, slang and words without spaces between.
    """

    text: str
    language: str
    certain: bool
    words: tuple[Word, ...]
    known_share: float
    readings: tuple[tuple[str, str], ...] = ()

    def unknown(self) -> list[str]:
        """Returns the words that nothing is known by."""
        return [
            w.typed
            for w in self.words
            if not w.terms and not any(terms.is_stop_word(w.typed, x) for x in terms.LANGUAGES)
        ]

    @property
    def is_understood(self) -> bool:
        """Returns whether anything is known by at least one of the words."""
        return any(w.terms for w in self.words)

    @functools.cached_property
    def weights(self) -> tuple[float, ...]:
        """Returns what each word counts: dates count little beside another subject."""
        before = ("", *(w.typed for w in self.words))
        dated = [
            terms.is_calendar(w.typed, self.language) and previous not in _EVERY
            for previous, w in zip(before, self.words, strict=False)
        ]
        subject = any(
            w.terms and not of_date and not terms.is_generic(w.typed)
            for w, of_date in zip(self.words, dated, strict=True)
        )
        return tuple(CALENDAR if subject and of_date else 1.0 for of_date in dated)

    @property
    def subject_text(self) -> str:
        """Returns the text as it is read, without the days and months that count little."""
        pairs = zip(self.words, self.weights, strict=True)
        kept = (w for w, weight in pairs if weight == 1.0 or w.typed.isdecimal())
        return " ".join(w.meant or w.typed for w in kept)

    def terms(self, language: str) -> list[tuple[str, float]]:
        """Returns the terms of a language with their weights, each once."""
        weights: dict[str, float] = {}
        for word, of_word in zip(self.words, self.weights, strict=True):
            of_word *= GENERIC if terms.is_generic(word.typed) else 1.0
            for of, term, weight in word.terms:
                weight *= of_word
                if of == language:
                    weights[term] = max(weight, weights.get(term, 0.0))
        return list(weights.items())


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Holds the words that the texts of an index have, by language.

    Attributes:
      terms: language -> its terms.
      folded: language -> its words, folded, each with its term.
    """

    terms: Mapping[str, frozenset[str]]
    folded: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, texts: Mapping[str, list[str]]) -> "Vocabulary":
        """Collects the words of texts by language."""
        all_terms: dict[str, frozenset[str]] = {}
        folded: dict[str, dict[str, str]] = {}
        for language, of_language in texts.items():
            words = dict.fromkeys(w for text in of_language for w in terms.words(text))
            term_of = {w: term for w in words if (term := terms.term(w, language))}
            all_terms[language] = frozenset(term_of.values())
            folded[language] = {}
            for word, term in term_of.items():
                folded[language].setdefault(terms.fold(word), term)
        return cls(all_terms, folded)

    def read(self, text: str, language: str | None = None) -> Query:
        """Reads a query.

        Args:
          text: as typed, in English, French or both.
          language: that the user reads, which decides where both are about as likely.
        """
        typed, accents = terms.words(text), terms.types_accents(text)
        scores = {x: self._share(typed, x) + _HINT * (x == language) for x in terms.LANGUAGES}
        scores["fr"] += _ACCENT_BONUS * accents
        best = max(scores, key=lambda x: scores[x])
        other = next(x for x in terms.LANGUAGES if x != best)
        certain = scores[best] - scores[other] > 0.2
        readings = self._readings(typed, best, other)
        written = [word for reading in readings for word in reading.words]
        words = tuple(_word(self, word, best, other, accents) for word in written)
        subjects = [w for w in words if not terms.is_stop_word(w.typed, best)]
        exact = sum(bool(w.terms) and not w.meant for w in subjects)
        changed = [r for r in readings if r.words != r.typed]
        pairs = tuple((" ".join(r.typed), " ".join(r.words)) for r in changed)
        return Query(text, best, certain, words, exact / max(1, len(subjects)), pairs)

    def _readings(self, typed: list[str], best: str, other: str) -> list[synonyms.Reading]:
        """Reads short forms and slang, then words without spaces between: blackfriday."""
        out = synonyms.read(typed, best, lambda folded: not self._has(folded, best))
        for number, reading in enumerate(out):
            folded = terms.fold(reading.typed[0])
            if reading.words != reading.typed or any(self._has(folded, x) for x in (best, other)):
                continue
            for language in (best, other):
                if self._near(folded, language):
                    break
                if parts := _apart(self, folded, language):
                    out[number] = synonyms.Reading(reading.typed, parts)
                    break
        return out

    def _has(self, folded: str, language: str) -> bool:
        return folded in self.folded[language] or terms.is_stop_word(folded, language)

    def _share(self, typed: list[str], language: str) -> float:
        """Returns the share of words that a language has; a stop word counts double."""
        stops = [terms.is_stop_word(word, language) for word in typed]
        words = [
            terms.fold(word) in self.folded[language] or synonyms.has(word, language)
            for word in typed
        ]
        return (sum(words) + 2 * sum(stops)) / max(1, len(typed) + sum(stops))

    def read_word(self, word: str, best: str, other: str, accents: bool) -> Word:
        """Reads a word, in lower case, of a text in one language (best), and the other one."""
        weights = {best: 1.0, other: _OTHER}
        if terms.is_stop_word(word, best):
            return Word(word, ())
        matches = {x: self._exact(word, x, accents) for x in (best, other)}
        if not matches[best]:
            weights[other] = 1.0
        if any(matches.values()):
            return Word(word, tuple((x, t, weights[x]) for x, of in matches.items() for t in of))
        for language in (best, other):
            if near := self._near(terms.fold(word), language):
                term = self.folded[language][near]
                return Word(word, ((language, term, _TYPO_WEIGHT),), near)
        return Word(word, ())

    def _exact(self, word: str, language: str, accents: bool) -> list[str]:
        """Returns the terms that a word may spell, without regard to typos."""
        if terms.is_stop_word(word, language):
            return []
        term = terms.term(word, language)
        candidates = [term]
        if language == "fr":
            bare = term.removesuffix(terms.PARTICIPLE)
            spelled_e = terms.fold(word).rstrip("s").endswith("e")
            candidates += [bare] if bare != term else []
            candidates += [bare + terms.PARTICIPLE] if spelled_e and not accents else []
            if bare != term and term in self.terms[language]:
                candidates = [term]
        matches = [t for t in candidates if t in self.terms[language]]
        if language == "fr":
            others = [terms.without_gender(terms.fold(word))]
            others += [terms.without_elision(word)] if not matches else []
            matches += [self.folded["fr"][x] for x in others if x in self.folded["fr"]]
        return list(dict.fromkeys(matches))

    def _near(self, folded: str, language: str) -> str:
        """Returns the word of which a folded word is a typo, or ''."""
        return _near(self, folded, language)

    def __hash__(self) -> int:
        return id(self)


@functools.lru_cache(maxsize=20_000)
def _word(vocabulary: Vocabulary, word: str, best: str, other: str, accents: bool) -> Word:
    return vocabulary.read_word(word, best, other, accents)


@functools.lru_cache(maxsize=20_000)
def _near(vocabulary: Vocabulary, folded: str, language: str) -> str:
    if len(folded) < _LEAST_TYPO or not folded.isalpha() or terms.is_common(folded):
        return ""
    near = process.extractOne(
        folded,
        vocabulary.folded[language].keys(),
        scorer=DamerauLevenshtein.normalized_similarity,
        processor=None,
        score_cutoff=_TYPO_SIMILARITY - (0.05 if len(folded) == 4 else 0.0),
    )
    return near[0] if near and near[0][0] == folded[0] and len(near[0]) >= _LEAST_TYPO else ""


@functools.lru_cache(maxsize=20_000)
def _apart(vocabulary: Vocabulary, folded: str, language: str) -> tuple[str, ...]:
    """Returns the fewest words that a folded word is made of, two or more; or ()."""
    if not _LEAST_GLUED <= len(folded) <= _MOST_GLUED or terms.is_common(folded):
        return ()
    best: list[tuple[str, ...] | None] = [()] + [None] * len(folded)
    for end in range(1, len(folded) + 1):
        for start in range(end):
            word, before = folded[start:end], best[start]
            subject = len(word) >= _LEAST_PART and word in vocabulary.folded[language]
            stop = len(word) > 1 and terms.is_stop_word(word, language)
            if before is None or not (subject or stop or terms.is_generic(word)):
                continue
            if best[end] is None or len(before) + 1 < len(best[end]):
                best[end] = (*before, word)
    parts = best[-1] or ()
    return parts if parts and parts[-1] in vocabulary.folded[language] else ()
