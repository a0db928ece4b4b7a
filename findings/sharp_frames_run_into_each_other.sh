#!/usr/bin/env bash
# sharp 0.35.5: a loop is resized, blurred and sharpened as one tall picture of all its frames, so
# that what touches the lower border of one frame shows at the upper border of the next. Enlarged, a
# red shape leaves a line of alpha 136 of 255 in an empty frame; reduced, one of 14. One free row is
# enough for resizing, not for a blur. WebP and GIF are alike; frames taken one by one, by `page`, are
# right. No error, no warning.
# Seen 2026-12-01: "touches the border: 128 to 64 px 14, to 256 px 136, blurred 90"; "one row is free:
# 128 to 64 px 5, to 256 px 1, blurred 30"; "frame by frame: 128 to 64 px 0, to 256 px 0, blurred 0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit sharp@0.35.5
cat > loop.mjs <<'JAVASCRIPT'
// Writes a loop of a red shape and an empty frame, and prints the most alpha in the empty one.
import sharp from "sharp";

const SIDE = 128;

async function loop(free) {
  const pixels = Buffer.alloc(2 * SIDE * SIDE * 4);
  for (let y = SIDE / 2; y < SIDE - free; y++)
    for (let x = 32; x < 96; x++) pixels.set([255, 0, 0, 255], (y * SIDE + x) * 4);
  const raw = { width: SIDE, height: 2 * SIDE, channels: 4, pageHeight: SIDE };
  return sharp(pixels, { raw }).webp({ lossless: true, delay: [100, 100] }).toBuffer();
}

async function alphaOfTheEmptyFrame(webp, change, options) {
  const changed = await change(sharp(webp, options)).webp({ lossless: true }).toBuffer();
  const frame = options.animated ? { page: 1 } : {};
  const { data, info } = await sharp(changed, frame).ensureAlpha().raw().toBuffer({
    resolveWithObject: true,
  });
  if (info.width !== info.height) throw new Error("not one frame");
  return data.reduce((most, value, i) => (i % 4 === 3 ? Math.max(most, value) : most), 0);
}

const changes = [(s) => s.resize(64), (s) => s.resize(256), (s) => s.blur(1.5)];
for (const [name, free, options] of [
  ["touches the border", 0, { animated: true }],
  ["one row is free", 1, { animated: true }],
  ["frame by frame", 0, { page: 1 }],
]) {
  const webp = await loop(free);
  const [down, up, blurred] = await Promise.all(
    changes.map((change) => alphaOfTheEmptyFrame(webp, change, options)),
  );
  console.log(`${name}: 128 to 64 px ${down}, to 256 px ${up}, blurred ${blurred}`);
}
JAVASCRIPT
seen=$(node loop.mjs)
echo "$seen"
[[ $seen == *"touches the border: 128 to 64 px 14, to 256 px 136, blurred 90"* ]]
[[ $seen == *"one row is free: 128 to 64 px 5, to 256 px 1, blurred 30"* ]]
[[ $seen == *"frame by frame: 128 to 64 px 0, to 256 px 0, blurred 0"* ]]
