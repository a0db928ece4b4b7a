"""Fuzzes the readers of PNG and SVG files."""

import io
import pathlib
import struct
import zlib

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from input_pipeline.art import rasterise
from tests.fuzz.fuzz_runner import Reader
from tests.fuzz.random_values import BYTES, TEXT, damaged, words


@st.composite
def _png_files(draw: st.DrawFn) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = draw(st.sampled_from([zlib.crc32(kind + data)] * 19 + [0]))
        length = draw(st.sampled_from([len(data)] * 19 + [2**31 - 1]))
        return struct.pack(">I", length) + kind + data + struct.pack(">I", crc)

    side = st.sampled_from([*[1, 3, 8, 17] * 4, 64, 65, 0, 2**31])
    depth = draw(st.sampled_from([8, 8, 8, 1, 2, 4, 16, 3]))
    colour = draw(st.sampled_from([0, 2, 3, 4, 6, 5]))
    header = (draw(side), draw(side), depth, colour, 0, 0, draw(st.integers(0, 2)))
    rows = zlib.compress((bytes(1) + draw(BYTES)) * draw(st.sampled_from([1, 1000, 100_000])))
    kinds = st.sampled_from(
        [b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"fdAT"]
    )
    others = [chunk(draw(kinds), draw(BYTES)) for _ in range(draw(st.integers(0, 3)))]
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", *header)),
            *others,
            chunk(b"IDAT", rows),
            chunk(b"IEND", b""),
        ]
    )


def _good_png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((6, 6, 4), 200, np.uint8)).save(out, "PNG")
    return out.getvalue()


def _read_png(data: bytes, folder: pathlib.Path) -> None:
    image = rasterise.read_png(data, max_px=64)
    assert image.dtype == np.uint8 and image.shape[2] == 4 and max(image.shape[:2]) <= 64


_SVG_NUMBERS = st.sampled_from(
    ["0", "1", "8", "-1", "1e6", "1e30", "nan", "50%", "1e-30", "", "9 9", "auto"]
)
_SVG_TEXTS = st.sampled_from(
    [
        "url(#a)",
        "#a",
        "#b",
        "file:///etc/passwd",
        "http://localhost:9/x.png",
        "M0 0h9v9z",
        "M0 0C1 1 1e9 9 0 0",
        "data:image/png;base64,AAAA",
        "data:image/svg+xml,<svg/>",
        "rotate(1e9)",
        "scale(1e6)",
        "red",
        "none",
    ]
)
_SVG_VALUES = _SVG_NUMBERS | _SVG_TEXTS | TEXT
_SVG_ATTRIBUTES = words(
    "width height viewBox id href xlink:href fill stroke d x y r rx transform filter mask "
    "clip-path stdDeviation baseFrequency numOctaves patternUnits style stroke-dasharray "
    "preserveAspectRatio font-size offset"
)
_SVG_TAGS = words(
    "g rect path circle use image pattern mask clipPath filter feGaussianBlur feTurbulence feImage "
    "linearGradient stop text tspan style symbol marker svg defs switch script foreignObject"
)
_SVG_HEADS = st.sampled_from(
    [
        "",
        "",
        "",
        "<?xml version='1.0'?>",
        "<!DOCTYPE svg [<!ENTITY a 'b'>]>",
        "\ufeff",
        "<!--",
    ]
)
_SVG_START = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '


@st.composite
def _svg_texts(draw: st.DrawFn) -> str:
    def element(tag: str, depth: int) -> str:
        attributes = draw(st.dictionaries(_SVG_ATTRIBUTES, _SVG_VALUES, max_size=4))
        written = " ".join(f'{k}="{v}"' for k, v in attributes.items())
        inside = "".join(
            element(draw(_SVG_TAGS), depth + 1) for _ in range(draw(st.integers(0, 3 - depth)))
        )
        return f"<{tag} {written}>{inside}</{tag}>"

    svg = draw(_SVG_HEADS) + element("svg", 0).replace("<svg ", _SVG_START, 1)
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(svg)))
        svg = svg[:at] + draw(TEXT) + svg[at + draw(st.integers(0, 9)) :]
    return svg


_rasterisers: list[rasterise.Rasteriser] = []  # one, started by the first case


def read_svg(svg: str, folder: pathlib.Path) -> None:
    """Rasterises an SVG; raises rasterise.BadImage where it is refused."""
    if not _rasterisers:
        _rasterisers.append(rasterise.Rasteriser(16, timeout_s=3.0))
    image = _rasterisers[0].render(svg)
    assert image.shape == (16, 16, 4)


PNG = Reader(_png_files() | damaged(_good_png()), _read_png, (rasterise.BadImage,))
SVG = Reader(_svg_texts(), read_svg, (rasterise.BadImage,))
