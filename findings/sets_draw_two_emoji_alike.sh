#!/usr/bin/env bash
# Emoji sets on npm: one drawing can stand for many emoji, byte for byte, where Unicode and the names
# of the set tell them apart. Twemoji (@iconify-json/twemoji 1.2.5) has four silhouettes for 30
# families, and draws the woman of medium-light skin with the blond hair of the blond one; in Fluent
# flat (fluent-emoji-flat 1.2.6) a cat's calm face is the grinning one; in Noto (noto 1.2.9) the
# astronaut is the man and the woman among them. Whoever counts the right emoji, or splits a set by
# code points, counts a right guess as wrong and tests on what was trained on.
# Seen 2026-12-01: "twemoji: 4169 emoji, 34 drawn as another", "noto: 3819 emoji, 22 drawn as
# another", "fluent-emoji-flat: 3174 emoji, 1 drawn as another: cat-face = grinning-cat".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > alike.py <<'PYTHON'
"""Counts the emoji of a set that have the drawing of another, byte for byte."""

import collections
import json
import tarfile

PAIRS = {
    "twemoji": ("woman-medium-light-skin-tone", "woman-medium-light-skin-tone-blond-hair"),
    "noto": ("man-astronaut", "woman-astronaut"),
    "fluent-emoji-flat": ("cat-face", "grinning-cat"),
}
for name, version in (("twemoji", "1.2.5"), ("noto", "1.2.9"), ("fluent-emoji-flat", "1.2.6")):
    with tarfile.open(f"iconify-json-{name}-{version}.tgz") as archive:
        icons = json.load(archive.extractfile("package/icons.json"))["icons"]
    drawn = collections.Counter(icon["body"] for icon in icons.values())
    more = len(icons) - len(drawn)
    first, second = PAIRS[name]
    print(f"{name}: {len(icons)} emoji, {more} drawn as another: {first} = {second}")
    assert icons[first]["body"] == icons[second]["body"] and more > 0
    if name == "twemoji":
        families = {icons[n]["body"] for n in icons if n.startswith("family")}
        print(f"families: {sum(n.startswith('family') for n in icons)}, drawings: {len(families)}")
        assert len(families) == 4
PYTHON
for package in twemoji@1.2.5 noto@1.2.9 fluent-emoji-flat@1.2.6; do
  npm pack --silent "@iconify-json/$package"
done
"${PYTHON:-python3}" alike.py
