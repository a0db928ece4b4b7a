#!/usr/bin/env bash
# fontTools 4.68.0: a TrueType glyph stands where its side bearing in `hmtx` says, and not where its
# outline does. FontBuilder takes (width, 0) for each glyph and checks nothing; a plain letter that
# begins at 0 looks right, but the layers of a colour glyph, each an outline of its own, all slide
# to the left edge: the eyes leave the face. FreeType, Skia and HarfBuzz agree; only `glyf` seems to
# say otherwise. The bearing of each layer must be its xMin.
# Seen 2026-11-30 with Pillow 13.0.0, skia-python 144.1, uharfbuzz 0.57.0: "bearing xMin: the eye
# begins at 32 in Pillow, 32 in Skia, 500 in HarfBuzz"; "bearing 0: the eye begins at 0 in Pillow, 0
# in Skia, 0 in HarfBuzz"; "outline of the eye: 500", twice.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fonttools==4.68.0 pillow==13.0.0 skia-python==144.1 \
  uharfbuzz==0.57.0 numpy==2.4.6
cat > "$folder/face.py" <<'PYTHON'
"""Builds a red face with a blue eye as a colour font, and looks where readers draw the eye."""

import io

import numpy as np
import skia
import uharfbuzz
from fontTools import fontBuilder, ttLib
from fontTools.colorLib import builder
from fontTools.pens import ttGlyphPen
from PIL import Image, ImageDraw, ImageFont

FACE, EYE, PX = chr(0xE000), [0, 0, 255, 255], 64


def rectangle(left, bottom, right, top):
    pen = ttGlyphPen.TTGlyphPen(None)
    pen.moveTo((left, bottom))
    for corner in ((left, top), (right, top), (right, bottom)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()


def font(bearing):
    whole, eye = (0, 0, 1000, 1000), (500, 200, 800, 500)
    glyphs = {
        ".notdef": ttGlyphPen.TTGlyphPen(None).glyph(),
        "face": rectangle(*whole),
        "face.0": rectangle(*whole),
        "face.1": rectangle(*eye),
    }
    b = fontBuilder.FontBuilder(1024, isTTF=True)
    b.setupGlyphOrder(list(glyphs))
    b.setupCharacterMap({ord(FACE): "face"})
    b.setupGlyf(glyphs)
    b.setupHorizontalMetrics({n: (1024, bearing(b.font["glyf"][n])) for n in glyphs})
    b.setupHorizontalHeader(ascent=1024, descent=0)
    b.setupNameTable({"familyName": "Face", "styleName": "Regular"})
    b.setupOS2(sTypoAscender=1024)
    b.setupPost()
    b.font["COLR"] = builder.buildCOLR({"face": [("face.0", 0), ("face.1", 1)]}, version=0)
    b.font["CPAL"] = builder.buildCPAL([[(1, 0, 0, 1), (0, 0, 1, 1)]])
    file = io.BytesIO()
    b.font.save(file)
    return file.getvalue()


def left_edge(picture):
    return np.flatnonzero((picture == EYE).all(-1).any(0))[0]


def by_pillow(data):
    picture = Image.new("RGBA", (PX, PX), (0, 0, 0, 0))
    face = ImageFont.truetype(io.BytesIO(data), PX)
    ImageDraw.Draw(picture).text((0, 0), FACE, font=face, embedded_color=True)
    return left_edge(np.asarray(picture))


def by_skia(data):
    surface = skia.Surface(PX, PX)
    face = skia.Font(skia.Typeface.MakeFromData(skia.Data.MakeWithCopy(data)), PX)
    surface.getCanvas().drawString(FACE, 0, PX, face, skia.Paint(AntiAlias=True))
    return left_edge(surface.toarray(colorType=skia.kRGBA_8888_ColorType))


def by_harfbuzz(data):
    face = uharfbuzz.Font(uharfbuzz.Face(data))
    return face.get_glyph_extents(face.glyph_from_string("face.1")).x_bearing


for name, bearing in (("xMin", lambda glyph: getattr(glyph, "xMin", 0)), ("0", lambda glyph: 0)):
    data = font(bearing)
    print(
        f"bearing {name}: the eye begins at {by_pillow(data)} in Pillow, {by_skia(data)} in Skia, "
        f"{by_harfbuzz(data)} in HarfBuzz"
    )
    print(f"outline of the eye: {ttLib.TTFont(io.BytesIO(data))['glyf']['face.1'].xMin}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/face.py" 2>/dev/null)
echo "$seen"
[[ $seen == *"bearing xMin: the eye begins at 32 in Pillow, 32 in Skia, 500 in HarfBuzz"* ]]
[[ $seen == *"bearing 0: the eye begins at 0 in Pillow, 0 in Skia, 0 in HarfBuzz"* ]]
[[ $seen == *"outline of the eye: 500"*"outline of the eye: 500"* ]]
