"""WGAN-GP (1704.00028): the Wasserstein distance, its critic held to slopes of 1 between real and generated.

The networks are DCGAN's, the critic without batch normalisation (section 4). A step is one of the
critic on new images; every `loss.critic_steps`-th also one of G.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import ml_collections
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import conditions, images, losses
from emoji_gan.conditions import Spec
from emoji_gan.methods import dcgan, gan
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.step import Batch, Metrics, tree_norm
from emoji_gan.runtime import rules

NETWORKS, SAMPLED, State = dcgan.NETWORKS, dcgan.SAMPLED, dcgan.State
init = functools.partial(dcgan.init, norm="none")
make_sample = functools.partial(dcgan.make_sample, norm="none")
make_summaries = functools.partial(dcgan.make_summaries, norm="none")
_RULES = {"loss.critic_steps": rules.at_least(1), "loss.penalty": rules.at_least(0)}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields, in place."""
    rules.check(config, _RULES)
    dcgan.resolve(config, num_devices)


def make_train_step(config: ml_collections.ConfigDict, spec: Spec, mesh: Mesh):
    """Returns `train_step(state, batch, step) -> state, metrics` over the global batch of `mesh`."""
    g_def, d_def = dcgan.graphs(config, spec, "none")
    g_opt, d_opt = dcgan.optimizers(config)
    z_dim = config.model.z_dim

    def logits(params, x, c, keys, colour_keys, state):
        x = gan.d_input(x, keys, colour_keys, gan.p_of(state, config), config)
        return nnx.merge(d_def, params)(x, c, "mesh")

    def critic(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = conditions.told(spec, config, batch), images.to_model(batch["image"])
        z_keys, d_keys, colour_keys, mix_keys = (
            step_lib.keys_of(config, state.rollbacks, batch["sample"], i) for i in range(4)
        )
        z = step_lib.normal(z_keys, z_dim)
        fake, _ = dcgan.generate(g_def, state.g, state.moments, z, c, "mesh")
        share = jax.vmap(lambda k: jax.random.uniform(k, (1, 1, 1)))(mix_keys)
        between = share * real + (1 - share) * fake  # algorithm 1, line 6

        def loss(params):
            # One transformation for the three, or the critic could tell them by it.
            of = functools.partial(
                logits, params, c=c, keys=d_keys, colour_keys=colour_keys, state=state
            )
            reals, fakes = of(real), of(fake)
            distance = losses.d_wasserstein(reals, fakes).mean()
            penalty = losses.one_lipschitz(of, between).mean()
            return distance + config.loss.penalty * penalty, (distance, penalty, reals, fakes)

        (total, (distance, penalty, reals, fakes)), grads = jax.value_and_grad(loss, has_aux=True)(
            state.d
        )
        grads = gan.trained_only(step_lib.mean(grads), config)
        metrics = step_lib.mean(
            {"loss/d": total, "wasserstein/distance": -distance, "wasserstein/penalty": penalty}
            | gan.logit_metrics(reals, fakes)
        )
        d, opt, update = step_lib.apply(state.d, d_opt, state.d_opt, grads)
        new = dataclasses.replace(
            state,
            step=state.step + 1,
            d=d,
            d_opt=opt,
            ada_signs=state.ada_signs + metrics["signs/real"],
        )
        metrics |= {
            "grad_norm/d": tree_norm(grads),
            "update_norm/d": update,
            "ada/p": state.ada_p,
            "learning_rate/d": jnp.float32(config.optim.d_lr),
        }
        new = step_lib.keep_if_finite(state, new, metrics["loss/d"], metrics["grad_norm/d"])
        return gan.move_p(new, config), metrics | step_lib.bad_steps(new)

    def generator(state: State, batch: Batch) -> tuple[State, Metrics]:
        c = conditions.told(spec, config, batch)
        z_keys, d_keys, colour_keys = (
            step_lib.keys_of(config, state.rollbacks, batch["sample"], i) for i in (4, 5, 6)
        )
        z = step_lib.normal(z_keys, z_dim)

        def loss(params):
            fake, moments = dcgan.generate(g_def, params, state.moments, z, c, "mesh")
            return -logits(state.d, fake, c, d_keys, colour_keys, state).mean(), moments

        (value, moments), grads = step_lib.mean(jax.value_and_grad(loss, has_aux=True)(state.g))
        g, opt, update = step_lib.apply(state.g, g_opt, state.g_opt, grads)
        seen, norm = step_lib.images_seen(state, config), tree_norm(grads)
        every = config.loss.critic_steps
        new = dataclasses.replace(
            state,
            g=g,
            g_opt=opt,
            g_ema=step_lib.ema(state.g_ema, g, seen, config, steps=every),
            moments=step_lib.ema(state.moments, moments, seen, config, steps=every),
        )
        new = gan.count_once(step_lib.keep_if_finite(state, new, value, norm), state)
        return new, {
            "loss/g": value,
            "grad_norm/g": norm,
            "update_norm/g": update,
            "learning_rate/g": jnp.float32(config.optim.g_lr),
        }

    critic, generator = step_lib.compiled(critic, mesh), step_lib.compiled(generator, mesh)

    def train_step(state: State, batch: Batch, step: int) -> tuple[State, Metrics]:
        state, metrics = critic(state, batch)
        if step % config.loss.critic_steps == config.loss.critic_steps - 1:
            state, more = generator(state, batch)
            metrics |= more
        return state, metrics

    train_step.programs = {"critic": critic, "generator": generator}
    train_step.runs_per_step = {"critic": 1.0, "generator": 1 / config.loss.critic_steps}
    return train_step
