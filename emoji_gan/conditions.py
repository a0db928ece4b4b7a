"""What a model may be asked for: classes and a phrase, any subset, as one vector for the networks.

A condition of b images is a dict of arrays: i32 `b` numbers of a class (-1: not given), and under
'text' f32 `b d` points of unit length (0: not given). As a vector each part is one-hot or such a
point, so that all parts that are given have length 1 and the rest is 0: the same "not given" in
every method.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan.errors import UserError
from emoji_gan.runtime import rules

CLASSES = ("group", "subgroup", "codepoint", "style", "tone")  # as the input pipeline has them
TEXT = "text"
Condition = Mapping[str, Any]

RULES = {
    "condition.drop_all": rules.SHARE,
    "condition.drop_each": rules.SHARE,
    "condition.blend_kimg": (
        (lambda v: len(v) == 2 and 0 <= v[0] <= v[1]),
        "two numbers of kimg, at least 0, the second not below the first",
    ),
}


@dataclasses.dataclass(frozen=True)
class Spec:
    """The conditions a model knows. Hashable, so that programs may depend on it.

    Attributes:
      classes: (condition, names of its classes) each.
      text_dim: of a phrase's vector; 0: no phrases.
      text_hash: of the encoder that made these vectors.
    """

    classes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    text_dim: int = 0
    text_hash: str = ""

    @property
    def dim(self) -> int:
        """Of the vector."""
        return sum(len(names) for _, names in self.classes) + self.text_dim

    @property
    def names(self) -> tuple[str, ...]:
        """Of the conditions."""
        return tuple(name for name, _ in self.classes) + ((TEXT,) if self.text_dim else ())

    def to_json(self) -> dict[str, Any]:
        """For a run's description; `from_json` takes it back."""
        return {
            "classes": {name: list(values) for name, values in self.classes},
            "text_dim": self.text_dim,
            "text_hash": self.text_hash,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Spec":
        """What `to_json` gave."""
        classes = tuple((name, tuple(values)) for name, values in found["classes"].items())
        return cls(classes, found["text_dim"], found["text_hash"])

    def none(self, count: int) -> dict[str, np.ndarray]:
        """The condition of `count` images of which nothing is asked."""
        found: dict[str, np.ndarray] = {
            name: np.full(count, -1, np.int32) for name, _ in self.classes
        }
        return found | (
            {TEXT: np.zeros((count, self.text_dim), np.float32)} if self.text_dim else {}
        )

    def number(self, name: str, value: str) -> int:
        """The number of a class by its name, or by a part of it that no other has.

        Raises:
          UserError: the model does not know the condition or the class; lists those that it knows.
        """
        known = dict(self.classes).get(name)
        if known is None:
            there = ", ".join(self.names) or "none: it is unconditional"
            raise UserError(
                f"--{name}={value}: this model has no such condition; its conditions: {there}"
            )
        found = [v for v in known if v == value] or [v for v in known if value.lower() in v.lower()]
        if len(found) != 1:
            listed = ", ".join((found or known)[:40]) + (
                ", ..." if len(found or known) > 40 else ""
            )
            raise UserError(
                f"--{name}={value}: {'several fit' if found else 'no such class'}; choose from {listed}"
            )
        return known.index(found[0])


NONE = Spec()


def of_data(data, text_hash: str = "") -> Spec:
    """The spec of what `input_pipeline.dataset.load` returned."""
    dim = data.phrases.vectors.shape[1] if data.phrases else 0
    return Spec(tuple(data.class_names.items()), dim, text_hash if dim else "")


def encode(spec: Spec, condition: Condition) -> jax.Array | None:
    """The vectors f32 `b dim` of a condition; parts that are missing are not given. None of `NONE`."""
    if not spec.dim:
        return None
    count = len(next(iter(condition.values())))
    whole = spec.none(count) | dict(condition)
    parts = [jax.nn.one_hot(whole[name], len(values)) for name, values in spec.classes]
    return jnp.concatenate([*parts, jnp.asarray(whole[TEXT])] if spec.text_dim else parts, 1)


def with_dropout(
    spec: Spec, config: ml_collections.ConfigDict, batch: Mapping[str, Any]
) -> jax.Array | None:
    """Encodes the conditions of a training batch, some of them dropped.

    Returns f32 [b dim]; None for the spec `NONE`.

    Some images come without any condition, so that samples can be guided (2207.12598), some without
    one or the other, so that any subset may be asked for; at first all do, as conditional training
    collapses on small sets where unconditional does not (2201.06578). A function of the sample
    numbers alone, so G and D, and all programs of a step, see the same.
    """
    if not spec.dim:
        return None
    # Not the keys of a step: a rollback need not draw them anew.
    keys = jax.vmap(jax.random.fold_in, (None, 0))(
        jax.random.key(config.seed + 2**31), batch["sample"]
    )
    draws = jax.vmap(lambda k: jax.random.uniform(k, (len(spec.names) + 2,)))(keys)
    start, whole = config.condition.blend_kimg
    kimg = batch["sample"].astype(jnp.float32) / 1000.0
    blended = jnp.where(
        kimg >= whole, 1.0, jnp.clip((kimg - start) / max(whole - start, 1e-6), 0.0, 1.0)
    )
    any_kept = (draws[:, 0] >= config.condition.drop_all) & (draws[:, 1] < blended)
    condition = {}
    for i, name in enumerate(spec.names):
        kept = any_kept & (draws[:, i + 2] >= config.condition.drop_each)
        value = batch["condition"][name]
        condition[name] = (
            jnp.where(kept[:, None], value, 0.0) if name == TEXT else jnp.where(kept, value, -1)
        )
    return encode(spec, condition)


def rows_like(data, count: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Conditions of `count` images as often as in the data: rows i64 of it, and what these are called."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(data.images), count)
    return rows, of_rows(data, rows, rng)


def of_rows(data, rows: Sequence[int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The condition of emoji of the data, each with one of its phrases."""
    rows = np.asarray(rows)
    condition = {name: numbers[rows] for name, numbers in data.classes.items()}
    if data.phrases:
        first, end = data.phrases.first[rows], data.phrases.first[rows + 1]
        condition[TEXT] = data.phrases.vectors[data.phrases.rows[rng.integers(first, end)]]
    return condition
