#!/usr/bin/env bash
# flax 0.12.8: `nnx.replace_by_pure_dict`, the way back from `to_pure_dict`, refuses a name that the
# network lacks, but takes a dictionary that lacks a name, whose weights stay random, and an array of
# any other shape, which takes the place of the right one. A file of another width or depth loads
# without a word where its names are some of the network's.
# Seen 2026-11-30: "a layer too much: ValueError"; "a layer missing: loads, the layer stays random";
# "another shape: loads, the kernel is (5, 5)".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flax==0.12.8 jax==0.10.2 jaxlib==0.10.2
cat > "$folder/load.py" <<'PYTHON'
"""Loads into a network of two layers what lacks one, has one too much or has another shape."""

import jax.numpy as jnp
from flax import nnx


class Network(nnx.Module):
    def __init__(self, seed):
        rngs = nnx.Rngs(seed)
        self.first, self.second = nnx.Linear(2, 2, rngs=rngs), nnx.Linear(2, 2, rngs=rngs)


stored = nnx.to_pure_dict(nnx.state(Network(1)))
wide = {"kernel": jnp.zeros((5, 5)), "bias": stored["first"]["bias"]}
for name, weights in (
    ("a layer too much", stored | {"third": stored["first"]}),
    ("a layer missing", {"first": stored["first"]}),
    ("another shape", stored | {"first": wide}),
):
    state = nnx.state(Network(0))
    fresh = nnx.to_pure_dict(state)["second"]["kernel"]
    try:
        nnx.replace_by_pure_dict(state, weights)
    except ValueError:
        print(f"{name}: ValueError")
        continue
    now = nnx.to_pure_dict(state)
    if now["first"]["kernel"].shape != (2, 2):
        print(f"{name}: loads, the kernel is {now['first']['kernel'].shape}")
    elif (now["second"]["kernel"] == fresh).all():
        print(f"{name}: loads, the layer stays random")
PYTHON
seen=$(JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/load.py" 2>/dev/null)
echo "$seen"
[[ $seen == *"a layer too much: ValueError"* ]]
[[ $seen == *"a layer missing: loads, the layer stays random"* ]]
[[ $seen == *"another shape: loads, the kernel is (5, 5)"* ]]
