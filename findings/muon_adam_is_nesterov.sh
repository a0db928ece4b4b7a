#!/usr/bin/env bash
# optax.contrib.muon leaves what is no matrix to Adam, but not to the Adam of optax.adam: Muon's own
# default nesterov=True goes to both, so that the first update of a bias is 1.47 of the learning
# rate in place of 1.00. Whoever moves a run from Adam to Muon with the rates of the biases kept has
# raised them. nesterov=False gives optax.adam's update, and takes it from the matrices too.
# Seen 2026-11-29 with optax 0.2.8, jax 0.10.2: "optax.adam 1.00, muon 1.47, nesterov=False 1.00".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optax==0.2.8 jax==0.10.2 jaxlib==0.10.2
"$folder/venv/bin/python" - <<'PY'
import jax.numpy as jnp
import optax
import optax.contrib

params = {"matrix": jnp.ones((4, 4)), "bias": jnp.ones(4)}
grads = {"matrix": jnp.eye(4), "bias": jnp.full(4, 0.3)}


def bias_step(optimiser):
    updates, _ = optimiser.update(grads, optimiser.init(params), params)
    return float(-updates["bias"][0]) / 0.01


steps = {
    "optax.adam": bias_step(optax.adam(0.01, b1=0.9, b2=0.99)),
    "muon": bias_step(optax.contrib.muon(0.01, adam_b1=0.9, adam_b2=0.99)),
    "muon, nesterov=False": bias_step(
        optax.contrib.muon(0.01, adam_b1=0.9, adam_b2=0.99, nesterov=False)
    ),
}
for name, step in steps.items():
    print(f"{name}: first update of a bias, of the learning rate: {step:.2f}")
assert abs(steps["optax.adam"] - 1) < 0.01, steps
assert abs(steps["muon"] - 1.47) < 0.02, steps
assert abs(steps["muon, nesterov=False"] - 1) < 0.01, steps
PY
