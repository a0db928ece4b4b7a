#!/usr/bin/env bash
# optax 0.2.8: of float16 gradients `clip_by_global_norm` takes the norm in float16 too, where the
# sum of squares is infinite from a norm of 256 on: what was to be clipped to norm 1 is 0, and
# nothing is learnt any more, though each gradient is finite. With a loss scaled by 1024, as is
# usual for float16, a real norm of 0.25 is enough. `normalize_by_update_norm` does the same;
# bfloat16 and float32 are right. `apply_if_finite` counts no error: the gradients are finite, and
# so is 0. No NaN, no warning.
# Seen 2026-12-01 on CPU: "float16, 65,000 gradients of 1: norm 254.9, clipped to 1.001"; "float16,
# 66,000 gradients of 1: norm inf, clipped to 0.000"; "bfloat16 ... norm 256.0, clipped to 1.004";
# "float32 ... norm 256.9, clipped to 1.000"; "float16, normalised: 0.000"; "float16, loss scaled by
# 1: 100 steps move a weight by 0.39, errors seen: 0"; "float16, loss scaled by 1024: 100 steps move
# a weight by 0.00, errors seen: 0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 optax==0.2.8
cat > "$folder/clip.py" <<'PYTHON'
"""Clips gradients to norm 1 in three precisions, and trains with a scaled loss."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax

warnings.simplefilter("error", RuntimeWarning)
BITS = ("float16", "bfloat16", "float32")


def length(tree):
    """Returns the norm of updates, by NumPy in float64."""
    return float(np.linalg.norm(np.asarray(tree["w"]).astype(np.float64)))


def updated(transform, count, dtype):
    """Returns the norm, as optax sees it, of so many ones, and that of their updates."""
    gradients = {"w": jnp.ones(count, dtype)}
    updates, _ = transform.update(gradients, transform.init(gradients))
    return float(optax.tree.norm(gradients)), length(updates)


seen = {}
for dtype, count in (("float16", 65_000), *((bits, 66_000) for bits in BITS)):
    norm, clipped = seen[dtype, count] = updated(optax.clip_by_global_norm(1.0), count, dtype)
    print(f"{dtype}, {count:,} gradients of 1: norm {norm:.1f}, clipped to {clipped:.3f}")
normal = updated(optax.normalize_by_update_norm(), 66_000, "float16")[1]
print(f"float16, normalised: {normal:.3f}")


def train(scale):
    """Returns how far 100 steps move a weight by gradients of 0.01, and the errors seen."""
    rule = optax.chain(optax.clip_by_global_norm(scale), optax.scale(-1 / scale))
    rule = optax.apply_if_finite(rule, max_consecutive_errors=3)
    weights = {"w": jnp.zeros(65_536, jnp.float16)}
    state = rule.init(weights)

    def loss(weights):
        return scale * 0.01 * weights["w"].sum(dtype=jnp.float32)

    @jax.jit
    def step(weights, state):
        updates, state = rule.update(jax.grad(loss)(weights), state, weights)
        return optax.apply_updates(weights, updates), state

    for _ in range(100):
        weights, state = step(weights, state)
    return abs(float(weights["w"][0])), int(state.total_notfinite)


moved = {}
for scale in (1, 1024):
    moved[scale] = train(float(scale))
    print(
        f"float16, loss scaled by {scale}: 100 steps move a weight by {moved[scale][0]:.2f}, "
        f"errors seen: {moved[scale][1]}"
    )
assert abs(seen["float16", 65_000][1] - 1) < 0.01
assert seen["float16", 66_000] == (float("inf"), 0.0) and normal == 0
assert all(abs(seen[bits, 66_000][1] - 1) < 0.01 for bits in BITS[1:])
assert moved[1][0] > 0.3 and moved[1024] == (0, 0)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/clip.py"
