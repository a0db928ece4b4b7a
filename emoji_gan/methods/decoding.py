"""Computes the likelihood of texts and draws texts, by a writer of `captioner_networks`."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from emoji_gan.methods.recall import Recalled
from emoji_gan.networks.captioner_networks import END, LEAST, NEVER, SPELL, Writer


def alive_in(tokens: jax.Array) -> jax.Array:
    """Returns which pieces of texts i32 [b t] count: up to the first end, bool [b t]."""
    ends = jnp.cumsum((tokens == END).astype(jnp.int32), axis=1)
    return (ends == 0) | ((ends == 1) & (tokens == END))


def mean_nll(
    writer: Writer, tokens: jax.Array, c: jax.Array, recalled: Recalled, space: int | None = None
) -> jax.Array:
    """Computes the mean negative log-likelihood of the pieces of texts, in nats: f32 scalar.

    Args:
      writer: the network.
      tokens: i32 [b t].
      c: f32 [b width], what the writer's condition returns.
      recalled: words that the texts may take.
      space: of how many pieces it is computed; None: of all. Of texts that have more in all, the
        last pieces of the last ones do not count.
    """
    looked_up = writer.looked_up(writer.hidden(tokens, writer.hinted(c, recalled)), recalled)
    is_it = recalled.pieces[:, None] == tokens[..., None]  # b t s
    copied = jnp.where(is_it, looked_up.weights, 0.0).sum(-1)
    copied = jnp.log(copied + LEAST) + looked_up.log_copy
    alive, right = alive_in(tokens).reshape(-1), tokens.reshape(-1)
    kept = jnp.argsort(~alive, stable=True)[: space or tokens.size]  # the rest is padding
    log_p = writer.log_written(looked_up.seen.reshape(tokens.size, -1)[kept])
    written = _of_pieces(log_p, right[kept]) + looked_up.log_write.reshape(-1)[kept]
    log_p = jnp.logaddexp(written, copied.reshape(-1)[kept])
    counts = alive[kept].astype(jnp.float32)
    return -(log_p * counts).sum() / jnp.maximum(counts.sum(), 1.0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Drawn:
    """Holds texts that were drawn.

    Attributes:
      tokens: i32 [b t], each text with its end; behind it END as well.
      log_p: f32 [b], mean log-probability of a piece, at temperature 1.
    """

    tokens: jax.Array
    log_p: jax.Array


def draw(
    writer: Writer,
    c: jax.Array,
    recalled: Recalled,
    keys: jax.Array,
    temperature: jax.Array,
    *,
    length: int,
) -> Drawn:
    """Draws a text of each condition; ends as soon as all texts have.

    No word is spelled, for a network that has seen few texts spells words that do not exist.

    Args:
      writer: the network.
      c: f32 [b width].
      recalled: words that the texts may take.
      keys: [b]; a text depends on its own alone.
      temperature: f32 [b], above 0; the smaller, the likelier the texts.
      length: pieces of a text, at most.
    """
    count, c = c.shape[0], writer.hinted(c, recalled)
    chance = jax.vmap(lambda key: jax.random.uniform(key, (length,)))(keys)

    def goes_on(carry: tuple[Any, ...]) -> jax.Array:
        t, ended = carry[0], carry[3]
        return (t < length) & ~ended.all()

    def body(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        t, h, embedded, ended, tokens, log_p = carry
        h = writer.recurrent.step(h, writer.entered(embedded, c))
        of_pieces = writer.log_p(h, recalled)
        # One number a piece, where Gumbel's noise would need one for each of the vocabulary.
        allowed = of_pieces.at[:, SPELL].add(NEVER)
        below = jnp.cumsum(jax.nn.softmax(allowed / temperature[:, None]), axis=-1)
        token = (below < chance[:, t, None] * below[:, -1:]).sum(-1).astype(jnp.int32)
        token = jnp.where(ended, END, jnp.minimum(token, of_pieces.shape[-1] - 1))
        log_p = log_p + jnp.where(ended, 0.0, _of_pieces(of_pieces, token))
        tokens = tokens.at[:, t].set(token)
        return t + 1, h, writer.table[...][token], ended | (token == END), tokens, log_p

    tokens = jnp.full((count, length), END, jnp.int32)
    start = (jnp.int32(0), writer.begin(c), _first(writer, count), jnp.zeros(count, bool), tokens)
    *_, tokens, log_p = jax.lax.while_loop(goes_on, body, (*start, jnp.zeros(count)))
    pieces = alive_in(tokens).sum(1).astype(jnp.float32)
    return Drawn(tokens, log_p / jnp.maximum(pieces, 1.0))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class SoftlyDrawn:
    """Holds texts that were drawn with a gradient.

    Attributes:
      tokens: i32 [b t], as of `Drawn`.
      one_hot: f32 [b t pieces], the same as vectors, with the gradient of the soft choice.
    """

    tokens: jax.Array
    one_hot: jax.Array


def draw_softly(
    writer: Writer,
    c: jax.Array,
    recalled: Recalled,
    keys: jax.Array,
    *,
    length: int,
    softness: float,
) -> SoftlyDrawn:
    """Draws a text of each condition at temperature 1 by straight-through Gumbel-softmax.

    Args:
      writer: the network.
      c: f32 [b width].
      recalled: words that the texts may take.
      keys: [b].
      length: pieces of a text.
      softness: temperature of the soft choice, which the gradient is of (1611.01144).
    """
    pieces, table = writer.bias[...].shape[0], writer.table[...]
    c = writer.hinted(c, recalled)

    def body(carry: tuple[Any, ...], t: jax.Array) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        h, embedded, ended = carry
        h = writer.recurrent.step(h, writer.entered(embedded, c))
        noise = jax.vmap(lambda key: jax.random.gumbel(jax.random.fold_in(key, t), (pieces,)))(keys)
        scores = writer.log_p(h, recalled) + noise
        token = jnp.where(ended, END, jnp.argmax(scores, -1)).astype(jnp.int32)
        soft = jax.nn.softmax(scores / softness)
        one_hot = jax.nn.one_hot(token, pieces) + soft - jax.lax.stop_gradient(soft)
        return (h, one_hot @ table, ended | (token == END)), (token, one_hot)

    count = c.shape[0]
    start = (writer.begin(c), _first(writer, count), jnp.zeros(count, bool))
    _, (tokens, one_hot) = jax.lax.scan(body, start, jnp.arange(length))
    return SoftlyDrawn(tokens.T, one_hot.swapaxes(0, 1))


def _first(writer: Writer, count: int) -> jax.Array:
    """Returns the vectors of what stands before a text, f32 [count embedding]."""
    row = writer.table[...][END]
    return jnp.broadcast_to(row, (count, *row.shape))


def _of_pieces(log_p: jax.Array, tokens: jax.Array) -> jax.Array:
    """Returns those log-probabilities of f32 [n pieces] that are of pieces i32 [n]: f32 [n]."""
    return jnp.take_along_axis(log_p, tokens[:, None], 1)[:, 0]
