#!/usr/bin/env bash
# UPNG.js 2.1.0 (upng-js on npm): `encode` with a number of colours makes one colour of two whose
# red, green, blue and alpha have the same sum, however few there are: a red and a blue ball, with
# room for 256 colours, both become purple, with smooth edges or without. The search for the
# direction in which colours differ starts at (1, 1, 1, 1), sees no difference along it, and ends.
# Beside a blue that is a little lighter, red is exact; so it is with number 0, "lossless". No
# error, no warning.
# Seen 2026-12-01: "#f00 and #00f, 2 colours: 128,0,128 and 128,0,128"; "#ff0 and #0ff, 2 colours:
# 128,255,128 and 128,255,128"; "#c04000 and #0040c0, 2 colours: 96,64,96 and 96,64,96"; "#f00 and
# #00f, 102 colours: 127,0,127 and 127,0,127"; "#f00 and #01f, 102 colours: 255,0,0 and 0,17,255";
# "lossless #f00 and #00f, 102 colours: 255,0,0 and 0,0,255".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit upng-js@2.1.0 sharp@0.35.5
cat > balls.mjs <<'JAVASCRIPT'
// Encodes two balls of different colours with UPNG.js, and prints the colours of their middles.
import sharp from "sharp";
import UPNG from "upng-js";

const SIDE = 64;

async function balls(left, right, most, edges) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">
    <g shape-rendering="${edges}"><circle cx="18" cy="32" r="14" fill="${left}"/>
    <circle cx="46" cy="32" r="14" fill="${right}"/></g></svg>`;
  const { data } = await sharp(Buffer.from(svg)).ensureAlpha().raw().toBuffer({
    resolveWithObject: true,
  });
  const pixels = Uint8Array.from(data);
  const seen = new Set();
  for (let i = 0; i < pixels.length; i += 4)
    if (pixels[i + 3] > 0) seen.add(pixels.slice(i, i + 4).join());
  const png = UPNG.encode([pixels.buffer], SIDE, SIDE, most);
  const decoded = new Uint8Array(UPNG.toRGBA8(UPNG.decode(png))[0]);
  const middle = (x) => decoded.slice((32 * SIDE + x) * 4, (32 * SIDE + x) * 4 + 3).join();
  const name = `${most === 0 ? "lossless " : ""}${left} and ${right}`;
  console.log(`${name}, ${seen.size} colours: ${middle(18)} and ${middle(46)}`);
}

await balls("#f00", "#00f", 256, "crispEdges");
await balls("#ff0", "#0ff", 256, "crispEdges");
await balls("#c04000", "#0040c0", 256, "crispEdges");
await balls("#f00", "#00f", 256, "auto");
await balls("#f00", "#01f", 256, "auto");
await balls("#f00", "#00f", 0, "auto");
JAVASCRIPT
seen=$(node balls.mjs)
echo "$seen"
[[ $seen == *"#f00 and #00f, 2 colours: 128,0,128 and 128,0,128"* ]]
[[ $seen == *"#ff0 and #0ff, 2 colours: 128,255,128 and 128,255,128"* ]]
[[ $seen == *"#c04000 and #0040c0, 2 colours: 96,64,96 and 96,64,96"* ]]
[[ $seen == *$'\n'"#f00 and #00f, 102 colours: 127,0,127 and 127,0,127"* ]]
[[ $seen == *"#f00 and #01f, 102 colours: 255,0,0 and 0,17,255"* ]]
[[ $seen == *"lossless #f00 and #00f, 102 colours: 255,0,0 and 0,0,255"* ]]
