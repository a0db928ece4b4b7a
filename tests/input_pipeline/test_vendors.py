"""Proprietary art is refused, and nothing else is taken for it."""

import json

import pytest

from input_pipeline import DataError
from input_pipeline.art import sources
from tests.support.emoji_files import ICONS, SVG, png, write_and_read, write_files


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("emoji-datasource-apple", "x"),
        ("set", "Samsung"),
        ("JoyPixels_5", "x"),
        ("img-facebook-64", "y"),
    ],
)
def test_proprietary_art_is_refused(name, style, tmp_path):
    with pytest.raises(DataError, match="proprietary"):
        sources.read(write_files(tmp_path / name, {"1f600.png": png()}), style, 8)


def test_proprietary_folders_and_icons_are_not_read(tmp_path):
    path = write_files(
        tmp_path / "a", {"img-apple-64/1f600.png": png(), "img-google-64/1f34e.png": png()}
    )
    records = sources.read(path, "mine", 8)
    assert records.columns["codepoints"].tolist() == ["1F34E"] and "Apple" in records.skipped[0][1]
    info = {"info": {"author": {"name": "JoyPixels"}}}
    icons = write_files(tmp_path, {"i.json": json.dumps(ICONS | info)}) / "i.json"
    with pytest.raises(DataError, match="proprietary"):
        sources.read(icons, "mine", 8)


def test_a_vendor_that_the_package_names_is_refused(tmp_path):
    for package in ({"author": "JoyPixels"}, {"name": "emoji-datasource-apple"}):
        files = {"1f600.png": png(), "package.json": json.dumps(package)}
        with pytest.raises(DataError, match=r"package\.json: .* proprietary"):
            write_and_read(tmp_path, files)
    files = {"1f600.png": png(), "package.json": '{"name": "apple-pie", "author": "A. Baker"}'}
    assert write_and_read(tmp_path, files)[0] == ["1F600"]


def test_a_vendor_is_recognised_by_its_art_and_not_by_a_folder_called_apple(tmp_path):
    path = write_files(tmp_path / "samsung" / "fruit" / "apple", {"red-apple.png": png()})
    assert sources.read(path, "mine", 8).columns["codepoints"].tolist() == ["1F34E"]
    emoji, _, _ = write_and_read(tmp_path, {"apple/1f34f.png": png(), "pear/pear.png": png()})
    assert sorted(emoji) == ["1F34F", "1F350"]
    layout = write_files(tmp_path / "b", {"img/apple/64/1f600.png": png(), "1f601.png": png()})
    assert sources.read(layout, "mine", 8).columns["codepoints"].tolist() == ["1F601"]
    named = SVG.replace("<path", "<title>Apple Color Emoji</title><path").format("red")
    emoji, why, _ = write_and_read(tmp_path, {"1f602.svg": named}, max_bad_share=0.9)
    assert "1F602" not in emoji and "proprietary" in why["1f602.svg"]
