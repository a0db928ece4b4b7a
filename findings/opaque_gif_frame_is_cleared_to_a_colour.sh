#!/usr/bin/env bash
# Pillow 13.0.0: an RGBA frame without a transparent pixel, as of an emoji that fills its square for
# a moment, gets no transparent colour in a GIF. disposal=2 clears it afterwards, and decoders
# differ in what that means: to Skia (Chromium's) nothing is left; Pillow and FFmpeg (and sharp)
# leave a full square of the background colour behind the next frame. The same frames with one
# palette and `transparency` are alike everywhere.
# Seen 2026-11-30 with PyAV 18.1.0, skia-python 144.1: "own palettes: drawn pixels of the third
# frame: Pillow 1024, FFmpeg 1024, Skia 256"; "shared palette: [...] Pillow 256, FFmpeg 256, Skia
# 256".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 av==18.1.0 skia-python==144.1 numpy==2.4.6
cat > "$folder/grown.py" <<'PYTHON'
"""Writes a square that fills the picture in the second of three frames, and reads the third."""

import io

import av
import numpy as np
import skia
from PIL import Image

PALETTE = np.array([[0, 0, 0, 0], [200, 30, 30, 255], [0, 120, 0, 255]], np.uint8)
small = np.zeros((32, 32), np.uint8)
small[8:24, 8:24] = 1
indices = [small, np.maximum(small, 2), small]


def by_pillow(data):
    picture = Image.open(io.BytesIO(data))
    picture.seek(2)
    return np.asarray(picture.convert("RGBA"))


def by_ffmpeg(data):
    with av.open(io.BytesIO(data)) as container:
        return [f.to_ndarray(format="rgba") for f in container.decode(video=0)][2]


def by_skia(data):
    codec, options = skia.Codec.MakeFromData(skia.Data.MakeWithCopy(data)), skia.Codec.Options()
    kind = skia.ImageInfo.Make(32, 32, skia.kRGBA_8888_ColorType, skia.kUnpremul_AlphaType)
    pixels, options.fFrameIndex = np.zeros((32, 32, 4), np.uint8), 2
    codec.getPixels(kind, pixels, pixels.strides[0], options)
    return pixels


def indexed(frame):
    picture = Image.fromarray(frame)
    picture.putpalette(PALETTE[:, :3].tobytes())
    return picture


shared = {"palette": PALETTE[:, :3].tobytes(), "transparency": 0}
for name, pictures, options in (
    ("own palettes", [Image.fromarray(PALETTE[frame]) for frame in indices], {}),
    ("shared palette", [indexed(frame) for frame in indices], shared),
):
    file = io.BytesIO()
    pictures[0].save(
        file, "GIF", save_all=True, append_images=pictures[1:], duration=100, disposal=2, **options
    )
    drawn = {
        reader: int((read(file.getvalue())[..., 3] > 0).sum())
        for reader, read in (("Pillow", by_pillow), ("FFmpeg", by_ffmpeg), ("Skia", by_skia))
    }
    counts = ", ".join(f"{reader} {count}" for reader, count in drawn.items())
    print(f"{name}: drawn pixels of the third frame: {counts}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/grown.py")
echo "$seen"
[[ $seen == *"own palettes: drawn pixels of the third frame: Pillow 1024, FFmpeg 1024, Skia 256"* ]]
[[ $seen == *"shared palette: drawn pixels of the third frame: Pillow 256, FFmpeg 256, Skia 256"* ]]
