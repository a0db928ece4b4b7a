"""Trains StyleGAN2-ADA (1912.04958, 2006.06676) on premultiplied RGBA.

Each program of a step runs under `jax.shard_map` on its device's rows with one mean over the mesh,
so that the fast convolutions of `ops` see local arrays; it is the same on one CPU and on a pod.
"""

import dataclasses
import enum
import math
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
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
    every,
)
from emoji_gan.methods.step import Config, lerp
from emoji_gan.networks import layers
from emoji_gan.networks import stylegan2_networks as networks
from emoji_gan.runtime import rules

NETWORKS = gan.NETWORKS


class Draw(enum.IntEnum):
    """Names the random draws of the adversarial program."""

    G_LATENT = 0
    D_LATENT = 1
    REAL_AUGMENT = 2
    BACKGROUND = 3
    G_NOISE = 4
    D_NOISE = 5
    G_AUGMENT = 6
    D_AUGMENT = 7


class PathLengthDraw(enum.IntEnum):
    """Names the random draws of path-length regularisation."""

    LATENT = 8
    NOISE = 9
    DIRECTION = 10


class R1Draw(enum.IntEnum):
    """Names the random draws of the R1 penalty."""

    REAL_AUGMENT = 11
    BACKGROUND = 12


class LatentDraw(enum.IntEnum):
    """Names what is drawn from the key of one latent."""

    Z = 0
    MIXED_Z = 1
    CROSSOVER = 2


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State(gan.GanState):
    """Holds all that training carries from one step to the next."""

    buffers: Any  # of the generator: w_avg and constant noise
    pl_mean: jax.Array  # f32, running mean of path lengths


_RULES = {
    **{
        f"model.{name}": rules.at_least(1)
        for name in ("z_dim", "w_dim", "channel_base", "channel_max", "mapping_layers")
    },
    "model.d_architecture": rules.one_of("orig", "skip", "resnet"),
    "model.mbstd_group": rules.at_least(0),
    "loss.r1_gamma": rules.at_least(0),
    "loss.pl_weight": rules.at_least(0),
    "loss.pl_decay": ((lambda v: 0 < v <= 1), "in (0, 1]"),
    **{f"loss.{name}": rules.at_least(1) for name in ("r1_every", "pl_every", "pl_batch_shrink")},
    "loss.style_mixing": rules.FRACTION,
    **rules.ADAM,
    "ema.w_decay": rules.BELOW_ONE,
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields, in place, as stylegan2-ada's `auto` preset does (2006.06676, app. C).

    The batch is at least 32, and the group of minibatch statistics is taken from the config. Raises
    `UserError` for a field that cannot work.
    """
    rules.check(config, _RULES, frozenset(("model.channel_base", "loss.r1_gamma")))
    gan.resolve_penalty(config)
    resolution = config.data.resolution
    shrink = config.loss.pl_batch_shrink if config.loss.pl_weight else 0
    if config.batch_size is None:
        # Each device computes its own minibatch statistics and part of the path-length batch.
        unit = num_devices * math.lcm(max(config.model.mbstd_group, 1), shrink or 1)
        config.batch_size = math.ceil(max(min(4096 // resolution, 64), 32) / unit) * unit
    rules.check_batch(
        config.batch_size,
        num_devices,
        model__mbstd_group=config.model.mbstd_group,
        loss__pl_batch_shrink=shrink,
    )
    if config.model.channel_base is None:
        config.model.channel_base = 16384
    if config.loss.r1_gamma is None:
        config.loss.r1_gamma = 0.0002 * resolution**2 / config.batch_size
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_networks(
    config: Config, spec: Spec, seed: int
) -> tuple[networks.Generator, networks.Discriminator]:
    """Builds the networks of a resolved config with initial weights from `seed`."""
    m = config.model
    common = {
        "c_dim": spec.dim,
        "resolution": config.data.resolution,
        "channel_base": m.channel_base,
        "channel_max": m.channel_max,
    }
    rng = np.random.default_rng(seed)
    g = networks.Generator(
        rng,
        z_dim=m.z_dim,
        w_dim=m.w_dim,
        image_channels=4,
        mapping_layers=m.mapping_layers,
        noise=m.noise,
        **common,
    )
    d = networks.Discriminator(
        rng,
        image_channels=7 if m.composite else 4,
        architecture=m.d_architecture,
        mbstd_group=m.mbstd_group,
        **common,
    )
    return g, d


def _graphs(config: Config, spec: Spec) -> tuple[Any, Any]:
    """Returns the static halves of the networks; their initial weights are drawn and dropped."""
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def _lazy_adam(config: Config, lr: Any, interval: int) -> optax.GradientTransformation:
    """Returns Adam corrected for a regulariser run every `interval` steps (1912.04958, app. B)."""
    o, c = config.optim, interval / (interval + 1) if interval else 1.0
    return step.adam(lr * c, beta1=o.beta1**c, beta2=o.beta2**c, eps=o.eps)


def _optimizers(config: Config, state: State | None = None) -> gan.Optimizers:
    g_interval = config.loss.pl_every if config.loss.pl_weight else 0
    d_interval = config.loss.r1_every if config.loss.r1_gamma else 0
    g_lr, d_lr = gan.learning_rates(config, state)
    g, d = _lazy_adam(config, g_lr, g_interval), _lazy_adam(config, d_lr, d_interval)
    return gan.Optimizers(g, d, g_lr, d_lr)


def init(config: Config, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device."""
    g, d = make_networks(config, spec, seed)
    _, g_params, buffers = nnx.split(g, nnx.Param, layers.Buffer)
    g_params, d_params, buffers = (nnx.to_pure_dict(s) for s in (g_params, nnx.state(d), buffers))
    opts = _optimizers(config)
    return State(
        **gan.initial_scalars(config),
        g=g_params,
        d=d_params,
        buffers=buffers,
        g_ema=jax.tree.map(jnp.copy, g_params),
        g_opt=opts.g.init(g_params),
        d_opt=opts.d.init(d_params),
        pl_mean=jnp.zeros(()),
    )


# ---- training ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Training:
    """What the programs of a step share: the static halves of the networks."""

    config: Config
    spec: Spec
    g_def: Any
    d_def: Any

    def mixed_latents(
        self, g: networks.Generator, keys: jax.Array, c: jax.Array | None
    ) -> tuple[jax.Array, jax.Array]:
        """Draws ws [b num_ws w_dim] with style mixing (1812.04948, section 3.1) and w [b w_dim]."""
        config = self.config
        z_keys, mixed_keys, crossover_keys = (
            jax.vmap(jax.random.fold_in, (0, None))(keys, int(draw)) for draw in LatentDraw
        )
        w = g.mapping(step.normal(z_keys, config.model.z_dim), c)
        ws = g.broadcast(w)
        if not config.loss.style_mixing:
            return ws, w
        num_ws = ws.shape[1]
        u = jax.vmap(jax.random.uniform)(crossover_keys)
        i = jax.vmap(lambda key: jax.random.randint(key, (), 1, num_ws))(crossover_keys)
        crossover = jnp.where(u < config.loss.style_mixing, i, num_ws)  # first layer of the second
        second = g.broadcast(g.mapping(step.normal(mixed_keys, config.model.z_dim), c))
        is_first = jnp.arange(num_ws)[None] < crossover[:, None]
        return jnp.where(is_first[..., None], ws, second), w

    def adversarial(self, state: State, batch: Batch) -> tuple[State, Metrics]:
        """Trains G and D by the non-saturating logistic loss."""
        config, dtype = self.config, jnp.dtype(self.config.dtype)
        c, real = conditions.with_dropout(self.spec, config, batch), images.to_model(batch["image"])
        g_keys, d_keys, real_keys, colour_keys, g_noise, d_noise, g_aug, d_aug = (
            step.all_sample_keys(config, state, batch, Draw)
        )
        p = gan.augmentation_probability(state, config)

        def g_loss(g_params: Any) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            g = nnx.merge(self.g_def, g_params, state.buffers)
            ws, w = self.mixed_latents(g, g_keys, c)
            fake = g.synthesis(ws, g_noise, dtype)
            fake = gan.d_input(fake, g_aug, colour_keys, p, config)
            logits = nnx.merge(self.d_def, state.d)(fake, c, dtype)
            return losses.g_nonsaturating(logits).mean(), (w.mean(0), logits)

        (loss_g, (w_mean, g_logits)), g_grads = jax.value_and_grad(g_loss, has_aux=True)(state.g)

        g = nnx.merge(self.g_def, state.g, state.buffers)
        fake = g.synthesis(self.mixed_latents(g, d_keys, c)[0], d_noise, dtype)
        fake = gan.d_input(fake, d_aug, colour_keys, p, config)
        real = gan.d_input(real, real_keys, colour_keys, p, config)

        def d_loss(d_params: Any) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            # One pass over both: their minibatch-stddev groups are runs of samples and do not mix.
            both = None if c is None else jnp.concatenate([c, c])
            logits = nnx.merge(self.d_def, d_params)(jnp.concatenate([fake, real]), both, dtype)
            fakes, reals = jnp.split(logits, 2)
            return losses.d_logistic(reals, fakes).mean(), (reals, fakes)

        (loss_d, (reals, fakes)), d_grads = jax.value_and_grad(d_loss, has_aux=True)(state.d)
        g_grads, d_grads, w_mean = step.mean_over_devices((g_grads, d_grads, w_mean))
        metrics = {"loss/g": loss_g, "loss/d": loss_d} | gan.logit_metrics(reals, fakes)
        metrics["signs/fake_in_g_step"] = jnp.sign(g_logits).mean()
        return self._updated(state, (g_grads, d_grads), w_mean, step.mean_over_devices(metrics))

    def _updated(
        self, state: State, grads: tuple[Any, Any], w_mean: jax.Array, metrics: Metrics
    ) -> tuple[State, Metrics]:
        config = self.config
        opts = _optimizers(config, state)
        g = step.apply_gradients(state.g, opts.g, state.g_opt, grads[0])
        d_grads = gan.mask_gradients(grads[1], config, networks.discriminator_depth)
        d = step.apply_gradients(state.d, opts.d, state.d_opt, d_grads)
        w_avg = lerp(w_mean, state.buffers["w_avg"], config.ema.w_decay)
        new = dataclasses.replace(
            state,
            counters=step.next_step(state.counters),
            g=g.params,
            d=d.params,
            g_opt=g.opt_state,
            d_opt=d.opt_state,
            g_ema=step.ema(state.g_ema, g.params, state, config=config),
            buffers=state.buffers | {"w_avg": w_avg},
            ada_signs=state.ada_signs + metrics["signs/real"],
        )
        metrics |= g.metrics("g", opts.g_lr) | d.metrics("d", opts.d_lr)
        watched = (metrics["loss/g"], metrics["loss/d"], g.gradient_norm, d.gradient_norm)
        return gan.finish(state, new, metrics, *watched, config=config)

    # Lazy regularisers (1912.04958, section 3.1), in float32.

    def path_length(self, state: State, batch: Batch) -> tuple[State, Metrics]:
        """Regularises G's path lengths towards their mean (1912.04958, section 3.2)."""
        config, res = self.config, self.config.data.resolution
        batch = jax.tree.map(lambda x: x[:: config.loss.pl_batch_shrink], batch)
        c = conditions.with_dropout(self.spec, config, batch)
        keys, noise_keys, y_keys = step.all_sample_keys(config, state, batch, PathLengthDraw)
        y = step.normal(y_keys, res, res, 4) / res

        def loss(g_params: Any) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            g = nnx.merge(self.g_def, g_params, state.buffers)
            ws, _ = self.mixed_latents(g, keys, c)
            lengths = losses.path_lengths(lambda ws: g.synthesis(ws, noise_keys), ws, y)
            mean = step.mean_over_devices(lengths.mean())
            pl_mean = lerp(mean, state.pl_mean, 1 - config.loss.pl_decay)
            penalty = jnp.square(lengths - pl_mean).mean()
            return penalty * config.loss.pl_weight * config.loss.pl_every, (pl_mean, penalty)

        grads, (pl_mean, penalty) = step.mean_over_devices(jax.grad(loss, has_aux=True)(state.g))
        g = step.apply_gradients(state.g, _optimizers(config, state).g, state.g_opt, grads)
        new = dataclasses.replace(state, g=g.params, g_opt=g.opt_state, pl_mean=pl_mean)
        return step.guarded_again(state, new, penalty, g.gradient_norm), {
            "path_length/mean": pl_mean,
            "path_length/penalty": penalty,
            "grad_norm/path_length": g.gradient_norm,
        }

    def r1(self, state: State, batch: Batch) -> tuple[State, Metrics]:
        """Penalises D's slope at real images (1801.04406, eq. 9)."""
        config = self.config
        c, real = conditions.with_dropout(self.spec, config, batch), images.to_model(batch["image"])
        real_keys, colour_keys = step.all_sample_keys(config, state, batch, R1Draw)
        p = gan.augmentation_probability(state, config)

        def loss(d_params: Any) -> tuple[jax.Array, jax.Array]:
            def logits(x: jax.Array) -> jax.Array:
                seen = gan.d_input(x, real_keys, colour_keys, p, config)
                return nnx.merge(self.d_def, d_params)(seen, c)

            penalty = losses.r1(logits, real, config.loss.penalty).mean()
            return penalty * config.loss.r1_gamma / 2 * config.loss.r1_every, penalty

        grads, penalty = step.mean_over_devices(jax.grad(loss, has_aux=True)(state.d))
        grads = gan.mask_gradients(grads, config, networks.discriminator_depth)
        d = step.apply_gradients(state.d, _optimizers(config, state).d, state.d_opt, grads)
        new = dataclasses.replace(state, d=d.params, d_opt=d.opt_state)
        return step.guarded_again(state, new, penalty, d.gradient_norm), {
            "r1/penalty": penalty,
            "grad_norm/r1": d.gradient_norm,
        }


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`.

    Metrics of a lazy regulariser are there on its steps only.
    """
    training = _Training(config, spec, *_graphs(config, spec))
    programs = {"main": Program(step.compiled(training.adversarial, mesh))}
    if config.loss.pl_weight:
        path_length = step.compiled(training.path_length, mesh)
        programs["path_length"] = every(path_length, config.loss.pl_every)
    if config.loss.r1_gamma:
        programs["r1"] = every(step.compiled(training.r1, mesh), config.loss.r1_every)
    return Step(programs)


# ---- drawing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator, with z, w and a w for each layer as latents; its noise is constant.

    Truncation moves w to the mean (1812.04948, appendix B), so z carries it until it is mapped.
    """
    g_shapes, _ = nnx.eval_shape(lambda: make_networks(config, spec, 0))
    g_def, w = nnx.graphdef(g_shapes), (config.model.w_dim,)
    shapes = {"z": (config.model.z_dim,), "w": w, "layers": (g_shapes.synthesis.num_ws, *w)}

    def network(params: Params) -> networks.Generator:
        return nnx.merge(g_def, params["g_ema"], params["buffers"])

    def latents(seeds: jax.Array, truncation: jax.Array, stream: int = 0) -> Latents:
        return Latents(step.normal(step.seed_keys(seeds, stream), *shapes["z"]), truncation, "z")

    def convert(params: Params, latents: Latents, condition: Condition, kind: str) -> Latents:
        if latents.kind == kind:
            return latents
        g, w = network(params), latents.values
        if latents.kind == "z":
            w = g.mapping(w, conditions.encode(spec, condition))
            w = lerp(w, g.w_avg[...][None], 1 - jnp.reshape(latents.truncation, (-1, 1)))
        return Latents(g.broadcast(w) if kind == "layers" else w, jnp.float32(1), kind)

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        return network(params).synthesis(convert(params, latents, condition, "layers").values)

    return Generator(("g_ema", "buffers"), shapes, latents, draw, convert)


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns D on a batch and the batch augmented; see `gan.summaries`."""
    _, d_def = _graphs(config, spec)
    return gan.summaries(config, spec, lambda state, x, c: nnx.merge(d_def, state.d)(x, c))
