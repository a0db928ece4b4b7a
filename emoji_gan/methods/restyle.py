"""Trains a restyler: a flow that draws the emoji of one picture in the style of another set.

The flow (emoji_gan/methods/flow.py) is conditioned on the style to draw in and sees the picture
beside the noisy image; a batch has `source`, the same emoji in another style, besides `image`
(input_pipeline/art/style_pairs.py). Neither the picture's own style nor its emoji is given. Where
the condition is dropped the picture is too, so that guidance (2207.12598) strengthens both.
"""

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
}


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
    """Returns `velocity(params, x, t, c, dtype)`, of a flow that sees pictures f32 [b h w 4].

    Without any condition (a row of c that is 0) a picture is not seen either.
    """
    seeing = flow.velocity_function(config, spec, make_network)

    def velocity(
        params: Any,
        x: jax.Array,
        t: jax.Array,
        c: jax.Array | None,
        dtype: jnp.dtype = jnp.float32,
    ) -> jax.Array:
        is_seen = jnp.ones(len(x), bool) if c is None else (c != 0).any(1)
        seen = jnp.where(is_seen[:, None, None, None], picture, 0.0)
        return seeing(params, x, t, c, dtype, seen)

    return velocity


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""

    def losses(v: Any, state: State, batch: Batch) -> jax.Array:
        noise_keys, t_keys = step.all_sample_keys(config, state, batch, flow.Draw)
        return flow.velocity_loss(
            velocity_function(config, spec, images.to_model(batch["source"])),
            v,
            images.to_model(batch["image"]),
            conditions.with_dropout(spec, config, batch),
            noise_keys=noise_keys,
            t_keys=t_keys,
            dtype=jnp.dtype(config.dtype),
            time_mean=config.loss.time_mean,
        )

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
        return ode.solve(guided, latents.values, flow.solver_of(config))

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
        loss = flow.velocity_loss(
            velocity_function(config, spec, source),
            state.v_ema,
            real,
            conditions.encode(spec, batch["condition"]),
            noise_keys=noise_keys,
            t_keys=t_keys,
            dtype=jnp.float32,
            time_mean=config.loss.time_mean,
        )
        noise = Latents(step.normal(noise_keys, *real.shape[1:]), jnp.float32(1), "noise")
        drawn = draw({"v_ema": state.v_ema}, noise, batch["condition"] | {"picture": source})
        rows = jnp.stack([source, drawn, real], 1).reshape(-1, *real.shape[1:])
        error = jnp.abs(drawn - real).mean() * 127.5  # of [-1, 1], in levels of 255
        scalars = {"loss/validation": loss.mean(), "error/validation": error}
        return {"scalars": scalars, "images": {"source_restyled_target": rows}}

    return of_batch
