"""Computes adversarial losses and their regularisers, a value for each sample."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

PENALTY_FORMS = ("exact", "finite")  # how a penalty of slopes is differentiated by parameters
# How far images move for a finite difference: root mean square of their values' change, in units of
# the images, [-1, 1]. Nearer ones differ by rounding (docs/results/penalties.md).
DISTANCE = 0.005
# The same along random directions, as published (2511.22475).
RANDOM_DISTANCE = 0.01
# Of four images one is penalised along a random direction: an estimate of a mean either way.
RANDOM_ROWS = slice(None, None, 4)


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


def r1(
    logits_of: Callable[[jax.Array], jax.Array], images: jax.Array, form: str = "exact"
) -> jax.Array:
    """Computes the R1 penalty of each image: `b` (1801.04406, eq. 9 without gamma / 2).

    It is |grad_x D(x)|^2.

    Args:
      logits_of: images `b h w c` to logits `b`. It may mix samples of a group (minibatch stddev):
        the gradient is of the sum of its logits.
      images: `b h w c`.
      form: 'exact', differentiated by a double backward pass, or 'finite': see `finite_slopes`.
    """
    return logits_and_r1(logits_of, images, form)[1]


def logits_and_r1(
    logits_of: Callable[[jax.Array], jax.Array], images: jax.Array, form: str = "exact"
) -> tuple[jax.Array, jax.Array]:
    """Computes the logits `b` of images `b h w c` and their `r1` penalties `b` in one pass."""
    if form == "finite":
        logits, slopes = logits_and_finite_slopes(logits_of, images)
        return logits, jnp.square(slopes)
    logits, pull = jax.vjp(logits_of, images)
    (grads,) = pull(jnp.ones_like(logits))
    return logits, jnp.sum(jnp.square(grads), (1, 2, 3))


def random_r1(near: jax.Array, logits: jax.Array, distance: float = RANDOM_DISTANCE) -> jax.Array:
    """Estimates the R1 penalty of each image without a backward pass: `b` (2511.22475).

    Over random directions its mean is |grad_x D|^2; one value has the deviation of that times the
    root of 2.

    Args:
      near: logits `b` at the images plus `distance` times unit normal numbers.
      logits: `b`, at the images.
      distance: in units of the images.
    """
    return jnp.square((near - logits) / distance)


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


def gradient_penalty(
    logits_of: Callable[[jax.Array], jax.Array], images: jax.Array, form: str = "exact"
) -> jax.Array:
    """Computes the gradient penalty of each image: `b` (1704.00028, eq. 3 without lambda).

    It is (|grad_x D(x)| - 1)^2, at images `b h w c`; `form` is as in `r1`.
    """
    if form == "finite":
        return jnp.square(finite_slopes(logits_of, images) - 1.0)
    grads = jax.grad(lambda x: logits_of(x).sum())(images)
    return jnp.square(_norms(grads) - 1.0)


def _norms(grads: jax.Array) -> jax.Array:
    # The root's derivative at 0 is infinite.
    return jnp.sqrt(jnp.sum(jnp.square(grads), (1, 2, 3)) + 1e-12)


# ---- slopes without a double backward pass -------------------------------------------------------


def finite_slopes(
    logits_of: Callable[[jax.Array], jax.Array],
    images: jax.Array,
    *,
    distance: float = DISTANCE,
) -> jax.Array:
    """Computes the slope |grad_x D(x)| of each image: `b`; it is differentiated without one more.

    Any penalty may be made of the slopes. Let c be its derivative by them, and v = c grad_x D /
    |grad_x D|, which one backward pass to the images gives. As the derivative of a norm is along
    the vector, the penalty's derivative by the parameters t is that of v . grad_x D, v held:

        d penalty / dt = d/dt [D(x + e v) - D(x - e v)] / (2 e) + O(e^2)

    with D summed over the batch, so that samples may be mixed (minibatch stddev). The value is
    exact. Where D has kinks (leaky ReLU) its slope jumps: the difference counts the jumps between
    both points, a double backward pass counts none.

    Forward mode along v would count none either, but operations with a backward pass of their own
    (`ops`) have no forward mode.

    Adversarial flow models (2511.22475) move along random directions instead, without the first
    backward pass: right on average over the directions only, and for |grad_x D|^2 alone.

    Args:
      logits_of: as in `r1`; what it draws at random must be the same at each call.
      images: f32 `b h w c`.
      distance: root mean square by which the values of the images move, over the whole batch.
    """
    return logits_and_finite_slopes(logits_of, images, distance=distance)[1]


def logits_and_finite_slopes(
    logits_of: Callable[[jax.Array], jax.Array],
    images: jax.Array,
    *,
    distance: float = DISTANCE,
) -> tuple[jax.Array, jax.Array]:
    """Computes the logits `b` of images `b h w c` and their `finite_slopes` `b`.

    Both are differentiated in the same passes: the logits at the mean of both points.
    """
    pure, closed_over = jax.closure_convert(logits_of, images)
    return _logits_and_slopes(pure, distance, images, *closed_over)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _logits_and_slopes(
    pure: Callable[..., jax.Array], distance: float, images: jax.Array, *closed_over: jax.Array
) -> tuple[jax.Array, jax.Array]:
    return _forward(pure, distance, images, *closed_over)[0]


def _forward(
    pure: Callable[..., jax.Array], distance: float, images: jax.Array, *closed_over: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], Any]:
    """Returns logits and slopes, and what `_backward` needs."""
    del distance
    logits, pull = jax.vjp(lambda x: pure(x, *closed_over), images)
    (grads,) = pull(jnp.ones_like(logits))
    slopes = _norms(grads)
    return (logits, slopes), (images, grads / slopes[:, None, None, None], closed_over)


def _backward(
    pure: Callable[..., jax.Array],
    distance: float,
    residuals: Any,
    cotangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, ...]:
    """Returns the derivatives by the images and by all that the function of the logits read."""
    images, units, closed_over = residuals
    by_logit, by_slope = cotangents
    direction = by_slope[:, None, None, None] * units  # v
    # All of it is 0 where no penalty is used.
    scale = distance / jnp.sqrt(jnp.mean(jnp.square(direction)) + 1e-30)  # e
    moves, weight = direction * scale, 0.5 / scale

    def derivatives(x: jax.Array, by_logit: jax.Array) -> tuple[jax.Array, ...]:
        return jax.vjp(pure, x, *closed_over)[1](by_logit)

    ahead = derivatives(images + moves, by_logit / 2.0 + weight)
    behind = derivatives(images - moves, by_logit / 2.0 - weight)
    return jax.tree.map(jnp.add, ahead, behind)


_logits_and_slopes.defvjp(_forward, _backward)
