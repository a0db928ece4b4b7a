"""Starts a run from a trained model: on other emoji, with new classes, at twice the resolution.

Parameters carry over by name. Rows of a condition's embedding carry over by the name of their
class, those of a captioner's tables by their piece of text, so new ones start anew beside the old
ones. A network of a higher resolution keeps the feature maps that it has in common with the old one
and starts the larger ones anew; one of larger patches, which has all maps in common, draws the old
images enlarged. Optimisers, counters and the augmentation's p start anew, because their values fit
the old data only.
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

_MAX_NAMED = 4  # leaves that a message names
_LEAST_FRACTION = 0.3  # of the parameters, must carry over where the resolution grows
Path = tuple[Any, ...]


def start(
    state: Any, config: ml_collections.FrozenConfigDict, spec: conditions.Spec, source: str
) -> Any:
    """Returns the state before the first step, with the parameters of `source` that fit.

    Args:
      state: as the method's `init` returns it.
      config: of the new run, resolved.
      spec: of the new run's conditions.
      source: a workdir, or a model file, which has no discriminator: that one then starts anew.

    Raises:
      UserError: the source cannot be read, is of a method that gives no start, or its networks do
        not fit; the message names the leaves.
    """
    trained, fields = _read(source, config)
    own = trained.config["method"] == config.method
    if not own:
        _check_teacher(source, trained, config, spec)
    if own and trained.spec.captions != spec.captions:
        fields.pop("memory", None)  # of other emoji or with other words: filled again as it trains
    networks = methods.load(config.method).networks
    halvings = int(math.log2(config.data.resolution / trained.config["data"]["resolution"]))
    if halvings < 0:
        raise UserError(
            f"--init_from={source}: it draws larger images; networks grow, they do not shrink"
        )
    fit = _Fit(networks, trained.spec, _class_rows(spec, trained.spec), halvings, own)
    changed = {name: fit.field(name, getattr(state, name), tree) for name, tree in fields.items()}
    misfits, taken, total = fit.misfits, fit.taken, fit.total
    if misfits and (not halvings or taken < _LEAST_FRACTION * total):
        more = f" and {len(misfits) - _MAX_NAMED} more" if len(misfits) > _MAX_NAMED else ""
        raise UserError(
            f"--init_from={source} does not fit: {'; '.join(misfits[:_MAX_NAMED])}{more}; "
            "give the new run the model.* fields of the old one"
        )
    logging.info("%s: %.1f %% of %d parameters carry over", source, 100 * taken / total, total)
    if missing := [name for name in methods.load(config.method).NETWORKS if name not in fields]:
        logging.warning("%s has no %s: it starts anew", source, ", ".join(missing))
    return dataclasses.replace(state, **changed)


@dataclasses.dataclass
class _Fit:
    """Fits old fields into those of a new state.

    Attributes:
      networks: the module of the method's networks.
      old_spec: of the conditions of the old model.
      rows: for each row of a new embedding the old one, or -1.
      halvings: how often the new resolution is to be halved to be the old one.
      own: whether the old model is of the same method.
      misfits: the leaves that had to fit and did not, each described.
      taken: parameters that carried over.
      total: parameters of the new fields.
    """

    networks: types.ModuleType
    old_spec: conditions.Spec
    rows: np.ndarray
    halvings: int
    own: bool
    misfits: list[str] = dataclasses.field(default_factory=list)
    taken: int = 0
    total: int = 0

    def field(self, name: str, new: Any, old_tree: Any) -> Any:
        """Returns a new field with all that fits of the old one."""
        leaves, structure = jax.tree_util.tree_flatten_with_path(new)
        flat = jax.tree_util.tree_flatten_with_path(old_tree)[0]
        old = {_path(p): np.asarray(v) for p, v in flat}
        fitted = [self._leaf(name, _path(keys), leaf, old) for keys, leaf in leaves]
        return jax.tree_util.tree_unflatten(structure, fitted)

    def _leaf(
        self, field: str, path: Path, leaf: jax.Array, old: dict[Path, np.ndarray]
    ) -> jax.Array:
        value = old.get(_path_before(self.networks, field, path, self.halvings))
        if value is not None and value.shape != leaf.shape and hasattr(self.networks, "finer"):
            # The same maps of larger patches draw the old images, enlarged.
            value = self.networks.finer(field, path, value, 2**self.halvings)
        is_embedding = self.networks.is_embedding(path)
        if value is not None and is_embedding and value.shape[1:] == leaf.shape[1:]:
            value = _with_rows(np.array(leaf), value, self.rows)
        self.total += leaf.size
        if value is not None and value.shape == leaf.shape:
            self.taken += leaf.size
            return jnp.asarray(value, leaf.dtype)
        # A model without conditions has no such leaves, nor has another method's network those
        # that this one is more: they start anew.
        anew = self.networks.depends_on_condition(path) and not self.old_spec.dim
        if hasattr(self.networks, "starts_anew"):
            anew = anew or self.networks.starts_anew(path)
        if not anew and (self.own or value is not None):
            self.misfits.append(_misfit(field, path, value, leaf))
        return leaf


def _read(source: str, config: ml_collections.FrozenConfigDict) -> tuple[Trained, dict[str, Any]]:
    """Opens the source and reads the fields that it has: networks, averages, buffers."""
    trained, module = open_trained(source), methods.load(config.method)
    method = trained.config["method"]
    if method != config.method:
        teachers = module.starts_from(config) if hasattr(module, "starts_from") else {}
        if method not in teachers:
            wanted = " or ".join(map(repr, (*teachers, config.method)))
            raise UserError(
                f"--init_from={source}: it is of method {method!r}, this run of "
                f"{config.method!r}, which starts from a model of {wanted}"
            )
        theirs = trained.fields(tuple(dict.fromkeys(teachers[method].values())))
        return trained, {field: theirs[name] for field, name in teachers[method].items()}
    generator = module.generator(config, conditions.NONE)
    fields = trained.fields(tuple(dict.fromkeys([*module.NETWORKS, *generator.fields])))
    if trained.is_file:  # it has only the average, which then also serves as the network
        if hasattr(module, "needs_teacher") and module.needs_teacher(config):
            raise UserError(
                f"--init_from={source}: a model file of {method!r} has no teacher, who guides this "
                "run; give its workdir or the flow, or set loss.guidance=1"
            )
        for name in module.NETWORKS:
            if f"{name}_ema" in fields:
                fields[name] = fields[f"{name}_ema"]
    return trained, fields


def _check_teacher(
    source: str, trained: Trained, config: ml_collections.FrozenConfigDict, spec: conditions.Spec
) -> None:
    """Checks that a model of another method has this run's network, resolution and conditions.

    Raises:
      UserError: it has not; names what differs.
    """
    theirs = trained.config
    if theirs["data"]["resolution"] != config.data.resolution:
        raise UserError(
            f"--init_from={source}: it draws {theirs['data']['resolution']} px, this run "
            f"{config.data.resolution}; set --config.data.resolution"
        )
    if trained.spec != spec:
        raise UserError(
            f"--init_from={source}: its conditions are {_conditions(trained.spec)}, those of this "
            f"run {_conditions(spec)}; give both the same data.conditions and filters"
        )
    # The configs of the first models lack `predict`; they predict velocities.
    predicts = theirs["model"].get("predict", "velocity")
    if predicts != config.model.predict:
        raise UserError(
            f"--init_from={source}: it predicts {predicts}; set --config.model.predict={predicts}"
        )


def _conditions(spec: conditions.Spec) -> str:
    """Describes the conditions of a model, with how many classes each has."""
    counts = [f"{name} ({len(values)})" for name, values in spec.classes]
    counts += [f"text ({spec.text_hash[:8]})"] if spec.text_dim else []
    return ", ".join(counts) or "none"


def _misfit(field: str, path: Path, value: np.ndarray | None, leaf: jax.Array) -> str:
    """Describes a leaf whose old value is absent or has another shape."""
    was = "absent" if value is None else _size(value)
    return f"{field}/{'/'.join(map(str, path))} ({was}, needed {_size(leaf)})"


def _size(x: np.ndarray | jax.Array) -> str:
    return "x".join(map(str, x.shape)) or "one number"


def _path(keys: tuple[Any, ...]) -> Path:
    return tuple(k.key for k in keys)


def _path_before(networks: types.ModuleType, field: str, path: Path, halvings: int) -> Path:
    """Returns the path of a leaf in the network of the lower resolution.

    The feature maps of D are numbered from the image on: a lower resolution lacks the first ones.
    """
    numbered = len(path) > 1 and isinstance(path[1], int)
    if field == "d" and numbered and networks.discriminator_depth(path, 0) is not None:
        return (path[0], path[1] - halvings, *path[2:])
    return path


def _class_rows(new: conditions.Spec, old: conditions.Spec) -> np.ndarray:
    """Returns for each row of the new embedding the old row, i64; -1: there is none.

    A row belongs to a class, to an axis of the phrase vectors of one encoder, or to a captioner's
    piece of text.
    """

    def names(spec: conditions.Spec) -> list[tuple[str, Any]]:
        if spec.captions:
            return [("piece", piece) for piece in spec.captions.pieces]
        classes = [(name, value) for name, values in spec.classes for value in values]
        return classes + [(spec.text_hash, i) for i in range(spec.text_dim)]

    old_rows = {name: i for i, name in enumerate(names(old))}
    return np.array([old_rows.get(name, -1) for name in names(new)], int)


def _with_rows(new: np.ndarray, old: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Copies the old rows into the new embedding, in place, and returns it."""
    new[rows >= 0] = old[rows[rows >= 0]]
    return new
