#!/usr/bin/env bash
# Pillow 13.0.0: the palette of an RGBA picture is that of an octree whose finest cells are 32
# levels wide (16 of green), however many colours are asked for: two colours in one cell become
# their mean though 253 entries stay free, alphas of 224 and 255 become one, and a thin line
# vanishes in what is around it. A GIF of RGBA frames has this palette too, moving or not. The
# same colours without alpha are all kept. No error, no warning.
# Seen 2026-12-01: "RGBA, 256 colours: 2 of 3 left, (14, 6, 14) for (0, 0, 0)"; "GIF of RGBA: 2 of
# 3 left, (14, 6, 14) for (0, 0, 0)"; "animated GIF of RGBA: 2 of 3 left, (14, 6, 14) for (0, 0,
# 0)"; "GIF of RGB: 3 of 3 left"; "alphas 255 and 224: 239"; "line of (31, 15, 31): (0, 0, 0)".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0
cat > "$folder/colours.py" <<'PYTHON'
"""Gives a picture of black, dark purple and nothing a palette of up to 256 colours."""

import io
import warnings

from PIL import Image

warnings.simplefilter("error")


def stripes(*colours, mode="RGBA"):
    picture = Image.new(mode, (32, 8 * len(colours)))
    for i, colour in enumerate(colours):
        picture.paste(colour, (0, 8 * i, 32, 8 * i + 8))
    return picture


def as_gif(picture, **options):
    file = io.BytesIO()
    picture.save(file, "GIF", **options)
    return Image.open(file)


def report(name, picture):
    rgba = picture.convert("RGBA")
    first = rgba.getpixel((0, 0))[:3]
    changed = f", {first} for (0, 0, 0)" if first != (0, 0, 0) else ""
    print(f"{name}: {len(rgba.getcolors())} of 3 left{changed}")


drawn = stripes((0, 0, 0, 255), (28, 12, 28, 255), (0, 0, 0, 0))
moved = stripes((0, 0, 0, 0), (0, 0, 0, 255), (28, 12, 28, 255))
report("RGBA, 256 colours", drawn.quantize(256))
report("GIF of RGBA", as_gif(drawn))
loop = as_gif(drawn, save_all=True, append_images=[moved], duration=100, disposal=2)
assert loop.n_frames == 2
report("animated GIF of RGBA", loop)
report("GIF of RGB", as_gif(stripes((0, 0, 0), (28, 12, 28), (255, 255, 255), mode="RGB")))
alphas = stripes((0, 0, 0, 255), (0, 0, 0, 224)).quantize(256).convert("RGBA").getcolors()
print(f"alphas 255 and 224: {', '.join(str(colour[3]) for _, colour in alphas)}")
black = Image.new("RGBA", (32, 32), (0, 0, 0, 255))
black.paste((31, 15, 31, 255), (0, 16, 32, 17))
line = black.quantize(256).convert("RGBA").getpixel((16, 16))
print(f"line of (31, 15, 31): {line[:3]}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/colours.py")
echo "$seen"
[[ $seen == *"RGBA, 256 colours: 2 of 3 left, (14, 6, 14) for (0, 0, 0)"* ]]
[[ $seen == *$'\n'"GIF of RGBA: 2 of 3 left, (14, 6, 14) for (0, 0, 0)"* ]]
[[ $seen == *"animated GIF of RGBA: 2 of 3 left, (14, 6, 14) for (0, 0, 0)"* ]]
[[ $seen == *"GIF of RGB: 3 of 3 left"* ]]
[[ $seen == *"alphas 255 and 224: 239"* ]]
[[ $seen == *"line of (31, 15, 31): (0, 0, 0)"* ]]
