"""Draws emoji anew by the second call alone of a one-step model trained for two.

The model is called once at the emoji with noise in it, at the time that it was trained for. No
program of the project does so; `benchmarks.tasks.variations` compares it with the flow.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan import conditions, images
from emoji_gan.conditions import Condition
from emoji_gan.errors import UserError
from emoji_gan.methods import few_steps, flow, onestep
from emoji_gan.trained import finishing, vectoriser
from emoji_gan.trained.sampler import Sampler

# Images uint8 [n h w 4] of the emoji's own uint8 [n h w 4], seeds and conditions.
Draw = Callable[[np.ndarray, Sequence[int], Condition], np.ndarray]


def load(source: str, px: int) -> tuple[Sampler, Draw]:
    """Returns a one-step model and how it draws emoji anew by its second call alone.

    Raises:
      UserError: the model was not trained for a second call.
    """
    sampler = Sampler(source)
    config, spec = sampler.config, sampler.spec
    if config.method != "onestep" or config.model.steps != 2:
        raise UserError(f"--second={source}: give a model of 'onestep' trained for two calls")
    own_px = config.data.resolution
    restorer = finishing.restorer_of(vectoriser.STYLES[0]) if own_px < px else None
    graph = nnx.graphdef(nnx.eval_shape(lambda: onestep.make_networks(config, spec, 0)[0]))
    call, field = onestep.Call(graph, flow.predicts_image(config)), sampler.generator.fields[0]

    @jax.jit
    def of_batch(params: Any, u8: jax.Array, noise: jax.Array, condition: Condition) -> jax.Array:
        t = jnp.full(len(noise), config.model.second_time)
        x = few_steps.between(images.to_model(u8), noise, t)
        return images.to_uint8(call(params[field], x, t, conditions.encode(spec, condition)))

    def draw(of: np.ndarray, seeds: Sequence[int], condition: Condition) -> np.ndarray:
        noise, results = sampler.latents(seeds).values, []
        for rows, count, batch_condition in sampler._batches(len(seeds), condition):
            x = of_batch(sampler.params, jnp.asarray(of[rows]), noise[rows], batch_condition)
            results.append(np.asarray(x)[:count])
        drawn = np.concatenate(results)
        return restorer.to_size(drawn, px) if restorer else drawn

    return sampler, draw
