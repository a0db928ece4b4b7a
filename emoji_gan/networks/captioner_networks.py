"""Builds the networks of captions: a recurrent writer of texts, and a critic of picture and text.

A picture is a vector; a text is the numbers of its pieces, `END` after the last one. Both networks
are gated recurrent units (1406.1078): texts are short, and a step of one costs the same anywhere in
a text, where attention would need what came before once more.
"""

import dataclasses
import math
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan.networks import layers
from emoji_gan.networks.unet import Dense

END = 1  # the piece that ends a text, and that stands before its first one
SPELL = 2  # the piece behind which a word is spelled
_TABLE_SCALE = 0.1  # of new rows of a table
_SURE = 4.0  # of the scores of recalled words: how fast they come to differ
LEAST = 1e-12  # probability, so that its logarithm is finite
NEVER = -1e9  # in place of the logarithm of 0


class Recalled(Protocol):
    """Types words that a text may take, of emoji like its own (emoji_gan/methods/recall.py)."""

    pieces: jax.Array
    log_weights: jax.Array


def _table(rng: np.random.Generator, rows: int, width: int) -> nnx.Param:
    return nnx.Param(jnp.asarray(rng.standard_normal((rows, width), np.float32) * _TABLE_SCALE))


@dataclasses.dataclass(frozen=True)
class LookedUp:
    """Holds what a writer makes of recalled words at states `b t width`.

    Attributes:
      weights: f32 `b t s`, the probability of each if one is copied.
      seen: f32 `b t width + embedding`, the states with the mean of these words.
      log_copy: f32 `b t`, log-probability of copying.
      log_write: f32 `b t`, of not copying.
    """

    weights: jax.Array
    seen: jax.Array
    log_copy: jax.Array
    log_write: jax.Array


class Recurrent(nnx.Module):
    """Computes a gated recurrent unit.

    Args:
      rng: source of the initial weights.
      n_in: size of an input.
      width: of the hidden state.
    """

    def __init__(self, rng: np.random.Generator, n_in: int, width: int) -> None:
        self.enter = Dense(rng, n_in, 3 * width)
        self.again = Dense(rng, width, 3 * width)

    def step(self, h: jax.Array, entered: jax.Array) -> jax.Array:
        """Returns the next hidden state `b width` of an input that `enter` has seen."""
        r_x, z_x, n_x = jnp.split(entered, 3, -1)
        r_h, z_h, n_h = jnp.split(self.again(h), 3, -1)
        reset, keep = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
        return keep * h + (1 - keep) * jnp.tanh(n_x + reset * n_h)

    def __call__(self, h: jax.Array, x: jax.Array) -> jax.Array:
        """Returns the hidden states `b t width` behind each input `b t n_in`."""

        def step(h: jax.Array, entered: jax.Array) -> tuple[jax.Array, jax.Array]:
            h = self.step(h, entered)
            return h, h

        return jax.lax.scan(step, h, self.enter(x).swapaxes(0, 1))[1].swapaxes(0, 1)


class Condition(nnx.Module):
    """Encodes a picture with the language and the kind of the text that is asked for.

    Args:
      rng: source of the initial weights.
      picture_dim: size of a picture's vector.
      width: of the result.
      languages: number of languages.
      kinds: number of kinds of text.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        picture_dim: int,
        width: int,
        languages: int,
        kinds: int,
    ) -> None:
        self.picture = Dense(rng, picture_dim, width)
        self.language = _table(rng, languages, width)
        self.kind = _table(rng, kinds, width)
        self.out = Dense(rng, width, width)

    def __call__(self, features: jax.Array, language: jax.Array, kind: jax.Array) -> jax.Array:
        """Maps vectors f32 `b picture_dim` and numbers i32 `b`, `b` to f32 `b width`.

        A vector of zeros is no picture.
        """
        size = jnp.sqrt(jnp.mean(jnp.square(features), -1, keepdims=True) + 1e-6)
        x = self.picture(features / size)
        x = x + self.language[...][language] + self.kind[...][kind]
        return jax.nn.relu(self.out(jax.nn.relu(x)))


class Writer(nnx.Module):
    """Writes texts of pictures, a piece after the other.

    Args:
      rng: source of the initial weights.
      pieces: of the vocabulary.
      width: of the hidden state.
      embedding: size of a piece's vector, of the table that reads and of that which writes.
      condition: the sizes of `Condition`.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        pieces: int,
        width: int,
        embedding: int,
        condition: dict[str, int],
    ) -> None:
        self.condition = Condition(rng, width=width, **condition)
        self.table = _table(rng, pieces, embedding)
        self.start = Dense(rng, width, width)
        self.recurrent = Recurrent(rng, embedding + width, width)
        self.leave = Dense(rng, width + embedding, embedding)
        self.bias = nnx.Param(jnp.zeros(pieces))
        self.hint = Dense(rng, embedding, width)
        self.ask = Dense(rng, width, embedding)
        self.copy = Dense(rng, width + embedding, 1)

    def begin(self, c: jax.Array) -> jax.Array:
        """Returns the hidden state `b width` before a text, of conditions f32 `b width`."""
        return jnp.tanh(self.start(c))

    def entered(self, embedded: jax.Array, c: jax.Array) -> jax.Array:
        """Returns what `Recurrent.step` takes of vectors of pieces `b embedding`."""
        return self.recurrent.enter(jnp.concatenate([embedded, c], -1))

    def hidden(self, tokens: jax.Array, c: jax.Array) -> jax.Array:
        """Returns the hidden states `b t width` that each piece of texts i32 `b t` follows."""
        before = jnp.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=END)
        x = self.table[...][before]
        c_at = jnp.broadcast_to(c[:, None], (*x.shape[:2], c.shape[-1]))
        return self.recurrent(self.begin(c), jnp.concatenate([x, c_at], -1))

    def hinted(self, c: jax.Array, recalled: Recalled) -> jax.Array:
        """Returns conditions `b width` with what the recalled words are about."""
        weights = jnp.exp(recalled.log_weights)
        mean = jnp.einsum("bs,bse->be", weights, self.table[...][recalled.pieces])
        return c + self.hint(mean / jnp.maximum(weights.sum(1, keepdims=True), 1e-6))

    def looked_up(self, h: jax.Array, recalled: Recalled) -> LookedUp:
        """Weighs recalled words at states `b t width` (1704.04368)."""
        keys = self.table[...][recalled.pieces]
        scores = jnp.einsum("bte,bse->bts", self.ask(h), keys) / math.sqrt(keys.shape[-1])
        weights = jax.nn.softmax(_SURE * scores + recalled.log_weights[:, None])
        mean = jnp.einsum("bts,bse->bte", weights, keys)
        seen = jnp.concatenate([h, mean], -1)
        gate = self.copy(seen)[..., 0]
        some = (recalled.pieces > 0).any(1)[:, None]  # else there is nothing to copy
        log_copy = jnp.where(some, jax.nn.log_sigmoid(gate), NEVER)
        log_write = jnp.where(some, jax.nn.log_sigmoid(-gate), 0.0)
        return LookedUp(weights, seen, log_copy, log_write)

    def log_written(self, seen: jax.Array) -> jax.Array:
        """Returns the log-probabilities `... pieces` of pieces that are not copied."""
        logits = layers.add_bias(self.leave(seen) @ self.table[...].T, self.bias[...])
        return jax.nn.log_softmax(logits)

    def log_p(self, h: jax.Array, recalled: Recalled) -> jax.Array:
        """Returns the log-probabilities `b pieces` of the pieces that may follow `b width`."""
        looked_up = self.looked_up(h[:, None], recalled)
        written = self.log_written(looked_up.seen[:, 0]) + looked_up.log_write
        rows = jnp.arange(len(h))[:, None]
        copied = jnp.zeros_like(written).at[rows, recalled.pieces].add(looked_up.weights[:, 0])
        return jnp.logaddexp(written, jnp.log(copied + LEAST) + looked_up.log_copy)


class Critic(nnx.Module):
    """Scores how well texts go with pictures; sizes as those of `Writer`."""

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        pieces: int,
        width: int,
        embedding: int,
        condition: dict[str, int],
    ) -> None:
        self.condition = Condition(rng, width=width, **condition)
        self.table = _table(rng, pieces, embedding)
        self.recurrent = Recurrent(rng, embedding, width)
        self.text = Dense(rng, width, width)
        self.score = Dense(rng, width, 1)

    def embedded(self, pieces: jax.Array) -> jax.Array:
        """Returns vectors `b t embedding` of pieces: i32 `b t`, or f32 `b t pieces` one-hot."""
        if jnp.issubdtype(pieces.dtype, jnp.integer):
            return self.table[...][pieces]
        return pieces @ self.table[...]

    def __call__(self, embedded: jax.Array, alive: jax.Array, c: jax.Array) -> jax.Array:
        """Scores texts.

        Args:
          embedded: f32 `b t embedding`.
          alive: f32 `b t`, 1 up to the text's end, else 0.
          c: f32 `b width`, what `condition` returns.

        Returns:
          f32 `b`.
        """
        states = self.recurrent(jnp.zeros_like(c), embedded * alive[..., None])
        mean = (states * alive[..., None]).sum(1) / jnp.maximum(alive.sum(1, keepdims=True), 1.0)
        text = jax.nn.relu(self.text(mean))
        return self.score(text)[:, 0] + (text * c).sum(-1) / math.sqrt(c.shape[-1])


def is_embedding(path: tuple[Any, ...]) -> bool:
    """Tells whether a row of a parameter, by its path, belongs to a piece of the vocabulary."""
    return path in (("table",), ("bias",))


def depends_on_condition(path: tuple[Any, ...]) -> bool:
    """Returns False: pictures have no conditions here."""
    del path
    return False


def discriminator_depth(path: tuple[Any, ...], resolution: int) -> int | None:
    """Returns None: the critic reads texts, it has no maps."""
    del path, resolution
    return None
