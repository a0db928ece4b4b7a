#!/usr/bin/env bash
# optax 0.2.8: the second moment of Adam has the parameters' dtype; `mu_dtype` sets the first one's
# alone. In bfloat16 beta2 = 0.999 rounds to 1, so that the mean of squares forgets nothing: after
# 100 large gradients, as at the start of a training, 20,000 that are a hundred times smaller take
# steps of 0.03 of the rate to the end, where float32 is back at 1. With gradients of one size the
# mean stops at half of their square, and steps are 1.4 times too large. No error, no warning.
# Seen 2026-11-30: "float32: 1.00 of the rate after a large start, 1.0 with steady gradients";
# "bfloat16: 0.03 of the rate after a large start, 1.4 with steady gradients"; "bfloat16, mu_dtype
# float32: 0.03 of the rate after a large start, 1.4 with steady gradients".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optax==0.2.8 jax==0.10.2 jaxlib==0.10.2
cat > "$folder/moments.py" <<'PYTHON'
"""Runs Adam on one parameter in float32 and bfloat16, and prints its last steps."""

import jax
import jax.numpy as jnp
import optax


def last_step(gradients, dtype, mu_dtype=None):
    adam = optax.scale_by_adam(mu_dtype=mu_dtype)

    def step(state, gradient):
        update, state = adam.update(gradient, state)
        return state, update[0]

    state = adam.init(jnp.ones(1, dtype))
    return jax.lax.scan(step, state, gradients.astype(dtype)[:, None])[1][-1]


falling = jnp.concatenate([jnp.full(100, 1.0), jnp.full(20_000, 0.01)])
steady = jnp.ones(10_000)
for name, *dtypes in (
    ("float32", jnp.float32),
    ("bfloat16", jnp.bfloat16),
    ("bfloat16, mu_dtype float32", jnp.bfloat16, jnp.float32),
):
    after, always = (float(last_step(gradients, *dtypes)) for gradients in (falling, steady))
    print(
        f"{name}: {after:.2f} of the rate after a large start, {always:.1f} with steady gradients"
    )
PYTHON
seen=$(JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/moments.py" 2>/dev/null)
echo "$seen"
[[ $seen == *"float32: 1.00 of the rate after a large start, 1.0 with steady gradients"* ]]
[[ $seen == *"bfloat16: 0.03 of the rate after a large start, 1.4 with steady gradients"* ]]
[[ $seen == *"bfloat16, mu_dtype float32: 0.03 of the rate after a large start, 1.4 with"* ]]
