"""Follows the ordinary differential equation of a flow: from noise to an image, and back."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

Velocity = Callable[[jax.Array, jax.Array], jax.Array]  # (x [b h w 4], scalar t) -> [b h w 4]


@dataclasses.dataclass(frozen=True)
class Solver:
    """Describes how the way from t = 0, noise, to t = 1, an image, is followed.

    Attributes:
      steps: of the whole way.
      is_heun: whether a step takes the mean of the velocities at its ends (2206.00364, algorithm
        1); else it is Euler's.
      is_last_euler: whether the last step is Euler's, as there: where the velocity follows from a
        predicted image, there is none at t = 1.
    """

    steps: int
    is_heun: bool
    is_last_euler: bool


def solve(
    velocity: Velocity,
    x: jax.Array,
    solver: Solver,
    *,
    start: float = 0.0,
    constrain: Callable[[jax.Array, jax.Array], jax.Array] = lambda x, t: x,
) -> jax.Array:
    """Follows the velocity from t = `start` to 1: f32 [b h w 4].

    Args:
      velocity: of the flow.
      x: at t = `start`.
      solver: how to.
      start: in [0, 1).
      constrain: (x, t) -> x, applied after every step.
    """
    count = max(1, round(solver.steps * (1 - start)))
    rate = count / (1 - start)  # steps a unit of time

    def one_step(x: jax.Array, i: jax.Array) -> tuple[jax.Array, None]:
        t = start + i.astype(jnp.float32) / rate
        x = _step(velocity, x, t, solver, rate=rate, is_last=i == count - 1)
        return constrain(x, t + 1.0 / rate), None

    return jax.lax.scan(one_step, x, jnp.arange(count))[0]


def reverse(velocity: Velocity, x: jax.Array, solver: Solver) -> jax.Array:
    """Follows the velocity from an image, t = 1, back to the noise that it is drawn from.

    Each step back undoes, as far as one iteration towards the fixed point can, the step there
    (2010.02502, section 4.3, has Euler's); what the flow would not draw is left over in the noise.

    Args:
      velocity: of the flow.
      x: images f32 [b h w 4], premultiplied RGBA in [-1, 1].
      solver: as for `solve`.

    Returns:
      f32 [b h w 4], whose length is about that of normal noise.
    """
    rate = float(solver.steps)

    def one_step(x: jax.Array, i: jax.Array) -> tuple[jax.Array, None]:
        t = i.astype(jnp.float32) / rate
        is_last = i == solver.steps - 1
        return 2 * x - _step(velocity, x, t, solver, rate=rate, is_last=is_last), None

    return jax.lax.scan(one_step, x, jnp.arange(solver.steps), reverse=True)[0]


def _step(
    velocity: Velocity,
    x: jax.Array,
    t: jax.Array,
    solver: Solver,
    *,
    rate: float,
    is_last: jax.Array,
) -> jax.Array:
    """Returns x at t + 1 / rate."""
    v = velocity(x, t)

    def both_ends(v: jax.Array) -> jax.Array:
        return 0.5 * (v + velocity(x + v / rate, t + 1.0 / rate))

    if solver.is_heun and solver.is_last_euler:
        v = jax.lax.cond(is_last, lambda v: v, both_ends, v)
    elif solver.is_heun:
        v = both_ends(v)
    return x + v / rate
