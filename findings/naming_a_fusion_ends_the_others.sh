#!/usr/bin/env bash
# jax 0.10.2, CPU: --xla_cpu_experimental_ynn_fusion_type=LIBRARY_FUSION_TYPE_DOT reads as if it
# turned library kernels on for dot products. They are on already, with those for reductions; a name
# without a sign replaces the whole list, so that the flag turns the reductions' kernels off and
# changes nothing for dots. In XLA_FLAGS a sign before the name adds to the list; the same text in
# `compiler_options` of `Lowered.compile` is refused as no value of the enumeration, although the
# name without a sign is taken there, as a list of one.
# Seen 2026-11-28: "default: dot 1, reduce 1; DOT: dot 1, reduce 0; +DOT: dot 1, reduce 1;
# compiler_options: DOT: reduce 0; +DOT: refused".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
cat > "$folder/fusions.py" <<'PYTHON'
"""Prints how many library fusions a dot product and a reduction are compiled to."""

import sys

import jax
import jax.numpy as jnp

x, options = jnp.ones((256, 256)), {}
if len(sys.argv) > 1:
    options["xla_cpu_experimental_ynn_fusion_type"] = sys.argv[1]


def fusions(f, *args):
    compiled = jax.jit(f).lower(*args).compile(compiler_options=options)
    return compiled.as_text().count("__ynn_fusion")


try:
    dot = fusions(lambda a, b: jnp.tanh(a @ b) + 1, x, x)
    print(f"dot {dot}, reduce {fusions(lambda a: jnp.exp(a).sum(1), x)}")
except jax.errors.JaxRuntimeError as e:
    print("refused" if "not a valid enum value" in str(e) else e)
PYTHON
flag=--xla_cpu_experimental_ynn_fusion_type name=LIBRARY_FUSION_TYPE_DOT
export JAX_PLATFORMS=cpu
run() { "$folder/venv/bin/python" "$folder/fusions.py" "$@"; }
default=$(run)
named=$(XLA_FLAGS="$flag=$name" run)
added=$(XLA_FLAGS="$flag=+$name" run)
option_named=$(run "$name")
option_added=$(run "+$name")
echo "default: $default; DOT: $named; +DOT: $added"
echo "compiler_options: DOT: $option_named; +DOT: $option_added"
[[ $default == "dot 1, reduce 1" && $named == "dot 1, reduce 0" && $added == "$default" ]]
[[ $option_named == "$named" && $option_added == refused ]]
