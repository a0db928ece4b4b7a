"""Other people's emoji: every layout by one set of names, bad files counted, proprietary art refused."""

import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import unicodedata
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from input_pipeline import DataError
from input_pipeline.art import common_box, set_files, sources
from input_pipeline.unicode import emoji_names, icon_names

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="{}" d="M1 1h2v6h-2z"/></svg>'


def _png(side: int = 8, colour=(200, 10, 30, 255)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((side, side, 4), colour, np.uint8)).save(out, "PNG")
    return out.getvalue()


def _bomb(side: int = 60_000) -> bytes:
    """A small PNG whose header promises gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def _write(root: pathlib.Path, files: dict) -> pathlib.Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def _write_zip(path: pathlib.Path, files: dict) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


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
        {"color/svg/1F600.svg": _SVG.format("red"), "black/svg/1F600.svg": _SVG.format("#000")},
        {("1F600", "full"), ("1F600", "line")},
    ),
    "twemoji": (
        {"assets/svg/1f468-200d-1f4bb.svg": _SVG.format("red"), "assets/72x72/23-20e3.png": _png()},
        {("1F468-200D-1F4BB", "full"), ("0023-20E3", "full")},
    ),
    "noto": (
        {
            "png/128/emoji_u1f468_1f3fd_200d_2695.png": _png(),
            "svg/emoji_u263a.svg": _SVG.format("red"),
        },
        {("1F468-1F3FD-200D-2695", "full"), ("263A", "full")},
    ),
    "emoji-datasource": (
        {"img/google/64/0023-fe0f-20e3.png": _png(), "img/google/sheets/64.png": _png()},
        {("0023-20E3", "full")},
    ),
    "fluent": (
        {
            "assets/Artist/metadata.json": _FLUENT,
            "assets/Artist/Default/Flat/artist_flat_default.svg": _SVG.format("red"),
            "assets/Artist/Dark/Flat/artist_flat_dark.svg": _SVG.format("red"),
            "assets/Artist/Dark/3D/artist_3d_dark.png": _png(),
            "assets/Artist/Flat/Woman/Light/artist.svg": _SVG.format("red"),
            "assets/Red apple/metadata.json": '{"unicode": "1f34e"}',
            "assets/Red apple/Flat/red_apple_flat.svg": _SVG.format("red"),
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
            "flat/police-car-light.svg": _SVG.format("red"),
            "flat/woman-teacher-medium-dark.svg": _SVG.format("red"),
        },
        {("1F6A8", "full"), ("1F469-1F3FE-200D-1F3EB", "full")},
    ),
}


@pytest.mark.parametrize("layout", _LAYOUTS)
@pytest.mark.parametrize("zipped", [False, True])
def test_reads_the_layout(layout, zipped, tmp_path):
    files, expected = _LAYOUTS[layout]
    path = _write_zip(tmp_path / "set.zip", files) if zipped else _write(tmp_path / "set", files)
    records = sources.read(path, layout, 16)
    assert _emoji(records) == expected
    assert records.images.shape == (len(expected), 16, 16, 4) and records.images.dtype == np.uint8
    assert set(records.columns["style"]) == {layout}
    # Every file is accounted for.
    assert len(records.images) + len(records.skipped) == len(files)


def test_records_carry_unicode_and_cldr(tmp_path):
    records = sources.read(_write(tmp_path, {"1f44b-1f3ff.png": _png()}), "mine", 8)
    row = {name: values[0] for name, values in records.columns.items()}
    assert (
        row["name"] == "waving hand: dark skin tone"
        and row["base"] == "1F44B"
        and row["tones"] == "dark"
    )
    assert row["group"] == "People & Body" and row["name_fr"] and "|" in row["keywords_en"]
    np.testing.assert_array_equal(records.images[0], np.broadcast_to([200, 10, 30, 255], (8, 8, 4)))


def test_fluent_rendering_by_style(tmp_path):
    path = _write(tmp_path, _LAYOUTS["fluent"][0])
    assert _emoji(sources.read(path, "fluent-3d", 8)) == {("1F9D1-1F3FF-200D-1F3A8", "full")}


_ICONS = {
    "prefix": "mine",
    "width": 8,
    "height": 8,
    "icons": {
        "backhand-index-pointing-left": {
            "body": '<path fill="#f00" d="M0 3h8v1h-8zM0 2h2v3h-2z"/>'
        },
        "some-logo": {"body": "<path d='M0 0h1v1z'/>"},
        "odd": {"body": '<path fill="#0f0" d="M0 0h8v8h-8z"/>'},
    },
    "aliases": {
        "backhand-index-pointing-right": {"parent": "backhand-index-pointing-left", "hFlip": True},
        "pointer": {"parent": "backhand-index-pointing-left"},
        "backhand-index-pointing-up": {"parent": "backhand-index-pointing-left", "rotate": 1},
        "grinning-face": {"parent": "nothing"},
    },
}


def test_icon_json(tmp_path):
    path = (
        _write(tmp_path, {"icons.json": json.dumps(_ICONS), "chars.json": '{"1f600": "odd"}'})
        / "icons.json"
    )
    records = sources.read(path, "mine", 8)
    image = dict(zip(records.columns["codepoints"].tolist(), records.images, strict=True))
    assert set(image) == {"1F448", "1F449", "1F446", "1F600"}
    assert image["1F600"][4, 4].tolist() == [0, 255, 0, 255]
    np.testing.assert_array_equal(image["1F449"], image["1F448"][:, ::-1])
    np.testing.assert_array_equal(image["1F446"], np.rot90(image["1F448"], -1))  # clockwise
    why = dict(records.skipped)
    assert (
        "Unicode" in why["some-logo"]
        and "malformed" in why["grinning-face"]
        and "same" in why["pointer"]
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"icons": 3}', "[" * 100_000, '{"prefix": "x"}'])
def test_bad_icon_json_is_refused(text, tmp_path):
    with pytest.raises(DataError, match=r"icons\.json"):
        sources.read(_write(tmp_path, {"icons.json": text}) / "icons.json", "mine", 8)


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


def test_one_picture_of_each_emoji(tmp_path):
    files = {
        "png/32/1f600.png": _png(32, (1, 1, 1, 255)),
        "png/64/1f600.png": _png(64, (2, 2, 2, 255)),
    }
    records = sources.read(_write(tmp_path / "a", files), "mine", 8)
    assert records.images[0, 0, 0, 0] == 2 and len(records.skipped) == 1
    records = sources.read(
        _write(tmp_path / "b", files | {"u+1F600.svg": _SVG.format("#030303")}), "mine", 8
    )
    assert records.images[0, 4, 2, 0] == 3 and len(records.skipped) == 2


def test_unreadable_pictures_are_named_and_limited(tmp_path):
    files = {
        "1f600.png": _png(),
        "1f601.png": _bomb(),
        "1f602.png": _png()[:-30],
        "1f603.svg": "<svg",
        "1f604.svg": _SVG.format("none"),
        "1f605.svg": b"\xff\xfe\x00",
    }
    path = _write(tmp_path, files)
    records = sources.read(path, "mine", 8, max_bad_share=1)
    assert records.columns["codepoints"].tolist() == ["1F600"]
    why = dict(records.skipped)
    assert set(why) == set(files) - {"1f600.png"} and "60000 x 60000" in why["1f601.png"]
    with pytest.raises(DataError, match=r"5 of 6 pictures are unreadable, first 1f601\.png"):
        sources.read(path, "mine", 8)


def test_of_two_files_one_whose_header_is_no_utf_8_is_passed_over(tmp_path):
    path = _write_zip(tmp_path / "a.zip", {"é/1f600.png": _png(), "a/1f600.png": _png()})
    data = path.read_bytes()
    first = data.index(
        "é".encode()
    )  # in the member's own header; the directory at the end stays as it is
    path.write_bytes(data[:first] + b"\xff\xff" + data[first + 2 :])
    records = sources.read(path, "mine", 8, max_bad_share=0.5)
    assert records.columns["codepoints"].tolist() == ["1F600"]
    assert "é/1f600.png" in dict(records.skipped)


def test_a_zip_cannot_escape_or_explode(tmp_path, monkeypatch):
    files = {
        "../1f600.png": _png(),
        "/abs/1f601.png": _png(),
        "a\\..\\1f602.png": _png(),
        "1f603.png": _png(),
    }
    records = sources.read(_write_zip(tmp_path / "a.zip", files), "mine", 8)
    assert records.columns["codepoints"].tolist() == ["1F603"]
    assert sum("leaves the archive" in why for _, why in records.skipped) == 3
    big = _write_zip(tmp_path / "b.zip", {"1f600.png": bytes(20 << 20), "1f601.png": _png()})
    records = sources.read(big, "mine", 8, max_bad_share=0.5)
    assert "larger than" in dict(records.skipped)["1f600.png"]
    monkeypatch.setattr(set_files, "_MAX_ARCHIVE_BYTES", 1 << 20)
    with pytest.raises(DataError, match="MiB"):
        sources.read(big, "mine", 8)


def test_a_damaged_member_is_named(tmp_path):
    path = _write_zip(tmp_path / "a.zip", {"1f600.png": os.urandom(500), "1f601.png": _png()})
    data = bytearray(path.read_bytes())
    data[100] ^= 255
    path.write_bytes(data)
    records = sources.read(path, "mine", 8, max_bad_share=0.5)
    assert "CRC" in dict(records.skipped)["1f600.png"]


def test_links_do_not_leave_the_folder(tmp_path):
    outside = _write(tmp_path / "out", {"1f600.png": _png()})
    path = _write(tmp_path / "set", {"1f601.png": _png()})
    (path / "1f600.png").symlink_to(outside / "1f600.png")
    records = sources.read(path, "mine", 8)
    assert records.columns["codepoints"].tolist() == ["1F601"] and "link" in records.skipped[0][1]


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
        sources.read(_write(tmp_path / name, {"1f600.png": _png()}), style, 8)


def test_proprietary_folders_and_icons_are_not_read(tmp_path):
    path = _write(
        tmp_path / "a", {"img-apple-64/1f600.png": _png(), "img-google-64/1f34e.png": _png()}
    )
    records = sources.read(path, "mine", 8)
    assert records.columns["codepoints"].tolist() == ["1F34E"] and "Apple" in records.skipped[0][1]
    with pytest.raises(DataError, match="proprietary"):
        info = {"info": {"author": {"name": "JoyPixels"}}}
        sources.read(_write(tmp_path, {"i.json": json.dumps(_ICONS | info)}) / "i.json", "mine", 8)


def test_nothing_to_read_is_refused(tmp_path):
    for path in (tmp_path / "missing", tmp_path / "missing.json"):
        with pytest.raises(DataError, match="missing"):
            sources.read(path, "mine", 8)
    with pytest.raises(DataError, match="holiday"):
        sources.read(_write(tmp_path / "photos", {"holiday.png": _png()}), "mine", 8)
    with pytest.raises(DataError, match="zip"):
        sources.read(_write(tmp_path, {"set.zip": b"PK no"}) / "set.zip", "mine", 8)


def test_content_hash_follows_the_content(tmp_path):
    path = _write(tmp_path, {"1f600.png": _png()})
    first = sources.content_hash(path)
    assert sources.content_hash(path) == first
    _write(path, {"1f600.png": _png(colour=(200, 10, 31, 255))})
    assert sources.content_hash(path) != first


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(emoji_names.every()))
def test_every_emoji_is_found_by_its_words(codepoints):
    name = emoji_names.lookup(codepoints).name
    words = "".join(c if c.isalnum() or c in "#*" else "-" for c in name.replace("’", ""))
    assert icon_names.lookup(words) == codepoints


@pytest.mark.parametrize("name", ["", "logo", "light", "medium-dark", "face-dark", "---"])
def test_other_words_are_no_emoji(name):
    assert icon_names.lookup(name) is None


@settings(max_examples=50, deadline=None)
@given(
    left=st.integers(0, 50),
    top=st.integers(0, 50),
    width=st.integers(3, 40),
    height=st.integers(3, 40),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_common_box(left, top, width, height, colour):
    image = np.zeros((128, 96, 4), np.uint8)
    image[..., :3] = 77  # hidden under alpha 0: must not bleed in
    image[top : top + height, left : left + width] = (*colour, 255)
    out = common_box.fit(image, 64)
    assert out.shape == (64, 64, 4) and out.dtype == np.uint8
    assert (out[out[..., 3] == 0] == 0).all()
    inside = out[out[..., 3] > 32]
    assert np.abs(inside[:, :3].astype(int) - colour).max() <= 1
    # Area, extent and centre of the drawing.
    coverage = out[..., 3] / 255
    longer = common_box.BOX_SHARE * 64
    want_h, want_w = (longer * side / max(width, height) for side in (height, width))
    np.testing.assert_allclose(coverage.sum(), want_h * want_w, rtol=0.05)
    np.testing.assert_allclose(
        [coverage.sum(0).max(), coverage.sum(1).max()], [want_h, want_w], atol=0.6
    )
    grid = np.arange(64) + 0.5
    centre = [(coverage.sum(1 - axis) * grid).sum() / coverage.sum() for axis in (0, 1)]
    np.testing.assert_allclose(centre, [32, 32], atol=0.1)


def test_resize_keeps_aspect_and_identity():
    image = np.zeros((20, 40, 4), np.uint8)
    image[:] = (10, 20, 30, 255)
    out = common_box.resize(image, 16)
    assert (out[:3, :, 3] == 0).all() and (out[5:11] == (10, 20, 30, 255)).all()
    np.testing.assert_array_equal(common_box.resize(out, 16), out)


def _run(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "input_pipeline.sources", *map(str, arguments)],
        capture_output=True,
        text=True,
    )


def test_list(tmp_path):
    path = _write(
        tmp_path, {"1f600.png": _png(), "1f601.png": b"no", "readme.txt": "", "logo.png": _png()}
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
    assert (
        done.stderr.count("\n") == 1
        and done.stderr.startswith("error: ")
        and "nowhere" in done.stderr
    )


def _read(tmp_path, files, **more):
    records = sources.read(_write(tmp_path / "set", files), "mine", 8, **more)
    return records.columns["codepoints"].tolist(), dict(records.skipped), records


@pytest.mark.parametrize("zipped", [False, True])
def test_hidden_files_never_win_over_the_picture(zipped, tmp_path):
    files = {
        "pizza.png": _png(8),
        "._pizza.png": b"Mac OS X        a resource fork",
        "__MACOSX/pizza.png": _png(64),
        ".ipynb_checkpoints/rocket.png": _png(),
    }
    write = _write_zip if zipped else _write
    records = sources.read(write(tmp_path / "set.zip", files), "mine", 8)
    assert records.columns["codepoints"].tolist() == ["1F355"]
    assert records.columns["file"].tolist() == ["pizza.png"]
    assert records.skipped and all("hidden" in why for _, why in records.skipped)


def test_linked_folders_are_named(tmp_path):
    outside = _write(tmp_path / "out", {"1f600.png": _png()})
    path = _write(tmp_path / "set", {"a/1f601.png": _png()})
    (path / "elsewhere").symlink_to(outside, target_is_directory=True)
    (path / "again").symlink_to(path / "a", target_is_directory=True)
    records = sources.read(path, "mine", 8)
    why = dict(records.skipped)
    assert records.columns["codepoints"].tolist() == ["1F601"]
    assert "source of its own" in why["elsewhere"] and "read anyway" in why["again"]


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
    path = _write(tmp_path / "flags", {f"{c}.svg": _SVG.format("red") for c in countries})
    with pytest.raises(DataError, match=r"no emoji in it; first: ae\.svg: doubtful"):
        sources.read(path, "mine", 8)
    numbered = {f"{i:04d}.png": _png() for i in range(2595, 2640)} | {"rocket.png": _png()}
    found, why, _ = _read(tmp_path, numbered)
    assert found == ["1F680"]
    assert "could be sun" in why["2600.png"] and "call it u2600" in why["2600.png"]


def test_doubtful_names_count_where_the_folder_agrees(tmp_path):
    files = ("a9.png", "2600.png", "23-20e3.png", "1f600.png", "cat.png", "logo.png")
    found, why, _ = _read(tmp_path, {name: _png() for name in files})
    assert sorted(found) == ["0023-20E3", "00A9", "1F600", "2600"]
    assert set(why) == {"logo.png", "cat.png"} and "of its kind" in why["cat.png"]


def test_words_do_not_vouch_for_codes(tmp_path):
    words = ("rocket", "pizza", "guitar", "strawberry", "house", "car", "cat", "dog", "sun")
    found, why, _ = _read(tmp_path, {f"{n}.png": _png() for n in (*words, "AE", "2600")})
    assert "00AE" not in found and "1F408" in found and len(found) >= 7
    assert all("doubtful" in why[f"{name}.png"] for name in ("AE", "2600"))


def test_a_vendor_that_the_package_names_is_refused(tmp_path):
    for package in ({"author": "JoyPixels"}, {"name": "emoji-datasource-apple"}):
        files = {"1f600.png": _png(), "package.json": json.dumps(package)}
        with pytest.raises(DataError, match=r"package\.json: .* proprietary"):
            _read(tmp_path, files)
    files = {"1f600.png": _png(), "package.json": '{"name": "apple-pie", "author": "A. Baker"}'}
    assert _read(tmp_path, files)[0] == ["1F600"]


def test_french_names_and_emoji_characters(tmp_path):
    names = ("fusée", unicodedata.normalize("NFD", "gâteau d’anniversaire"), "cœur rouge", "🍕")
    found, why, _ = _read(tmp_path, {f"{name}.png": _png() for name in names})
    assert sorted(found) == ["1F355", "1F382", "1F680", "2764"] and not why


def test_a_vendor_is_told_by_its_art_and_not_by_a_folder_called_apple(tmp_path):
    path = _write(tmp_path / "samsung" / "fruit" / "apple", {"red-apple.png": _png()})
    assert sources.read(path, "mine", 8).columns["codepoints"].tolist() == ["1F34E"]
    found, _, _ = _read(tmp_path, {"apple/1f34f.png": _png(), "pear/pear.png": _png()})
    assert sorted(found) == ["1F34F", "1F350"]
    layout = _write(tmp_path / "b", {"img/apple/64/1f600.png": _png(), "1f601.png": _png()})
    assert sources.read(layout, "mine", 8).columns["codepoints"].tolist() == ["1F601"]
    named = _SVG.replace("<path", "<title>Apple Color Emoji</title><path").format("red")
    found, why, _ = _read(tmp_path, {"1f602.svg": named}, max_bad_share=0.9)
    assert "1F602" not in found and "proprietary" in why["1f602.svg"]


def test_icons_without_a_palette_are_line_art(tmp_path):
    path = _write(tmp_path, {"i.json": json.dumps(_ICONS | {"info": {"palette": False}})})
    records = sources.read(path / "i.json", "mine", 8)
    assert set(records.columns["domain"]) == {"line"}


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ('<?xml version="1.0" encoding="UTF-16"?>', "utf-16"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "latin-1"),
        ("<?xml version='1.0' encoding='windows-1252'?>", "cp1252"),
        ('<?xml version="1.0" encoding="utf-8"?>', "utf-8-sig"),
    ],
)
def test_svg_in_the_encoding_it_declares(data, encoding, tmp_path):
    svg = data + _SVG.replace("<path", "<title>fusée</title><path").format("red")
    _, why, records = _read(tmp_path, {"1f680.svg": svg.encode(encoding)})
    assert not why and records.images[0, 4, 2].tolist() == [255, 0, 0, 255]


def test_plain_entities_of_drawing_programs_are_expanded(tmp_path):
    head = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd" ['
        '<!ENTITY ns_svg "http://www.w3.org/2000/svg">\n<!ENTITY tone "red">]>'
    )
    svg = head + _SVG.replace("http://www.w3.org/2000/svg", "&ns_svg;").format("&tone;")
    _, why, records = _read(tmp_path, {"1f680.svg": svg})
    assert not why and records.images[0, 4, 2].tolist() == [255, 0, 0, 255]


def test_png_with_large_texts_and_profiles_is_read(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * (3 << 20), zip=True)
    info.add_itxt("XML:com.adobe.xmp", "b" * (3 << 20), zip=True)
    out = io.BytesIO()
    picture = Image.fromarray(np.full((8, 8, 4), (1, 2, 3, 255), np.uint8))
    picture.save(out, "PNG", pnginfo=info, icc_profile=bytes(3 << 20))
    assert len(out.getvalue()) < 100_000
    _, why, records = _read(tmp_path, {"1f680.png": out.getvalue()})
    assert not why and records.images[0, 4, 4].tolist() == [1, 2, 3, 255]


def test_a_few_unreadable_pictures_do_not_sink_a_set(tmp_path, capsys):
    good = {f"{c}.png": _png() for c in emoji_names.every()[:57]}
    found, why, _ = _read(tmp_path, good | {"1f680.png": b"", "1f355.png": b"", "2600.svg": "<"})
    assert len(found) == 57 and len(why) == 3
    assert "3 of 60 pictures are unreadable" in capsys.readouterr().err
    more = {f"{c}.png": b"" for c in emoji_names.every()[60:67]}
    with pytest.raises(DataError, match=r"--config\.data\.max_bad_share=0\.15$") as e:
        _read(tmp_path, more)
    least = float(str(e.value).rpartition("=")[2])
    assert len(_read(tmp_path, {}, max_bad_share=least)[0]) == 57  # what it says works
