#!/usr/bin/env bash
# jax 0.10.2 on CPU: every operation outside jit is a compiled program of its own for each shape, and
# each of them, be it one multiplication, holds 1.4 MiB until `jax.clear_caches()`. A server that
# shapes arrays by what is asked for (20 pictures, 7 pictures, a phrase of 5 words) grows by hundreds
# of MiB without ever holding large arrays. The same shape again costs nothing.
# Seen 2026-11-30: "a hundred new shapes: 1.4 MiB each"; "the last shape a hundred times: 0.0 MiB
# each"; "caches cleared, a hundred new shapes: 0.0 MiB each" (they use what was given back).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 psutil==7.2.2
cat > "$folder/shapes.py" <<'PYTHON'
"""Multiplies vectors by two, and prints what that adds to the memory of the process."""

import gc

import jax
import jax.numpy as jnp
import numpy as np
import psutil

memory = psutil.Process().memory_info


def grown(name, lengths):
    before = memory().rss
    for n in lengths:
        jnp.multiply(np.ones(n, np.float32), 2).block_until_ready()
    each = (memory().rss - before) / len(lengths) / 2**20
    print(f"{name}: {each:.1f} MiB each", each)


jnp.multiply(np.ones(10, np.float32), 2).block_until_ready()
grown("a hundred new shapes", range(1000, 1100))
grown("the last shape a hundred times", [1099] * 100)
jax.clear_caches()
gc.collect()
grown("caches cleared, a hundred new shapes", range(2000, 2100))
PYTHON
seen=$(JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/shapes.py" 2>/dev/null)
sed 's/ [-0-9.e]*$//' <<<"$seen"
awk '/^a hundred new/ {a = $NF} /^the last/ {b = $NF} /^caches/ {c = $NF}
  END {exit !(a > 0.7 && b < 0.1 && c < 0.5)}' <<<"$seen"
