"""Drawings as a colour font, read back by others."""

import numpy as np
import pytest
from fontTools import ttLib
from PIL import Image, ImageDraw, ImageFont

from emoji_gan.vector import font, specimen
from emoji_gan.vector.drawing import Path, Shape


def _square(low, high):
    corners = [(low, low), (high, low), (high, high), (low, high)]
    sides = [np.linspace(a, b, 4) for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)]
    return Path(np.stack(sides), True)


_DRAWING = [
    Shape((_square(6, 66), _square(26, 46)), (210, 47, 39)),  # with a hole
    Shape((Path(np.linspace((6, 60), (66, 60), 4)[None], False),), (0, 0, 0), 4.0),
]


@pytest.mark.parametrize("suffix", [".ttf", ".woff2"])
def test_a_font_is_read_back(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    font.write(font.build({0x1F355: _DRAWING, 0xE000: _DRAWING[:1]}, "Ours", licence="CC0"), path)
    read = ttLib.TTFont(path)
    assert read["COLR"].version == 0 and set(read.getBestCmap()) == {0x1F355, 0xE000}
    assert [len(read["COLR"].ColorLayers[f"u{c:04X}"]) for c in (0x1F355, 0xE000)] == [2, 1]
    assert read["name"].getDebugName(1) == "Ours" and read["name"].getDebugName(13) == "CC0"


def test_the_same_drawings_are_the_same_bytes(tmp_path):
    for name in ("a.ttf", "b.ttf"):
        font.write(font.build({0xE000: _DRAWING}, "Ours"), tmp_path / name)
    assert (tmp_path / "a.ttf").read_bytes() == (tmp_path / "b.ttf").read_bytes()


def test_another_program_draws_its_colours_where_they_are(tmp_path):
    font.write(font.build({0xE000: _DRAWING}, "Ours"), tmp_path / "a.ttf")
    picture = Image.new("RGBA", (144, 144), "white")
    opened = ImageFont.truetype(tmp_path / "a.ttf", 144)
    ImageDraw.Draw(picture).text((0, 0), "\ue000", font=opened, embedded_color=True)
    pixels = np.asarray(picture)[..., :3]
    assert tuple(pixels[30, 30]) == (210, 47, 39)
    assert tuple(pixels[72, 72]) == (255, 255, 255)  # the hole
    assert tuple(pixels[120, 72]) == (0, 0, 0)  # the stroke


def test_a_name_that_is_a_code_point_gets_it_and_others_get_private_ones():
    names = ["1F355", "U+2764", "cat", "1F1E6-1F1E8", "1F355", "E000", "41", "face"]
    chosen = font.characters(names)
    assert chosen[:2] == [0x1F355, 0x2764] and len(set(chosen)) == len(names)
    assert all(0xE000 <= c <= 0xF8FF for c in chosen[2:])


def test_the_page_shows_every_drawing_and_escapes_its_name():
    page = specimen.page("Ours", "Ours", {0xE000: "<b>", 0x1F355: "pizza"}, ["CC & BY"])
    assert "<b>" not in page and page.count("&#x1F355;") == 6 and "CC &amp; BY" in page
    assert 'url("Ours.woff2")' in specimen.css("Ours", "Ours")
