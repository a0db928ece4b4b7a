"""Writes and reads the checkpoint of the encoder's training."""

import hashlib
import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from emoji_gan.encoder.training_step import State
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir


def save(path: pathlib.Path, state: State, run: dict[str, Any]) -> None:
    """Writes the state and the settings of the run; a crash meanwhile leaves the old checkpoint.

    Args:
      path: a .safetensors file.
      state: as `training_step.init_state` returns it, on the host.
      run: the settings, values that JSON can hold.

    Raises:
      UserError: the path is not writable.
    """
    leaves = {
        jax.tree_util.keystr(k): np.asarray(v, order="C")
        for k, v in jax.tree_util.tree_leaves_with_path(state)
    }
    about = json.dumps({"run": run, "sha256": _digest(leaves)})
    workdir.write_atomic(path, to_bytes(leaves, {"emoji_gan": about}))


def load(
    path: pathlib.Path, *, like: State, run: dict[str, Any]
) -> tuple[State, dict[str, Any]] | None:
    """Reads the state of a run.

    A run may go on with more steps, or end sooner than it was to. The learning rate and the size of
    the drawings follow the new number of steps: it is a warm restart if the old steps are done.

    Args:
      path: of the checkpoint.
      like: a state of the same structure.
      run: the settings of the run.

    Returns:
      The state, and the settings, whose `steps` lists every number of steps that was asked for, in
      their order; None if there is no checkpoint.

    Raises:
      UserError: the checkpoint is damaged, of a run with other settings or other art, or has done
        more steps.
    """
    if not path.exists():
        return None
    leaves, before = _read(path)
    now = json.loads(json.dumps(run))  # with lists for tuples, as in the file
    changed = sorted(
        k for k in before.keys() | now.keys() if before.get(k) != now.get(k) and k != "steps"
    )
    if changed:
        raise UserError(
            f"{path} was trained with another {', '.join(changed)}; "
            "choose another --workdir, or delete it"
        )
    state = jax.tree_util.tree_map_with_path(
        lambda k, _: jnp.asarray(leaves[jax.tree_util.keystr(k)]), like
    )
    if (done := int(state["step"])) > run["steps"][-1]:
        raise UserError(f"{path} has done {done} steps; --steps can only be raised")
    steps = before["steps"] + run["steps"] * (before["steps"][-1:] != run["steps"])
    return state, run | {"steps": steps}


def _read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the arrays of a checkpoint and the settings of its run."""
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            leaves = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if "emoji_gan" in metadata:
            about = json.loads(metadata["emoji_gan"])
        else:  # of an older commit, which wrote two keys
            about = {"run": json.loads(metadata["run"]), "sha256": metadata["sha256"]}
        if _digest(leaves) != about["sha256"]:
            raise ValueError("its hash is wrong")
        return leaves, about["run"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as e:
        raise UserError(f"{path} is damaged ({e}); delete it to start anew") from e


def _digest(leaves: dict[str, np.ndarray]) -> str:
    """Returns the SHA-256 of the arrays with their names."""
    digest = hashlib.sha256()
    for name in sorted(leaves):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(leaves[name]).tobytes())
    return digest.hexdigest()
