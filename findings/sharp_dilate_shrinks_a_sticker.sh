#!/usr/bin/env bash
# sharp 0.35.5: `dilate` is to "expand foreground objects" and `erode` to shrink them, but what is
# dark is foreground, and what is transparent, too: of a sticker, or of its alpha alone, `dilate(4)`
# takes four pixels off on each side, and only `erode(4)` makes room for an outline. The words mean
# the opposite in OpenCV. No error, no warning.
# Seen 2026-12-01: "a square of 16 px: dilate(4) 8 px, erode(4) 24 px"; "its alpha: dilate(4) 8 px,
# erode(4) 24 px"; "OpenCV: dilate 24 px, erode 8 px".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet opencv-python-headless==5.0.0.93 numpy==2.4.6
npm install --silent --no-fund --no-audit sharp@0.35.5
cat > sticker.mjs <<'JAVASCRIPT'
// Dilates and erodes a red square on nothing, and prints how wide it is.
import sharp from "sharp";

const SIDE = 32;
const pixels = Buffer.alloc(SIDE * SIDE * 4);
for (let y = 8; y < 24; y++)
  for (let x = 8; x < 24; x++) pixels.set([255, 0, 0, 255], (y * SIDE + x) * 4);

const sticker = () => sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 4 } });
const mask = await sticker().extractChannel("alpha").png().toBuffer();
const alpha = () => sharp(mask);

async function width(picture) {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  const row = data.subarray((SIDE / 2) * SIDE * info.channels).subarray(0, SIDE * info.channels);
  const channel = info.channels === 4 ? 3 : 0;
  return row.filter((value, i) => i % info.channels === channel && value > 127).length;
}

const names = [`a square of ${await width(sticker())} px`, "its alpha"];
for (const [i, picture] of [sticker, alpha].entries())
  console.log(
    `${names[i]}: dilate(4) ${await width(picture().dilate(4))} px,`,
    `erode(4) ${await width(picture().erode(4))} px`,
  );
JAVASCRIPT
cat > sticker.py <<'PYTHON'
"""Does the same with OpenCV."""

import cv2
import numpy as np

alpha = np.zeros((32, 32), np.uint8)
alpha[8:24, 8:24] = 255
widths = [(f(alpha, np.ones((9, 9)))[16] > 127).sum() for f in (cv2.dilate, cv2.erode)]
print(f"OpenCV: dilate {widths[0]} px, erode {widths[1]} px")
PYTHON
seen=$(node sticker.mjs && venv/bin/python sticker.py)
echo "$seen"
[[ $seen == *"a square of 16 px: dilate(4) 8 px, erode(4) 24 px"* ]]
[[ $seen == *"its alpha: dilate(4) 8 px, erode(4) 24 px"* ]]
[[ $seen == *"OpenCV: dilate 24 px, erode 8 px"* ]]
