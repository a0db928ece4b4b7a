#!/usr/bin/env bash
# orbax-checkpoint 0.12.8: a `CheckpointManager` that keeps the best steps takes a NaN for better
# than any number, whether the lowest is best or the highest: `best_step` is the diverged step, and
# the good ones are deleted to keep it. No warning says so.
# Seen 2026-11-30: "min of 3.0 1.0 2.0 nan nan: kept [3, 4], best 4";
# "max of 3.0 1.0 2.0 nan nan: kept [3, 4], best 4"; without the NaNs steps 1, 2 and 0, 2 stay.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/best.py" <<'PYTHON'
"""Saves steps 0, 1, 2 ... with a metric each, and prints which two stay and which is the best."""

import tempfile

import numpy as np
import orbax.checkpoint as ocp

nan = float("nan")
for mode in ("min", "max"):
    for values in ([3.0, 1.0, 2.0], [3.0, 1.0, 2.0, nan, nan]):
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2, best_fn=lambda metrics: metrics["fd"], best_mode=mode
        )
        with ocp.CheckpointManager(tempfile.mkdtemp(), options=options) as manager:
            for step, value in enumerate(values):
                state = ocp.args.StandardSave({"x": np.arange(3)})
                manager.save(step, args=state, metrics={"fd": value})
            manager.wait_until_finished()
            kept, best = sorted(manager.all_steps()), manager.best_step()
        print(f"{mode} of {' '.join(map(str, values))}: kept {kept}, best {best}")
PYTHON
seen=$(JAX_PLATFORMS=cpu TMPDIR="$folder" "$folder/venv/bin/python" "$folder/best.py" 2>/dev/null)
echo "$seen"
[[ $seen == *"min of 3.0 1.0 2.0: kept [1, 2], best 1"* ]]
[[ $seen == *"min of 3.0 1.0 2.0 nan nan: kept [3, 4], best 4"* ]]
[[ $seen == *"max of 3.0 1.0 2.0: kept [0, 2], best 0"* ]]
[[ $seen == *"max of 3.0 1.0 2.0 nan nan: kept [3, 4], best 4"* ]]
