import base64
import io
import struct
import zlib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from input_pipeline.art import rasterise

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
_RED = _SVG + 'viewBox="0 0 8 8"><rect width="8" height="4" fill="red"/></svg>'
# Aborts resvg: a pattern of 1e12 units a side.
_CRASH = (
    _SVG + 'viewBox="0 0 1000000 1000000"><pattern id="p" width="1000000" height="1000000" '
    'patternUnits="userSpaceOnUse" patternTransform="scale(1e6)">'
    '<rect width="9" height="9"/></pattern>'
    '<rect width="1000000" height="1000000" fill="url(#p)"/></svg>'
)
_SLOW = (
    _SVG
    + 'viewBox="0 0 8 8"><filter id="f">'
    + '<feTurbulence baseFrequency="9" numOctaves="900"/>' * 50
    + '</filter><rect width="8" height="8" filter="url(#f)"/></svg>'
)


@pytest.fixture(scope="module")
def rasteriser():
    with rasterise.Rasteriser(16) as r:
        yield r


def _png(array: np.ndarray, **kwargs) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array, **kwargs).save(out, "PNG")
    return out.getvalue()


def test_render(rasteriser):
    image = rasteriser.render(_RED)
    assert image.shape == (16, 16, 4) and image.dtype == np.uint8
    np.testing.assert_array_equal(
        image[:8], np.broadcast_to(np.uint8([255, 0, 0, 255]), (8, 16, 4))
    )
    assert not image[8:].any()


@pytest.mark.parametrize("size", ['viewBox="0 0 8 4"', 'width="8" height="4"'])
def test_a_wide_svg_is_centred(rasteriser, size):
    image = rasteriser.render(f'{_SVG}{size}><rect width="8" height="4" fill="red"/></svg>')
    assert (image[4:12, :, 3] == 255).all() and not image[:4].any() and not image[12:].any()


@pytest.mark.parametrize(
    ("svg", "reason"),
    [
        (
            _SVG + 'width="100000" height="100000"><rect width="9" height="9"/></svg>',
            "width='100000'",
        ),
        (_SVG + 'width="-1" height="8"/>', "width='-1'"),
        (_SVG + 'viewBox="0 0 1e9 1e9"/>', "viewBox="),
        ("<!DOCTYPE svg [<!ENTITY a SYSTEM 'b'>]>" + _RED, "entities"),
        ("<!DOCTYPE svg [<!ENTITY % a 'b'>]>" + _RED, "entities"),
        ("<!DOCTYPE svg [<!ENTITY a '<g/>'>]>" + _RED, "entities"),
        ("<html/>", "not <svg>"),
        ("<svg", "unclosed"),
        ("", "no element"),
        ("\ud800" + _RED, "surrogates"),
        (_RED + " " * 8_000_000, "longer"),
        (_CRASH, "crashed"),
        (_SVG + ">" + "<g>" * 300_000 + "</g>" * 300_000 + "</svg>", "crashed"),
    ],
    # pytest writes a test's name into the environment, which is too long for a child else.
    ids=lambda text: text[:40] if len(text) > 1000 else None,
)
def test_bad_svgs_are_refused_and_the_next_is_drawn(rasteriser, svg, reason):
    with pytest.raises(rasterise.BadImage, match=reason):
        rasteriser.render(svg)
    assert rasteriser.render(_RED).any()


def test_a_slow_svg_is_given_up():
    with rasterise.Rasteriser(2048, timeout_s=0.5) as r:
        with pytest.raises(rasterise.BadImage, match=r"within 0\.5 s"):
            r.render(_SLOW)
        assert r.render(_RED).any()


def test_many_keep_their_order_through_crashes(rasteriser):
    with rasterise.Rasteriser(16, processes=2) as r:
        blue = _RED.replace("red", "blue")
        answers = list(r.render_pngs([_RED, _CRASH, blue, "<svg"] * 20))
        assert [isinstance(a, rasterise.BadImage) for a in answers] == [
            False,
            True,
            False,
            True,
        ] * 20
        assert {rasterise.read_png(a)[0, 0].tobytes() for a in answers[::4]} == {b"\xff\0\0\xff"}
        assert {rasterise.read_png(a)[0, 0].tobytes() for a in answers[2::4]} == {b"\0\0\xff\xff"}
        # One who stops early leaves no answers behind for the next.
        next(r.render_pngs([_RED] * 100))
        assert r.render(blue)[0, 0].tolist() == [0, 0, 255, 255]


def test_only_what_is_inside_the_svg_is_drawn(rasteriser, tmp_path):
    red = _png(np.broadcast_to(np.uint8([255, 0, 0, 255]), (4, 4, 4)).copy())
    (tmp_path / "red.png").write_bytes(red)
    image = _SVG + 'viewBox="0 0 8 8"><image {}href="{}" width="8" height="8"/></svg>'
    for prefix in ("", "xlink:"):
        for address in (
            tmp_path / "red.png",
            (tmp_path / "red.png").as_uri(),
            "http://localhost:9/red.png",
        ):
            assert not rasteriser.render(image.format(prefix, address)).any()
        embedded = "data:image/png;base64," + base64.b64encode(red).decode()
        assert rasteriser.render(image.format(prefix, embedded))[8, 8].tolist() == [255, 0, 0, 255]
    used = (
        _SVG
        + 'viewBox="0 0 8 8"><defs><rect id="a" width="8" height="8"/></defs><use href="#a"/></svg>'
    )
    assert rasteriser.render(used)[8, 8].tolist() == [0, 0, 0, 255]


def test_read_png():
    straight = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    straight[0, 0] = [9, 9, 9, 0]
    image = rasterise.read_png(_png(straight))
    assert image[0, 0].tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(image[1:], straight[1:] * (straight[1:, :, 3:] > 0))
    grey = rasterise.read_png(_png(np.full((2, 2), 0x8000, np.uint16)))
    assert grey[0, 0].tolist() == [128, 128, 128, 255]


def test_read_png_refuses_by_the_header():
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    )
    with pytest.raises(rasterise.BadImage, match="60000 x 60000 px"):
        rasterise.read_png(bomb)
    with pytest.raises(rasterise.BadImage, match="9 x 8 px is out of 1 to 8"):
        rasterise.read_png(_png(np.zeros((8, 9, 4), np.uint8)), max_px=8)
    with pytest.raises(rasterise.BadImage, match="not a PNG"):
        rasterise.read_png(b"GIF89a" + bytes(99))


@hypothesis.given(st.data())
def test_a_damaged_png_is_a_bad_image_or_an_image(data):
    png = bytearray(_png(np.full((6, 6, 4), 200, np.uint8)))
    for _ in range(data.draw(st.integers(1, 4))):
        png[data.draw(st.integers(0, len(png) - 1))] = data.draw(st.integers(0, 255))
    del png[data.draw(st.integers(0, len(png))) :]
    try:
        image = rasterise.read_png(bytes(png), max_px=64)
    except rasterise.BadImage:
        return
    assert image.dtype == np.uint8 and image.shape[2] == 4 and max(image.shape[:2]) <= 64
