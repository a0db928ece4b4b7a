#!/usr/bin/env bash
# flax 0.12.8: the scale of `nnx.WeightNorm` is no parameter: `nnx.state(layer, nnx.Param)` lacks
# it, so that no optimiser changes it, and each call puts the columns of the kernel back to length
# 1. The layer thus learns directions alone: of a linear target with columns of length 6 two
# thirds of the error stay. linen's layer of the same name learns its scale, and fits. No error,
# no warning.
# Seen 2026-12-01: "nnx: parameters kernel, bias; columns 1.00, scale 1.00, 67% of the error
# left"; "linen: parameters kernel, bias, scale; scale 6.00, 0% of the error left".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 optax==0.2.8
cat > "$folder/lengths.py" <<'PYTHON'
"""Fits a linear map whose columns are six long, by a layer with weight normalisation."""

import warnings

import jax
import jax.numpy as jnp
import optax
from flax import linen, nnx

warnings.simplefilter("error")
STEPS = 500
x = jax.random.normal(jax.random.key(0), (64, 8))
target = jax.random.normal(jax.random.key(1), (8, 4))
y = x @ (6 * target / jnp.linalg.norm(target, axis=0))


def error(output):
    return jnp.mean((output - y) ** 2)


def left(output):
    return f"{float(error(output) / jnp.mean(y**2)):.0%} of the error left"


def parts(tree):
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    names = " ".join(jax.tree_util.keystr(path) for path, _ in leaves)
    return ", ".join(part for part in ("kernel", "bias", "scale") if f"{part}'" in names)


layer = nnx.WeightNorm(nnx.Linear(8, 4, rngs=nnx.Rngs(2)), rngs=nnx.Rngs(3))
optimiser = nnx.Optimizer(layer, optax.adam(0.05), wrt=nnx.Param)


@nnx.jit
def step(layer, optimiser):
    optimiser.update(layer, nnx.grad(lambda m: error(m(x)))(layer))


for _ in range(STEPS):
    step(layer, optimiser)
output = layer(x)
columns = jnp.linalg.norm(layer.layer_instance.kernel[...], axis=0).mean()
(scale,) = layer.scales.values()
print(
    f"nnx: parameters {parts(nnx.to_pure_dict(nnx.state(layer, nnx.Param)))}; "
    f"columns {columns:.2f}, scale {scale.mean():.2f}, {left(output)}"
)

wrapped = linen.WeightNorm(linen.Dense(4))
adam = optax.adam(0.05)
params = wrapped.init(jax.random.key(2), x)
state = adam.init(params)


@jax.jit
def linen_step(params, state):
    grads = jax.grad(lambda p: error(wrapped.apply(p, x)))(params)
    updates, state = adam.update(grads, state)
    return optax.apply_updates(params, updates), state


for _ in range(STEPS):
    params, state = linen_step(params, state)
scale = params["params"]["layer_instance/kernel/scale"]
print(
    f"linen: parameters {parts(params)}; scale {scale.mean():.2f}, {left(wrapped.apply(params, x))}"
)
PYTHON
export JAX_PLATFORMS=cpu
seen=$("$folder/venv/bin/python" "$folder/lengths.py")
echo "$seen"
[[ $seen == *"nnx: parameters kernel, bias; columns 1.00, scale 1.00, 67% of the error left"* ]]
[[ $seen == *"linen: parameters kernel, bias, scale; scale 6.00, 0% of the error left"* ]]
