#!/usr/bin/env bash
# Pillow 13.0.0: the frames of an animated PNG of palette pictures are compared by colour, without
# the alpha that `transparency=` gives the palette: a black shape that moves over transparent black
# is taken for no change, and the frames are merged into one still. Where no two entries of the
# palette have the same RGB, every frame is kept.
# Seen 2026-11-29: "transparent black: 1 of 3 frames; transparent blue: 3 of 3 frames".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0
cat > "$folder/shape.py" <<'PYTHON'
"""Encodes a black square that moves over nothing, by a palette of two entries."""

import io

from PIL import Image


def frames_kept(palette):
    frames = []
    for i in range(3):
        frame = Image.new("P", (32, 32), 0)
        frame.putpalette(palette)
        frame.paste(1, (4 + 6 * i, 8, 14 + 6 * i, 18))
        frames.append(frame)
    file = io.BytesIO()
    frames[0].save(
        file,
        "PNG",
        save_all=True,
        append_images=frames[1:],
        duration=100,
        transparency=bytes([0, 255]),
    )
    return getattr(Image.open(file), "n_frames", 1)


black, blue = (frames_kept(bytes([0, 0, b, 0, 0, 0])) for b in (0, 255))
print(f"transparent black: {black} of 3 frames; transparent blue: {blue} of 3 frames")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/shape.py")
echo "$seen"
[[ $seen == "transparent black: 1 of 3 frames; transparent blue: 3 of 3 frames" ]]
