"""Themes are decomposed, families shown once, scores of words right."""

import collections
import math

import numpy as np
import pytest

from benchmarks.campaign import retrieval
from campaign.search import catalogue, ranking, sentence_vectors, suggestions, word_vectors
from campaign.search.word_index import WordIndex
from input_pipeline.contexts import emoji_usage


@pytest.fixture(scope="module")
def ranker():
    return ranking.Ranker((), word_vectors.shipped())


def _keys(ranker, text, language=None):
    matches = ranker.themes.match(ranker.read(text, language))
    return [ranker.themes.themes[m.theme].key for m in matches]


def test_scores_are_bm25():
    texts = [{"a": 1.0, "b": 1.0}, {"a": 1.0}, {"c": 3.0, "b": 1.0}]
    index = WordIndex.of(texts)
    idf = math.log(1 + (3 - 2 + 0.5) / 2.5)
    length = 2 / (7 / 3)
    expected = idf * 2.2 / (1 + 1.2 * (0.6 + 0.4 * length))
    scores = index.scores([("a", 1.0), ("unknown", 1.0)])
    np.testing.assert_allclose(scores[0], expected, rtol=1e-5)
    assert scores[1] > scores[0] and scores[2] == 0


def test_a_longer_phrase_explains_its_words(ranker):
    assert _keys(ranker, "fête des mères", "fr") == ["mothers_day"]
    assert _keys(ranker, "soldes d'été", "fr")[0] == "summer_sale"


def test_a_compound_brief_has_the_emoji_of_all_its_themes(ranker):
    text = "lancement d'une application de livraison de pizzas"
    answer = suggestions.find(text, 10, language="fr", ranker=ranker)
    assert {"🍕", "🛵", "📱"} <= {s.emoji for s in answer.suggestions}


def test_a_family_stands_once_and_hearts_are_few(ranker):
    for text in ("love heart hearts", "woman running, man running, runners"):
        entries = [r.entry for r in ranker.rank(ranker.read(text, "en"), 10)]
        assert len({e.family for e in entries}) == len(entries) > 3
        hearts = collections.Counter(e.kind for e in entries)["heart"]
        assert hearts <= 6


def test_an_index_without_uses_does_not_know_them():
    use = next(u for u in emoji_usage.uses() if u.held_out)
    weights = {"uses": 1.0}
    without, with_it = ranking.Ranker(()), ranking.Ranker((use,))
    assert without.rank(without.read(use.en, "en"), 5, weights=weights) == []
    best = with_it.rank(with_it.read(use.en, "en"), 5, weights=weights)[0]
    assert best.entry.meta.codepoints == use.codepoints


def test_word_vectors_find_what_shares_no_word(ranker):
    ranked = ranker.rank(ranker.read("feline", "en"), 10, weights={"static": 1.0})
    assert any(r.entry.meta.subgroup == "cat-face" for r in ranked) or any(
        "cat" in r.entry.meta.name_en.split() for r in ranked
    )


def test_characters_have_their_variation_selector():
    spelled = {e.meta.codepoints: e.character for e in catalogue.entries()}
    assert spelled["2764"] == "❤️" and spelled["26A1"] == "⚡" and spelled["1F6CD"] == "🛍️"
    assert spelled["1F3F3-200D-1F308"] == "🏳️‍🌈"
    assert all(emoji_usage.codepoints_of(c) == key for key, c in spelled.items())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_quality_that_is_promised(ranker, language):
    cases = [(texts[language], expected) for texts, expected in retrieval.briefs()]
    recalls = retrieval.recalls(ranker, cases, language, weights=ranking.WEIGHTS)
    assert len(recalls) >= 40
    assert np.mean(np.array(recalls) > 0) >= 0.97 and np.mean(recalls) >= 0.55


def test_the_shipped_vectors_fit_the_catalogue_and_the_themes():
    sentences, words = sentence_vectors.shipped(), word_vectors.shipped()
    assert len(sentences.emoji) == len(words.emoji) == len(catalogue.entries())
    assert len(sentences.themes) == len(emoji_usage.themes())
    assert word_vectors.TABLE.stat().st_size < 4e6
    assert {"soldes", "delivery", "noel"} <= words.row.keys()
    assert words.embed("vacances") @ words.embed("holidays") > words.embed(
        "vacances"
    ) @ words.embed("invoice")
