#!/usr/bin/env bash
# TensorFlow 2.21.0: `tf.io.decode_gif`, and `decode_image` of a GIF, leave what earlier frames drew
# where a frame has a transparent pixel, though each frame covers the whole picture and asks that it
# be cleared (disposal 2): a dot that moves becomes a line that grows. Pillow and browsers show the
# dot. The same loop as WebP is right, with alpha besides. No error, no warning.
# Seen 2026-11-30: "gif, tensorflow: 1 2 3 4 dots"; "gif, pillow: 1 1 1 1 dots";
# "webp, tensorflow: 1 1 1 1 dots".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.21.0 pillow==13.0.0 numpy==2.4.6
cat > "$folder/dots.py" <<'PYTHON'
"""Counts the white pixels of each frame of a dot that moves over nothing."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

frames = []
for x in range(4):
    frame = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    frame.putpixel((2 * x, 4), (255, 255, 255, 255))
    frame.putpixel((0, 0), (210, 47, 39, 255))  # two corners, so that no frame is cropped
    frame.putpixel((7, 7), (210, 47, 39, 255))
    frames.append(frame)
files = {}
for name, options in (("gif", {"disposal": 2}), ("webp", {"lossless": True})):
    out = io.BytesIO()
    frames[0].save(out, name, save_all=True, append_images=frames[1:], duration=80, loop=0, **options)
    files[name] = out.getvalue()


def by_tensorflow(name):
    return list(tf.io.decode_image(files[name]).numpy()[..., :3])


def by_pillow(name):
    picture, shown = Image.open(io.BytesIO(files[name])), []
    for n in range(picture.n_frames):
        picture.seek(n)
        shown.append(np.asarray(picture.convert("RGBA"))[..., :3])
    return shown


for name, reader, read in (
    ("gif", "tensorflow", by_tensorflow),
    ("gif", "pillow", by_pillow),
    ("webp", "tensorflow", by_tensorflow),
):
    dots = [str((frame == 255).all(-1).sum()) for frame in read(name)]
    print(f"{name}, {reader}: {' '.join(dots)} dots")
PYTHON
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/dots.py" 2>/dev/null)
echo "$seen"
[[ $seen == *"gif, tensorflow: 1 2 3 4 dots"* ]]
[[ $seen == *"gif, pillow: 1 1 1 1 dots"* ]]
[[ $seen == *"webp, tensorflow: 1 1 1 1 dots"* ]]
