#!/usr/bin/env bash
# Pillow 13.0.0: a grey PNG of 2 or 4 bits may name one grey as transparent (tRNS, in its own
# levels). Pillow brings the pixels to 8 bits but not that grey, and compares them: level 1 of 2
# bits (85 of 255) comes out opaque. Of 16-bit colours it compares the pixels' high bytes with the
# low byte of the one named, and of 16-bit grey nothing. No error, no warning; 8 bits are right.
# Seen 2026-11-29: "grey 2: alpha 255; grey 4: alpha 255; grey 8: alpha 0; grey 16: alpha 255;
# RGB 8: alpha 0; RGB 16: alpha 255".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0
cat > "$folder/key.py" <<'PYTHON'
"""Prints the alpha of a PNG's pixels, all of the colour that it names as transparent."""

import io
import struct
import zlib

from PIL import Image


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def alpha(depth, colour_type, channels):
    level = {2: 1, 4: 1, 8: 0x12, 16: 0x1234}[depth]
    four = {2: b"\x55", 4: b"\x11\x11"}  # pixels of level 1
    row = four.get(depth) or level.to_bytes(depth // 8, "big") * (4 * channels)
    header = struct.pack(">IIBBBBB", 4, 1, depth, colour_type, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    png += chunk(b"tRNS", struct.pack(">H", level) * channels)
    png += chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    (value,) = set(Image.open(io.BytesIO(png)).convert("RGBA").getchannel("A").tobytes())
    return value


seen = [f"grey {depth}: alpha {alpha(depth, 0, 1)}" for depth in (2, 4, 8, 16)]
print("; ".join(seen + [f"RGB {depth}: alpha {alpha(depth, 2, 3)}" for depth in (8, 16)]))
PYTHON
seen=$("$folder/venv/bin/python" "$folder/key.py")
echo "$seen"
expected="grey 2: alpha 255; grey 4: alpha 255; grey 8: alpha 0; grey 16: alpha 255"
[[ $seen == "$expected; RGB 8: alpha 0; RGB 16: alpha 255" ]]
