#!/usr/bin/env bash
# rlottie-python 1.3.8: frames of a Lottie animation arrive as RGBA pictures of Pillow, but their
# colours are still premultiplied, as rlottie draws them: half-transparent yellow is olive, and the
# smooth edge of each opaque shape has a dark rim on any bright ground. `save_frame` and
# `save_animation` write these colours into PNG, APNG, WebP and GIF. No error, no warning.
# Seen 2026-12-01: "half-transparent yellow, RGBA: (125, 125, 0, 125)"; "in a PNG: (125, 125, 0,
# 125)"; "yellow disc on yellow, as given: darkest level 192"; "yellow disc on yellow, divided by
# alpha: darkest level 255".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rlottie-python==1.3.8 pillow==13.0.0
cat > "$folder/disc.py" <<'PYTHON'
"""Draws a yellow disc, opaque and half transparent, from Lottie."""

import json
import sys
import warnings

from PIL import Image
from rlottie_python import LottieAnimation

warnings.simplefilter("error")


def disc(opacity):
    def still(value):
        return {"a": 0, "k": value}

    place = {"p": still([16, 16]), "a": still([0, 0]), "s": still([100, 100]), "r": still(0)}
    group = {"p": still([0, 0]), "a": still([0, 0]), "s": still([100, 100]), "r": still(0)}
    shapes = [
        {"ty": "el", "d": 1, "p": still([0, 0]), "s": still([24, 24])},
        {"ty": "fl", "c": still([1, 1, 0, 1]), "o": still(100), "r": 1},
        {"ty": "tr", "o": still(100), **group},
    ]
    layer = {"ty": 4, "ind": 1, "ip": 0, "op": 10, "st": 0, "sr": 1, "bm": 0, "ddd": 0, "ao": 0}
    layer |= {"ks": {"o": still(opacity), **place}, "shapes": [{"ty": "gr", "it": shapes}]}
    head = {"v": "5.5.2", "fr": 10, "ip": 0, "op": 10, "w": 32, "h": 32, "ddd": 0, "assets": []}
    return json.dumps(head | {"layers": [layer]})


with LottieAnimation.from_data(disc(50)) as animation:
    picture = animation.render_pillow_frame(frame_num=0)
    print(f"half-transparent yellow, {picture.mode}: {picture.getpixel((16, 16))}")
    animation.save_frame(f"{sys.argv[1]}/frame.png", frame_num=0)
    with Image.open(f"{sys.argv[1]}/frame.png") as saved:
        print(f"in a PNG: {saved.convert('RGBA').getpixel((16, 16))}")
with LottieAnimation.from_data(disc(100)) as animation:
    picture = animation.render_pillow_frame(frame_num=0).copy()
right = Image.frombytes("RGBa", picture.size, picture.tobytes()).convert("RGBA")
for name, drawn in (("as given", picture), ("divided by alpha", right)):
    shown = Image.new("RGBA", drawn.size, (255, 255, 0, 255))
    shown.alpha_composite(drawn)
    print(f"yellow disc on yellow, {name}: darkest level {shown.getchannel('R').getextrema()[0]}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/disc.py" "$folder")
echo "$seen"
[[ $seen == *"half-transparent yellow, RGBA: (125, 125, 0, 125)"* ]]
[[ $seen == *"in a PNG: (125, 125, 0, 125)"* ]]
[[ $seen == *"yellow disc on yellow, as given: darkest level 19"* ]]
[[ $seen == *"yellow disc on yellow, divided by alpha: darkest level 255"* ]]
