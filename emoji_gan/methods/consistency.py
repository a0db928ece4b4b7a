"""Trains a consistency model from a flow by easy consistency tuning (2406.14548).

f(x_t, t) predicts the image at the end of a flow's path through x_t, at every t, so that one call
at full noise draws. It learns to agree with itself at two times t < r of the same image and noise;
the gap r - t begins wide, near a flow's own loss, and shrinks. There is no discriminator.
"""

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
from jax.sharding import Mesh

from emoji_gan import conditions, images
from emoji_gan.conditions import Spec
from emoji_gan.methods import few_steps, flow, step
from emoji_gan.methods.base import (
    Batch,
    Counters,
    Generator,
    Metrics,
    Program,
    Step,
    Summaries,
)
from emoji_gan.methods.step import Config
from emoji_gan.runtime import learning_rate, rules

networks = flow.networks
NETWORKS = {"teacher": "flow that guides", "v": "consistency"}
HELD_OUT_LOSS = "loss/consistency_validation"
_LEAST_TIME_LEFT = 0.002  # 1 - t where the paths end (2303.01469, appendix C)

Endpoint = Callable[..., jax.Array]


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    NOISE = 0
    TIME = 1
    AT_NOISE = 2


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """Holds all that training carries from one step to the next."""

    counters: Counters
    teacher: Any  # parameters of the flow that the run starts from; they stay
    v: Any  # parameters of the consistency model
    v_ema: Any  # moving average of v
    opt: Any  # state of the optimiser


_RULES = {
    **flow.MODEL_RULES,
    "model.predict": rules.one_of("velocity", "image"),
    "loss.q": ((lambda v: v > 1), "above 1"),
    "loss.k": rules.at_least(0),
    "loss.stage_kimg": rules.POSITIVE,
    "loss.stages": rules.at_least(1),
    "loss.huber": rules.POSITIVE,
    "loss.noise_mean": ((lambda v: -10 <= v <= 10), "in [-10, 10]"),
    "loss.noise_std": rules.POSITIVE,
    "loss.at_noise": rules.FRACTION,
    "loss.guidance": rules.at_least(1),
    "optim.lr": rules.POSITIVE,
    "optim.beta1": rules.BELOW_ONE,
    "optim.beta2": rules.BELOW_ONE,
    "sample.second_time": few_steps.SECOND_TIME,
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    few_steps.resolve(config, num_devices, trained_steps=2)
    if config.loss.guidance != 1 and not config.init_from:
        raise rules.UserError("loss.guidance: it is a flow's; give --init_from, or set it to 1")


def init(config: Config, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device.

    The teacher is one only where the run starts from a flow, or from a run that did.
    """
    start = flow.init(config, spec, seed)
    return State(
        counters=start.counters,
        teacher=jax.tree.map(jnp.copy, start.v),
        v=start.v,
        v_ema=start.v_ema,
        opt=start.opt,
    )


def needs_teacher(config: Config) -> bool:
    """Returns whether a flow guides the run, which model files of this method do not hold."""
    return config.loss.guidance != 1


def starts_from(config: Config) -> dict[str, dict[str, str]]:
    """Returns what a run may start from besides its own method.

    By the name of another method: the field of its state that each of these fields takes.
    """
    del config
    return {"flow": dict.fromkeys(("teacher", "v", "v_ema"), "v_ema")}


# ---- training ------------------------------------------------------------------------------------


def endpoint_function(config: Config, spec: Spec) -> Endpoint:
    """Returns `f(params, x, t, c, dtype)`: images f32 [b h w 4] from x [b h w 4] at times t [b].

    At t = 1 it is x itself, the boundary condition (2303.01469, eq. 5).
    """
    velocity = flow.velocity_function(config, spec)

    def f(
        params: Any,
        x: jax.Array,
        t: jax.Array,
        c: jax.Array | None,
        dtype: jnp.dtype = jnp.float32,
    ) -> jax.Array:
        return x + _of_images(1 - t) * velocity(params, x, t, c, dtype)

    return f


@dataclasses.dataclass(frozen=True)
class Pair:
    """Holds two points of a path, x_t and x_r f32 [b h w 4], at the times t < r [b]."""

    t: jax.Array
    r: jax.Array
    x_t: jax.Array
    x_r: jax.Array


def gaps(config: Config, t: jax.Array, images_seen: jax.Array) -> jax.Array:
    """Computes r - t [b] at times t [b]: the paper's mapping p(r | t), with 1 - t as its noise.

    A stage divides it by q; it is wider where the noise level (1 - t) / t is small, by up to
    1 + k / 2, but never reaches beyond the image at t = 1.
    """
    stage = jnp.floor(images_seen / (1000.0 * config.loss.stage_kimg)) + 1
    stage = jnp.minimum(stage, config.loss.stages)
    level = (1 - t) / jnp.maximum(t, 1e-6)
    widening = 1 + config.loss.k * jax.nn.sigmoid(-level)
    return (1 - t) * jnp.minimum(1.0, widening * config.loss.q**-stage)


def draw_pair(config: Config, state: State, batch: Batch, real: jax.Array) -> Pair:
    """Draws two points of the straight path from noise to each image of `real` [b h w 4]."""
    noise_keys, t_keys, at_noise_keys = step.all_sample_keys(config, state, batch, Draw)
    noise, loss = step.normal(noise_keys, *real.shape[1:]), config.loss
    t = jax.nn.sigmoid(-(loss.noise_mean + loss.noise_std * step.normal(t_keys)))
    t = jnp.minimum(t, 1 - _LEAST_TIME_LEFT)
    t = jnp.where(jax.vmap(jax.random.uniform)(at_noise_keys) < loss.at_noise, 0.0, t)
    r = t + gaps(config, t, step.images_seen(state, config))
    return Pair(t, r, few_steps.between(real, noise, t), few_steps.between(real, noise, r))


def _of_images(t: jax.Array) -> jax.Array:
    return t[:, None, None, None]


def guided(
    pair: Pair, velocity: flow.Velocity, teacher: Any, c: jax.Array | None, guidance: float
) -> Pair:
    """Returns the pair with x_r on the path that the teacher's guidance bends (2207.12598).

    It costs two calls of the teacher; what images have no condition, nothing bends.
    """
    if guidance == 1:
        return pair
    conditional = velocity(teacher, pair.x_t, pair.t, c)
    unconditional = velocity(teacher, pair.x_t, pair.t, jnp.zeros_like(c))
    bend = (guidance - 1) * (conditional - unconditional)
    return dataclasses.replace(pair, x_r=pair.x_r + _of_images(pair.r - pair.t) * bend)


def consistency_loss(image: jax.Array, target: jax.Array, pair: Pair, huber: float) -> jax.Array:
    """Computes the pseudo-Huber distance [b] of images [b h w 4], weighted by 1 / (r - t).

    It is of the root of the mean over pixels (2310.14189, eq. 7, divided by the root of their
    number), so that it does not depend on the resolution.
    """
    squares = jnp.mean(jnp.square(image - target), (1, 2, 3))
    return (jnp.sqrt(squares + huber**2) - huber) / (pair.r - pair.t)


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    f, velocity = endpoint_function(config, spec), flow.velocity_function(config, spec)
    dtype = jnp.dtype(config.dtype)

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = conditions.with_dropout(spec, config, batch), images.to_model(batch["image"])
        pair = draw_pair(config, state, batch, real)
        pair = guided(pair, velocity, state.teacher, c, config.loss.guidance)
        target = f(state.v, pair.x_r, pair.r, c, dtype)  # nearer to the image, and no gradient

        def loss(v: Any) -> jax.Array:
            image = f(v, pair.x_t, pair.t, c, dtype)
            return consistency_loss(image, target, pair, config.loss.huber).mean()

        value, grads = jax.value_and_grad(loss)(state.v)
        gap = (pair.r - pair.t).mean()
        value, grads, gap = step.mean_over_devices((value, grads, gap))
        rate = learning_rate.factor(config, step.images_seen(state, config))
        lr = jnp.float32(config.optim.lr * rate)
        v = step.apply_gradients(state.v, _optimizer(config, lr), state.opt, grads)
        new = dataclasses.replace(
            state,
            counters=step.next_step(state.counters),
            v=v.params,
            v_ema=step.ema(state.v_ema, v.params, state, config=config),
            opt=v.opt_state,
        )
        new = step.guarded(state, new, value, v.gradient_norm)
        metrics = {"loss/consistency": value, "gap/mean": gap} | v.metrics("v", lr)
        return new, metrics | step.bad_step_metrics(new.counters)

    return Step({"main": Program(step.compiled(main, mesh))})


def _optimizer(config: Config, lr: float | jax.Array) -> optax.GradientTransformation:
    o = config.optim
    return step.adam(lr, beta1=o.beta1, beta2=o.beta2, eps=o.eps)


# ---- drawing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator; its latents are noise of the image's shape."""
    f = endpoint_function(config, spec)
    return few_steps.generator(
        config, spec, f, field="v_ema", second_time=config.sample.second_time
    )


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns the unguided loss of held-out emoji, whose gap is that of the state's stage."""
    f = endpoint_function(config, spec)

    @jax.jit
    def of_batch(state: State, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        counters = dataclasses.replace(state.counters, rollbacks=jnp.int32(0))  # the same each time
        fixed = dataclasses.replace(state, counters=counters)
        c = conditions.encode(spec, batch["condition"])
        pair = draw_pair(config, fixed, batch, images.to_model(batch["image"]))
        image = f(state.v_ema, pair.x_t, pair.t, c)
        target = f(state.v_ema, pair.x_r, pair.r, c)
        loss = consistency_loss(image, target, pair, config.loss.huber).mean()
        return {"scalars": {"loss/consistency_validation": loss}, "images": {}}

    return of_batch
