"""Reads the state and the config of a sealed step, for programs other than the trainer."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from emoji_gan.errors import UserError
from emoji_gan.runtime import seal
from emoji_gan.runtime.checkpoint import orbax_messages, retention


@dataclasses.dataclass(frozen=True)
class Stored:
    """Holds what `load_for_inference` has read of a checkpoint.

    Attributes:
      config: the resolved config of the run, as a dict.
      data_hash: of the emoji it was trained on.
      kimg_before: thousands of images that its networks had seen before this run.
      step: training steps done.
      digest: SHA-256 of the seal, which covers every byte of the step.
      state: field -> numpy array or nested dict of them; dict keys that are all digits are ints, as
        in the pure state of an `nnx.List`.
    """

    config: dict[str, Any]
    data_hash: str
    kimg_before: float
    step: int
    digest: str
    state: dict[str, Any]


def load_for_inference(
    workdir: str | os.PathLike,
    step: int | str | None,
    fields: Sequence[str],
    *,
    renamed: Mapping[str, str] | None = None,
) -> Stored:
    """Reads some fields of the state, to sample with, beside a running job or from a copy.

    Changes nothing on disk and needs neither the lock nor the model.

    Args:
      workdir: of the run.
      step: which one; None: the newest good one; 'best': that of the best evaluation.
      fields: of the state's dataclass, by today's names.
      renamed: as in `Checkpointer`.

    Raises:
      UserError: there is no good checkpoint, this step is not good, or it lacks a field.
    """
    orbax_messages.silence()
    directory = retention.directory_of(workdir)
    if step == retention.BEST:
        step = retention.best(directory)
        if step == retention.NO_STEP:
            raise UserError(
                f"no best checkpoint in {directory}: the run had no evaluation; leave --step out"
            )
    if step is None:
        step = retention.newest_good(directory)
        if step == retention.NO_STEP:
            raise UserError(
                f"no good checkpoint in {directory}: give the --workdir of a run that saved one"
            )
    elif problem := seal.problem_of(directory / str(step)):
        steps = ", ".join(map(str, retention.steps_in(directory))) or "none"
        raise UserError(
            f"checkpoint {step} in {directory} cannot be used: {problem}; there are: {steps}"
        )
    path = directory / str(step)
    try:
        digest = seal.digest(path)
        state = read_fields(path, fields, renamed or {}) if fields else {}
        meta = read_meta(path)
        return Stored(
            config=meta["config"],
            data_hash=meta["data_hash"],
            kimg_before=meta.get("kimg_before", 0.0),
            step=step,
            digest=digest,
            state=state,
        )
    except Exception as e:  # orbax meets a missing file in many ways
        if (path / seal.NAME).exists():
            raise
        raise UserError(
            f"checkpoint {step} in {directory} was deleted while it was read: run it again"
        ) from e


def read_meta(path: pathlib.Path) -> dict[str, Any]:
    """Reads `config`, `data_hash` and, of newer runs, `kimg_before` of the step in `path`."""
    with ocp.Checkpointer(ocp.JsonCheckpointHandler()) as reader:
        return reader.restore(path / "meta")


def read_tree(path: pathlib.Path) -> dict[str, Any]:
    """Reads names, shapes and dtypes of the state in `path`, as nested dicts and lists."""
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        return reader.metadata(path / "state").item_metadata.tree


def read_fields(
    path: pathlib.Path, fields: Sequence[str], renamed: Mapping[str, str]
) -> dict[str, Any]:
    """Reads fields of the state in `path` as numpy arrays, by today's names; asks no seal.

    Raises:
      UserError: the state lacks a field.
    """
    tree = read_tree(path)
    field_of = {name: todays_name(name, renamed).split(".")[0] for name in tree}
    if missing := [name for name in fields if name not in field_of.values()]:
        there = ", ".join(sorted(set(field_of.values())))
        raise UserError(f"checkpoint {path} has no {missing[0]}, only {there}")
    selected = {name: value for name, value in tree.items() if field_of[name] in fields}
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        state = reader.restore(
            path / "state",
            args=ocp.args.PyTreeRestore(
                item=selected,
                restore_args=jax.tree.map(
                    lambda _: ocp.RestoreArgs(restore_type=np.ndarray), selected
                ),
                partial_restore=True,
            ),
        )
    today: dict[str, Any] = {}
    for name, value in _with_int_keys(state).items():
        *sections, last = todays_name(name, renamed).split(".")
        section = today
        for section_name in sections:
            section = section.setdefault(section_name, {})
        section[last] = value
    return today


def todays_name(name: str, renamed: Mapping[str, str]) -> str:
    """Returns what a saved leaf is called today: only the first part of a name ever changed."""
    first, dot, rest = name.partition(".")
    return renamed.get(first, first) + dot + rest


def leaf_names(tree: Any) -> list[str]:
    """Names each leaf, 'g.blocks.0.w', the same for a state and for its tree as orbax reads it."""
    return [
        ".".join(str(getattr(k, "name", getattr(k, "key", getattr(k, "idx", "")))) for k in path)
        for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]


def leaf_shapes(tree: Any) -> dict[str, str]:
    """Describes each leaf by name as orbax saves it: 'float32 (3, 4)'."""
    shapes = []
    for leaf in jax.tree.leaves(tree):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.eval_shape(jax.random.key_data, leaf)  # as it is saved
        shapes.append(f"{np.dtype(leaf.dtype)} {tuple(leaf.shape)}")
    return dict(zip(leaf_names(tree), shapes, strict=True))


def _with_int_keys(tree: Any) -> Any:
    """Returns nested dicts with the int keys that orbax has written as strings."""
    if not isinstance(tree, Mapping):
        return tree
    digits = all(isinstance(k, str) and k.isdecimal() for k in tree)
    return {int(k) if digits else k: _with_int_keys(v) for k, v in tree.items()}
