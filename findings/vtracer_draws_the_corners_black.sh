#!/usr/bin/env bash
# VTracer 0.6.15: transparent pixels are left out only where five rows of the picture (the first,
# the last and three between) have together as many of them as two fifths of its width. Else they
# are traced as the black that lies under them: a tile with round corners gets four black ones, a
# hole becomes a black shape, and at 64 px the corners, too small for shapes, darken the tile. With
# six transparent columns beside it the hole stays open. Half-transparent pixels become opaque.
# Seen 2026-11-30: "tile of 128 px: #FBC32A #000000 #000000 #000000 #000000"; "tile of 64 px:
# #F9C129"; "hole: #FBC32A #000000"; "hole, with a margin: #FBC32A"; "half-transparent: #FBC32A,
# opacity 0 times".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vtracer==0.6.15 numpy==2.4.6
cat > "$folder/tiles.py" <<'PYTHON'
"""Traces yellow tiles (251, 195, 42) with transparent corners, holes and margins."""

import re

import numpy as np
import vtracer


def filled(mask, alpha=255):
    return np.where(mask[..., None], (251, 195, 42, alpha), 0).astype(np.uint8)


def round_tile(px):
    radius = px // 16
    y, x = np.mgrid[:px, :px]
    nearest = (np.clip(v, radius, px - 1 - radius) for v in (x, y))
    return np.hypot(*(v - n for v, n in zip((x, y), nearest, strict=True))) <= radius


def trace(picture):
    pixels = [tuple(p) for p in picture.reshape(-1, 4).tolist()]
    return vtracer.convert_pixels_to_svg(pixels, picture.shape[1::-1])


def colours(svg):
    return " ".join(re.findall('fill="(#.{6})"', svg))


hole = np.ones((64, 64), bool)
hole[18:30, 20:44] = False
margin = np.pad(hole, ((0, 0), (6, 0)))
for name, picture in (
    ("tile of 128 px", filled(round_tile(128))),
    ("tile of 64 px", filled(round_tile(64))),
    ("hole", filled(hole)),
    ("hole, with a margin", filled(margin)),
):
    print(f"{name}: {colours(trace(picture))}")
svg = trace(filled(np.pad(np.ones((32, 32), bool), 16), 128))
print(f"half-transparent: {colours(svg)}, opacity {svg.count('opacity')} times")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/tiles.py")
echo "$seen"
[[ $seen == *"tile of 128 px: #FBC32A #000000 #000000 #000000 #000000"* ]]
[[ $seen == *"tile of 64 px: #F9C129"* ]]
[[ $seen == *"hole: #FBC32A #000000"* ]]
[[ $seen == *"hole, with a margin: #FBC32A"$'\n'* ]]
[[ $seen == *"half-transparent: #FBC32A, opacity 0 times"* ]]
