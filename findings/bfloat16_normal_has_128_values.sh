#!/usr/bin/env bash
# jax 0.10.2: `jax.random.normal(key, shape, jnp.bfloat16)` is no rounded normal number: it is made
# of a uniform one of seven random bits. There are 128 values in all; the largest is 2.52, the
# smallest -2.89, and between that and -2.33 there is none, so that the mean is -0.011. Latents and
# noise of a model in half precision lose their tails without a word. Drawn in float32 and cast, two
# million have 3,853 values and a mean of 0.001; float16 has 1,024 values, none beyond 3.5.
# Seen 2026-11-30: "bfloat16: 128 values from -2.89, -2.33 to 2.52, mean -0.011"; "float32, cast:
# thousands of values, beyond 4".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
cat > "$folder/tails.py" <<'PYTHON'
"""Draws two million normal numbers as bfloat16 and as float32, cast to it."""

import jax
import jax.numpy as jnp
import numpy as np

key, shape = jax.random.key(0), (2_000_000,)
direct = np.asarray(jax.random.normal(key, shape, jnp.bfloat16), np.float32)
cast = np.asarray(jax.random.normal(key, shape).astype(jnp.bfloat16), np.float32)
values = np.unique(direct)
print(
    f"bfloat16: {len(values)} values from {values[0]:.2f}, {values[1]:.2f} to {values[-1]:.2f}, "
    f"mean {direct.mean(dtype=np.float64):.3f}"
)
if len(np.unique(cast)) > 2000 and cast.min() < -4 and cast.max() > 4:
    print("float32, cast: thousands of values, beyond 4")
PYTHON
seen=$(JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/tails.py" 2>/dev/null)
echo "$seen"
[[ $seen == *"bfloat16: 128 values from -2.89, -2.33 to 2.52, mean -0.011"* ]]
[[ $seen == *"float32, cast: thousands of values, beyond 4"* ]]
