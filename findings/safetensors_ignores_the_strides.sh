#!/usr/bin/env bash
# safetensors 0.8.0: `numpy.save` and `save_file` write the memory of an array, whatever its
# strides: a transposed kernel, as whoever brings weights from PyTorch to JAX has it, comes back
# with the right shape and scrambled numbers; so does every second row of an array. `astype` keeps
# the order of the memory, so that a cast does not help, and `flax.save` does the same to a JAX
# array whose layout is by columns. 0.7.0 writes all of them right, as np.savez does;
# `safetensors.torch` refuses them. No error, no warning.
# Seen 2026-11-30: "0.7.0: transposed right, cast right, each second right, JAX by columns right";
# "0.8.0: transposed wrong, cast wrong, each second wrong, JAX by columns wrong, copied right".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet safetensors==0.8.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-deps --target "$folder/old" safetensors==0.7.0
cat > "$folder/kernel.py" <<'PYTHON'
"""Writes a kernel in several orders of its axes, and reads it back."""

import warnings

import jax
import numpy as np
import safetensors
import safetensors.flax
import safetensors.numpy
from jax.experimental.layout import Format, Layout

warnings.simplefilter("error")
kernel = np.arange(3 * 3 * 4 * 8, dtype=np.float32).reshape(8, 4, 3, 3)
transposed = kernel.transpose(2, 3, 1, 0)
matrix = jax.numpy.arange(12.0).reshape(3, 4)
by_columns = jax.device_put(matrix, Format(Layout((1, 0)), matrix.sharding))
results = []
for name, module, array in (
    ("transposed", safetensors.numpy, transposed),
    ("cast", safetensors.numpy, transposed.astype(np.float16)),
    ("each second", safetensors.numpy, kernel[::2]),
    ("JAX by columns", safetensors.flax, by_columns),
    ("copied", safetensors.numpy, np.ascontiguousarray(transposed)),
):
    back = module.load(module.save({"kernel": array}))["kernel"]
    assert back.shape == array.shape and back.dtype == array.dtype
    results.append(f"{name} {'right' if np.array_equal(back, array) else 'wrong'}")
print(f"{safetensors.__version__}: {', '.join(results)}")
PYTHON
export JAX_PLATFORMS=cpu
seen=$("$folder/venv/bin/python" "$folder/kernel.py")
old=$(PYTHONPATH="$folder/old" "$folder/venv/bin/python" "$folder/kernel.py")
echo "$old"
echo "$seen"
[[ $old == *"0.7.0: transposed right, cast right, each second right, JAX by columns right"* ]]
[[ $seen == *"0.8.0: transposed wrong, cast wrong, each second wrong, JAX by columns wrong,"* ]]
[[ $seen == *"copied right"* ]]
