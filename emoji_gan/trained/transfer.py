"""Starts a run from what another one learned: other emoji, new classes, twice the resolution.

Parameters carry over by name. Rows of a condition's embedding carry over by the name of their
class, so new classes start anew beside the old ones. A network of a higher resolution keeps the
maps that it shares with the old one and starts the larger ones anew. Optimisers, counters and the
augmentation's p start from nothing, as they would lead the new data by what held of the old.
"""

import dataclasses
import math
import types
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import logging

from emoji_gan import conditions, methods
from emoji_gan.errors import UserError
from emoji_gan.trained.source import Trained, open_trained

_SHOWN = 4  # leaves that a message names
_LEAST_SHARE = 0.3  # of the parameters that must carry over where the resolution grows
Path = tuple[Any, ...]


def start(state: Any, config, spec: conditions.Spec, source: str) -> Any:
    """The state before the first step, with what fits of `source` in place of initial weights.

    Args:
      state: as the method's `init` makes it.
      config: of the new run, resolved.
      spec: of its conditions.
      source: a workdir, or a model file; that has no discriminator, which then starts anew.

    Raises:
      UserError: a source that cannot be read, of another method, or whose networks do not fit;
        names the leaves.
    """
    trained, fields = _read(source, config)
    networks = methods.load(config.method).networks
    halvings = int(math.log2(config.data.resolution / trained.config["data"]["resolution"]))
    if halvings < 0:
        raise UserError(
            f"--init_from={source}: it draws larger images; networks grow, they do not shrink"
        )
    rows = _class_rows(spec, trained.spec)
    changed, misfits, taken, total = {}, [], 0, 0
    for field, tree in fields.items():
        leaves, structure = jax.tree_util.tree_flatten_with_path(getattr(state, field))
        old = {_path(p): np.asarray(v) for p, v in jax.tree_util.tree_flatten_with_path(tree)[0]}
        fitted = []
        for path, leaf in leaves:
            path = _path(path)
            value = old.get(_path_before(networks, field, path, halvings))
            if (
                value is not None
                and networks.is_embedding(path)
                and value.shape[1:] == leaf.shape[1:]
            ):
                value = _with_rows(np.array(leaf), value, rows)
            total += leaf.size
            if value is not None and value.shape == leaf.shape:
                taken += leaf.size
                fitted.append(jnp.asarray(value, leaf.dtype))
            else:
                fitted.append(leaf)
                # Without a condition before there was nothing to embed it with.
                if not networks.depends_on_condition(path) or trained.spec.dim:
                    was = "absent" if value is None else _size(value)
                    misfits.append(
                        f"{field}/{'/'.join(map(str, path))} ({was}, needed {_size(leaf)})"
                    )
        changed[field] = jax.tree_util.tree_unflatten(structure, fitted)
    if misfits and (not halvings or taken < _LEAST_SHARE * total):
        more = f" and {len(misfits) - _SHOWN} more" if len(misfits) > _SHOWN else ""
        raise UserError(
            f"--init_from={source} does not fit: {'; '.join(misfits[:_SHOWN])}{more}; give the new run the "
            "model.* fields of the old one"
        )
    logging.info("%s: %.1f %% of %d parameters carry over", source, 100 * taken / total, total)
    if missing := [name for name in methods.load(config.method).NETWORKS if name not in fields]:
        logging.warning("%s has no %s: it starts anew", source, ", ".join(missing))
    return dataclasses.replace(state, **changed)


def _read(source: str, config: ml_collections.FrozenConfigDict) -> tuple[Trained, dict[str, Any]]:
    """Opens the source and reads what it has of the fields: networks, averages, buffers."""
    trained, module = open_trained(source), methods.load(config.method)
    if trained.config["method"] != config.method:
        raise UserError(
            f"--init_from={source}: it is of method {trained.config['method']!r}, this run of "
            f"{config.method!r}"
        )
    generator = module.generator(config, conditions.NONE)
    fields = trained.fields(tuple(dict.fromkeys([*module.NETWORKS, *generator.fields])))
    if trained.is_file:  # it has the average only, which is taken for the network as well
        for name in module.NETWORKS:
            if f"{name}_ema" in fields:
                fields[name] = fields[f"{name}_ema"]
    return trained, fields


def _size(x) -> str:
    return "x".join(map(str, x.shape)) or "one number"


def _path(keys) -> Path:
    return tuple(k.key for k in keys)


def _path_before(networks: types.ModuleType, field: str, path: Path, halvings: int) -> Path:
    """Returns where the network of the lower resolution has a leaf.

    Maps of D are counted from the image, so a lower resolution lacks the first of them.
    """
    numbered = len(path) > 1 and isinstance(path[1], int)
    if field == "d" and numbered and networks.discriminator_depth(path, 0) is not None:
        return (path[0], path[1] - halvings, *path[2:])
    return path


def _class_rows(new: conditions.Spec, old: conditions.Spec) -> np.ndarray:
    """For each row of the new embedding the old row of the same class or axis of a phrase, i64; -1: none."""

    def names(spec):
        classes = [(name, value) for name, values in spec.classes for value in values]
        return classes + [(spec.text_hash, i) for i in range(spec.text_dim)]  # axes of one encoder

    place = {name: i for i, name in enumerate(names(old))}
    return np.array([place.get(name, -1) for name in names(new)], int)


def _with_rows(new: np.ndarray, old: np.ndarray, rows: np.ndarray) -> np.ndarray:
    new[rows >= 0] = old[rows[rows >= 0]]
    return new
