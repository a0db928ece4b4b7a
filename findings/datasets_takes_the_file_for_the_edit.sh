#!/usr/bin/env bash
# datasets 5.2.0: of a Pillow picture that came from a file only the file's path is kept, whatever
# was done to it since. What works in place, such as `paste`, `thumbnail` and `putalpha`, is lost in
# `map` over an image folder, while the same function over the same pictures as bytes, as they come
# from the Hub, keeps its work; so does one that works on a copy. A loop that was moved to another
# frame arrives as its first. No error, no warning.
# Seen 2026-12-01: "map, image folder: (72, 72), (255, 0, 0, 0)"; "map, bytes: (32, 32), (0, 255, 0,
# 255)"; "map, image folder, copies: (32, 32), (0, 255, 0, 255)"; "second frame of a loop: (255, 0,
# 0, 255) for (0, 0, 255, 255)".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0 numpy==2.4.6
cat > "$folder/edits.py" <<'PYTHON'
"""Gives transparent pictures a green ground and 32 px in place, and looks at what is kept."""

import pathlib
import sys
import warnings

import datasets
from PIL import Image

warnings.simplefilter("error")
datasets.disable_progress_bars()
folder = pathlib.Path(sys.argv[1])
(folder / "art").mkdir()
Image.new("RGBA", (72, 72), (255, 0, 0, 0)).save(folder / "art" / "clear.png")


def edited(row):
    row["image"].paste((0, 255, 0, 255), (0, 0, 72, 72))
    row["image"].thumbnail((32, 32))
    return row


def edited_copy(row):
    return edited({"image": row["image"].copy()})


def report(name, rows):
    picture = rows[0]["image"]
    print(f"{name}: {picture.size}, {picture.getpixel((0, 0))}")


art = datasets.load_dataset("imagefolder", data_dir=str(folder / "art"), split="train")
features = datasets.Features({"image": datasets.Image()})
png = {"path": None, "bytes": (folder / "art" / "clear.png").read_bytes()}
held = datasets.Dataset.from_dict({"image": [png]}, features=features)
report("map, image folder", art.map(edited))
report("map, bytes", held.map(edited))
report("map, image folder, copies", art.map(edited_copy))

red, blue = (Image.new("RGBA", (8, 8), c) for c in ((255, 0, 0, 255), (0, 0, 255, 255)))
red.save(folder / "loop.png", save_all=True, append_images=[blue], duration=100)
with Image.open(folder / "loop.png") as loop:
    loop.seek(1)
    shown = loop.getpixel((0, 0))
    kept = datasets.Dataset.from_dict({"image": [loop]})[0]["image"]
print(f"second frame of a loop: {kept.getpixel((0, 0))} for {shown}")
PYTHON
seen=$(HF_HOME="$folder/cache" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" "$folder/edits.py" \
  "$folder" 2>/dev/null)
echo "$seen"
[[ $seen == *"map, image folder: (72, 72), (255, 0, 0, 0)"* ]]
[[ $seen == *"map, bytes: (32, 32), (0, 255, 0, 255)"* ]]
[[ $seen == *"map, image folder, copies: (32, 32), (0, 255, 0, 255)"* ]]
[[ $seen == *"second frame of a loop: (255, 0, 0, 255) for (0, 0, 255, 255)"* ]]
