#!/usr/bin/env bash
# jax 0.10.2: `jnp.clip(rgb, 0, alpha)` makes premultiplied colours valid and changes no valid one,
# but their gradient: a minimum of a maximum, each of which halves it where both sides are equal.
# Flat art lies on the bounds: of a transparent pixel (rgb = alpha = 0) a quarter passes, of black
# and white a half, and the R1 penalty of colours is a sixteenth or a quarter. `jax.lax.clamp`,
# the same values, passes nothing there, not even to alpha.
# Seen 2026-11-30, to (rgb, alpha): "jnp.clip [...] transparent (0.25, 0.5), black (0.5, 0.0), white
# (0.5, 0.5), grey (1.0, 0.0)"; "jax.lax.clamp [...] transparent (0.0, 0.0), [...] grey (1.0, 0.0)".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
cat > "$folder/bounds.py" <<'PYTHON'
"""Differentiates two ways of keeping a premultiplied colour between 0 and alpha."""

import jax
import jax.numpy as jnp

PIXELS = {"transparent": (0.0, 0.0), "black": (0.0, 1.0), "white": (1.0, 1.0), "grey": (0.5, 1.0)}

for name, valid in (
    ("jnp.clip", lambda rgb, alpha: jnp.clip(rgb, 0.0, alpha)),
    ("jax.lax.clamp", lambda rgb, alpha: jax.lax.clamp(0.0, rgb, alpha)),
):
    gradients = []
    for pixel, (rgb, alpha) in PIXELS.items():
        assert float(valid(rgb, alpha)) == rgb  # nothing changes
        by_rgb, by_alpha = map(float, jax.grad(valid, (0, 1))(rgb, alpha))
        gradients.append(f"{pixel} ({by_rgb}, {by_alpha})")
    print(f"{name} to (rgb, alpha): {', '.join(gradients)}")
PYTHON
seen=$(JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/bounds.py" 2>/dev/null)
echo "$seen"
clip="transparent (0.25, 0.5), black (0.5, 0.0), white (0.5, 0.5), grey (1.0, 0.0)"
clamp="transparent (0.0, 0.0), black (0.0, 0.0), white (0.0, 0.0), grey (1.0, 0.0)"
[[ $seen == *"jnp.clip to (rgb, alpha): $clip"* ]]
[[ $seen == *"jax.lax.clamp to (rgb, alpha): $clamp"* ]]
