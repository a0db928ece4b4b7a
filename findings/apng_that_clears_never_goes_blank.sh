#!/usr/bin/env bash
# Pillow 13.0.0: of an APNG saved with disposal=1, which clears each frame before the next as GIF's
# 2 does, blank frames are left out, for they equal what clearing leaves; but their time is added to
# the frame before them, which is cleared only when the next one comes. An emoji that blinks stays
# on, and of a picture and nothing a still is left. Without disposal all frames are there.
# Seen 2026-11-30: "blink, disposal=1: 2 frames, drawn pixels and ms: 169 for 200, 169 for 100";
# "blink, no disposal: 3 frames, [...] 169 for 100, 0 for 100, 169 for 100"; "on and off,
# disposal=1: a still".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0
cat > "$folder/blink.py" <<'PYTHON'
"""Writes a square that goes, with and without disposal, and lists what each frame shows."""

import io

from PIL import Image, ImageDraw

on = Image.new("RGBA", (32, 32))
off = on.copy()
ImageDraw.Draw(on).rectangle((8, 8, 20, 20), fill=(200, 30, 30, 255))


def seen(frames, options):
    file = io.BytesIO()
    frames[0].save(
        file, "PNG", save_all=True, append_images=frames[1:], duration=100, loop=0, **options
    )
    picture = Image.open(file)
    if not getattr(picture, "is_animated", False):
        return "a still"
    shown = []
    for i in range(picture.n_frames):
        picture.seek(i)
        drawn = sum(picture.convert("RGBA").getchannel("A").histogram()[1:])
        shown.append(f"{drawn} for {picture.info['duration']:.0f}")
    return f"{picture.n_frames} frames, drawn pixels and ms: {', '.join(shown)}"


print("blink, disposal=1:", seen([on, off, on], {"disposal": 1}))
print("blink, no disposal:", seen([on, off, on], {}))
print("on and off, disposal=1:", seen([on, off], {"disposal": 1}))
PYTHON
seen=$("$folder/venv/bin/python" "$folder/blink.py")
echo "$seen"
[[ $seen == *"disposal=1: 2 frames, drawn pixels and ms: 169 for 200, 169 for 100"* ]]
[[ $seen == *"no disposal: 3 frames, drawn pixels and ms: 169 for 100, 0 for 100, 169 for 100"* ]]
[[ $seen == *"on and off, disposal=1: a still"* ]]
