"""Trains a restyler: a flow from a picture to the same emoji in the style of another set.

The path is straight from the picture with a little noise to its pair (2302.05872 has such bridges,
2303.11435 the noise): what the picture shows has to be changed, not drawn from nothing. The network
sees the picture beside x_t, and the style to draw in is its condition; a batch has `source`, the
same emoji in another style, besides `image` (input_pipeline/art/style_pairs.py). Neither the
picture's own style nor its emoji is given. Where the condition is dropped the style is any, so that
guidance (2207.12598) strengthens what is of the style. Half of the pairs are mirrored.
"""

import enum
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.sharding import Mesh

from emoji_gan import conditions, images
from emoji_gan.conditions import Condition, Spec
from emoji_gan.methods import flow, ode, step
from emoji_gan.methods.base import Batch, Generator, Latents, Params, Step, Summaries
from emoji_gan.methods.flow import State
from emoji_gan.methods.step import Config
from emoji_gan.networks import restyler_networks as networks
from emoji_gan.runtime import rules

__all__ = ["State", "networks"]
NETWORKS = {"v": "velocity"}
HELD_OUT_LOSS = "loss/validation"
ANY_CONDITIONS = True  # of a flow that a run starts from
_RULES = {
    "data.pairs.targets": rules.NAMES,
    "data.pairs.licences": rules.NAMES,
    "data.pairs.identity": rules.BELOW_ONE,
    "loss.time_mean": ((lambda v: -10 <= v <= 10), "in [-10, 10]"),
    "loss.start_noise": rules.POSITIVE,
}


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    NOISE = 0
    TIME = 1
    MIRROR = 2


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    if tuple(config.data.conditions) != ("style",):
        raise rules.UserError("data.conditions: a restyler is given the style alone: ('style',)")
    if config.eval.every_kimg:
        raise rules.UserError(
            "eval.every_kimg: a restyler draws nothing of its own to be judged; set it to 0"
        )
    flow.resolve(config, num_devices)


def make_network(config: Config, spec: Spec, seed: int) -> networks.Restyler:
    """Builds the network of a resolved config with initial weights from `seed`."""
    return networks.Restyler(np.random.default_rng(seed), **flow.network_sizes(config, spec))


def init(config: Config, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device."""
    return flow.initial_state(config, make_network(config, spec, seed))


def starts_from(config: Config) -> dict[str, dict[str, str]]:
    """Returns what a run may start from besides its own method: a flow, which sees no picture."""
    del config
    return {"flow": {"v": "v_ema", "v_ema": "v_ema"}}


def velocity_function(config: Config, spec: Spec, picture: jax.Array) -> flow.Velocity:
    """Returns `velocity(params, x, t, c, dtype)`, of a flow that sees pictures f32 [b h w 4]."""
    seeing = flow.velocity_function(config, spec, make_network)

    def velocity(
        params: Any,
        x: jax.Array,
        t: jax.Array,
        c: jax.Array | None,
        dtype: jnp.dtype = jnp.float32,
    ) -> jax.Array:
        return seeing(params, x, t, c, dtype, picture)

    return velocity


def start_of(config: Config, picture: jax.Array, noise: jax.Array) -> jax.Array:
    """Returns where the path of pictures [b h w 4] starts, given unit normal noise [b h w 4]."""
    return picture + config.loss.start_noise * noise


def _loss(
    config: Config,
    spec: Spec,
    v: Any,
    pair: tuple[jax.Array, jax.Array],
    c: jax.Array,
    keys: tuple[jax.Array, jax.Array],
) -> jax.Array:
    """Computes the mean squared error [b] of the velocity from pictures to their pairs."""
    picture, real = pair
    noise_keys, t_keys = keys
    return flow.velocity_loss(
        velocity_function(config, spec, picture),
        v,
        real,
        c,
        start=start_of(config, picture, step.normal(noise_keys, *real.shape[1:])),
        t_keys=t_keys,
        dtype=jnp.dtype(config.dtype),
        time_mean=config.loss.time_mean,
    )


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""

    def losses(v: Any, state: State, batch: Batch) -> jax.Array:
        noise_keys, t_keys, mirror_keys = step.all_sample_keys(config, state, batch, Draw)
        is_mirrored = (step.normal(mirror_keys) > 0)[:, None, None, None]
        pair = tuple(images.to_model(batch[k]) for k in ("source", "image"))
        pair = tuple(jnp.where(is_mirrored, x[:, :, ::-1], x) for x in pair)
        c = conditions.with_dropout(spec, config, batch)
        return _loss(config, spec, v, pair, c, (noise_keys, t_keys))

    return flow.step_of(config, mesh, losses)


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator, which has no latents of seeds alone: it draws from pictures.

    Its `draw` takes noise [b h w 4] and a condition with 'picture' f32 [b h w 4], premultiplied
    RGBA in [-1, 1], besides the style to draw in.
    """
    shape = (config.data.resolution, config.data.resolution, 4)

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        velocity = velocity_function(config, spec, condition["picture"])
        c = conditions.encode(spec, condition)
        guided = flow.guided_velocity(velocity, params["v_ema"], c, config.sample.guidance)
        start = start_of(config, condition["picture"], latents.values)
        return ode.solve(guided, start, flow.solver_of(config))

    return Generator(("v_ema",), {"noise": shape}, None, draw)


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns the loss of held-out emoji, and each picture of a batch, restyled, as it should be.

    The noise that they are drawn from is the same each time.
    """
    draw = generator(config, spec).draw

    @jax.jit
    def of_batch(state: State, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        source, real = images.to_model(batch["source"]), images.to_model(batch["image"])
        noise_keys, t_keys = flow.fixed_keys(config, state, batch)
        c = conditions.encode(spec, batch["condition"])
        loss = _loss(config, spec, state.v_ema, (source, real), c, (noise_keys, t_keys))
        noise = Latents(step.normal(noise_keys, *real.shape[1:]), jnp.float32(1), "noise")
        drawn = draw({"v_ema": state.v_ema}, noise, batch["condition"] | {"picture": source})
        rows = jnp.stack([source, drawn, real], 1).reshape(-1, *real.shape[1:])
        error = jnp.abs(drawn - real).mean() * 127.5  # of [-1, 1], in levels of 255
        scalars = {"loss/validation": loss.mean(), "error/validation": error}
        return {"scalars": scalars, "images": {"source_restyled_target": rows}}

    return of_batch
