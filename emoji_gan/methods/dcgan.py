"""DCGAN (1511.06434): 4x4 convolutions, batch normalisation, the non-saturating loss of the first GAN."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import conditions, images, losses
from emoji_gan.conditions import Spec
from emoji_gan.methods import gan
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.step import Batch, Metrics, tree_norm
from emoji_gan.networks import dcgan_networks
from emoji_gan.runtime import rules

NETWORKS, SAMPLED = gan.NETWORKS, ("g_ema", "moments")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State(gan.Base):
    """All that training carries from one step to the next."""

    moments: Any  # moving average of the batch's, by which samples are normalised


_RULES = {**{f"model.{name}": rules.at_least(1) for name in ("z_dim", "width")}, **rules.ADAM}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields, in place."""
    rules.check(config, _RULES)
    if config.batch_size is None:
        config.batch_size = -(-64 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_networks(config: ml_collections.ConfigDict, spec: Spec, seed: int, norm: str = "batch"):
    """Builds generator and discriminator of a resolved config with initial weights from `seed`."""
    m, rng = config.model, np.random.default_rng(seed)
    common = dict(c_dim=spec.dim, resolution=config.data.resolution, width=m.width)
    g = dcgan_networks.Generator(rng, z_dim=m.z_dim, image_channels=4, **common)
    d = dcgan_networks.Discriminator(
        rng, image_channels=7 if m.composite else 4, norm=norm, **common
    )
    return g, d


def graphs(config, spec: Spec, norm: str = "batch"):
    """The static halves of the networks; their initial weights are drawn and dropped."""
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0, norm))
    return nnx.graphdef(g), nnx.graphdef(d)


def optimizers(config):
    """Of G and D."""
    o = config.optim
    return tuple(step_lib.adam(lr, o.beta1, o.beta2, o.eps) for lr in (o.g_lr, o.d_lr))


def init(config: ml_collections.ConfigDict, spec: Spec, seed: int, norm: str = "batch") -> State:
    """The state before the first step, on the default device."""
    g, d = make_networks(config, spec, seed, norm)
    _, g_params, moments = nnx.split(g, nnx.Param, dcgan_networks.Buffer)
    g_params, moments, d_params = (nnx.to_pure_dict(s) for s in (g_params, moments, nnx.state(d)))
    g_opt, d_opt = optimizers(config)
    return State(
        **gan.counters(config),
        g=g_params,
        d=d_params,
        g_ema=jax.tree.map(jnp.copy, g_params),
        g_opt=g_opt.init(g_params),
        d_opt=d_opt.init(d_params),
        moments=moments,
    )


def generate(g_def, params, moments, z, c, by: str):
    """Images and the moments of this batch."""
    g = nnx.merge(g_def, params, moments)
    x = g(z, c, by)
    return x, nnx.to_pure_dict(nnx.state(g, dcgan_networks.Buffer))


def make_train_step(config: ml_collections.ConfigDict, spec: Spec, mesh: Mesh):
    """Returns `train_step(state, batch, step) -> state, metrics` over the global batch of `mesh`."""
    g_def, d_def = graphs(config, spec)
    g_opt, d_opt = optimizers(config)

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = conditions.told(spec, config, batch), images.to_model(batch["image"])
        z_keys, real_keys, fake_keys, colour_keys = (
            step_lib.keys_of(config, state.rollbacks, batch["sample"], i) for i in range(4)
        )
        z = step_lib.normal(z_keys, config.model.z_dim)

        def logits(params, x, keys):
            x = gan.d_input(x, keys, colour_keys, gan.p_of(state, config), config)
            return nnx.merge(d_def, params)(x, c, "mesh")

        def g_loss(params):
            fake, moments = generate(g_def, params, state.moments, z, c, "mesh")
            return losses.g_nonsaturating(logits(state.d, fake, fake_keys)).mean(), (fake, moments)

        (loss_g, (fake, moments)), grads_g = jax.value_and_grad(g_loss, has_aux=True)(state.g)

        def d_loss(params):  # a pass each: their batches are normalised apart
            reals, fakes = logits(params, real, real_keys), logits(params, fake, fake_keys)
            return losses.d_logistic(reals, fakes).mean(), (reals, fakes)

        (loss_d, (reals, fakes)), grads_d = jax.value_and_grad(d_loss, has_aux=True)(state.d)
        grads_g, grads_d = step_lib.mean((grads_g, grads_d))
        grads_d = gan.trained_only(grads_d, config)
        metrics = step_lib.mean(
            {"loss/g": loss_g, "loss/d": loss_d} | gan.logit_metrics(reals, fakes)
        )
        g, new_g_opt, g_update = step_lib.apply(state.g, g_opt, state.g_opt, grads_g)
        d, new_d_opt, d_update = step_lib.apply(state.d, d_opt, state.d_opt, grads_d)
        seen = step_lib.images_seen(state, config)
        new = dataclasses.replace(
            state,
            step=state.step + 1,
            g=g,
            d=d,
            g_opt=new_g_opt,
            d_opt=new_d_opt,
            g_ema=step_lib.ema(state.g_ema, g, seen, config),
            moments=step_lib.ema(state.moments, moments, seen, config),
            ada_signs=state.ada_signs + metrics["signs/real"],
        )
        metrics |= {
            "grad_norm/g": tree_norm(grads_g),
            "grad_norm/d": tree_norm(grads_d),
            "update_norm/g": g_update,
            "update_norm/d": d_update,
            "learning_rate/g": jnp.float32(config.optim.g_lr),
            "learning_rate/d": jnp.float32(config.optim.d_lr),
            "ada/p": state.ada_p,
        }
        new = step_lib.keep_if_finite(
            state,
            new,
            metrics["loss/g"],
            metrics["loss/d"],
            metrics["grad_norm/g"],
            metrics["grad_norm/d"],
        )
        return gan.move_p(new, config), metrics | step_lib.bad_steps(new)

    main = step_lib.compiled(main, mesh)

    def train_step(state: State, batch: Batch, step: int) -> tuple[State, Metrics]:
        del step
        return main(state, batch)

    train_step.programs, train_step.runs_per_step = {"main": main}, {"main": 1.0}
    return train_step


def make_sample(
    config: ml_collections.ConfigDict, spec: Spec, norm: str = "batch"
) -> Callable[..., jax.Array]:
    """Returns `sample(fields, seeds, condition, truncation, toward)`, jitted; truncation scales z."""
    g_def, _ = graphs(config, spec, norm)

    def sample(fields: dict[str, Any], seeds, condition, truncation, toward):
        z = step_lib.latents(seeds, (config.model.z_dim,), truncation, toward)
        c = conditions.encode(spec, condition)
        return generate(g_def, fields["g_ema"], fields["moments"], z, c, "kept")[0]

    return jax.jit(sample)


def make_summaries(config: ml_collections.ConfigDict, spec: Spec, norm: str = "batch"):
    """See `adversarial.make_summaries`."""
    _, d_def = graphs(config, spec, norm)
    return gan.make_summaries(
        config, lambda state, x, c: nnx.merge(d_def, state.d)(x, c, "batch"), spec
    )
