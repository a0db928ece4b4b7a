#!/usr/bin/env bash
# torchmetrics 1.9.0: two of its measures of likeness, whose best value is 1, count a window in
# which nothing changes as 0, also where both pictures are the same. By
# `universal_image_quality_index` an emoji of flat colours is 0.48 like itself, a plain picture 0;
# by `spatial_correlation_coefficient` 0.31 and 0. With 2 % of noise the same face is 1.00 like
# itself, and by SSIM all of them are: what is measured is how much is flat. No NaN, no warning.
# Seen 2026-12-01: "face and itself: index 0.48, correlation 0.31, SSIM 1.00"; "plain picture and
# itself: index 0.00, correlation 0.00, SSIM 1.00"; "grainy face and itself: index 1.00, correlation
# 1.00, SSIM 1.00".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
cat > "$folder/alike.py" <<'PYTHON'
"""Measures how like a flat emoji is to itself."""

import torch
from torchmetrics.functional import image

SIDE = 64


def face(ground=1.0, noise=0.0):
    """Returns a yellow face with two eyes on a plain ground."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    picture = torch.full((3, SIDE, SIDE), ground)
    picture[:, (x - 32) ** 2 + (y - 32) ** 2 < 400] = torch.tensor([1.0, 0.8, 0.1])[:, None]
    for eye in (25, 39):
        picture[:, (x - eye) ** 2 + (y - 26) ** 2 < 9] = 0.0
    grain = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    return (picture + noise * grain)[None]


def measure(name, first, second):
    """Prints and returns the two measures and SSIM."""
    index = float(image.universal_image_quality_index(first, second))
    correlation = float(image.spatial_correlation_coefficient(first, second))
    ssim = float(image.structural_similarity_index_measure(first, second, data_range=1.0))
    print(f"{name}: index {index:.2f}, correlation {correlation:.2f}, SSIM {ssim:.2f}")
    return index, correlation, ssim


flat, grainy = face(), face(noise=0.02)
same = measure("face and itself", flat, flat)
plain = measure("plain picture and itself", torch.full_like(flat, 0.5), torch.full_like(flat, 0.5))
busy = measure("grainy face and itself", grainy, grainy)
assert abs(same[2] - 1) < 1e-3 and 0.4 < same[0] < 0.6 and 0.2 < same[1] < 0.5
assert plain[0] == plain[1] == 0 and abs(plain[2] - 1) < 1e-3
assert all(abs(value - 1) < 0.02 for value in busy)
PYTHON
"$folder/venv/bin/python" "$folder/alike.py"
