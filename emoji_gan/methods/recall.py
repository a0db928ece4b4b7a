"""Remembers the emoji trained on, and recalls the words of those that a picture is like.

A captioner that has to know every emoji by heart has nothing to say of a new one. This memory has a
vector and the words of each emoji, and a new picture's text may take words of the nearest, as in
pointer-generator networks (1704.04368). It is filled as training goes and is part of the state.
"""

import dataclasses

import jax
import jax.numpy as jnp

from emoji_gan.networks.captioner_networks import NEVER

Memory = dict[str, jax.Array]  # vectors f32 [m d]; times f32 [m], seen; words i16 [m l w], 0: none
_OLD = 0.9  # part of a vector that stays when its emoji is seen again: styles are averaged
SHARP = 0.05  # of a cosine: by so much less like it, an emoji counts e times less
_MOST = 1000.0  # times that are counted: float16 holds more, but no run needs more


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Recalled:
    """Holds words that a text may take, and how much each counts.

    Attributes:
      pieces: i32 [b s], of the vocabulary; 0 where there is no word.
      log_weights: f32 [b s], of the emoji that the word is of; NEVER where there is no word.
    """

    pieces: jax.Array
    log_weights: jax.Array


def empty(emoji: int, picture_dim: int, languages: int, words: int) -> Memory:
    """Returns the memory before the first picture."""
    return {
        "vectors": jnp.zeros((emoji, picture_dim)),
        "times": jnp.zeros(emoji),
        "words": jnp.zeros((emoji, languages, words), jnp.int16),
    }


def remembered(memory: Memory, features: jax.Array, emoji: jax.Array, words: jax.Array) -> Memory:
    """Returns the memory after the pictures of a batch, of all devices.

    Args:
      memory: before it.
      features: f32 [b d], vectors of the pictures.
      emoji: i32 [b], their rows of the memory.
      words: i32 [b l w], of each emoji, in each language.
    """
    # A product, not a scatter of sums: its order, so its rounding, is the same at every call.
    rows = jnp.arange(len(memory["times"]))[:, None] == emoji[None]
    count = rows.sum(1).astype(jnp.float32)
    mean = rows.astype(jnp.float32) @ features / jnp.maximum(count, 1.0)[:, None]
    old = jnp.where(memory["times"] > 0, _OLD, 0.0)[:, None]
    moved = old * memory["vectors"] + (1 - old) * mean
    return {
        "vectors": jnp.where((count > 0)[:, None], moved, memory["vectors"]),
        "times": jnp.minimum(memory["times"] + count, _MOST),
        "words": memory["words"].at[emoji].set(words.astype(jnp.int16)),
    }


def recalled(
    memory: Memory,
    features: jax.Array,
    language: jax.Array,
    *,
    count: int,
    emoji: jax.Array | None = None,
    chance: jax.Array | None = None,
) -> Recalled:
    """Returns the words of the emoji that pictures are like, by the angle from the mean emoji.

    Args:
      memory: what has been seen.
      features: f32 [b d], vectors of the pictures.
      language: i32 [b].
      count: of emoji, for each picture, at most.
      emoji: i32 [b], whose own words are not recalled; None: all may be.
      chance: f32 [b m] in [0, 1], uniform; an emoji below 0.5 is forgotten. None: none is.
    """
    seen = memory["times"] > 0
    sizes = jnp.maximum(seen.sum(), 1).astype(jnp.float32)
    mean = memory["vectors"].sum(0, keepdims=True) / sizes
    cosine = _unit(features - mean) @ _unit(memory["vectors"] - mean).T
    usable = jnp.broadcast_to(seen, cosine.shape)
    if emoji is not None:
        usable &= jnp.arange(len(seen))[None] != emoji[:, None]
    if chance is not None:
        usable &= chance >= 0.5
    nearest, rows = jax.lax.top_k(jnp.where(usable, cosine, NEVER), min(count, len(seen)))
    log_weights = jax.nn.log_softmax(nearest / SHARP)
    pieces = memory["words"][rows, language[:, None]].astype(jnp.int32)  # b count w
    is_word = (pieces > 0) & (nearest > 0.5 * NEVER)[..., None]
    flat = (len(features), -1)
    return Recalled(
        jnp.where(is_word, pieces, 0).reshape(flat),
        jnp.where(is_word, log_weights[..., None], NEVER).reshape(flat),
    )


def nothing(like: Recalled) -> Recalled:
    """Returns as much room as another has, without a word."""
    return Recalled(jnp.zeros_like(like.pieces), jnp.full_like(like.log_weights, NEVER))


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.sqrt(jnp.sum(jnp.square(x), -1, keepdims=True) + 1e-6)
