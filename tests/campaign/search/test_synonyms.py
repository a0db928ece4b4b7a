"""Slang, short forms, hashtags and dates, as marketing people type them into `campaign search`."""

import json
import sys

import pytest

from campaign import __main__ as program
from campaign.search import ranking, synonyms, terms
from emoji_gan import errors


@pytest.fixture
def search(monkeypatch, capsys):
    def run(text, language="fr", *arguments):
        typed = ["campaign", "search", f"--text={text}", f"--lang={language}", *arguments]
        monkeypatch.setattr(sys, "argv", typed)
        with pytest.raises(SystemExit) as end:
            errors.run(program.main)
        assert end.value.code == 0
        return capsys.readouterr()[0]

    return run


@pytest.fixture
def first(search):
    def run(text, language="fr", n=5):
        out = search(text, language, "--json", f"--n={n}")
        results = json.loads(out.splitlines()[-1])["themes"][0]["results"]
        return [r["emoji"] for r in results]

    return run


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("baskets", "👟"),
        ("nouvelles baskets homme", "👟"),
        ("grosse teuf", "🎉"),
        ("serveuses", "🍽️"),
        ("on recrute des cuistots", "👨‍🍳"),
        ("soirée entre meufs", "👩"),
        ("dsl pour le retard", "🙏"),
        ("p'tit dej", "🥐"),
        ("idée kdo", "🎁"),
        ("sortie en boîte", "🪩"),
        ("pompières", "🚒"),
        ("éleveuse de chèvres", "🐐"),
        ("plombière", "🔧"),
        ("viennoiseries", "🥐"),
        ("#FêteDesMères", "💐"),
        ("#rentreescolaire", "🎒"),
    ],
)
def test_everyday_french_is_understood(first, text, emoji):
    assert emoji in first(text)


@pytest.mark.parametrize(
    ("text", "emoji"),
    [("brekkie", "🥐"), ("new kicks", "👟"), ("#BlackFriday", "🛍️"), ("ty for your order", "🙏")],
)
def test_everyday_english_is_understood(first, text, emoji):
    assert emoji in first(text, "en")


def test_an_ambiguous_word_has_the_emoji_of_each_meaning_only_alone(first):
    assert {"🪩", "🏢", "🧰"} <= set(first("boîte", n=10))
    assert first("boîte de chocolats")[0] == "🍫"
    assert "🪩" not in first("boîte de chocolats", n=10)
    assert first("baskets", "en") != first("baskets", "fr")


def test_dates_count_little_beside_a_subject(first):
    dates = {"📅", "🗓️", "🛋️", "😎"}
    for text in ("samedi don du sang", "collecte de sang samedi 12 juin à 10h30"):
        of_text = first(text, n=8)
        assert of_text[0] == "🩸" and not dates & set(of_text), text
    assert {"🎄", "🎅"} <= set(first("Noël le 25 décembre"))
    assert dates & set(first("lundi"))
    assert {"🎆", "🇫🇷"} <= set(first("feu d'artifice du 14 juillet"))


def test_the_page_says_how_slang_was_read(search):
    out = search("teuf blackfriday")
    assert "lu comme : teuf → fête, blackfriday → black friday" in out and "inconnu" not in out


def test_common_words_are_neither_typos_nor_cut_apart():
    query = ranking.Ranker(()).read("Check mobile coverage", "en")
    assert [w.typed for w in query.words] == ["check", "mobile", "coverage"]


def test_every_synonym_is_read_as_words_that_are_understood():
    vocabulary = ranking.shipped().vocabulary
    for row in synonyms.table():
        query = vocabulary.read(row.meaning, row.language)
        assert not query.unknown() and query.known_share in (0.0, 1.0), row
        for form in row.forms:
            assert all(terms.words(form)), row
