#!/usr/bin/env bash
# apng 0.3.4 (pyAPNG): an animation is put together from files as they are, under the header and the
# palette of the first. Indexed PNGs, as tools that make files small write them, have a palette
# each: a blue frame after a red one is red. A frame without alpha before one with it is read at the
# wrong depth: none of the second's pixels is right. RGBA throughout is right, and so is Pillow with
# the same files. No error, no warning; `APNG.open` gives the wrong frames back.
# Seen 2026-12-01: "RGBA: 64 of 64 pixels right"; "indexed: 48 of 64 pixels right, (255, 0, 0, 255)
# for (0, 0, 255, 255)"; "RGB before RGBA: 0 of 64 pixels right, (0, 0, 0, 255) for (0, 0, 255,
# 255)".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet apng==0.3.4 pillow==13.0.0
cat > "$folder/frames.py" <<'PYTHON'
"""Joins two PNGs of other colours, and compares the second frame with its file."""

import pathlib
import sys
import warnings

import apng
from PIL import Image

warnings.simplefilter("error")
folder = pathlib.Path(sys.argv[1])


def square(colour):
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.paste(colour, (2, 2, 6, 6))
    return picture


def second(loop):
    with Image.open(loop) as picture:
        picture.seek(1)
        return picture.convert("RGBA")


def visible(picture):
    return [p if p[3] else None for p in picture.convert("RGBA").get_flattened_data()]


red, blue = square((255, 0, 0, 255)), square((0, 0, 255, 255))
green = Image.new("RGB", (8, 8), (0, 128, 0))
for name, *pictures in (
    ("RGBA", red, blue),
    ("indexed", red.quantize(), blue.quantize()),
    ("RGB before RGBA", green, blue),
):
    files = [str(folder / f"{i}.png") for i in range(2)]
    for file, picture in zip(files, pictures, strict=True):
        picture.save(file)
    apng.APNG.from_files(files, delay=100).save(folder / "joined.png")
    pictures[0].convert("RGBA").save(
        folder / "pillow.png", save_all=True, append_images=[pictures[1].convert("RGBA")]
    )
    assert visible(second(folder / "pillow.png")) == visible(pictures[1])
    shown = second(folder / "joined.png")
    right = sum(a == b for a, b in zip(visible(shown), visible(pictures[1]), strict=True))
    wrong = f", {shown.getpixel((4, 4))} for (0, 0, 255, 255)" if right < 64 else ""
    print(f"{name}: {right} of 64 pixels right{wrong}")
    png, _ = apng.APNG.open(folder / "joined.png").frames[1]
    png.save(folder / "back.png")
    with Image.open(folder / "back.png") as back:
        assert visible(back) == visible(shown)
PYTHON
seen=$("$folder/venv/bin/python" "$folder/frames.py" "$folder")
echo "$seen"
[[ $seen == *"RGBA: 64 of 64 pixels right"* ]]
[[ $seen == *"indexed: 48 of 64 pixels right, (255, 0, 0, 255) for (0, 0, 255, 255)"* ]]
[[ $seen == *"RGB before RGBA: 0 of 64 pixels right, (0, 0, 0, 255) for (0, 0, 255, 255)"* ]]
