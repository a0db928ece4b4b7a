"""Computes adversarial losses and their regularisers, a value for each sample."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def g_nonsaturating(fake: jax.Array) -> jax.Array:
    """Computes the non-saturating loss of G of logits `b`: `b` (1406.2661, section 3).

    It is -log sigmoid(D(G(z))).
    """
    return jax.nn.softplus(-fake)


def d_logistic(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Computes the logistic loss of D of logits `b`: `b` (1406.2661, eq. 1).

    It is -log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))).
    """
    return jax.nn.softplus(-real) + jax.nn.softplus(fake)


def r1(logits_of: Callable[[jax.Array], jax.Array], images: jax.Array) -> jax.Array:
    """Computes the R1 penalty of each image: `b` (1801.04406, eq. 9 without gamma / 2).

    It is |grad_x D(x)|^2.

    Args:
      logits_of: images `b h w c` to logits `b`. It may mix samples of a group (minibatch stddev):
        the gradient is of the sum of its logits.
      images: `b h w c`.
    """
    return logits_and_r1(logits_of, images)[1]


def logits_and_r1(
    logits_of: Callable[[jax.Array], jax.Array], images: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Computes the logits `b` of images `b h w c` and their `r1` penalties `b` in one pass."""
    logits, pull = jax.vjp(logits_of, images)
    (grads,) = pull(jnp.ones_like(logits))
    return logits, jnp.sum(jnp.square(grads), (1, 2, 3))


def path_lengths(
    images_of: Callable[[jax.Array], jax.Array], ws: jax.Array, noise: jax.Array
) -> jax.Array:
    """Computes the path lengths |J_w^T y|: `b` (1912.04958, eq. 4).

    Args:
      images_of: ws `b num_ws w_dim` to images `b h w c`.
      ws: `b num_ws w_dim`, where the Jacobian is taken.
      noise: y `b h w c`, unit normal numbers divided by sqrt(h w).
    """
    grads = jax.grad(lambda ws: jnp.sum(images_of(ws) * noise))(ws)
    return jnp.sqrt(jnp.mean(jnp.sum(jnp.square(grads), 2), 1))


def g_relativistic(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Computes the relativistic loss of G of paired logits `b`: `b`.

    It is -log sigmoid(D(G(z)) - D(x)) (1807.00734; 2501.05441, eq. 1).
    """
    return jax.nn.softplus(real - fake)


def d_relativistic(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Computes the relativistic loss of D of paired logits `b`: `b`.

    It is -log sigmoid(D(x) - D(G(z))) (1807.00734; 2501.05441, eq. 1).
    """
    return jax.nn.softplus(fake - real)


def d_wasserstein(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Computes the Wasserstein loss D(G(z)) - D(x) of logits `b`: `b` (1701.07875)."""
    return fake - real


def gradient_penalty(logits_of: Callable[[jax.Array], jax.Array], images: jax.Array) -> jax.Array:
    """Computes the gradient penalty of each image: `b` (1704.00028, eq. 3 without lambda).

    It is (|grad_x D(x)| - 1)^2, at images `b h w c`.
    """
    grads = jax.grad(lambda x: logits_of(x).sum())(images)
    # The root's derivative at 0 is infinite.
    return jnp.square(jnp.sqrt(jnp.sum(jnp.square(grads), (1, 2, 3)) + 1e-12) - 1.0)
