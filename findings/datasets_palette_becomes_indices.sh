#!/usr/bin/env bash
# Hugging Face datasets 5.2.0: `load_dataset("imagefolder")` with `with_format("numpy")` gives of an
# indexed PNG the numbers of its palette's entries, 2-D, without colours or alpha; of the same
# picture in RGBA the colours. Emoji sets are full of indexed PNGs. No error, no warning; "torch" and
# "jax" go the same way. `cast_column("image", Image(mode="RGBA"))` gives the colours of both.
# Seen 2026-11-30: "RGBA: (4, 4, 4), the red square is [210, 47, 39, 255]"; "indexed: (4, 4), the red
# square is 1"; "indexed, cast: (4, 4, 4), the red square is [210, 47, 39, 255]".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0 numpy==2.4.6
cat > "$folder/squares.py" <<'PYTHON'
"""Reads one red square over nothing from an RGBA PNG and from an indexed one."""

import sys

import datasets
from PIL import Image

folder = sys.argv[1]
datasets.disable_progress_bars()
square = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
square.paste((210, 47, 39, 255), (1, 1, 3, 3))
square.save(f"{folder}/0.png")
indexed = Image.new("P", (4, 4), 0)
indexed.putpalette([0, 0, 0, 210, 47, 39])
indexed.paste(1, (1, 1, 3, 3))
indexed.save(f"{folder}/1.png", transparency=0)
pictures = datasets.load_dataset("imagefolder", data_dir=folder, split="train")
cast = pictures.cast_column("image", datasets.Image(mode="RGBA"))
for name, source, n in (
    ("RGBA", pictures, 0),
    ("indexed", pictures, 1),
    ("indexed, cast", cast, 1),
):
    array = source.with_format("numpy")[n]["image"]
    print(f"{name}: {array.shape}, the red square is {array[1, 1].tolist()}")
PYTHON
mkdir "$folder/set"
seen=$(HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" "$folder/squares.py" "$folder/set")
echo "$seen"
[[ $seen == *"RGBA: (4, 4, 4), the red square is [210, 47, 39, 255]"* ]]
[[ $seen == *"indexed: (4, 4), the red square is 1"* ]]
[[ $seen == *"indexed, cast: (4, 4, 4), the red square is [210, 47, 39, 255]"* ]]
