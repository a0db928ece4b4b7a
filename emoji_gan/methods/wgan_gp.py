"""WGAN-GP (1704.00028): the Wasserstein distance, the critic's slope held to 1 by a penalty.

The networks are DCGAN's, the critic without batch normalisation (section 4). Each step trains the
critic on new images; every `loss.critic_steps`-th also trains G.
"""

import dataclasses
import enum
import functools
from typing import Any

import jax
import ml_collections
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import conditions, images, losses
from emoji_gan.conditions import Spec
from emoji_gan.methods import dcgan, gan, step
from emoji_gan.methods.base import Batch, Metrics, Program, Step, every
from emoji_gan.methods.step import Config
from emoji_gan.networks import dcgan_networks
from emoji_gan.runtime import rules

NETWORKS, State = dcgan.NETWORKS, dcgan.State
networks = dcgan_networks
init = functools.partial(dcgan.init, norm="none")
generator = functools.partial(dcgan.generator, norm="none")
summaries = functools.partial(dcgan.summaries, norm="none")
_RULES = {"loss.critic_steps": rules.at_least(1), "loss.penalty": rules.at_least(0)}


class CriticDraw(enum.IntEnum):
    """Names the random draws of the critic's program."""

    Z = 0
    AUGMENT = 1
    BACKGROUND = 2
    MIX = 3


class GeneratorDraw(enum.IntEnum):
    """Names the random draws of the generator's program."""

    Z = 4
    AUGMENT = 5
    BACKGROUND = 6


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    dcgan.resolve(config, num_devices)


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    g_def, d_def = dcgan.graphs(config, spec, norm="none")
    g_opt, d_opt = dcgan.optimizers(config)
    critic_steps = config.loss.critic_steps

    def logits(
        d: Any,
        x: jax.Array,
        c: jax.Array | None,
        *,
        keys: jax.Array,
        colour_keys: jax.Array,
        state: State,
    ) -> jax.Array:
        p = gan.augmentation_probability(state, config)
        return nnx.merge(d_def, d)(gan.d_input(x, keys, colour_keys, p, config), c, "mesh")

    def critic(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = conditions.with_dropout(spec, config, batch), images.to_model(batch["image"])
        z_keys, d_keys, colour_keys, mix_keys = step.all_sample_keys(
            config, state, batch, CriticDraw
        )
        z = step.normal(z_keys, config.model.z_dim)
        fake, _ = dcgan.generate(g_def, state.g, state.batch_stats, z, c, norm_by="mesh")
        mix = jax.vmap(lambda k: jax.random.uniform(k, (1, 1, 1)))(mix_keys)
        between = mix * real + (1 - mix) * fake  # algorithm 1, line 6

        def loss(d: Any) -> tuple[jax.Array, tuple[jax.Array, ...]]:
            # One transformation for the three, or the critic could tell them by it.
            score = functools.partial(
                logits, d, c=c, keys=d_keys, colour_keys=colour_keys, state=state
            )
            reals, fakes = score(real), score(fake)
            distance = losses.d_wasserstein(reals, fakes).mean()
            penalty = losses.gradient_penalty(score, between).mean()
            return distance + config.loss.penalty * penalty, (distance, penalty, reals, fakes)

        (total, (distance, penalty, reals, fakes)), grads = jax.value_and_grad(loss, has_aux=True)(
            state.d
        )
        grads = gan.mask_gradients(
            step.mean_over_devices(grads), config, dcgan_networks.discriminator_depth
        )
        metrics = step.mean_over_devices(
            {"loss/d": total, "wasserstein/distance": -distance, "wasserstein/penalty": penalty}
            | gan.logit_metrics(reals, fakes)
        )
        d = step.apply_gradients(state.d, d_opt, state.d_opt, grads)
        new = dataclasses.replace(
            state,
            counters=step.next_step(state.counters),
            d=d.params,
            d_opt=d.opt_state,
            ada_signs=state.ada_signs + metrics["signs/real"],
        )
        metrics |= d.metrics("d", config.optim.d_lr)
        return gan.finish(state, new, metrics, metrics["loss/d"], d.gradient_norm, config=config)

    def generator(state: State, batch: Batch) -> tuple[State, Metrics]:
        c = conditions.with_dropout(spec, config, batch)
        z_keys, d_keys, colour_keys = step.all_sample_keys(config, state, batch, GeneratorDraw)
        z = step.normal(z_keys, config.model.z_dim)

        def loss(g: Any) -> tuple[jax.Array, Any]:
            fake, stats = dcgan.generate(g_def, g, state.batch_stats, z, c, norm_by="mesh")
            score = logits(state.d, fake, c, keys=d_keys, colour_keys=colour_keys, state=state)
            return -score.mean(), stats

        (value, stats), grads = step.mean_over_devices(
            jax.value_and_grad(loss, has_aux=True)(state.g)
        )
        g = step.apply_gradients(state.g, g_opt, state.g_opt, grads)
        new = dataclasses.replace(
            state,
            g=g.params,
            g_opt=g.opt_state,
            g_ema=step.ema(state.g_ema, g.params, state, config=config, steps=critic_steps),
            batch_stats=step.ema(
                state.batch_stats, stats, state, config=config, steps=critic_steps
            ),
        )
        new = step.guarded_again(state, new, value, g.gradient_norm)
        return new, {"loss/g": value} | g.metrics("g", config.optim.g_lr)

    return Step(
        {
            "critic": Program(step.compiled(critic, mesh)),
            "generator": every(
                step.compiled(generator, mesh), critic_steps, offset=critic_steps - 1
            ),
        }
    )
