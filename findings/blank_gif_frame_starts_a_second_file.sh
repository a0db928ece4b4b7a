#!/usr/bin/env bash
# Pillow 13.0.0: of a GIF with a shared palette, `transparency` and disposal=2, a blank frame, as of
# an emoji that blinks, is written as the start of another file: the signature, the size and the
# palette stand again in the middle. Pillow and FFmpeg step over them, so that a test which reads
# the file back passes; Skia (Chromium's) ends there and shows a still, sharp 0.35.5 refuses the
# file. Frames of RGBA, each with a palette of its own, are written right.
# Seen 2026-11-30 with skia-python 144.1: "shared palette: 2 signatures, Pillow reads 4 frames, Skia
# 1"; "own palettes: 1 signatures, Pillow reads 4 frames, Skia 4".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 skia-python==144.1 numpy==2.4.6
cat > "$folder/blink.py" <<'PYTHON'
"""Writes a square that is gone in the second of four frames, and counts the frames."""

import io

import skia
from PIL import Image, ImageDraw

PALETTE = [0, 0, 0, 200, 30, 30]  # the first is transparent


def frame(left):
    picture = Image.new("P", (32, 32), 0)
    picture.putpalette(PALETTE)
    if left is not None:
        ImageDraw.Draw(picture).rectangle((left, 8, left + 12, 20), fill=1)
    return picture


def clear(picture):
    rgba = picture.convert("RGBA")
    rgba.putalpha(picture.point([0, 255] + [0] * 254, "L"))
    return rgba


frames = [frame(left) for left in (4, None, 8, 12)]
for name, pictures, options in (
    ("shared palette", frames, {"palette": bytes(PALETTE), "transparency": 0}),
    ("own palettes", [clear(f) for f in frames], {}),
):
    file = io.BytesIO()
    pictures[0].save(
        file, "GIF", save_all=True, append_images=pictures[1:], duration=100, disposal=2, **options
    )
    data = file.getvalue()
    codec = skia.Codec.MakeFromData(skia.Data.MakeWithCopy(data))
    print(
        f"{name}: {data.count(b'GIF89a')} signatures, Pillow reads "
        f"{Image.open(io.BytesIO(data)).n_frames} frames, Skia {codec.getFrameCount()}"
    )
PYTHON
seen=$("$folder/venv/bin/python" "$folder/blink.py")
echo "$seen"
[[ $seen == *"shared palette: 2 signatures, Pillow reads 4 frames, Skia 1"* ]]
[[ $seen == *"own palettes: 1 signatures, Pillow reads 4 frames, Skia 4"* ]]
