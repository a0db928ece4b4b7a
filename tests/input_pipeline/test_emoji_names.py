import hypothesis
import pytest
from hypothesis import strategies as st

from input_pipeline.unicode import emoji_names


def _spellings(key: str, style: str, selector_at: int | None) -> str:
    parts = key.split("-")
    if selector_at is not None:
        parts.insert(selector_at % len(parts) + 1, "FE0F")
    short = [f"{int(p, 16):x}" for p in parts]
    return {
        "openmoji": "-".join(parts),
        "noto": "emoji_u" + "_".join(p.lower() for p in parts),
        "twemoji": "-".join(short),
        "unicode": " ".join(f"U+{p}" for p in parts),
        "iconify": "u" + "-".join(short),
    }[style]


@hypothesis.given(
    st.sampled_from(emoji_names.every()),
    st.sampled_from(["openmoji", "noto", "twemoji", "unicode", "iconify"]),
    st.none() | st.integers(0, 9),
)
def test_every_spelling_of_an_emoji_gives_its_key(key, style, selector_at):
    assert emoji_names.normalise(_spellings(key, style, selector_at)) == key


@hypothesis.given(st.text(max_size=40) | st.text("0123456789abcdefuUFE-_+ ", max_size=40))
def test_any_text_is_a_canonical_key_or_none(text):
    key = emoji_names.canonical(text)
    assert key is None or emoji_names.canonical(key) == key
    assert emoji_names.normalise(text) in (None, key)


@pytest.mark.parametrize(
    "stem", ["", "bed", "grinning-face", "110000", "d800", "fe0f", "1f600.svg", "1f600--1f600"]
)
def test_what_is_no_emoji(stem):
    assert emoji_names.normalise(stem) is None


def test_private_code_points_are_canonical_but_in_no_list():
    assert emoji_names.canonical("e0ff") == "E0FF"
    assert emoji_names.normalise("e0ff") is None


def test_meta():
    assert len(emoji_names.every()) == 3953
    technologist = emoji_names.lookup("1F468-1F3FD-200D-1F4BB")
    assert (technologist.group, technologist.subgroup) == ("People & Body", "person-role")
    assert (technologist.base, technologist.tones) == ("1F468-200D-1F4BB", ("medium",))
    assert technologist.name_fr == emoji_names.lookup(technologist.base).name_fr != ""
    assert technologist.keywords_en == emoji_names.lookup(technologist.base).keywords_en != ()
    assert emoji_names.lookup("1F600").version == 1.0


def test_every_tone_variant_has_a_toneless_base_and_every_emoji_a_french_name():
    metas = [emoji_names.lookup(key) for key in emoji_names.every()]
    for meta in metas:
        base = emoji_names.lookup(meta.base)
        assert base.tones == () and base.base == base.codepoints
        assert (meta.tones == ()) == (meta is base)
        assert bool(meta.name_fr) == (meta.group != "Component")
    assert sum(bool(m.tones) for m in metas) == 2030
    # Two people of two tones: the list itself gives no base.
    assert emoji_names.lookup("1FAF1-1F3FB-200D-1FAF2-1F3FF").base == "1F91D"
    assert emoji_names.lookup("1FAF1-1F3FB-200D-1FAF2-1F3FF").tones == ("light", "dark")
