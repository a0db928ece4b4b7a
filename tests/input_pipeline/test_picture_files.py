"""SVG and PNG files as drawing programs write them: encodings, entities, large metadata."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.support.emoji_files import SVG, write_and_read


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
    svg = data + SVG.replace("<path", "<title>fusée</title><path").format("red")
    _, why, records = write_and_read(tmp_path, {"1f680.svg": svg.encode(encoding)})
    assert not why and records.images[0, 4, 2].tolist() == [255, 0, 0, 255]


def test_plain_entities_of_drawing_programs_are_expanded(tmp_path):
    head = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd" ['
        '<!ENTITY ns_svg "http://www.w3.org/2000/svg">\n<!ENTITY tone "red">]>'
    )
    svg = head + SVG.replace("http://www.w3.org/2000/svg", "&ns_svg;").format("&tone;")
    _, why, records = write_and_read(tmp_path, {"1f680.svg": svg})
    assert not why and records.images[0, 4, 2].tolist() == [255, 0, 0, 255]


def test_png_with_large_texts_and_profiles_is_read(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * (3 << 20), zip=True)
    info.add_itxt("XML:com.adobe.xmp", "b" * (3 << 20), zip=True)
    out = io.BytesIO()
    picture = Image.fromarray(np.full((8, 8, 4), (1, 2, 3, 255), np.uint8))
    picture.save(out, "PNG", pnginfo=info, icc_profile=bytes(3 << 20))
    assert len(out.getvalue()) < 100_000
    _, why, records = write_and_read(tmp_path, {"1f680.png": out.getvalue()})
    assert not why and records.images[0, 4, 4].tolist() == [1, 2, 3, 255]
