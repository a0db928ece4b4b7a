"""Fuzzes what turns file names into emoji."""

import pathlib

from hypothesis import strategies as st

from input_pipeline.unicode import emoji_names, icon_names
from tests.fuzz.fuzz_runner import Reader
from tests.fuzz.random_values import TEXT, words

_STEMS = st.one_of(
    st.text(max_size=60),
    st.text("0123456789abcdefuUFE-_+ ", max_size=60),
    st.lists(
        words("emoji_u 1f468 200d fe0f 1F3FD - _ U+ man dark skin tone light flag") | TEXT,
        max_size=12,
    ).map("-".join),
)


def _read_name(stem: str, folder: pathlib.Path) -> None:
    key = emoji_names.canonical(stem)
    assert key is None or emoji_names.canonical(key) == key
    for codepoints in (emoji_names.normalise(stem), icon_names.lookup(stem)):
        assert codepoints is None or emoji_names.lookup(codepoints) is not None


NAME = Reader(_STEMS, _read_name, ())
