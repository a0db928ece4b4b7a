"""What people type: accents, plurals, elisions, typos, two languages."""

import pytest

from campaign.search import ranking, terms


@pytest.fixture(scope="module")
def ranker():
    return ranking.Ranker(())


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("Soldes d’été", "soldes d'été"),
        ("vœux", "voeux"),
        ("CŒUR", "coeurs"),
        ("journaux", "journal"),
        ("bateaux", "bateau"),
        ("promos", "promo"),
        ("estivale", "estival"),
    ],
)
def test_spellings_meet(typed, written):
    assert terms.terms(typed, "fr") == terms.terms(written, "fr") != []


def test_a_final_accent_tells_words_apart_where_accents_are_typed(ranker):
    assert terms.terms("livré", "fr") != terms.terms("livre", "fr")
    first = [
        ranker.themes.match(ranker.read(x, "fr"))[0].theme
        for x in ("le marché", "la marche à pied")
    ]
    keys = [ranker.themes.themes[row].key for row in first]
    assert keys == ["market", "hiking"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("anniverssaire", "anniversaire"), ("chocolta", "chocolat"), ("bithday", "birthday")],
)
def test_typos_are_mended(ranker, typed, meant):
    assert [w.meant for w in ranker.read(typed).words] == [meant]


def test_what_is_no_typo_is_unknown(ranker):
    query = ranker.read("zzkwqx vrtplm")
    assert query.unknown() == ["zzkwqx", "vrtplm"] and query.known_share == 0
    assert ranker.rank(query, 10) == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("lancement d'une application de livraison", "fr"),
        ("soldes d'ete", "fr"),
        ("charity run for the climate", "en"),
        ("back to school supplies", "en"),
    ],
)
@pytest.mark.parametrize("reader", ["en", "fr"])
def test_the_language_of_a_text_is_seen_whoever_reads_it(ranker, text, language, reader):
    assert ranker.read(text, reader).language == language


def test_an_elision_without_apostrophe(ranker):
    assert ranker.read("soldes lete", "fr").unknown() == []
