"""Encodes conditions, any subset of classes and a phrase, as one vector for the networks.

A condition of b images is a dict of arrays: i32 `b` numbers of a class (-1: not given), and under
'text' f32 `b d` points of unit length (0: not given). As a vector each part is one-hot or such a
point, so that all parts that are given have length 1 and the rest is 0: the same "not given" in
every method.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan.errors import UserError
from emoji_gan.runtime import rules

if TYPE_CHECKING:  # a training step does without TensorFlow, which reads the data
    from input_pipeline.dataset import EmojiData

CLASSES = ("group", "subgroup", "codepoint", "style", "tone")  # as the input pipeline has them
TEXT = "text"
VECTOR = "vector"  # a condition that is encoded already, f32 `b dim`, in the way of all others
Condition = Mapping[str, Any]

RULES = {
    "condition.drop_all": rules.FRACTION,
    "condition.drop_each": rules.FRACTION,
    "condition.blend_kimg": (
        (lambda v: len(v) == 2 and 0 <= v[0] <= v[1]),
        "two numbers of kimg, at least 0, the second not below the first",
    ),
}


LANGUAGES = 2  # of a captioner's texts (input_pipeline/unicode/captions.py)


@dataclasses.dataclass(frozen=True)
class Captions:
    """Says what a captioner writes with and what it sees.

    Attributes:
      pieces: of the vocabulary, in their order.
      picture_dim: size of a picture's vector.
      picture_hash: SHA-256 of the network that made these vectors.
      emoji: code points of those trained on, all of which are remembered.
      words: that are remembered of each in a language, at most.
    """

    pieces: tuple[str, ...]
    picture_dim: int
    picture_hash: str
    emoji: tuple[str, ...] = ()
    words: int = 0


@dataclasses.dataclass(frozen=True)
class Spec:
    """Lists the conditions of a model. Hashable, so that programs may depend on it.

    Attributes:
      classes: a pair (condition, names of its classes) for each condition that is a class.
      text_dim: size of a phrase's vector; 0: the model takes no phrases.
      text_hash: SHA-256 of the encoder that made these vectors.
      captions: of a captioner; None: of all others.
    """

    classes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    text_dim: int = 0
    text_hash: str = ""
    captions: Captions | None = None

    @property
    def dim(self) -> int:
        """Returns the size of the vector."""
        return sum(len(names) for _, names in self.classes) + self.text_dim

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names of the conditions."""
        return tuple(name for name, _ in self.classes) + ((TEXT,) if self.text_dim else ())

    def to_json(self) -> dict[str, Any]:
        """Returns the spec as plain values, for a run's description; `from_json` reads them."""
        stored = {
            "classes": {name: list(values) for name, values in self.classes},
            "text_dim": self.text_dim,
            "text_hash": self.text_hash,
        }
        if self.captions:
            captions = dataclasses.asdict(self.captions)
            lists = {name: list(captions[name]) for name in ("pieces", "emoji")}
            stored["captions"] = captions | lists
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Spec":
        """Builds the spec that `to_json` wrote."""
        classes = tuple((name, tuple(values)) for name, values in stored["classes"].items())
        captions = None
        if written := stored.get("captions"):
            tuples = {name: tuple(written.get(name, ())) for name in ("pieces", "emoji")}
            captions = Captions(**written | tuples)
        return cls(classes, stored["text_dim"], stored["text_hash"], captions)

    def none(self, count: int) -> dict[str, np.ndarray]:
        """Returns the condition of `count` images for which nothing is given."""
        condition: dict[str, np.ndarray] = {
            name: np.full(count, -1, np.int32) for name, _ in self.classes
        }
        if self.text_dim:
            condition[TEXT] = np.zeros((count, self.text_dim), np.float32)
        return condition

    def number(self, name: str, value: str, *, flag: str = "", also: tuple[str, ...] = ()) -> int:
        """Returns the number of a class by its name, or by a part of it that no other name has.

        Args:
          name: of the condition.
          value: of the class.
          flag: that the message names; default: that of the condition.
          also: what else the flag takes, for the message.

        Raises:
          UserError: the model has no such condition, or no such class, or several that fit; lists
            those to choose from.
        """
        class_names, flag = dict(self.classes).get(name), flag or name
        if class_names is None:
            conditions = ", ".join(self.names) or "none: it is unconditional"
            raise UserError(
                f"--{flag}={value}: this model has no such condition; its conditions: {conditions}"
            )
        matches = [v for v in class_names if v == value]
        matches = matches or [v for v in class_names if value.lower() in v.lower()]
        if len(matches) != 1:
            choices = matches or (*also, *class_names)
            listed = ", ".join(choices[:40]) + (", ..." if len(choices) > 40 else "")
            problem = "several fit" if matches else f"no such {name}"
            raise UserError(f"--{flag}={value}: {problem}; choose from {listed}")
        return class_names.index(matches[0])


class PhraseEncoder(Protocol):
    """Makes vectors of phrases, for the condition 'text'.

    Attributes:
      sha256: of the encoder's weights.
    """

    sha256: str

    def __call__(self, phrases: list[str]) -> np.ndarray:
        """Returns f32 [m d]."""


NONE = Spec()


def of_data(data: "EmojiData", text_hash: str = "") -> Spec:
    """Builds the spec of a data set whose phrases an encoder of this hash made vectors of."""
    dim = data.phrases.vectors.shape[1] if data.phrases else 0
    captions = None
    if data.captions:
        texts = data.captions
        captions = Captions(
            texts.vocabulary.pieces,
            texts.features.shape[1],
            texts.picture_hash,
            texts.codepoints,
            texts.words.shape[-1],
        )
    return Spec(tuple(data.class_names.items()), dim, text_hash if dim else "", captions)


def encode(spec: Spec, condition: Condition) -> jax.Array | None:
    """Encodes a condition, of which parts may be missing, as vectors f32 `b dim`.

    Returns None for the spec `NONE`.

    Raises:
      ValueError: nothing is in the condition, which so says no b; `spec.none(b)` asks for nothing.
    """
    if not spec.dim:
        return None
    if not condition:
        raise ValueError("an empty condition has no batch size; spec.none(b) asks for nothing")
    if VECTOR in condition:
        return jnp.asarray(condition[VECTOR])
    count = len(next(iter(condition.values())))
    whole = spec.none(count) | dict(condition)
    parts = [jax.nn.one_hot(whole[name], len(values)) for name, values in spec.classes]
    return jnp.concatenate([*parts, jnp.asarray(whole[TEXT])] if spec.text_dim else parts, 1)


def with_dropout(
    spec: Spec, config: ml_collections.ConfigDict, batch: Mapping[str, Any]
) -> jax.Array | None:
    """Encodes the conditions of a training batch, some of them dropped.

    Some images come without any condition, so that samples can be guided (2207.12598), some without
    one or the other, so that any subset may be given. At first all images come without, because
    conditional training collapses on small sets where unconditional does not (2201.06578). What is
    dropped depends on the sample numbers alone, so G and D, and all programs of a step, see the
    same.

    Args:
      spec: of the model.
      config: of the run.
      batch: with 'sample', numbers `b`, and 'condition'.

    Returns:
      f32 `b dim`; None for the spec `NONE`.
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


def rows_like(data: "EmojiData", count: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Draws conditions of `count` images, each as often as in the data.

    Returns:
      Rows i64 `count` of the data, and their conditions.
    """
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(data.images), count)
    return rows, of_rows(data, rows, rng)


def of_rows(
    data: "EmojiData", rows: Sequence[int] | np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Returns the condition of emoji of the data, each with one of its phrases, drawn by `rng`."""
    rows = np.asarray(rows)
    condition = {name: numbers[rows] for name, numbers in data.classes.items()}
    if data.phrases:
        first, end = data.phrases.first[rows], data.phrases.first[rows + 1]
        condition[TEXT] = data.phrases.vectors[data.phrases.rows[rng.integers(first, end)]]
    return condition
