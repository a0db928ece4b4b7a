#!/usr/bin/env bash
# jax 0.10.2 with libtpu 0.0.42.1: jax.make_mesh cannot make a mesh of the topology that JAX itself
# describes for a TPU v4 slice. `v4:2x2x1` is described with 8 devices, two a chip, as v4 ran before
# "megacore"; make_mesh then raises an AssertionError. It accepts tpu7x, which has two devices a
# chip as well. jax.sharding.Mesh over the described devices works for both. No TPU is needed.
# Seen 2026-11-27: "v4: 8 devices, make_mesh refuses; tpu7x: 8 devices, make_mesh works".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
"$folder/venv/bin/pip" install --quiet --no-deps libtpu==0.0.42.1
export JAX_PLATFORMS=cpu TPU_ACCELERATOR_TYPE=v5litepod-16 TPU_WORKER_HOSTNAMES=localhost
export TPU_SKIP_MDS_QUERY=1 ALLOW_MULTIPLE_LIBTPU_LOAD=true
"$folder/venv/bin/python" - <<'PYTHON'
import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh

seen = {}
for name in ("v4", "tpu7x"):
    topology = topologies.get_topology_desc(topology_name=f"{name}:2x2x1", platform="tpu")
    devices = list(topology.devices)
    try:
        jax.make_mesh((len(devices),), ("data",), devices=devices)
        seen[name] = "works"
    except AssertionError as error:
        assert "megacore" in str(error), error
        seen[name] = "refuses"
    assert len(devices) == 8 and {d.core_on_chip for d in devices} == {0, 1}
    assert Mesh(np.array(devices), ("data",)).size == 8
print("; ".join(f"{name}: 8 devices, make_mesh {what}" for name, what in seen.items()))
assert seen == {"v4": "refuses", "tpu7x": "works"}, "the behaviour has changed"
PYTHON
