#!/usr/bin/env bash
# flax 0.12.8: `nnx.SpectralNorm` writes the normalised kernel over the kernel at each call, also
# with update_stats=False, which is for evaluation: one look at the output changes the weights
# that are saved afterwards. In training the gradient is that of the kernel before the call, and
# the optimiser takes its step from the one after it; linen's layer normalises a copy, and trains
# the kernel itself. Outputs and gradients are the same, so that tests of them see nothing. No
# error, no warning.
# Seen 2026-12-01: "nnx: evaluation takes the kernel's norm from 10.00 to 1.00"; "linen:
# evaluation leaves it at 10.00"; "same output: True, same gradient: True"; "after a step: nnx
# 1.0, linen 10.0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 optax==0.2.8
cat > "$folder/norms.py" <<'PYTHON'
"""Evaluates and trains one dense layer with spectral normalisation, by nnx and by linen."""

import warnings

import jax
import jax.numpy as jnp
import optax
from flax import linen, nnx

warnings.simplefilter("error")
x = jax.random.normal(jax.random.key(0), (16, 8))
raw = jax.random.normal(jax.random.key(1), (8, 4))
kernel = 10 * raw / jnp.linalg.norm(raw, 2)
steps = 50  # of the power iteration, so that both know the norm exactly


def layer():
    dense = nnx.Linear(8, 4, rngs=nnx.Rngs(0))
    dense.kernel[...] = kernel
    return nnx.SpectralNorm(dense, n_steps=steps, rngs=nnx.Rngs(1))


def norm(matrix):
    return float(jnp.linalg.norm(matrix, 2))


def loss(output):
    return jnp.mean(output[:, 0] ** 2)


module = layer()
output = module(x, update_stats=False)
after = norm(module.layer_instance.kernel[...])
print(f"nnx: evaluation takes the kernel's norm from {norm(kernel):.2f} to {after:.2f}")

wrapped = linen.SpectralNorm(linen.Dense(4), n_steps=steps)
variables = wrapped.init(jax.random.key(2), x, update_stats=False)
params = {"layer_instance": {"bias": jnp.zeros(4), "kernel": kernel}}
assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, variables["params"])
stats = variables["batch_stats"]


def by_linen(params):
    return wrapped.apply({"params": params, "batch_stats": stats}, x, update_stats=False)


same = bool(jnp.allclose(output, by_linen(params), atol=1e-5))
print(f"linen: evaluation leaves it at {norm(params['layer_instance']['kernel']):.2f}")

module = layer()
optimiser = nnx.Optimizer(module, optax.sgd(0.1), wrt=nnx.Param)
grads = nnx.grad(lambda m: loss(m(x, update_stats=False)))(module)
optimiser.update(module, grads)
other = jax.grad(lambda p: loss(by_linen(p)))(params)
equal = bool(
    jnp.allclose(
        grads["layer_instance"]["kernel"][...], other["layer_instance"]["kernel"], atol=1e-4
    )
)
print(f"same output: {same}, same gradient: {equal}")
stepped = jax.tree.map(lambda p, g: p - 0.1 * g, params, other)["layer_instance"]["kernel"]
ours = norm(module.layer_instance.kernel[...])
print(f"after a step: nnx {ours:.1f}, linen {norm(stepped):.1f}")
PYTHON
export JAX_PLATFORMS=cpu
seen=$("$folder/venv/bin/python" "$folder/norms.py")
echo "$seen"
[[ $seen == *"nnx: evaluation takes the kernel's norm from 10.00 to 1.00"* ]]
[[ $seen == *"linen: evaluation leaves it at 10.00"* ]]
[[ $seen == *"same output: True, same gradient: True"* ]]
[[ $seen == *"after a step: nnx 1.0, linen 10.0"* ]]
