#!/usr/bin/env bash
# ImageHash 4.3.2: the hashes of an RGBA picture are those of its colours, whatever its alpha. A
# black disc, bar and triangle on transparent black, as renderers leave it, have one hash, all
# zeros: to whoever looks for near-duplicates a set of line art is one picture. A smiling face
# with white under its transparent pixels and its copy as a lossless WebP, which clears them, are
# up to 64 of 64 bits apart, where unrelated pictures are by some 32, though both look the same on
# any ground. Laid on white, shapes differ and copies agree. No error, no warning.
# Seen 2026-12-01: "average_hash: 1 hash of 3 shapes, 63 bits from its copy; on white 3, 0";
# "phash: 1 hash of 3 shapes, 22 bits from its copy; on white 3, 0"; "dhash: 1 hash of 3 shapes,
# 37 bits from its copy; on white 3, 0"; "whash: 1 hash of 3 shapes, 64 bits from its copy; on
# white 3, 0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imagehash==4.3.2 pillow==13.0.0 numpy==2.4.6 scipy==1.17.1
cat > "$folder/shapes.py" <<'PYTHON'
"""Hashes three black shapes, and a face and its lossless copy, on nothing and on white."""

import io
import warnings

import imagehash
from PIL import Image, ImageDraw

warnings.simplefilter("error")


def canvas(hidden):
    picture = Image.new("RGBA", (128, 128), (*hidden, 0))
    return picture, ImageDraw.Draw(picture)


def on_white(picture):
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)


shapes = []
for draw_shape, corners in (
    (ImageDraw.ImageDraw.ellipse, (10, 10, 118, 118)),
    (ImageDraw.ImageDraw.rectangle, (50, 5, 78, 123)),
    (ImageDraw.ImageDraw.polygon, (64, 8, 120, 120, 8, 120)),
):
    picture, draw = canvas((0, 0, 0))
    draw_shape(draw, corners, fill="black")
    shapes.append(picture)
face, draw = canvas((255, 255, 255))
draw.ellipse((10, 10, 118, 118), fill=(251, 195, 42))
draw.arc((35, 40, 93, 95), 20, 160, fill="black", width=5)
for x in (40, 73):
    draw.ellipse((x, 40, x + 15, 60), fill="black")
file = io.BytesIO()
face.save(file, "WEBP", lossless=True)
copy = Image.open(file).convert("RGBA")
assert on_white(face).tobytes() == on_white(copy).tobytes()
for name in ("average_hash", "phash", "dhash", "whash"):
    hash_of = getattr(imagehash, name)
    hashes = {str(hash_of(shape)) for shape in shapes}
    assert hashes == {"0" * 16}
    laid = {str(hash_of(on_white(shape))) for shape in shapes}
    print(
        f"{name}: {len(hashes)} hash of 3 shapes, {hash_of(face) - hash_of(copy)} bits from its "
        f"copy; on white {len(laid)}, {hash_of(on_white(face)) - hash_of(on_white(copy))}"
    )
PYTHON
seen=$("$folder/venv/bin/python" "$folder/shapes.py")
echo "$seen"
[[ $seen == *"average_hash: 1 hash of 3 shapes, 63 bits from its copy; on white 3, 0"* ]]
[[ $seen == *"phash: 1 hash of 3 shapes, 22 bits from its copy; on white 3, 0"* ]]
[[ $seen == *"dhash: 1 hash of 3 shapes, 37 bits from its copy; on white 3, 0"* ]]
[[ $seen == *"whash: 1 hash of 3 shapes, 64 bits from its copy; on white 3, 0"* ]]
