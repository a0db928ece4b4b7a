"""Flow matching (2210.02747, 2209.03003): a network learns the straight way from noise to emoji.

At x_t = (1 - t) noise + t image it predicts the velocity image - noise, or the image, from which
the velocity follows; `sample` goes from t = 0 to 1 in `sample.steps` steps. No discriminator, no
augmentation.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import conditions, images
from emoji_gan.conditions import Spec
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.step import Batch, Metrics, tree_norm
from emoji_gan.networks import unet
from emoji_gan.runtime import rules

_LEAST_LEFT = (
    0.05  # of the way; the velocity of a predicted image is a quotient (2511.13720, appendix A)
)
NETWORKS, SAMPLED = {"v": "velocity"}, ("v_ema",)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """All that training carries from one step to the next."""

    step: jax.Array  # i32
    v: Any  # parameters of the velocity
    v_ema: Any  # moving average of v
    opt: Any
    bad_in_a_row: jax.Array  # i32, non-finite steps skipped since the last finite one
    bad_total: jax.Array  # i32
    rollbacks: jax.Array  # i32; part of the seed, so that a step run again draws anew


_RULES = {
    **{f"model.{name}": rules.at_least(1) for name in ("width", "blocks", "heads", "patch")},
    "model.multipliers": (
        lambda v: len(v) and all(m >= 1 for m in v),
        "a tuple of numbers, at least 1",
    ),
    "optim.lr": rules.POSITIVE,
    "optim.warmup_kimg": rules.at_least(0),
    "sample.steps": rules.at_least(1),
    "sample.solver": rules.one_of("euler", "heun"),
    "sample.guidance": rules.at_least(0),
}

# Where the config has it: the first models' lack it, and they predict velocities.
_PREDICT = {"model.predict": rules.one_of("velocity", "image")}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields, in place."""
    rules.check(config, _RULES | (_PREDICT if "predict" in config.model else {}))
    halvings = len(config.model.multipliers) - 1
    px, patch = config.data.resolution, config.model.patch
    if px % patch or px // patch >> halvings < 2:
        raise rules.UserError(
            f"model.multipliers: {halvings} halvings are too many for {px} px in patches of {patch}"
        )
    if config.sample.guidance != 1 and not config.data.conditions:
        raise rules.UserError(
            "sample.guidance: nothing guides without data.conditions; set it to 1"
        )
    if config.sample.guidance != 1 and not config.condition.drop_all:
        raise rules.UserError(
            "sample.guidance: needs images without a condition; condition.drop_all above 0"
        )
    if config.batch_size is None:
        config.batch_size = -(-64 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_network(config: ml_collections.ConfigDict, spec: Spec, seed: int) -> unet.UNet:
    """Builds the network of a resolved config with initial weights from `seed`."""
    m = config.model
    return unet.UNet(
        np.random.default_rng(seed),
        c_dim=spec.dim,
        widths=[m.width * k for k in m.multipliers],
        blocks=m.blocks,
        heads=m.heads,
        patch=m.patch,
    )


def _graph(config, spec):
    return nnx.graphdef(nnx.eval_shape(lambda: make_network(config, spec, 0)))


def _of_image(config) -> bool:
    return config.model.get("predict", "velocity") == "image"


def make_velocity(config: ml_collections.ConfigDict, spec: Spec) -> Callable[..., jax.Array]:
    """Returns `velocity(params, x, t, c, dtype)`, f32 `b h w c`: at x of time t `b`, given the condition c.

    A network whose places are squares has to carry their noise through to predict a velocity; an
    image lies on few dimensions and needs no such room (2511.13720).
    """
    graph, of_image = _graph(config, spec), _of_image(config)

    def velocity(params, x, t, c, dtype=jnp.float32):
        y = nnx.merge(graph, params)(x, t, c, dtype)
        return (y - x) / jnp.maximum(1 - t, _LEAST_LEFT)[:, None, None, None] if of_image else y

    return velocity


def init(config: ml_collections.ConfigDict, spec: Spec, seed: int) -> State:
    """The state before the first step, on the default device."""
    v = nnx.to_pure_dict(nnx.state(make_network(config, spec, seed)))
    counts = {
        k: jnp.zeros((), jnp.int32) for k in ("step", "bad_in_a_row", "bad_total", "rollbacks")
    }
    opt = _optimizer(config).init(v)
    return State(v=v, v_ema=jax.tree.map(jnp.copy, v), opt=opt, **counts)


def _optimizer(config):
    o = config.optim
    return step_lib.adam(1.0, o.beta1, o.beta2, o.eps)  # scaled by the warm-up afterwards


def make_train_step(config: ml_collections.ConfigDict, spec: Spec, mesh: Mesh):
    """Returns `train_step(state, batch, step) -> state, metrics` over the global batch of `mesh`."""
    dtype, optimizer = jnp.dtype(config.dtype), _optimizer(config)
    velocity = make_velocity(config, spec)

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        noise_keys, t_keys = (
            step_lib.keys_of(config, state.rollbacks, batch["sample"], i) for i in range(2)
        )
        real = images.to_model(batch["image"])
        c = conditions.told(spec, config, batch)

        def loss(params):
            return velocity_loss(velocity, params, real, c, noise_keys, t_keys, dtype).mean()

        value, grads = step_lib.mean(jax.value_and_grad(loss)(state.v))
        seen, norm = step_lib.images_seen(state, config), tree_norm(grads)
        grads = jax.tree.map(lambda g: g / jnp.maximum(1.0, norm), grads)  # long ones are cut to 1
        rate = config.optim.lr * jnp.minimum(
            1.0, (seen + 1.0) / max(1.0, 1000.0 * config.optim.warmup_kimg)
        )
        unit, opt, _ = step_lib.apply(
            jax.tree.map(jnp.zeros_like, state.v), optimizer, state.opt, grads
        )
        v = jax.tree.map(lambda p, u: p + rate * u, state.v, unit)
        new = dataclasses.replace(
            state,
            step=state.step + 1,
            v=v,
            opt=opt,
            v_ema=step_lib.ema(state.v_ema, v, seen, config),
        )
        new = step_lib.keep_if_finite(state, new, value, norm)
        return new, {
            "loss/v": value,
            "grad_norm/v": norm,
            "learning_rate/v": rate,
        } | step_lib.bad_steps(new)

    main = step_lib.compiled(main, mesh)

    def train_step(state: State, batch: Batch, step: int) -> tuple[State, Metrics]:
        del step
        return main(state, batch)

    train_step.programs, train_step.runs_per_step = {"main": main}, {"main": 1.0}
    return train_step


def velocity_loss(velocity, params, real, c, noise_keys, t_keys, dtype) -> jax.Array:
    """Mean square `b` of what `velocity` at a random place of the way is off (2210.02747, equation 23)."""
    noise = step_lib.normal(noise_keys, *real.shape[1:])
    t = jax.nn.sigmoid(step_lib.normal(t_keys))  # more often midway (2403.03206, section 3.1)
    share = t[:, None, None, None]
    v = velocity(params, (1 - share) * noise + share * real, t, c, dtype)
    return jnp.mean(jnp.square(v - (real - noise)), (1, 2, 3))


def make_sample(config: ml_collections.ConfigDict, spec: Spec) -> Callable[..., jax.Array]:
    """Returns `sample(fields, seeds, condition, truncation, toward)`, jitted; truncation scales the noise."""
    at, res, count = make_velocity(config, spec), config.data.resolution, config.sample.steps
    guidance, of_image = config.sample.guidance, _of_image(config)

    def sample(fields: dict[str, Any], seeds, condition, truncation, toward):
        c = conditions.encode(spec, condition)

        def velocity(x, t):
            t = jnp.full(len(x), t, jnp.float32)
            given = at(fields["v_ema"], x, t, c)
            if guidance == 1:
                return given
            without = at(fields["v_ema"], x, t, jnp.zeros_like(c))
            return without + guidance * (given - without)

        def euler(x, i):
            t = i.astype(jnp.float32) / count
            v = velocity(x, t)
            if config.sample.solver == "heun":  # the mean of both ends' (2206.00364, algorithm 1)
                mean = lambda v: 0.5 * (v + velocity(x + v / count, t + 1.0 / count))  # noqa: E731
                # A predicted image has no velocity at the very end: the last step is Euler's, as
                # there.
                v = jax.lax.cond(i < count - 1, mean, lambda v: v, v) if of_image else mean(v)
            return x + v / count, None

        x = step_lib.latents(seeds, (res, res, 4), truncation, toward)
        return jax.lax.scan(euler, x, jnp.arange(count))[0]

    return jax.jit(sample)


def make_summaries(config: ml_collections.ConfigDict, spec: Spec):
    """The loss of held-out emoji: above that of training ones, these are being memorised."""
    velocity = make_velocity(config, spec)

    @jax.jit
    def summaries(state: State, batch: Batch):
        keys = [step_lib.keys_of(config, jnp.int32(0), batch["sample"], i) for i in range(2)]
        c = conditions.encode(spec, batch["condition"])
        loss = velocity_loss(
            velocity, state.v_ema, images.to_model(batch["image"]), c, *keys, jnp.float32
        )
        return {"scalars": {"loss/validation": loss.mean()}, "images": {}}

    return summaries
