"""Adversarial losses and their regularisers: functions of logits, images and latents, a value per sample."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def g_nonsaturating(fake: jax.Array) -> jax.Array:
    """-log sigmoid(D(G(z))) of logits `b` (1406.2661, section 3)."""
    return jax.nn.softplus(-fake)


def d_logistic(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))) of logits `b` (1406.2661, eq. 1)."""
    return jax.nn.softplus(-real) + jax.nn.softplus(fake)


def r1(logits_of: Callable[[jax.Array], jax.Array], images: jax.Array) -> jax.Array:
    """|grad_x D(x)|^2 `b` at images `b h w c` (1801.04406, eq. 9 without gamma / 2).

    `logits_of` may mix samples of a group (minibatch stddev): the gradient is of the sum of its
    logits.
    """
    return logits_and_r1(logits_of, images)[1]


def logits_and_r1(
    logits_of: Callable[[jax.Array], jax.Array], images: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The logits `b` of images `b h w c` and `r1` there, of one pass."""
    logits, pull = jax.vjp(logits_of, images)
    (grads,) = pull(jnp.ones_like(logits))
    return logits, jnp.sum(jnp.square(grads), (1, 2, 3))


def path_lengths(
    images_of: Callable[[jax.Array], jax.Array], ws: jax.Array, noise: jax.Array
) -> jax.Array:
    """|J_w^T y| `b` with y = noise / sqrt(h w) (1912.04958, eq. 4).

    Args:
      images_of: ws `b num_ws w_dim` to images `b h w c`.
      ws: where the Jacobian is taken.
      noise: y `b h w c`, unit normal divided by sqrt(h w).
    """
    grads = jax.grad(lambda ws: jnp.sum(images_of(ws) * noise))(ws)
    return jnp.sqrt(jnp.mean(jnp.sum(jnp.square(grads), 2), 1))


def g_relativistic(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-log sigmoid(D(G(z)) - D(x)) of paired logits `b` (1807.00734; 2501.05441, eq. 1)."""
    return jax.nn.softplus(real - fake)


def d_relativistic(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-log sigmoid(D(x) - D(G(z))) of paired logits `b` (1807.00734; 2501.05441, eq. 1)."""
    return jax.nn.softplus(fake - real)


def d_wasserstein(real: jax.Array, fake: jax.Array) -> jax.Array:
    """D(G(z)) - D(x) of logits `b` (1701.07875)."""
    return fake - real


def gradient_penalty(logits_of: Callable[[jax.Array], jax.Array], images: jax.Array) -> jax.Array:
    """(|grad_x D(x)| - 1)^2 `b` at images `b h w c` (1704.00028, eq. 3 without lambda)."""
    grads = jax.grad(lambda x: logits_of(x).sum())(images)
    # The root's derivative at 0 is infinite.
    return jnp.square(jnp.sqrt(jnp.sum(jnp.square(grads), (1, 2, 3)) + 1e-12) - 1.0)
