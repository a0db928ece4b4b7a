#!/usr/bin/env bash
# jax 0.10.2: `jax.image.scale_and_translate` gives a pixel whose centre falls into the picture
# the whole weight, and any other none: what touches the border moves by whole pixels alone, while
# what lies inside moves by fractions. A white picture, moved by 0.25 px, is where it was; by 0.75
# px, it has moved by one. A loss has no gradient by the shift there, so that nothing is
# registered by it. With one pixel of nothing around the picture it is right, as
# `jax.scipy.ndimage.map_coordinates` is without. No error, no warning.
# Seen 2026-12-01: "white moved by 0.25: [200, 200, 200, 200, 0, 0]"; "by 0.75: [0, 200, 200, 200,
# 200, 0]"; "with a border of nothing: [150, 200, 200, 200, 50, 0]"; "map_coordinates: [150, 200,
# 200, 200, 50, 0]"; "a spot inside: [0, 150, 50, 0, 0, 0]"; "gradient by the shift: 0, with a
# border 200".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/border.py" <<'PYTHON'
"""Moves a row of white pixels that reaches the border of its picture."""

import warnings

import jax
import jax.numpy as jnp
from jax.scipy import ndimage

warnings.simplefilter("error")
SIZE = 6


def moved(row, shift):
    return jax.image.scale_and_translate(
        row, (SIZE,), (0,), jnp.ones(1), jnp.array([shift]), "linear"
    )


def levels(row):
    return [round(float(x)) for x in row]


white = jnp.full(4, 200.0)
bordered = jnp.pad(white, 1)  # moved by one pixel less, it is where the other is
print(f"white moved by 0.25: {levels(moved(white, 0.25))}")
print(f"by 0.75: {levels(moved(white, 0.75))}")
print(f"with a border of nothing: {levels(moved(bordered, 0.25 - 1))}")
source = jnp.arange(SIZE) - 0.25
row = ndimage.map_coordinates(white, [source], order=1, mode="constant")
print(f"map_coordinates: {levels(row)}")
spot = jnp.array([0.0, 200.0, 0.0, 0.0])
print(f"a spot inside: {levels(moved(spot, 0.25))}")


def second_half(shift, row):
    return moved(row, shift)[3:].sum()


slopes = levels(jax.grad(second_half)(0.25 - i, row) for i, row in enumerate((white, bordered)))
print("gradient by the shift: {}, with a border {}".format(*slopes))
PYTHON
export JAX_PLATFORMS=cpu
seen=$("$folder/venv/bin/python" "$folder/border.py")
echo "$seen"
[[ $seen == *"white moved by 0.25: [200, 200, 200, 200, 0, 0]"* ]]
[[ $seen == *"by 0.75: [0, 200, 200, 200, 200, 0]"* ]]
[[ $seen == *"with a border of nothing: [150, 200, 200, 200, 50, 0]"* ]]
[[ $seen == *"map_coordinates: [150, 200, 200, 200, 50, 0]"* ]]
[[ $seen == *"a spot inside: [0, 150, 50, 0, 0, 0]"* ]]
[[ $seen == *"gradient by the shift: 0, with a border 200"* ]]
