#!/usr/bin/env bash
# scikit-image 0.26.0: of a straight stroke with round ends, 14 px wide and as even as pixels can
# be, the two methods of skeletonize run on opposite sides of the middle, zhang half a pixel above
# and lee half a pixel below, so that a change of `method` moves every line by one. thin is half a
# pixel below, and ends nearer to one tip than to the other. medial_axis runs along the middle, but
# of a stroke of 13 px it turns aside in the round ends, to 4.5 px beside the middle and 4.5 px
# beyond the centre of the end; of one of 14 px it does not. No error, no warning.
# Seen 2026-12-01: "14 px: zhang -0.5, lee 0.5, thin 0.5 beside the middle, tips of thin 0.5 and
# -0.5"; "13 px: medial_axis ends 4.5 px beside it, 14 px: 0.5".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-image==0.26.0 numpy==2.4.6 scipy==1.17.1
cat > "$folder/strokes.py" <<'PYTHON'
"""Prints where the skeletons of straight strokes lie."""

import warnings

import numpy as np
from skimage import morphology

warnings.simplefilter("error")
FIRST, LAST, MIDDLE = 60, 360, 60  # px, of the stroke's centre line
y, x = np.mgrid[:120, :420] + 0.5


def points(method, width):
    mask = np.hypot(x - x.clip(FIRST, LAST), y - MIDDLE) <= width / 2
    assert (mask == mask[::-1]).all() and (mask == mask[:, ::-1]).all()
    rows, columns = np.nonzero(method(mask))
    return columns + 0.5, rows + 0.5 - MIDDLE


def beside(method, width):
    columns, off = points(method, width)
    return float(off[(columns > 100) & (columns < 320)].mean())


def zhang(mask):
    return morphology.skeletonize(mask)


def lee(mask):
    return morphology.skeletonize(mask, method="lee")


columns, _ = points(morphology.thin, 14)
print(
    f"14 px: zhang {beside(zhang, 14)}, lee {beside(lee, 14)}, thin {beside(morphology.thin, 14)} "
    f"beside the middle, tips of thin {FIRST - columns.min()} and {columns.max() - LAST}"
)
ends = {}
for width in (13, 14):
    columns, off = points(morphology.medial_axis, width)
    ends[width] = abs(off[columns.argmin()])
print(f"13 px: medial_axis ends {ends[13]} px beside it, 14 px: {ends[14]}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/strokes.py")
echo "$seen"
[[ $seen == *"zhang -0.5, lee 0.5, thin 0.5 beside the middle, tips of thin 0.5 and -0.5"* ]]
[[ $seen == *"13 px: medial_axis ends 4.5 px beside it, 14 px: 0.5"* ]]
