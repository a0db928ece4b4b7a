"""Phrases as people type them, in French and English."""

import pathlib

import pytest

from emoji_gan.encoder import understanding
from emoji_gan.encoder.understanding import understand
from emoji_gan.errors import UserError
from input_pipeline.unicode import emoji_names

_EVERYDAY = pathlib.Path(understanding.__file__).parent / "words" / "everyday.tsv"


@pytest.mark.parametrize(
    ("typed", "phrase"),
    [
        ("soldes", "étiquette"),  # not a soldier
        ("Promo -50%", "étiquette"),  # not probing
        ("anniversaire", "gâteau d’anniversaire"),  # not an anniversary
        ("mort de rire", "visage riant aux larmes"),
        ("happy birthday!", "birthday cake"),
        ("gâteau d'anniversaire", "gâteau d’anniversaire"),  # as it is called, not a cake of a cake
        ("gateau danniversaire", "gâteau d’anniversaire"),
        ("dés", "dés"),  # no article
        ("des dés", "des dés"),
        ("coeur rouge", "cœur rouge"),
        ("Châts souriants", "chat souriants"),
        ("pommes", "pomme"),
        ("🎂", "gâteau d’anniversaire"),
        ("🎂 rouge", "gâteau d’anniversaire rouge"),
        ("❤️", "cœur rouge"),
        ("l'été", "soleil"),
        ("a big RED apple", "big red apple"),
        ("smmmile", "smile"),
        ("femme souriante", "femme souriante"),
        ("wolves", "wolf"),
        ("knives", "knife"),
        ("elefant", "éléphant"),
        ("éléfant", "éléphant"),
        ("butterfy", "butterfly"),  # not butter with an ending
        ("anniverssaire", "gâteau d’anniversaire"),
    ],
)
def test_is_understood(typed, phrase):
    assert understand(typed).phrase.lower() == phrase


def test_says_what_was_corrected_and_what_was_lost():
    text = str(understand("gren apple xqzvw"))
    assert text == (
        'understood as "green apple"; gren: green (typo); not understood and left out: xqzvw'
    )
    assert understand("green apple xqzvw").confidence == pytest.approx(2 / 3)


def test_languages_are_kept_apart():
    assert understand("pain", "fr").phrase == understand("pain", "en").phrase == "pain"
    assert understand("🍞", "fr").phrase == "pain" and understand("🍞", "en").phrase == "bread"
    assert understand("birthday", "en").phrase == "birthday cake"
    with pytest.raises(UserError, match="choose from fr, en"):
        understand("cat", "de")


@pytest.mark.parametrize("typed", ["xqzvw kjhgf", "", "!?", "zz9", "-50 %", "de la"])
def test_is_refused(typed):
    with pytest.raises(UserError, match=r"^text .* in fr or en; (try|use names) "):
        understand(typed)


def test_every_everyday_phrase_means_an_emoji():
    lines = [line.split("\t") for line in _EVERYDAY.read_text(encoding="utf-8").splitlines()]
    assert len(lines) >= 100 and {language for language, _, _ in lines} == {"fr", "en"}
    assert len({(language, phrase) for language, phrase, _ in lines}) == len(lines)
    for language, phrase, emoji in lines:
        codepoints = emoji_names.normalise("-".join(f"{ord(c):04X}" for c in emoji))
        assert codepoints, emoji
        assert understand(phrase, language).phrase == understand(emoji, language).phrase, phrase
