#!/usr/bin/env bash
# jax2onnx 0.17.1 with jax 0.10.2: after any conversion, also of a function without a sum,
# `jax.numpy.cumsum` is the converter's own for the rest of the process. It refuses a position for
# the axis, `jnp.cumsum(x, 1)`, which jax takes and which worked before; with `axis=1` it works.
# Seen 2026-11-29: "before: ok; imported: ok; converted: TypeError; by name: ok".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 jax2onnx==0.17.1
cat > "$folder/sums.py" <<'PYTHON'
"""Sums an array before and after another function is converted."""

import logging

import jax
import jax.numpy as jnp

logging.disable(logging.WARNING)


def outcome(*args, **kwargs):
    try:
        jnp.cumsum(jnp.ones((2, 3)), *args, **kwargs)
    except TypeError:
        return "TypeError"
    return "ok"


seen = [f"before: {outcome(1)}"]
import jax2onnx

seen.append(f"imported: {outcome(1)}")
jax2onnx.to_onnx(lambda x: 2.0 * x, [jax.ShapeDtypeStruct((2, 3), jnp.float32)])
seen += [f"converted: {outcome(1)}", f"by name: {outcome(axis=1)}"]
print("; ".join(seen))
PYTHON
seen=$(JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/sums.py" 2>/dev/null)
echo "$seen"
[[ $seen == "before: ok; imported: ok; converted: TypeError; by name: ok" ]]
