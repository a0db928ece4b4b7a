"""Which emoji a file name stands for, by code points or by words, and when it is doubtful."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input_pipeline import DataError
from input_pipeline.art import sources
from input_pipeline.unicode import emoji_names, icon_names
from tests.support.emoji_files import SVG, png, write_and_read, write_files


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(emoji_names.every()))
def test_every_emoji_is_found_by_its_words(codepoints):
    name = emoji_names.lookup(codepoints).name
    words = "".join(c if c.isalnum() or c in "#*" else "-" for c in name.replace("’", ""))
    assert icon_names.lookup(words) == codepoints


@pytest.mark.parametrize(
    ("words", "codepoints"),
    [
        ("alarmclock", "23F0"),
        ("bactriancamel", "1F42B"),  # the name of the character: two-hump camel today
        ("grinningfacewithsmilingeyes", None),  # 1F601 by the character's name, 1F604 by today's
        ("adult", None),  # today's person, of which a set may have another drawing
    ],
)
def test_words_may_be_run_together(words, codepoints):
    assert icon_names.lookup(words) == codepoints


@pytest.mark.parametrize("name", ["", "logo", "light", "medium-dark", "face-dark", "---"])
def test_other_words_are_no_emoji(name):
    assert icon_names.lookup(name) is None


def test_codes_of_countries_and_numbers_are_no_emoji(tmp_path):
    countries = [
        "ae",
        "fr",
        "om",
        "es",
        "de",
        "it",
        "pt",
        "gb",
        "us",
        "ca",
        "mx",
        "br",
        "ar",
        "cl",
        "pe",
        "jp",
        "kr",
        "cn",
        "in",
        "id",
        "ewe",
    ]
    path = write_files(tmp_path / "flags", {f"{c}.svg": SVG.format("red") for c in countries})
    with pytest.raises(DataError, match=r"no emoji in it; first: ae\.svg: doubtful"):
        sources.read(path, "mine", 8)
    numbered = {f"{i:04d}.png": png() for i in range(2595, 2640)} | {"rocket.png": png()}
    emoji, why, _ = write_and_read(tmp_path, numbered)
    assert emoji == ["1F680"]
    assert "could be sun" in why["2600.png"] and "call it u2600" in why["2600.png"]


def test_doubtful_names_count_where_the_folder_agrees(tmp_path):
    files = ("a9.png", "2600.png", "23-20e3.png", "1f600.png", "cat.png", "logo.png")
    emoji, why, _ = write_and_read(tmp_path, {name: png() for name in files})
    assert sorted(emoji) == ["0023-20E3", "00A9", "1F600", "2600"]
    assert set(why) == {"logo.png", "cat.png"} and "of its kind" in why["cat.png"]


def test_words_do_not_vouch_for_codes(tmp_path):
    words = ("rocket", "pizza", "guitar", "strawberry", "house", "car", "cat", "dog", "sun")
    emoji, why, _ = write_and_read(tmp_path, {f"{n}.png": png() for n in (*words, "AE", "2600")})
    assert "00AE" not in emoji and "1F408" in emoji and len(emoji) >= 7
    assert all("doubtful" in why[f"{name}.png"] for name in ("AE", "2600"))


def test_french_names_and_emoji_characters(tmp_path):
    names = ("fusée", unicodedata.normalize("NFD", "gâteau d’anniversaire"), "cœur rouge", "🍕")
    emoji, why, _ = write_and_read(tmp_path, {f"{name}.png": png() for name in names})
    assert sorted(emoji) == ["1F355", "1F382", "1F680", "2764"] and not why
