"""Moves points of latent space in directions: named ones, by words, and those of most effect.

A named direction changes one attribute and holds the others. No straight line does so for all
emoji, so each point moves by itself: a step is the least change of latent and condition under which
the attributes, linearised, become what is wanted, d = J' (J J')^-1 e. Directions by words turn the
condition, and what they change of the attributes besides is taken back in the latent.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan import conditions
from emoji_gan.errors import UserError
from emoji_gan.methods import base
from emoji_gan.trained import attributes, latent
from emoji_gan.trained.latent import Points
from emoji_gan.trained.sampler import Sampler, ask

_ROWS = 8  # of every batch: a kernel may round differently at another size
_STEPS_PER_UNIT = 3  # of a standard deviation
_MOST_STEPS = 15
_LONGEST_STEP = 0.05  # of the length of the latent: the attributes are linear no further
_DAMPING = 0.01  # of the mean of (J J')'s diagonal, against attributes that hardly can change
# Of the condition to the latent: a phrase is of length 1 in some 200 dimensions, noise of length 1
# in each.
_CONDITION_SCALE = 0.07
_TURN = 0.5  # of the way to the second phrase that one unit of a direction by words goes
_PROBES = 256  # images that a direction of most effect is estimated from

# Words that a named direction turns the condition from, and to, both understood in all models.
WORDS = {"happier": ("sad face", "smiling face")}
# Everyday emoji, among whose seeds the standard deviation of an attribute is taken.
_EVERYDAY = ("smiling face", "cat", "heart", "pizza", "house", "blue car", "woman", "tree")
_SEEDS = 8  # of each of them


@dataclasses.dataclass(frozen=True)
class Moved:
    """Holds one point moved by several amounts.

    Attributes:
      points: a row for each amount.
      changes: f32 [amounts k], of `attributes.ATTRIBUTES`, in standard deviations.
    """

    points: Points
    changes: np.ndarray


class Directions:
    """Moves points of a model in directions.

    Attributes:
      names: of the directions that this model has: those of `attributes.ATTRIBUTES`; those of
        `WORDS` where it takes phrases; 'line_art' where it draws line art as a style.
      units: f32 [k], the standard deviation of each attribute among emoji of one phrase, or among
        all where the model takes none.

    Args:
      sampler: of any model.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.names = tuple(attributes.ATTRIBUTES)
        if sampler.spec.text_dim:
            self.names += tuple(WORDS)
        if self._line_style() is not None:
            self.names += ("line_art",)
        self.units = self._measured_units()

    def moved(self, where: Points, name: str, amounts: Sequence[float]) -> Moved:
        """Moves one point in a named direction.

        Args:
          where: one point.
          name: of `names`, or two phrases, 'old man>young man', in models that take phrases.
          amounts: in standard deviations of the attribute; of directions by words in steps of
            `_TURN` of the way to the second phrase; of 'line_art' in [0, 1]: 1 is line art.

        Raises:
          UserError: the model has no such direction.
        """
        rows = where[[0] * len(amounts)]
        before = self._attributes(rows)
        wanted = np.asarray(amounts, np.float32)
        if name in attributes.ATTRIBUTES:
            number = list(attributes.ATTRIBUTES).index(name)
            aims = np.zeros_like(before)
            aims[:, number] = wanted * self.units[number]
            points = self._to(rows, before, aims, condition_scale=_CONDITION_SCALE)
        elif name == "line_art" and name in self.names:
            points = self._as_line_art(rows, np.clip(wanted, 0, 1))
        else:
            points = self._in_words(rows, name, wanted)
            changed = self._attributes(points)
            points = self._to(points, changed, before - changed)
        return Moved(points, (self._attributes(points) - before) / self.units)

    # ---- attributes ------------------------------------------------------------------------------

    def _measured_units(self) -> np.ndarray:
        sampler, seeds = self._sampler, range(_SEEDS * len(_EVERYDAY))
        if not sampler.spec.text_dim:
            return self._attributes(latent.points(sampler, seeds)).std(0)
        requests = [{conditions.TEXT: phrase} for phrase in _EVERYDAY]
        parts = [ask(sampler.spec, request, _SEEDS) for request in requests]
        condition = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        values = self._attributes(latent.points(sampler, seeds, condition))
        return np.sqrt(values.reshape(len(_EVERYDAY), _SEEDS, -1).var(1).mean(0))

    def _attributes(self, where: Points) -> np.ndarray:
        """Computes the attributes of points: f32 [n k]."""
        program = _programs(self._sampler, where.kind).attributes
        return np.concatenate(
            [np.asarray(program(self._sampler.params, *rows))[:n] for rows, n in _batches(where)]
        )

    def _to(
        self, where: Points, before: np.ndarray, aims: np.ndarray, *, condition_scale: float = 0.0
    ) -> Points:
        """Moves points until their attributes have changed by `aims` [n k], as far as they go."""
        largest = float(np.max(np.abs(aims / self.units), initial=0.0))
        count = min(_MOST_STEPS, max(1, math.ceil(largest * _STEPS_PER_UNIT)))
        program = _programs(self._sampler, where.kind).step
        for i in range(count + 1):  # the last one corrects
            goals = before + aims * min(1.0, (i + 1) / count)
            parts = []
            for start, (rows, n) in zip(range(0, len(where), _ROWS), _batches(where), strict=True):
                goal = np.resize(goals[start : start + n], (_ROWS, goals.shape[1]))
                scale = np.float32(condition_scale)
                values, vectors = program(self._sampler.params, *rows, goal, self.units, scale)
                parts.append(Points(np.asarray(values), where.kind, np.asarray(vectors))[:n])
            where = latent.joined(parts)
        return where

    # ---- conditions ------------------------------------------------------------------------------

    def _line_style(self) -> int | None:
        """Returns the number of the style of line art; None: the model has none."""
        styles = dict(self._sampler.spec.classes).get("style", ())
        return next((i for i, style in enumerate(styles) if style.endswith("line")), None)

    def _as_line_art(self, rows: Points, amounts: np.ndarray) -> Points:
        vectors, start = rows.vectors.copy(), 0
        for name, values in self._sampler.spec.classes:
            if name == "style":
                line = np.eye(len(values), dtype=np.float32)[self._line_style()]
                part = vectors[:, start : start + len(values)]
                part += amounts[:, None] * (line - part)
            start += len(values)
        return dataclasses.replace(rows, vectors=vectors)

    def _in_words(self, rows: Points, name: str, amounts: np.ndarray) -> Points:
        first, is_pair, second = name.partition(">")
        if not (name in self.names or (is_pair and self._sampler.spec.text_dim)):
            pair = ", or PHRASE>PHRASE" if self._sampler.spec.text_dim else ""
            raise UserError(
                f"direction {name!r}: this model has none of that name; "
                f"choose {', '.join(self.names)}{pair}"
            )
        first, second = WORDS.get(name, (first, second))
        requests = [{conditions.TEXT: phrase} for phrase in (first, second)]
        ends = [ask(self._sampler.spec, request, 1)[conditions.TEXT][0] for request in requests]
        vectors = rows.vectors.copy()
        text = vectors[:, -self._sampler.spec.text_dim :]
        lengths = np.linalg.norm(text, axis=1, keepdims=True)
        text += _TURN * amounts[:, None] * (ends[1] - ends[0])
        turned = np.linalg.norm(text, axis=1, keepdims=True)
        # A phrase that was given keeps its length; where none was, the direction's own is the text.
        text *= np.where(lengths > 0, lengths / np.maximum(turned, 1e-6), 1.0)
        return dataclasses.replace(rows, vectors=vectors)


def most_effective(sampler: Sampler, count: int) -> np.ndarray:
    """Computes the directions along which the images of a model change most: f32 [count ...].

    These are the first eigenvectors of the mean of J'J, J the Jacobian of the image, estimated from
    products with random cotangents. Where the generator's first layer alone is J they are those of
    2007.06600, section 3.

    Args:
      sampler: of any model.
      count: of directions, each of the shape of a latent and of length 1.
    """
    kind = list(sampler.generator.shapes)[-1]
    program = _programs(sampler, kind).product
    products = []
    for start in range(0, _PROBES, _ROWS):
        where = latent.points(sampler, range(start, start + _ROWS))
        (rows, _) = next(iter(_batches(where)))
        products.append(np.asarray(program(sampler.params, *rows, jax.random.key(start))))
    flat = np.concatenate(products).reshape(_PROBES, -1).astype(np.float64)
    vectors = np.linalg.svd(flat, full_matrices=False)[2][:count]
    return vectors.reshape(count, *products[0].shape[1:]).astype(np.float32)


def principal(sampler: Sampler, count: int) -> np.ndarray:
    """Computes the principal components of latents behind a mapping (2004.02546): f32 [count ...].

    Raises:
      UserError: the model's latents are normal, which vary alike in every direction.
    """
    kind = list(sampler.generator.shapes)[-1]
    if kind not in base.STRAIGHT_KINDS:
        raise UserError(
            f"latents of kind {kind!r} vary alike in every direction: they have no principal "
            "components; use the directions of most effect"
        )
    values = latent.points(sampler, range(4 * _PROBES)).values
    flat = (values - values.mean(0)).reshape(len(values), -1).astype(np.float64)
    vectors = np.linalg.svd(flat, full_matrices=False)[2][:count]
    return vectors.reshape(count, *values.shape[1:]).astype(np.float32)


def along(where: Points, direction: np.ndarray, amounts: Sequence[float]) -> Points:
    """Moves one point along a direction of length 1, normal latents at their own length.

    Args:
      where: one point.
      direction: f32 of the shape of a latent, as `principal` and `most_effective` return them.
      amounts: fractions of the length of the latent.
    """
    rows = where[[0] * len(amounts)]
    length = np.linalg.norm(where.values)
    steps = np.asarray(amounts, np.float32).reshape(-1, *[1] * direction.ndim)
    values = rows.values + length * steps * direction
    if where.kind not in base.STRAIGHT_KINDS:
        axes = tuple(range(1, values.ndim))
        values *= length / np.sqrt(np.square(values).sum(axes, keepdims=True))
    return dataclasses.replace(rows, values=values.astype(np.float32))


# ---- programs ------------------------------------------------------------------------------------


def _batches(where: Points) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], int]]:
    """Yields the arrays of `_ROWS` points, padded, and how many of them are no padding."""
    for start in range(0, len(where), _ROWS):
        n = min(_ROWS, len(where) - start)
        rows = np.resize(np.arange(start, start + n), _ROWS)
        yield (where.values[rows], where.vectors[rows]), n


@dataclasses.dataclass(frozen=True)
class _Programs:
    """Holds the compiled programs of a model.

    Attributes:
      attributes: (params, values, vectors) -> f32 [n k].
      step: (params, values, vectors, goals [n k], units [k], condition_scale) -> values, vectors.
      product: (params, values, vectors, key) -> f32 as the values, J' times a random cotangent.
    """

    attributes: Callable[..., jax.Array]
    step: Callable[..., tuple[jax.Array, jax.Array]]
    product: Callable[..., jax.Array]


@functools.lru_cache(maxsize=8)
def _programs(sampler: Sampler, kind: str) -> _Programs:
    is_straight = kind in base.STRAIGHT_KINDS

    def of(params: base.Params, values: jax.Array, vectors: jax.Array) -> jax.Array:
        return attributes.of(latent.images_of(sampler, params, values, vectors, kind=kind))

    def one_step(
        params: base.Params,
        values: jax.Array,
        vectors: jax.Array,
        goals: jax.Array,
        units: jax.Array,
        condition_scale: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        now, backward = jax.vjp(lambda v, c: of(params, v, c), values, vectors)
        of_values, of_vectors = jax.lax.map(
            lambda e: backward(jnp.broadcast_to(e, now.shape)), jnp.eye(now.shape[1])
        )
        n, k = now.shape
        flat = [of_values.reshape(k, n, -1), condition_scale * of_vectors.reshape(k, n, -1)]
        jacobian = jnp.concatenate(flat, -1).transpose(1, 0, 2) / units[None, :, None]
        gram = jacobian @ jacobian.transpose(0, 2, 1)
        scale = jnp.trace(gram, axis1=1, axis2=2) / k + 1e-12
        gram += _DAMPING * scale[:, None, None] * jnp.eye(k)[None]
        solved = jnp.linalg.solve(gram, ((goals - now) / units[None])[..., None])
        change = (jacobian.transpose(0, 2, 1) @ solved)[..., 0]
        length = jnp.linalg.norm(values.reshape(n, -1), axis=1, keepdims=True)
        size = jnp.linalg.norm(change, axis=1, keepdims=True)
        change *= jnp.minimum(1.0, _LONGEST_STEP * length / jnp.maximum(size, 1e-12))
        moved = values.reshape(n, -1) + change[:, : values[0].size]
        if not is_straight:
            moved *= length / jnp.linalg.norm(moved, axis=1, keepdims=True)
        vectors += condition_scale * change[:, values[0].size :]
        return moved.reshape(values.shape), vectors

    def product(
        params: base.Params, values: jax.Array, vectors: jax.Array, key: jax.Array
    ) -> jax.Array:
        images_of = functools.partial(latent.images_of, sampler, params, kind=kind)
        drawn, backward = jax.vjp(lambda v: images_of(v, vectors), values)
        return backward(jax.random.normal(key, drawn.shape))[0]

    return _Programs(jax.jit(of), jax.jit(one_step), jax.jit(product))
