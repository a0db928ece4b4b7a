"""Trains DCGAN (1511.06434): 4x4 convolutions, batch normalisation, the non-saturating loss.

WGAN-GP shares its networks and state; `norm` says how the discriminator is normalised.
"""

import dataclasses
import enum
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import conditions, images, losses
from emoji_gan.conditions import Condition, Spec
from emoji_gan.methods import gan, step
from emoji_gan.methods.base import (
    Batch,
    Generator,
    Latents,
    Metrics,
    Params,
    Program,
    Step,
    Summaries,
)
from emoji_gan.methods.step import Config
from emoji_gan.networks import dcgan_networks as networks
from emoji_gan.networks import layers
from emoji_gan.runtime import rules

NETWORKS = gan.NETWORKS


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    Z = 0
    REAL_AUGMENT = 1
    FAKE_AUGMENT = 2
    BACKGROUND = 3


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State(gan.GanState):
    """Holds all that training carries from one step to the next."""

    batch_stats: Any  # moving averages of the batch's statistics, which samples are normalised by


_RULES = {**{f"model.{name}": rules.at_least(1) for name in ("z_dim", "width")}, **rules.ADAM}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    if config.batch_size is None:
        config.batch_size = -(-64 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_networks(
    config: Config, spec: Spec, seed: int, *, norm: str = "batch"
) -> tuple[networks.Generator, networks.Discriminator]:
    """Builds the networks of a resolved config with initial weights from `seed`."""
    m, rng = config.model, np.random.default_rng(seed)
    common = {"c_dim": spec.dim, "resolution": config.data.resolution, "width": m.width}
    g = networks.Generator(rng, z_dim=m.z_dim, image_channels=4, **common)
    d = networks.Discriminator(rng, image_channels=7 if m.composite else 4, norm=norm, **common)
    return g, d


def graphs(config: Config, spec: Spec, *, norm: str = "batch") -> tuple[Any, Any]:
    """Returns the static halves of the networks; their initial weights are drawn and dropped."""
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0, norm=norm))
    return nnx.graphdef(g), nnx.graphdef(d)


def optimizers(config: Config, state: State | None = None) -> gan.Optimizers:
    """Returns the optimisers of the step after a state; without one, to make their own states."""
    o, lrs = config.optim, gan.learning_rates(config, state)
    g, d = (step.adam(lr, beta1=o.beta1, beta2=o.beta2, eps=o.eps) for lr in lrs)
    return gan.Optimizers(g, d, *lrs)


def init(config: Config, spec: Spec, seed: int, *, norm: str = "batch") -> State:
    """Returns the state before the first step, on the default device."""
    g, d = make_networks(config, spec, seed, norm=norm)
    _, g_params, batch_stats = nnx.split(g, nnx.Param, layers.Buffer)
    g_params, batch_stats, d_params = (
        nnx.to_pure_dict(s) for s in (g_params, batch_stats, nnx.state(d))
    )
    opts = optimizers(config)
    return State(
        **gan.initial_scalars(config),
        g=g_params,
        d=d_params,
        g_ema=jax.tree.map(jnp.copy, g_params),
        g_opt=opts.g.init(g_params),
        d_opt=opts.d.init(d_params),
        batch_stats=batch_stats,
    )


def generate(
    g_def: Any, params: Any, batch_stats: Any, z: jax.Array, c: jax.Array | None, *, norm_by: str
) -> tuple[jax.Array, Any]:
    """Generates images [b h w 4]; returns them and the statistics of this batch.

    Args:
      g_def: static half of G.
      params: of G.
      batch_stats: moving averages.
      z: f32 [b z].
      c: condition vectors [b d].
      norm_by: 'mesh': statistics of the global batch; 'kept': the moving averages.
    """
    g = nnx.merge(g_def, params, batch_stats)
    x = g(z, c, norm_by)
    return x, nnx.to_pure_dict(nnx.state(g, layers.Buffer))


# ---- training ------------------------------------------------------------------------------------


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    g_def, d_def = graphs(config, spec)

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = conditions.with_dropout(spec, config, batch), images.to_model(batch["image"])
        z_keys, real_keys, fake_keys, colour_keys = step.all_sample_keys(config, state, batch, Draw)
        z, p = step.normal(z_keys, config.model.z_dim), gan.augmentation_probability(state, config)

        def logits(d: Any, x: jax.Array, keys: jax.Array) -> jax.Array:
            return nnx.merge(d_def, d)(gan.d_input(x, keys, colour_keys, p, config), c, "mesh")

        def g_loss(g: Any) -> tuple[jax.Array, tuple[jax.Array, Any]]:
            fake, stats = generate(g_def, g, state.batch_stats, z, c, norm_by="mesh")
            return losses.g_nonsaturating(logits(state.d, fake, fake_keys)).mean(), (fake, stats)

        (loss_g, (fake, stats)), g_grads = jax.value_and_grad(g_loss, has_aux=True)(state.g)

        def d_loss(d: Any) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            # A pass each: their batches are normalised apart.
            reals, fakes = logits(d, real, real_keys), logits(d, fake, fake_keys)
            return losses.d_logistic(reals, fakes).mean(), (reals, fakes)

        (loss_d, (reals, fakes)), d_grads = jax.value_and_grad(d_loss, has_aux=True)(state.d)
        g_grads, d_grads = step.mean_over_devices((g_grads, d_grads))
        metrics = step.mean_over_devices(
            {"loss/g": loss_g, "loss/d": loss_d} | gan.logit_metrics(reals, fakes)
        )
        opts = optimizers(config, state)
        g = step.apply_gradients(state.g, opts.g, state.g_opt, g_grads)
        d = step.apply_gradients(
            state.d,
            opts.d,
            state.d_opt,
            gan.mask_gradients(d_grads, config, networks.discriminator_depth),
        )
        new = dataclasses.replace(
            state,
            counters=step.next_step(state.counters),
            g=g.params,
            d=d.params,
            g_opt=g.opt_state,
            d_opt=d.opt_state,
            g_ema=step.ema(state.g_ema, g.params, state, config=config),
            batch_stats=step.ema(state.batch_stats, stats, state, config=config),
            ada_signs=state.ada_signs + metrics["signs/real"],
        )
        metrics |= g.metrics("g", opts.g_lr) | d.metrics("d", opts.d_lr)
        watched = (metrics["loss/g"], metrics["loss/d"], g.gradient_norm, d.gradient_norm)
        return gan.finish(state, new, metrics, *watched, config=config)

    return Step({"main": Program(step.compiled(main, mesh))})


# ---- drawing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec, *, norm: str = "batch") -> Generator:
    """Returns the generator; its latents are z, scaled by the truncation."""
    g_def, _ = graphs(config, spec, norm=norm)
    shape = (config.model.z_dim,)

    def latents(seeds: jax.Array, truncation: jax.Array, stream: int = 0) -> Latents:
        return step.normal_latents(seeds, shape, truncation, stream, kind="z")

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        c = conditions.encode(spec, condition)
        g, stats = params["g_ema"], params["batch_stats"]
        return generate(g_def, g, stats, latents.values, c, norm_by="kept")[0]

    return Generator(("g_ema", "batch_stats"), {"z": shape}, latents, draw)


def summaries(config: Config, spec: Spec, *, norm: str = "batch") -> Summaries:
    """Returns D on a batch and the batch augmented; see `gan.summaries`."""
    _, d_def = graphs(config, spec, norm=norm)
    return gan.summaries(config, spec, lambda state, x, c: nnx.merge(d_def, state.d)(x, c, "batch"))
