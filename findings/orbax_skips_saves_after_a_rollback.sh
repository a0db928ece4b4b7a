#!/usr/bin/env bash
# orbax-checkpoint 0.12.8: a `CheckpointManager` saves no step that is below the newest one, though
# none of that number exists. Whoever restores an older step and trains on, as after a divergence,
# keeps nothing until the old end is passed: `save` returns False, raises nothing and warns of
# nothing; `force=True` saves.
# Seen 2026-11-30: "saved 10 20 30; back to 10; 15: False, 25: False, 35: True; kept [10, 20, 30, 35]";
# "with force: 15: True; kept [10, 15, 20, 30]".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/back.py" <<'PYTHON'
"""Saves three steps, restores the first, goes on from there, and prints what is kept."""

import logging
import tempfile

import numpy as np
import orbax.checkpoint as ocp

warnings = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: warnings.append(record.getMessage())
state = {"x": np.arange(3)}
for force in (False, True):
    with ocp.CheckpointManager(tempfile.mkdtemp()) as manager:
        for step in (10, 20, 30):
            manager.save(step, args=ocp.args.StandardSave(state))
        manager.wait_until_finished()
        manager.restore(10)
        logging.getLogger("absl").addHandler(handler)
        steps = (15,) if force else (15, 25, 35)
        saved = [manager.save(s, args=ocp.args.StandardSave(state), force=force) for s in steps]
        manager.wait_until_finished()
        logging.getLogger("absl").removeHandler(handler)
        went = ", ".join(f"{s}: {was}" for s, was in zip(steps, saved, strict=True))
        start = "with force: " if force else "saved 10 20 30; back to 10; "
        print(f"{start}{went}; kept {sorted(manager.all_steps())}; {len(warnings)} warnings")
PYTHON
seen=$(JAX_PLATFORMS=cpu TMPDIR="$folder" "$folder/venv/bin/python" "$folder/back.py" 2>/dev/null)
echo "$seen"
[[ $seen == *"back to 10; 15: False, 25: False, 35: True; kept [10, 20, 30, 35]; 0 warnings"* ]]
[[ $seen == *"with force: 15: True; kept [10, 15, 20, 30]; 0 warnings"* ]]
