"""Writes drawings as a colour font: COLR version 0, in layers of one colour each.

Version 0 is drawn by every browser and by FreeType; drawings without gradients need no more.
"""

import io
import pathlib
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pathops
from fontTools import fontBuilder, ttLib
from fontTools.colorLib import builder as color_builder
from fontTools.pens import cu2quPen, ttGlyphPen

from emoji_gan.runtime import workdir
from emoji_gan.vector.drawing import SIDE, Shape

_UNITS = 1024  # of the em square, which a drawing fills
_DESCENT = 0.2  # of the em square, below the base line
_DATE = 3660681600  # 2020-01-01, in seconds since 1904
_MAX_CURVE_ERROR = 0.5  # units; TrueType's curves are quadratic
_FIRST_FREE = 0xE000  # of Unicode's private use area
_LAST_FREE = 0xF8FF
MOST_DRAWINGS = _LAST_FREE - _FIRST_FREE + 1


def characters(names: Sequence[str]) -> list[int]:
    """Chooses a code point for each name: the one that it is, else a private one, in order.

    `1F355` is U+1F355; what is a sequence of code points, or no code point, gets a private one.
    """
    chosen, free = [], _FIRST_FREE
    for name in names:
        own = _code_point(name)
        if own is None or own in chosen:
            own, free = free, free + 1
        chosen.append(own)
    return chosen


def _code_point(name: str) -> int | None:
    if not re.fullmatch(r"U\+[0-9A-Fa-f]{4,6}|(?=.*[0-9])[0-9A-Fa-f]{4,6}", name):
        return None  # "cafe" is a word
    value = int(name.removeprefix("U+"), 16)
    return value if 0x2000 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xF8FF else None


def build(
    drawings: Mapping[int, Sequence[Shape]], family: str, *, licence: str = ""
) -> ttLib.TTFont:
    """Builds a font of drawings.

    Args:
      drawings: code point -> shapes, the lowest first, in units of the view box.
      family: name of the font.
      licence: that it may be used by, written into it.
    """
    colours = sorted({shape.colour for shapes in drawings.values() for shape in shapes})
    glyphs = {".notdef": ttGlyphPen.TTGlyphPen(None).glyph()}
    layers, names = {}, {}
    for character, shapes in drawings.items():
        name = names[character] = f"u{character:04X}"
        whole = pathops.Path()
        layers[name] = []
        for i, shape in enumerate(shapes):
            path = _outline(shape)
            whole.addPath(path)
            glyphs[f"{name}.{i}"] = _glyph(path)
            layers[name].append((f"{name}.{i}", colours.index(shape.colour)))
        whole.simplify(fix_winding=True)
        glyphs[name] = _glyph(whole)  # where colours are not drawn: all of it in one
    b = fontBuilder.FontBuilder(_UNITS, isTTF=True)
    b.setupGlyphOrder(list(glyphs))
    b.setupCharacterMap({character: name for character, name in names.items()})
    b.setupGlyf(glyphs)
    b.setupHorizontalMetrics(
        {name: (_UNITS, glyph.xMin) for name, glyph in b.font["glyf"].glyphs.items()}
    )
    ascent = round((1 - _DESCENT) * _UNITS)
    b.setupHorizontalHeader(ascent=ascent, descent=ascent - _UNITS)
    b.setupNameTable({"familyName": family, "styleName": "Regular", "licenseDescription": licence})
    b.setupOS2(
        sTypoAscender=ascent,
        sTypoDescender=ascent - _UNITS,
        usWinAscent=ascent,
        usWinDescent=_UNITS - ascent,
    )
    b.setupPost()
    b.font["COLR"] = color_builder.buildCOLR(layers, version=0)
    b.font["CPAL"] = color_builder.buildCPAL([[(*np.divide(c, 255), 1.0) for c in colours]])
    for stamp in ("created", "modified"):  # the same drawings are the same bytes
        setattr(b.font["head"], stamp, _DATE)
    b.font.recalcTimestamp = False
    return b.font


def _outline(shape: Shape) -> pathops.Path:
    """Returns what a shape covers, in units of the font."""
    scale, path = _UNITS / SIDE, pathops.Path()
    pen = path.getPen()
    for part in shape.paths:
        curves = part.curves * scale
        curves[..., 1] = (1 - _DESCENT) * _UNITS - curves[..., 1]
        pen.moveTo(tuple(curves[0, 0]))
        for curve in curves:
            pen.curveTo(*map(tuple, curve[1:]))
        if part.closed:
            pen.closePath()
        else:
            pen.endPath()
    if shape.width:
        path.stroke(shape.width * scale, pathops.LineCap.ROUND_CAP, pathops.LineJoin.ROUND_JOIN, 4)
        path.convertConicsToQuads()
    else:
        path.fillType = pathops.FillType.EVEN_ODD
    path.simplify(fix_winding=True)
    return path


def _glyph(path: pathops.Path) -> object:
    pen = ttGlyphPen.TTGlyphPen(None)
    path.draw(cu2quPen.Cu2QuPen(pen, _MAX_CURVE_ERROR, reverse_direction=True))
    return pen.glyph()


def write(font: ttLib.TTFont, path: pathlib.Path) -> None:
    """Writes a font as .ttf or .woff2, whichever the path ends with.

    Args:
      font: of `build`.
      path: is written at once, or not at all.
    """
    font.flavor = "woff2" if path.suffix == ".woff2" else None
    data = io.BytesIO()
    font.save(data, reorderTables=False)
    workdir.write_atomic(path, data.getvalue())
