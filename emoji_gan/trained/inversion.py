"""Inverts pictures: finds points of latent space that a model draws about them of.

A flow follows its path backwards. Of other models the latent and the condition are searched for by
the gradient of the squared error, from a guess: the condition is the picture as the encoder sees
it, which reads pictures and phrases as vectors of one space; the latent is the picture itself where
latents are noise of its shape, else the best of a few seeds.
"""

import functools
from collections.abc import Callable

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
Search = Callable[..., Arrays]

_ROWS = 8  # of every batch: a kernel may round differently at another size
_SEEDS = 32  # that a start is chosen from where latents are not of the picture's shape
_PICTURE_IN_START = 0.5  # of the length of noise; the rest is noise
_RATE, _CONDITION_RATE = 0.05, 0.005  # of Adam, falling to 0: of standard deviations, of unit parts


def invert(
    sampler: Sampler,
    pictures: np.ndarray,
    condition: Condition | None = None,
    *,
    steps: int = 100,
) -> Points:
    """Finds points that a model draws about these pictures of.

    A result depends on its own picture and condition only.

    Args:
      sampler: of any model.
      pictures: uint8 [n h w 4] at the model's resolution, straight alpha.
      condition: arrays of n rows; None: what the encoder sees, in models that take phrases.
      steps: of the search, where the method has no way back of its own; 0: the guess.

    Raises:
      UserError: the pictures are not of the model's resolution.
    """
    px = sampler.config.data.resolution
    if pictures.shape[1:] != (px, px, 4):
        raise UserError(
            f"pictures of {pictures.shape[2]}x{pictures.shape[1]} px: this model draws {px}x{px}"
        )
    condition = as_seen(sampler, pictures) if condition is None else condition
    encoded = conditions.encode(sampler.spec, condition) if sampler.spec.dim else None
    vectors = np.zeros((len(pictures), 0), np.float32) if encoded is None else np.asarray(encoded)
    if sampler.generator.invert is not None:
        latents = sampler.invert(pictures, condition)
        return Points(np.asarray(latents.values), latents.kind, vectors)
    start = _start(sampler, pictures, condition, vectors)
    if not steps:
        return start
    search, spread = _search(sampler, start.kind, steps), _spread(sampler, start.kind)
    searched = [
        _searched(sampler, start[i : i + _ROWS], pictures[i : i + _ROWS], search, spread)
        for i in range(0, len(pictures), _ROWS)
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
        x = np.asarray(images.to_model(jnp.asarray(pictures)))
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


def _searched(
    sampler: Sampler, start: Points, pictures: np.ndarray, search: Search, spread: float
) -> Points:
    """Returns the points that the search ends at, of at most `_ROWS` pictures."""
    rows = np.resize(np.arange(len(start)), _ROWS)
    values, vectors = search(
        sampler.params,
        jnp.asarray(start.values[rows]),
        jnp.asarray(start.vectors[rows]),
        images.to_model(jnp.asarray(pictures[rows])),
        jnp.float32(spread),
    )
    return Points(np.asarray(values), start.kind, np.asarray(vectors))[: len(start)]


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


@functools.lru_cache(maxsize=8)
def _search(sampler: Sampler, kind: str, steps: int) -> Search:
    """Returns the compiled search: (params, values, vectors, targets, spread) -> its best point."""
    adam = optax.adam(optax.cosine_decay_schedule(1.0, steps))

    def search(
        params: base.Params,
        values: jax.Array,
        vectors: jax.Array,
        targets: jax.Array,
        spread: jax.Array,
    ) -> Arrays:
        def error(point: Arrays) -> tuple[jax.Array, jax.Array]:
            drawn = _visible(latent.images_of(sampler, params, *point, kind=kind))
            each = jnp.square(drawn - targets).mean((1, 2, 3))
            return each.sum(), each

        def better(
            each: jax.Array, least: jax.Array, point: Arrays, best: Arrays
        ) -> tuple[jax.Array, Arrays]:
            def chosen(new: jax.Array, old: jax.Array) -> jax.Array:
                return jnp.where(jnp.expand_dims(each < least, range(1, new.ndim)), new, old)

            return jnp.minimum(each, least), jax.tree.map(chosen, point, best)

        def one_step(carry: tuple, _: None) -> tuple[tuple, None]:
            point, state, least, best = carry
            (_, each), gradient = jax.value_and_grad(error, has_aux=True)(point)
            least, best = better(each, least, point, best)
            with jax.numpy_dtype_promotion("standard"):
                updates, state = adam.update(gradient, state)
            values = point[0] + _RATE * spread * updates[0]
            if kind not in base.STRAIGHT_KINDS:
                axes = tuple(range(1, values.ndim))
                values *= jax.lax.rsqrt(jnp.square(values).mean(axes, keepdims=True))
            point = values, point[1] + _CONDITION_RATE * updates[1]
            return (point, state, least, best), None

        point = values, vectors
        least = jnp.full(len(values), jnp.inf)
        carry = point, adam.init(point), least, point
        (point, _, least, best), _ = jax.lax.scan(one_step, carry, length=steps)
        return better(error(point)[1], least, point, best)[1]

    return jax.jit(search)
