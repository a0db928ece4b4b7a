#!/usr/bin/env bash
# Pillow 13.0.0, libwebp: of a still WebP `method`, the effort of the encoder, is 4 where none is
# given. With save_all=True it is 0, the least: the same lossless loop of flat art is a quarter larger
# than with method=2. No warning says so.
# Seen 2026-11-30: "still: the default is method [1, 2, 3, 4, 5, 6], 1.00 of method 2's bytes";
# "loop: the default is method [0], 1.23 of method 2's bytes".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
cat > "$folder/effort.py" <<'PYTHON'
"""Prints of a still and of a loop which method the default is, and the sizes at some methods."""

import io

import numpy as np
from PIL import Image

y, x = np.mgrid[:128, :128] - 63.5


def disc(turn):
    """A disc of flat colours in six sectors, with a black outline; it turns."""
    sector = ((np.arctan2(y, x) + turn) // (np.pi / 3)).astype(int) % 3
    picture = np.zeros((128, 128, 4), np.uint8)
    radius = np.hypot(y, x)
    picture[radius < 60] = (*(0,) * 3, 255)
    inside = radius < 54
    colours = np.array([(252, 234, 43, 255), (210, 47, 39, 255), (146, 211, 245, 255)], np.uint8)
    picture[inside] = colours[sector[inside]]
    return Image.fromarray(picture)


def size(frames, **options):
    out = io.BytesIO()
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:], "duration": 40}
    frames[0].save(out, "WEBP", lossless=True, **options)
    return out.getvalue()


loop = [disc(turn) for turn in np.linspace(0, 2 * np.pi / 3, 12, endpoint=False)]
for name, frames in (("still", loop[:1]), ("loop", loop)):
    default = size(frames)
    same = [m for m in range(7) if size(frames, method=m) == default]
    ratio = len(default) / len(size(frames, method=2))
    print(f"{name}: the default is method {same}, {ratio:.2f} of method 2's bytes")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/effort.py")
echo "$seen"
[[ $seen == *"still: the default is method [1, 2, 3, 4, 5, 6], 1.00"* ]]
[[ $seen == *"loop: the default is method [0], 1.23"* ]]
