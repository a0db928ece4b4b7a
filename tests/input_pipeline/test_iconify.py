"""Iconify's JSON: icons, aliases and transforms; a malformed file is refused in one line."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input_pipeline import DataError
from input_pipeline.art import sources
from tests.support.emoji_files import ICONS, write_files


def test_icon_json(tmp_path):
    files = {"icons.json": json.dumps(ICONS), "chars.json": '{"1f600": "odd"}'}
    records = sources.read(write_files(tmp_path, files) / "icons.json", "mine", 8)
    image = dict(zip(records.columns["codepoints"].tolist(), records.images, strict=True))
    assert set(image) == {"1F448", "1F449", "1F446", "1F600"}
    assert image["1F600"][4, 4].tolist() == [0, 255, 0, 255]
    np.testing.assert_array_equal(image["1F449"], image["1F448"][:, ::-1])
    np.testing.assert_array_equal(image["1F446"], np.rot90(image["1F448"], -1))  # clockwise
    why = dict(records.skipped)
    assert "Unicode" in why["some-logo"]
    assert "malformed" in why["grinning-face"]
    assert "same" in why["pointer"]


@pytest.mark.parametrize("text", ["{", "[]", '{"icons": 3}', "[" * 100_000, '{"prefix": "x"}'])
def test_bad_icon_json_is_refused(text, tmp_path):
    with pytest.raises(DataError, match=r"icons\.json"):
        sources.read(write_files(tmp_path, {"icons.json": text}) / "icons.json", "mine", 8)


_NAMES = st.sampled_from(
    ["icons", "grinning-face", "1f34e", "x", "body", "parent", "rotate", "hFlip", "width", "name"]
)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    data=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("aliases", "info", "chars", "width"), _JSON)
    ),
    icons=st.dictionaries(_NAMES, _JSON, max_size=3),
)
def test_any_icon_json_is_read_or_refused(data, icons, tmp_path_factory):
    path = tmp_path_factory.mktemp("j") / "i.json"
    path.write_text(
        json.dumps(data | {"icons": icons | {"grapes": {"body": '<path d="M0 0h9v9z"/>'}}})
    )
    try:
        assert len(sources.read(path, "mine", 8, max_bad_share=1).images) >= 1
    except DataError as e:
        assert "\n" not in str(e)


def test_icons_without_a_palette_are_line_art(tmp_path):
    path = write_files(tmp_path, {"i.json": json.dumps(ICONS | {"info": {"palette": False}})})
    records = sources.read(path / "i.json", "mine", 8)
    assert set(records.columns["domain"]) == {"line"}
