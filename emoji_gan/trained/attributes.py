"""Computes visible attributes of emoji as differentiable functions of the picture."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

_LEAST = 1e-3  # px; of an area that is divided by


def _parts(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns premultiplied colours [b h w 3] and opacities [b h w] in [0, 1] of model images."""
    x01 = jnp.clip((x + 1) / 2, 0, 1)
    return x01[..., :3], x01[..., 3]


def _mean_colour(x: jax.Array) -> jax.Array:
    """Computes the mean colour of what is opaque: f32 [b 3] in [0, 1]."""
    rgb, alpha = _parts(x)
    return rgb.sum((1, 2)) / (alpha.sum((1, 2)) + _LEAST)[:, None]


def brightness(x: jax.Array) -> jax.Array:
    """Computes the mean of red, green and blue: f32 [b] in [0, 1]."""
    return _mean_colour(x).mean(1)


def redness(x: jax.Array) -> jax.Array:
    """Computes how much redder than green the mean colour is: f32 [b] in [-1, 1]."""
    r, g, _ = _mean_colour(x).T
    return r - g


def warmth(x: jax.Array) -> jax.Array:
    """Computes how much yellower than blue the mean colour is: f32 [b] in [-1, 1]."""
    r, g, b = _mean_colour(x).T
    return (r + g) / 2 - b


def fullness(x: jax.Array) -> jax.Array:
    """Computes the fraction of the picture that is opaque: f32 [b] in [0, 1]."""
    return _parts(x)[1].mean((1, 2))


def roundness(x: jax.Array) -> jax.Array:
    """Computes how near the silhouette is to a disc: f32 [b] in (0, 1].

    It is the least second moment that the area could have, that of a disc, over the one it has.
    """
    alpha = _parts(x)[1]
    n = x.shape[1]
    at = (jnp.arange(n, dtype=jnp.float32) + 0.5) / n  # of the side
    y, x_ = at[None, :, None], at[None, None, :]
    mass = alpha.sum((1, 2), keepdims=True) + _LEAST
    centre_y = (alpha * y).sum((1, 2), keepdims=True) / mass
    centre_x = (alpha * x_).sum((1, 2), keepdims=True) / mass
    squares = jnp.square(y - centre_y) + jnp.square(x_ - centre_x)
    moment = (alpha * squares).sum((1, 2)) / n**2
    area = mass[:, 0, 0] / n**2
    return jnp.square(area) / (2 * jnp.pi * moment + 1e-6)


# What a direction is called -> what it raises.
ATTRIBUTES: dict[str, Callable[[jax.Array], jax.Array]] = {
    "brighter": brightness,
    "redder": redness,
    "warmer": warmth,
    "fuller": fullness,
    "rounder": roundness,
}


def of(x: jax.Array) -> jax.Array:
    """Computes all attributes of model images f32 [b h w 4]: f32 [b k], in their order."""
    return jnp.stack([attribute(x) for attribute in ATTRIBUTES.values()], 1)
