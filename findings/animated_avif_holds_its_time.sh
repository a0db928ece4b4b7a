#!/usr/bin/env bash
# Pillow 13.0.0: an animated AVIF holds the second in which it was written (mvhd, tkhd and mdhd of
# ISO/IEC 14496-12), so that the same frames, encoded twice, are other bytes. A still AVIF, an
# animated PNG, WebP and GIF are the same bytes. No option leaves the times out.
# Seen 2026-11-29: "still avif: same; avif: differs in 10 bytes; png: same; webp: same; gif: same".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0
cat > "$folder/twice.py" <<'PYTHON'
"""Encodes the same frames twice, two seconds apart."""

import io
import time

from PIL import Image

FRAMES = [Image.new("RGBA", (16, 16), (200, 30 * i, 30, 255)) for i in range(4)]


def encoded(form, count):
    file = io.BytesIO()
    animated = {"save_all": True, "append_images": FRAMES[1:], "duration": 100}
    FRAMES[0].save(file, form, **(animated if count > 1 else {}))
    return file.getvalue()


kinds = [("avif", 1), ("avif", 4), ("png", 4), ("webp", 4), ("gif", 4)]
first = [encoded(*kind) for kind in kinds]
time.sleep(2)
second = [encoded(*kind) for kind in kinds]
seen = []
for (form, count), a, b in zip(kinds, first, second):
    differing = sum(x != y for x, y in zip(a, b)) + abs(len(a) - len(b))
    name = f"still {form}" if count == 1 else form
    seen.append(f"{name}: {f'differs in {differing} bytes' if differing else 'same'}")
print("; ".join(seen))
PYTHON
seen=$("$folder/venv/bin/python" "$folder/twice.py")
echo "$seen"
[[ $seen =~ ^"still avif: same; avif: differs in "[0-9]+" bytes; png: same; webp: same; gif: same"$ ]]
