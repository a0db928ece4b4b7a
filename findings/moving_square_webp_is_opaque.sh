#!/usr/bin/env bash
# Pillow 13.0.0 with libwebp 1.6.0: an animated WebP of RGBA frames comes back without alpha where
# what is drawn in each frame is a full rectangle: the encoder crops frames to what is drawn, sees
# no transparency in the crops and leaves the flag ALPHA of VP8X out, so that readers show black
# around a moving square. One half-transparent pixel inside it, or a still, keeps the alpha.
# Seen 2026-11-29: "still: RGBA; square: RGB; square with the flag set: RGBA; disc: RGBA".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0
cat > "$folder/square.py" <<'PYTHON'
"""Encodes a square and a disc that move over nothing."""

import io

from PIL import Image, ImageDraw


def frame(shape, shift):
    picture = Image.new("RGBA", (48, 48), (0, 0, 0, 0))
    getattr(ImageDraw.Draw(picture), shape)((6 + shift, 6, 30 + shift, 30), fill=(200, 30, 30, 255))
    return picture


def encoded(shape, count):
    frames, file = [frame(shape, 4 * i) for i in range(count)], io.BytesIO()
    moving = {"save_all": True, "append_images": frames[1:], "duration": 100}
    frames[0].save(file, "WEBP", lossless=True, **(moving if count > 1 else {}))
    return file.getvalue()


def mode(data):
    return Image.open(io.BytesIO(data)).mode


square = encoded("rectangle", 3)
flagged = square[:20] + bytes([square[20] | 0x10]) + square[21:]
print(f"still: {mode(encoded('rectangle', 1))}; square: {mode(square)}; "
      f"square with the flag set: {mode(flagged)}; disc: {mode(encoded('ellipse', 3))}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/square.py")
echo "$seen"
[[ $seen == "still: RGBA; square: RGB; square with the flag set: RGBA; disc: RGBA" ]]
