"""Reading other people's emoji sets: their layouts, and the list of what is read and what not."""

import json
import subprocess
import sys

import numpy as np
import pytest

from input_pipeline import DataError
from input_pipeline.art import sources
from tests.support.emoji_files import SVG, png, write_files, write_zip


def _emoji(records: sources.Records) -> set[tuple[str, str]]:
    return set(
        zip(records.columns["codepoints"].tolist(), records.columns["domain"].tolist(), strict=True)
    )


_FLUENT = json.dumps(
    {
        "unicode": "1f9d1 200d 1f3a8",
        "unicodeSkintones": [
            "1f9d1 200d 1f3a8",
            "1f9d1 1f3fb 200d 1f3a8",
            "1f9d1 1f3ff 200d 1f3a8",
        ],
    }
)


_LAYOUTS = {
    "openmoji": (
        {"color/svg/1F600.svg": SVG.format("red"), "black/svg/1F600.svg": SVG.format("#000")},
        {("1F600", "full"), ("1F600", "line")},
    ),
    "twemoji": (
        {"assets/svg/1f468-200d-1f4bb.svg": SVG.format("red"), "assets/72x72/23-20e3.png": png()},
        {("1F468-200D-1F4BB", "full"), ("0023-20E3", "full")},
    ),
    "noto": (
        {
            "png/128/emoji_u1f468_1f3fd_200d_2695.png": png(),
            "svg/emoji_u263a.svg": SVG.format("red"),
        },
        {("1F468-1F3FD-200D-2695", "full"), ("263A", "full")},
    ),
    "emoji-datasource": (
        {"img/google/64/0023-fe0f-20e3.png": png(), "img/google/sheets/64.png": png()},
        {("0023-20E3", "full")},
    ),
    "fluent": (
        {
            "assets/Artist/metadata.json": _FLUENT,
            "assets/Artist/Default/Flat/artist_flat_default.svg": SVG.format("red"),
            "assets/Artist/Dark/Flat/artist_flat_dark.svg": SVG.format("red"),
            "assets/Artist/Dark/3D/artist_3d_dark.png": png(),
            "assets/Artist/Flat/Woman/Light/artist.svg": SVG.format("red"),
            "assets/Red apple/metadata.json": '{"unicode": "1f34e"}',
            "assets/Red apple/Flat/red_apple_flat.svg": SVG.format("red"),
        },
        {
            ("1F9D1-200D-1F3A8", "full"),
            ("1F9D1-1F3FF-200D-1F3A8", "full"),
            ("1F469-1F3FB-200D-1F3A8", "full"),
            ("1F34E", "full"),
        },
    ),
    "words": (
        {
            "flat/police-car-light.svg": SVG.format("red"),
            "flat/woman-teacher-medium-dark.svg": SVG.format("red"),
        },
        {("1F6A8", "full"), ("1F469-1F3FE-200D-1F3EB", "full")},
    ),
}


@pytest.mark.parametrize("layout", _LAYOUTS)
@pytest.mark.parametrize("zipped", [False, True])
def test_reads_the_layout(layout, zipped, tmp_path):
    files, expected = _LAYOUTS[layout]
    path = (
        write_zip(tmp_path / "set.zip", files) if zipped else write_files(tmp_path / "set", files)
    )
    records = sources.read(path, layout, 16)
    assert _emoji(records) == expected
    assert records.images.shape == (len(expected), 16, 16, 4) and records.images.dtype == np.uint8
    assert set(records.columns["style"]) == {layout}
    # Every file is accounted for.
    assert len(records.images) + len(records.skipped) == len(files)


def test_records_carry_unicode_and_cldr(tmp_path):
    records = sources.read(write_files(tmp_path, {"1f44b-1f3ff.png": png()}), "mine", 8)
    row = {name: values[0] for name, values in records.columns.items()}
    assert row["name"] == "waving hand: dark skin tone"
    assert row["base"] == "1F44B"
    assert row["tones"] == "dark"
    assert row["group"] == "People & Body" and row["name_fr"] and "|" in row["keywords_en"]
    np.testing.assert_array_equal(records.images[0], np.broadcast_to([200, 10, 30, 255], (8, 8, 4)))


def test_fluent_rendering_by_style(tmp_path):
    path = write_files(tmp_path, _LAYOUTS["fluent"][0])
    assert _emoji(sources.read(path, "fluent-3d", 8)) == {("1F9D1-1F3FF-200D-1F3A8", "full")}


def test_only_chosen_emoji_are_drawn(tmp_path):
    path = write_files(tmp_path, _LAYOUTS["twemoji"][0])
    assert _emoji(sources.read(path, "mine", 8, only={"0023-20E3"})) == {("0023-20E3", "full")}


def test_one_picture_of_each_emoji(tmp_path):
    files = {
        "png/32/1f600.png": png(32, (1, 1, 1, 255)),
        "png/64/1f600.png": png(64, (2, 2, 2, 255)),
    }
    records = sources.read(write_files(tmp_path / "a", files), "mine", 8)
    assert records.images[0, 0, 0, 0] == 2 and len(records.skipped) == 1
    records = sources.read(
        write_files(tmp_path / "b", files | {"u+1F600.svg": SVG.format("#030303")}), "mine", 8
    )
    assert records.images[0, 4, 2, 0] == 3 and len(records.skipped) == 2


def test_nothing_to_read_is_refused(tmp_path):
    for path in (tmp_path / "missing", tmp_path / "missing.json"):
        with pytest.raises(DataError, match="missing"):
            sources.read(path, "mine", 8)
    with pytest.raises(DataError, match="holiday"):
        sources.read(write_files(tmp_path / "photos", {"holiday.png": png()}), "mine", 8)
    with pytest.raises(DataError, match="zip"):
        sources.read(write_files(tmp_path, {"set.zip": b"PK no"}) / "set.zip", "mine", 8)


def test_content_hash_follows_the_content(tmp_path):
    path = write_files(tmp_path, {"1f600.png": png()})
    first = sources.content_hash(path)
    assert sources.content_hash(path) == first
    write_files(path, {"1f600.png": png(colour=(200, 10, 31, 255))})
    assert sources.content_hash(path) != first


def _run(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "input_pipeline.sources", *map(str, arguments)],
        capture_output=True,
        text=True,
    )


def test_list(tmp_path):
    path = write_files(
        tmp_path, {"1f600.png": png(), "1f601.png": b"no", "readme.txt": "", "logo.png": png()}
    )
    done = _run(path, "--list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "read 1F600 full (grinning face): 1f600.png" in lines
    assert any(line.startswith("not read 1f601.png: unreadable: not a PNG") for line in lines)
    assert any(line.startswith("not read readme.txt: ") for line in lines)
    assert any(line.startswith("total: 1 of 4 ") for line in lines)


def test_a_mistake_is_one_line(tmp_path):
    done = _run(tmp_path / "nowhere", "--list")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert "nowhere" in done.stderr
