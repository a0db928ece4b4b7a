"""Holds what methods that draw in one or two calls of a flow's network share."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from emoji_gan import conditions
from emoji_gan.conditions import Condition, Spec
from emoji_gan.methods import flow, step
from emoji_gan.methods.base import Generator, Latents, Params
from emoji_gan.methods.step import Config
from emoji_gan.runtime import rules

# Images f32 [b h w 4] of parameters, x [b h w 4], times t [b] and condition vectors [b d].
Call = Callable[[Any, jax.Array, jax.Array, jax.Array | None], jax.Array]

SECOND_TIME = (lambda v: 0 < v < 1), "above 0 and below 1"


def resolve(config: ml_collections.ConfigDict, num_devices: int, *, trained_steps: int) -> None:
    """Fills the auto fields and checks maps, guidance, steps and batch, in place.

    Args:
      config: with `loss.guidance`, which is baked in, and a section `sample`.
      num_devices: of the whole job.
      trained_steps: calls an image that the model learns to do with, at most.

    Raises:
      UserError: a field that cannot work, by name, with what it must be.
    """
    flow.check_maps(config)
    guidance = config.loss.guidance
    if config.sample.guidance is None:
        config.sample.guidance = guidance
    if config.sample.guidance != guidance:
        raise rules.UserError(
            f"sample.guidance={config.sample.guidance}: this model was trained with the guidance "
            f"{guidance:g} and draws with no other"
        )
    if guidance != 1 and not config.data.conditions:
        raise rules.UserError("loss.guidance: nothing guides without data.conditions; set it to 1")
    if config.sample.steps not in range(1, trained_steps + 1):
        raise rules.UserError(
            f"sample.steps={config.sample.steps}: this model was trained for "
            + ("1 step" if trained_steps == 1 else "1 or 2 steps")
        )
    if config.batch_size is None:
        config.batch_size = -(-32 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def between(image: jax.Array, noise: jax.Array, t: jax.Array) -> jax.Array:
    """Returns the point at time t [b] of the straight path from noise to image [b h w 4]."""
    t = t[:, None, None, None]
    return (1 - t) * noise + t * image


def generator(
    config: Config, spec: Spec, call: Call, *, field: str, second_time: float
) -> Generator:
    """Returns the generator of a network; its latents are noise of the image's shape.

    Args:
      config: resolved; `sample.steps` is 1 or 2.
      spec: of the conditions.
      call: of the network.
      field: of the state, the average that is drawn from.
      second_time: t of the second call.
    """
    shape = (config.data.resolution, config.data.resolution, 4)

    def latents(seeds: jax.Array, truncation: jax.Array, stream: int = 0) -> Latents:
        return step.normal_latents(seeds, shape, truncation, stream, kind="noise")

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        c, noise = conditions.encode(spec, condition), latents.values
        x = call(params[field], noise, jnp.zeros(len(noise)), c)
        if config.sample.steps == 1:
            return x
        # The mirrored noise is independent of the first, pixel by pixel, and as good as new: an
        # image depends on its latent alone.
        t = jnp.full(len(noise), second_time)
        return call(params[field], between(x, jnp.flip(noise, 2), t), t, c)

    return Generator((field,), {"noise": shape}, latents, draw)
