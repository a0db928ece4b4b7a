#!/usr/bin/env bash
# imageio 2.38.1: `imread` of an indexed PNG gives RGB: the alpha of its palette is gone, and what
# is transparent is opaque in whatever colour its entry has. So is the one transparent colour of a
# grey or RGB PNG. The same picture as an RGBA PNG keeps its alpha. scikit-image 0.26.0 reads
# through it. OpenCV and Pillow's `convert` give four channels, and `mode="RGBA"` does so here. No
# warning, but one of Pillow's where entries are half transparent.
# Seen 2026-12-01: "RGBA: (8, 8, 4), indexed: (8, 8, 3), one clear grey: (8, 8), one clear colour:
# (8, 8, 3)"; "the corner is [0, 200, 0], scikit-image's too"; "mode RGBA: [0, 200, 0, 0]".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imageio==2.38.1 scikit-image==0.26.0 pillow==13.0.0 \
  numpy==2.4.6 opencv-python-headless==5.0.0.93
cat > "$folder/read.py" <<'PYTHON'
"""Reads a red square on nothing from PNGs of several kinds."""

import pathlib
import tempfile
import warnings

import cv2
import imageio.v3 as iio
import numpy as np
import skimage.io
from PIL import Image

warnings.simplefilter("error")
folder = pathlib.Path(tempfile.mkdtemp())
square = np.zeros((8, 8), np.uint8)
square[2:6, 2:6] = 1
colours = np.array([[0, 200, 0, 0], [200, 0, 0, 255]], np.uint8)  # the first is clear

indexed = Image.fromarray(square, "P")
indexed.putpalette(colours[:, :3].tobytes())
indexed.save(folder / "indexed.png", transparency=0)
Image.fromarray(colours[square]).save(folder / "RGBA.png")
Image.fromarray(200 * square).save(folder / "one clear grey.png", transparency=0)
Image.fromarray(colours[square][..., :3]).save(
    folder / "one clear colour.png", transparency=(0, 200, 0)
)
shapes = []
for name in ("RGBA", "indexed", "one clear grey", "one clear colour"):
    path = folder / f"{name}.png"
    shapes.append(f"{name}: {iio.imread(path).shape}")
    assert (np.asarray(Image.open(path).convert("RGBA"))[..., 3] == 255 * square).all()
print(", ".join(shapes))
path = folder / "indexed.png"
assert (skimage.io.imread(path) == iio.imread(path)).all()
print(f"the corner is {iio.imread(path)[0, 0].tolist()}, scikit-image's too")
print(f"mode RGBA: {iio.imread(path, mode='RGBA')[0, 0].tolist()}")
print(f"OpenCV: {cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape}")
PYTHON
seen=$(TMPDIR="$folder" "$folder/venv/bin/python" "$folder/read.py")
echo "$seen"
[[ $seen == *"RGBA: (8, 8, 4), indexed: (8, 8, 3), one clear grey: (8, 8), one clear"* ]]
[[ $seen == *"one clear colour: (8, 8, 3)"* ]]
[[ $seen == *"the corner is [0, 200, 0], scikit-image's too"* ]]
[[ $seen == *"mode RGBA: [0, 200, 0, 0]"* && $seen == *"OpenCV: (8, 8, 4)"* ]]
