"""Inverts pictures: finds points of latent space that a model draws about them of.

A flow follows its path backwards. Of other models the latent and the condition are searched for by
the gradient of the squared error, from a guess: the condition is the picture as the encoder sees
it, which reads pictures and phrases as vectors of one space; the latent is the picture itself where
latents are noise of its shape, else the best of a few seeds.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from emoji_gan import conditions, images
from emoji_gan.conditions import Condition
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.errors import UserError
from emoji_gan.methods import base
from emoji_gan.trained import latent
from emoji_gan.trained.latent import Points
from emoji_gan.trained.sampler import Sampler

Arrays = tuple[jax.Array, jax.Array]  # latents f32 [n ...] and encoded conditions f32 [n dim]

_AT_ONCE = 5  # steps of a search between two chances to stop it
_SEEDS = 32  # that a start is chosen from where latents are not of the picture's shape
_PICTURE_IN_START = 0.5  # of the length of noise; the rest is noise
_RATE, _CONDITION_RATE = 0.05, 0.005  # of Adam, falling to 0: of standard deviations, of unit parts


def invert(
    sampler: Sampler,
    pictures: np.ndarray,
    condition: Condition | None = None,
    *,
    steps: int = 100,
    tick: Callable[[], None] = lambda: None,
) -> Points:
    """Finds points that a model draws about these pictures of.

    A result depends on its own picture and condition only: each is searched for by itself.

    Args:
      sampler: of any model.
      pictures: uint8 [n h w 4] at the model's resolution, straight alpha.
      condition: arrays of n rows; None: what the encoder sees, in models that take phrases.
      steps: of the search, where the method has no way back of its own; 0: the guess.
      tick: called every few steps; what it raises ends the search.

    Raises:
      UserError: the pictures are not of the model's resolution.
    """
    px = sampler.config.data.resolution
    if pictures.shape[1:] != (px, px, 4):
        raise UserError(
            f"pictures of {pictures.shape[2]}x{pictures.shape[1]} px: this model draws {px}x{px}"
        )
    condition = as_seen(sampler, pictures) if condition is None else condition
    vectors = latent.vectors_of(sampler.spec, condition, len(pictures))
    if sampler.generator.invert is not None:
        latents = sampler.invert(pictures, condition)
        return Points(np.asarray(latents.values), latents.kind, vectors)
    start = _start(sampler, pictures, condition, vectors)
    if not steps:
        return start
    how = {"steps": steps, "spread": _spread(sampler, start.kind), "tick": tick}
    searched = [
        _searched(sampler, start[[i]], pictures[i : i + 1], **how) for i in range(len(pictures))
    ]
    return latent.joined(searched)


def as_seen(sampler: Sampler, pictures: np.ndarray) -> Condition:
    """Returns pictures, uint8 [n h w 4], as a model's condition: what the encoder sees in them.

    Nothing is asked for where the model takes no phrases, or those of other weights.
    """
    condition = sampler.spec.none(len(pictures))
    if conditions.TEXT in condition:
        params, meta = encoder.load()
        if meta["weights_sha256"] == sampler.spec.text_hash:
            condition[conditions.TEXT] = recogniser.extract(params, pictures)[0]
    return condition


def _start(
    sampler: Sampler, pictures: np.ndarray, condition: Condition, vectors: np.ndarray
) -> Points:
    """Returns where the search begins, a point for each picture."""
    kind, shape = list(sampler.generator.shapes.items())[-1]
    if shape == pictures.shape[1:]:
        noise = np.asarray(sampler.latents([0]).values)
        x = np.asarray(images.to_model(pictures))
        x = x - x.mean((1, 2, 3), keepdims=True)
        x /= np.maximum(np.sqrt(np.square(x).mean((1, 2, 3), keepdims=True)), 1e-6)
        values = _PICTURE_IN_START * x + np.sqrt(1 - _PICTURE_IN_START**2) * noise
        return Points(values.astype(np.float32), kind, vectors)
    seeds, chosen = list(range(_SEEDS)), []
    for i, picture in enumerate(pictures):
        own = {name: np.repeat(array[i : i + 1], _SEEDS, 0) for name, array in condition.items()}
        candidates = latent.points(sampler, seeds, own, truncation=0.7)
        drawn = latent.draw(sampler, candidates)
        away = [latent.steps(np.stack([picture, x]))[0] for x in drawn]
        chosen.append(candidates[[int(np.argmin(away))]])
    return latent.joined(chosen)


def _spread(sampler: Sampler, kind: str) -> float:
    """Returns the standard deviation of latents about their mean."""
    if kind not in base.STRAIGHT_KINDS:
        return 1.0
    values = latent.points(sampler, range(_SEEDS)).values
    return float(np.std(values - values.mean(0)))


def _visible(x: jax.Array) -> jax.Array:
    """Clips model images to what is seen of them; the gradient is that of the whole image."""
    alpha = jnp.clip(x[..., 3:], -1, 1)
    seen = jnp.concatenate([jnp.clip(x[..., :3], -1, alpha), alpha], -1)
    return x + jax.lax.stop_gradient(seen - x)


def _searched(
    sampler: Sampler,
    start: Points,
    picture: np.ndarray,
    *,
    steps: int,
    spread: float,
    tick: Callable[[], None],
) -> Points:
    """Returns the best point on the way from one, for a picture uint8 [1 h w 4]."""
    adam, walk, best_of = _programs(sampler, start.kind, steps)
    target = images.to_model(picture)
    point = start.values, start.vectors
    carry = point, adam.init(point), np.full(1, np.inf, np.float32), point
    for done in range(0, steps, _AT_ONCE):
        tick()
        count = min(_AT_ONCE, steps - done)
        carry = walk(sampler.params, carry, target, np.float32(spread), count)
    values, vectors = best_of(sampler.params, carry, target)
    return Points(np.asarray(values), start.kind, np.asarray(vectors))


@functools.lru_cache(maxsize=8)
def _programs(
    sampler: Sampler, kind: str, steps: int
) -> tuple[optax.GradientTransformation, Callable[..., Any], Callable[..., Arrays]]:
    """Returns the optimiser of a search, its steps, and what takes the best point of its end."""
    adam = optax.adam(optax.cosine_decay_schedule(1.0, steps))

    def error(point: Arrays, params: base.Params, target: jax.Array) -> tuple[jax.Array, jax.Array]:
        drawn = _visible(latent.images_of(sampler, params, *point, kind=kind))
        each = jnp.square(drawn - target).mean((1, 2, 3))
        return each.sum(), each

    def better(
        each: jax.Array, least: jax.Array, point: Arrays, best: Arrays
    ) -> tuple[jax.Array, Arrays]:
        def chosen(new: jax.Array, old: jax.Array) -> jax.Array:
            return jnp.where(jnp.expand_dims(each < least, range(1, new.ndim)), new, old)

        return jnp.minimum(each, least), jax.tree.map(chosen, point, best)

    def walk(
        params: base.Params, carry: tuple, target: jax.Array, spread: jax.Array, count: int
    ) -> tuple:
        def one_step(_: jax.Array, carry: tuple) -> tuple:
            point, state, least, best = carry
            (_, each), gradient = jax.value_and_grad(error, has_aux=True)(point, params, target)
            least, best = better(each, least, point, best)
            with jax.numpy_dtype_promotion("standard"):
                updates, state = adam.update(gradient, state)
            values = point[0] + _RATE * spread * updates[0]
            if kind not in base.STRAIGHT_KINDS:
                axes = tuple(range(1, values.ndim))
                values *= jax.lax.rsqrt(jnp.square(values).mean(axes, keepdims=True))
            point = values, point[1] + _CONDITION_RATE * updates[1]
            return point, state, least, best

        return jax.lax.fori_loop(0, count, one_step, carry)

    def best_of(params: base.Params, carry: tuple, target: jax.Array) -> Arrays:
        point, _, least, best = carry
        return better(error(point, params, target)[1], least, point, best)[1]

    return adam, jax.jit(walk), jax.jit(best_of)
