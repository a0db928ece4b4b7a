"""Trains WGAN-GP (1704.00028): the Wasserstein distance, the critic's slope held to 1.

The networks are DCGAN's, the critic without batch normalisation (section 4). Each step trains the
critic on new images; every `loss.critic_steps`-th also trains G.
"""

import dataclasses
import enum
import functools
from collections.abc import Sequence
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
from emoji_gan.networks import dcgan_networks as networks
from emoji_gan.runtime import rules

NETWORKS, State = dcgan.NETWORKS, dcgan.State
init = functools.partial(dcgan.init, norm="none")
generator = functools.partial(dcgan.generator, norm="none")
summaries = functools.partial(dcgan.summaries, norm="none")
_RULES = {"loss.critic_steps": rules.at_least(1), "loss.penalty_weight": rules.at_least(0)}


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
    gan.resolve_penalty(config)
    dcgan.resolve(config, num_devices)


@dataclasses.dataclass(frozen=True)
class _Training:
    """What both programs share: the static halves of the networks."""

    config: Config
    spec: Spec
    g_def: Any
    d_def: Any

    def score(
        self, d: Any, x: jax.Array, c: jax.Array | None, *, keys: Sequence[jax.Array], state: State
    ) -> jax.Array:
        """Computes what the critic says [b] of images, with keys of augmentation and background."""
        p = gan.augmentation_probability(state, self.config)
        x = gan.d_input(x, *keys, p, self.config)
        return nnx.merge(self.d_def, d)(x, c, "mesh")

    def critic(self, state: State, batch: Batch) -> tuple[State, Metrics]:
        """Trains the critic on the distance and its penalty (algorithm 1, lines 3 to 9)."""
        config = self.config
        c, real = conditions.with_dropout(self.spec, config, batch), images.to_model(batch["image"])
        z_keys, *d_keys, mix_keys = step.all_sample_keys(config, state, batch, CriticDraw)
        z = step.normal(z_keys, config.model.z_dim)
        fake, _ = dcgan.generate(self.g_def, state.g, state.batch_stats, z, c, norm_by="mesh")
        mix = jax.vmap(lambda k: jax.random.uniform(k, (1, 1, 1)))(mix_keys)
        between = mix * real + (1 - mix) * fake  # algorithm 1, line 6

        def loss(d: Any) -> tuple[jax.Array, tuple[jax.Array, ...]]:
            # One transformation for the three, or the critic could tell them by it.
            score = functools.partial(self.score, d, c=c, keys=d_keys, state=state)
            reals, fakes = score(real), score(fake)
            distance = losses.d_wasserstein(reals, fakes).mean()
            penalty = losses.gradient_penalty(score, between, config.loss.penalty).mean()
            return distance + config.loss.penalty_weight * penalty, (
                distance,
                penalty,
                reals,
                fakes,
            )

        (total, aux), grads = jax.value_and_grad(loss, has_aux=True)(state.d)
        distance, penalty, reals, fakes = aux
        grads = step.mean_over_devices(grads)
        grads = gan.mask_gradients(grads, config, networks.discriminator_depth)
        metrics = step.mean_over_devices(
            {"loss/d": total, "wasserstein/distance": -distance, "wasserstein/penalty": penalty}
            | gan.logit_metrics(reals, fakes)
        )
        opts = dcgan.optimizers(config, state)
        d = step.apply_gradients(state.d, opts.d, state.d_opt, grads)
        new = dataclasses.replace(
            state,
            counters=step.next_step(state.counters),
            d=d.params,
            d_opt=d.opt_state,
            ada_signs=state.ada_signs + metrics["signs/real"],
        )
        metrics |= d.metrics("d", opts.d_lr)
        return gan.finish(state, new, metrics, metrics["loss/d"], d.gradient_norm, config=config)

    def generator(self, state: State, batch: Batch) -> tuple[State, Metrics]:
        """Trains the generator against the critic (algorithm 1, lines 10 to 12)."""
        config = self.config
        c = conditions.with_dropout(self.spec, config, batch)
        z_keys, *d_keys = step.all_sample_keys(config, state, batch, GeneratorDraw)
        z = step.normal(z_keys, config.model.z_dim)

        def loss(g: Any) -> tuple[jax.Array, Any]:
            fake, stats = dcgan.generate(self.g_def, g, state.batch_stats, z, c, norm_by="mesh")
            return -self.score(state.d, fake, c, keys=d_keys, state=state).mean(), stats

        value_and_grad = jax.value_and_grad(loss, has_aux=True)
        (value, stats), grads = step.mean_over_devices(value_and_grad(state.g))
        opts = dcgan.optimizers(config, state)
        g = step.apply_gradients(state.g, opts.g, state.g_opt, grads)
        ema = functools.partial(
            step.ema, state=state, config=config, steps=config.loss.critic_steps
        )
        new = dataclasses.replace(
            state,
            g=g.params,
            g_opt=g.opt_state,
            g_ema=ema(state.g_ema, g.params),
            batch_stats=ema(state.batch_stats, stats),
        )
        new = step.guarded_again(state, new, value, g.gradient_norm)
        return new, {"loss/g": value} | g.metrics("g", opts.g_lr)


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    training = _Training(config, spec, *dcgan.graphs(config, spec, norm="none"))
    interval = config.loss.critic_steps
    generator = step.compiled(training.generator, mesh)
    return Step(
        {
            "critic": Program(step.compiled(training.critic, mesh)),
            "generator": every(generator, interval, offset=interval - 1),
        }
    )
