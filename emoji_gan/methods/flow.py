"""Trains flow matching (2210.02747, 2209.03003): the straight path from noise to emoji.

At x_t = (1 - t) noise + t image a network predicts the velocity image - noise, or the image, from
which the velocity follows. Drawing solves dx/dt = velocity from t = 0 to 1 in `sample.steps` steps.
There is no discriminator and no augmentation.
"""

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import conditions, images
from emoji_gan.conditions import Condition, Spec
from emoji_gan.methods import ode, step
from emoji_gan.methods.base import (
    Batch,
    Counters,
    Generator,
    Latents,
    Metrics,
    Params,
    Parents,
    Program,
    Step,
    Summaries,
)
from emoji_gan.methods.step import Config
from emoji_gan.networks import unet as networks
from emoji_gan.runtime import learning_rate, rules

NETWORKS = {"v": "velocity"}
HELD_OUT_LOSS = "loss/validation"
_MIN_TIME_LEFT = 0.05  # a predicted image's velocity is a quotient (2511.13720, appendix A)
_MAX_GRADIENT_NORM = 1.0
_STRENGTH_PX = 32  # resolution at which 1 - strength is the time that a variation starts from

Velocity = Callable[..., jax.Array]
Losses = Callable[[Any, Any, Batch], jax.Array]  # (parameters, state, batch) -> f32 [b]


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    NOISE = 0
    TIME = 1


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """Holds all that training carries from one step to the next."""

    counters: Counters
    v: Any  # parameters of the velocity
    v_ema: Any  # moving average of v
    opt: Any  # state of the optimiser


MODEL_RULES = {
    **{f"model.{name}": rules.at_least(1) for name in ("width", "blocks", "heads", "patch")},
    "model.multipliers": (
        lambda v: len(v) and all(m >= 1 for m in v),
        "a tuple of numbers, at least 1",
    ),
}
_RULES = MODEL_RULES | {
    "optim.lr": rules.POSITIVE,
    "sample.steps": rules.at_least(1),
    "sample.solver": rules.one_of("euler", "heun"),
    "sample.guidance": rules.at_least(0),
}
# The configs of the first models lack this field; they predict velocities.
_PREDICT_RULE = {"model.predict": rules.one_of("velocity", "image")}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES | (_PREDICT_RULE if "predict" in config.model else {}))
    check_maps(config)
    check_guidance(config)
    if config.batch_size is None:
        config.batch_size = -(-64 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def check_guidance(config: Config) -> None:
    """Checks that what guides a config's samples is there; raises `UserError`."""
    if config.sample.guidance != 1 and not config.data.conditions:
        raise rules.UserError(
            "sample.guidance: nothing guides without data.conditions; set it to 1"
        )
    if config.sample.guidance != 1 and not config.condition.drop_all:
        raise rules.UserError(
            "sample.guidance: needs images without a condition; condition.drop_all above 0"
        )


def check_maps(config: Config) -> None:
    """Checks that the maps of a config's network are whole; raises `UserError`."""
    halvings = len(config.model.multipliers) - 1
    px, patch = config.data.resolution, config.model.patch
    if px % patch or px // patch >> halvings < 2:
        raise rules.UserError(
            f"model.multipliers: {halvings} halvings are too many for {px} px in patches of {patch}"
        )


def make_network(config: Config, spec: Spec, seed: int) -> networks.UNet:
    """Builds the network of a resolved config with initial weights from `seed`."""
    return networks.UNet(np.random.default_rng(seed), **network_sizes(config, spec))


def network_sizes(config: Config, spec: Spec) -> dict[str, Any]:
    """Returns the sizes of the network of a resolved config, as arguments by name."""
    m = config.model
    return {
        "c_dim": spec.dim,
        "widths": [m.width * k for k in m.multipliers],
        "blocks": m.blocks,
        "heads": m.heads,
        "patch": m.patch,
    }


def init(config: Config, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device."""
    return initial_state(config, make_network(config, spec, seed))


def initial_state(config: Config, network: nnx.Module) -> State:
    """Returns the state before the first step of a network with its initial weights."""
    v = nnx.to_pure_dict(nnx.state(network))
    opt = _optimizer(config, config.optim.lr).init(v)
    return State(counters=Counters.zeros(), v=v, v_ema=jax.tree.map(jnp.copy, v), opt=opt)


def _optimizer(config: Config, lr: float | jax.Array) -> optax.GradientTransformation:
    o = config.optim
    return step.adam(lr, beta1=o.beta1, beta2=o.beta2, eps=o.eps)


# ---- training ------------------------------------------------------------------------------------


def velocity_function(config: Config, spec: Spec) -> Velocity:
    """Returns `velocity(params, x, t, c, dtype)`: f32 [b h w 4] at x [b h w 4] and time t [b].

    A network whose positions are squares of pixels has to carry their noise through to predict a
    velocity; an image lies on few dimensions and needs no such room (2511.13720).
    """
    graph = nnx.graphdef(nnx.eval_shape(lambda: make_network(config, spec, 0)))
    is_image = predicts_image(config)

    def velocity(
        params: Any,
        x: jax.Array,
        t: jax.Array,
        c: jax.Array | None,
        dtype: jnp.dtype = jnp.float32,
    ) -> jax.Array:
        y = nnx.merge(graph, params)(x, t, c, dtype)
        if not is_image:
            return y
        return (y - x) / jnp.maximum(1 - t, _MIN_TIME_LEFT)[:, None, None, None]

    return velocity


def predicts_image(config: Config) -> bool:
    """Returns whether the network's output is an image rather than a velocity."""
    return config.model.get("predict", "velocity") == "image"


def velocity_loss(
    velocity: Velocity,
    params: Any,
    real: jax.Array,
    c: jax.Array | None,
    *,
    noise: jax.Array,
    t_keys: jax.Array,
    dtype: jnp.dtype,
) -> jax.Array:
    """Computes the mean squared error [b] of the velocity at a random time (2210.02747, eq. 23).

    The path leads from noise to the real images. The time's logit is normal: it is more often
    midway (2403.03206, section 3.1).
    """
    t = jax.nn.sigmoid(step.normal(t_keys))
    t_image = t[:, None, None, None]
    v = velocity(params, (1 - t_image) * noise + t_image * real, t, c, dtype)
    return jnp.mean(jnp.square(v - (real - noise)), (1, 2, 3))


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    velocity = velocity_function(config, spec)

    def losses(v: Any, state: State, batch: Batch) -> jax.Array:
        c = conditions.with_dropout(spec, config, batch)
        noise_keys, t_keys = step.all_sample_keys(config, state, batch, Draw)
        real = images.to_model(batch["image"])
        return velocity_loss(
            velocity,
            v,
            real,
            c,
            noise=step.normal(noise_keys, *real.shape[1:]),
            t_keys=t_keys,
            dtype=jnp.dtype(config.dtype),
        )

    return step_of(config, mesh, losses)


def step_of(config: Config, mesh: Mesh, losses: Losses) -> Step:
    """Returns the training step that lowers the mean of `losses` over the batch of `mesh`."""
    clip = optax.clip_by_global_norm(_MAX_GRADIENT_NORM)  # without a state

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        loss = jax.value_and_grad(lambda v: losses(v, state, batch).mean())
        value, grads = step.mean_over_devices(loss(state.v))
        norm = step.tree_norm(grads)
        grads, _ = clip.update(grads, optax.EmptyState())
        rate = learning_rate.factor(config, step.images_seen(state, config))
        lr = jnp.float32(config.optim.lr * rate)
        v = step.apply_gradients(state.v, _optimizer(config, lr), state.opt, grads)
        new = State(
            counters=step.next_step(state.counters),
            v=v.params,
            v_ema=step.ema(state.v_ema, v.params, state, config=config),
            opt=v.opt_state,
        )
        new = step.guarded(state, new, value, norm)
        metrics = {"loss/v": value, "grad_norm/v": norm, "learning_rate/v": lr}
        return new, metrics | step.bad_step_metrics(new.counters)

    return Step({"main": Program(step.compiled(main, mesh))})


# ---- drawing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator; its latents are noise of the image's shape."""
    velocity, solver = velocity_function(config, spec), solver_of(config)
    shape = (config.data.resolution, config.data.resolution, 4)

    def latents(seeds: jax.Array, truncation: jax.Array, stream: int = 0) -> Latents:
        return step.normal_latents(seeds, shape, truncation, stream, kind="noise")

    def guided_by(params: Params, condition: Condition) -> ode.Velocity:
        c = conditions.encode(spec, condition)
        return guided_velocity(velocity, params["v_ema"], c, config.sample.guidance)

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        guided = guided_by(params, condition)
        return ode.solve(guided, latents.values, solver)

    def vary(
        params: Params, parents: Parents, latents: Latents, condition: Condition, strength: float
    ) -> jax.Array:
        def on_path(t: float | jax.Array) -> jax.Array:
            return (1 - t) * latents.values + t * parents.images

        def with_kept(x: jax.Array, t: jax.Array) -> jax.Array:
            return on_path(t) + parents.changeable * (x - on_path(t))

        guided = guided_by(params, condition)
        start = start_of(strength, config.data.resolution)
        return ode.solve(guided, on_path(start), solver, start=start, constrain=with_kept)

    def invert(params: Params, x: jax.Array, condition: Condition) -> Latents:
        noise = ode.reverse(guided_by(params, condition), x, solver)
        return Latents(noise, jnp.float32(1), "noise")

    return Generator(("v_ema",), {"noise": shape}, latents, draw, vary=vary, invert=invert)


def solver_of(config: Config) -> ode.Solver:
    """Returns the solver of a resolved config."""
    return ode.Solver(config.sample.steps, config.sample.solver == "heun", predicts_image(config))


def start_of(strength: float, px: int) -> float:
    """Returns the time t from which a parent of `px` is varied, so that t = 1 - strength at 32 px.

    Means over squares of pixels have less noise, so that of a larger image hides less of it; the
    ratio of signal to noise is that of 32 px (2301.11093, section 2).
    """
    signal = (1 - strength) / strength * _STRENGTH_PX / px  # to a noise of 1
    return signal / (1 + signal)


def guided_velocity(
    velocity: Velocity, params: Any, c: jax.Array | None, guidance: float
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Returns `v(x, t)` at x [b h w 4] and a scalar time, guided by the condition (2207.12598).

    Args:
      velocity: as `velocity_function` returns it.
      params: of the network.
      c: condition vectors [b d].
      guidance: 1: none; above: follows the condition more strictly.
    """

    def v(x: jax.Array, t: jax.Array) -> jax.Array:
        t = jnp.full(len(x), t, jnp.float32)
        conditional = velocity(params, x, t, c)
        if guidance == 1:
            return conditional
        unconditional = velocity(params, x, t, jnp.zeros_like(c))
        return unconditional + guidance * (conditional - unconditional)

    return v


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns the loss of held-out emoji: above that of training ones, these are memorised."""
    velocity = velocity_function(config, spec)

    @jax.jit
    def of_batch(state: State, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        noise_keys, t_keys = fixed_keys(config, state, batch)
        real = images.to_model(batch["image"])
        loss = velocity_loss(
            velocity,
            state.v_ema,
            real,
            conditions.encode(spec, batch["condition"]),
            noise=step.normal(noise_keys, *real.shape[1:]),
            t_keys=t_keys,
            dtype=jnp.float32,
        )
        return {"scalars": {"loss/validation": loss.mean()}, "images": {}}

    return of_batch


def fixed_keys(config: Config, state: State, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """Returns the keys [b] of the noise and of the times of a batch: the same each time."""
    counters = dataclasses.replace(state.counters, rollbacks=jnp.int32(0))
    fixed = dataclasses.replace(state, counters=counters)
    return tuple(step.all_sample_keys(config, fixed, batch, Draw))
