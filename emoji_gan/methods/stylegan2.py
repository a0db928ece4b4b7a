"""StyleGAN2-ADA (1912.04958, 2006.06676) for premultiplied RGBA.

The state is a pytree of arrays and every step a pure function of it, the batch and the seed: what
is random in a step derives from (seed, rollbacks, sample number, purpose), never from a device or a
position in a batch. Each step runs under `jax.shard_map` on its device's rows with one mean over
the mesh, so that the fast convolutions of `ops` see local arrays; the program is the same on one
CPU and on a pod.
"""

import dataclasses
import functools
import math
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
from emoji_gan.methods.step import Batch, Metrics, lerp, tree_norm
from emoji_gan.networks import stylegan2_networks
from emoji_gan.runtime import rules

NETWORKS, SAMPLED = gan.NETWORKS, ("g_ema", "buffers")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State(gan.Base):
    """All that training carries from one step to the next."""

    buffers: Any  # of the generator: w_avg and constant noise
    pl_mean: jax.Array  # running mean of path lengths


_RULES = {
    **{
        f"model.{name}": rules.at_least(1)
        for name in ("z_dim", "w_dim", "channel_base", "channel_max")
    },
    "model.mapping_layers": rules.at_least(1),
    "model.d_architecture": rules.one_of("orig", "skip", "resnet"),
    "model.mbstd_group": rules.at_least(0),
    "loss.r1_gamma": rules.at_least(0),
    "loss.r1_every": rules.at_least(1),
    "loss.pl_weight": rules.at_least(0),
    "loss.pl_every": rules.at_least(1),
    "loss.pl_decay": ((lambda v: 0 < v <= 1), "in (0, 1]"),
    "loss.pl_batch_shrink": rules.at_least(1),
    "loss.style_mixing": rules.SHARE,
    **rules.ADAM,
    "ema.w_decay": rules.BELOW_ONE,
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields, in place, as stylegan2-ada's `auto` preset does (2006.06676, appendix C).

    With a batch of at least 32 and the mini-batch statistics' group taken from the config.
    """
    rules.check(config, _RULES, frozenset(("model.channel_base", "loss.r1_gamma")))
    resolution, shrink = (
        config.data.resolution,
        config.loss.pl_batch_shrink if config.loss.pl_weight else 0,
    )
    if config.batch_size is None:
        # Each device computes its own minibatch statistics and its own share of the path-length
        # batch.
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


def make_networks(config: ml_collections.ConfigDict, spec: Spec, seed: int):
    """Builds generator and discriminator of a resolved config with initial weights from `seed`."""
    m, res = config.model, config.data.resolution
    common = dict(
        c_dim=spec.dim, resolution=res, channel_base=m.channel_base, channel_max=m.channel_max
    )
    rng = np.random.default_rng(seed)
    g = stylegan2_networks.Generator(
        rng,
        z_dim=m.z_dim,
        w_dim=m.w_dim,
        image_channels=4,
        mapping_layers=m.mapping_layers,
        noise=m.noise,
        **common,
    )
    d = stylegan2_networks.Discriminator(
        rng,
        image_channels=7 if m.composite else 4,
        architecture=m.d_architecture,
        mbstd_group=m.mbstd_group,
        **common,
    )
    return g, d


def _graphs(config, spec):
    """The static halves of the networks; their initial weights are drawn and dropped."""
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def _adam(config, lr, every):
    """Adam corrected for a regulariser that runs every so many steps (1912.04958, appendix B)."""
    o, c = config.optim, every / (every + 1) if every else 1.0
    return step_lib.adam(lr * c, o.beta1**c, o.beta2**c, o.eps)


def _optimizers(config):
    g_every = config.loss.pl_every if config.loss.pl_weight else 0
    d_every = config.loss.r1_every if config.loss.r1_gamma else 0
    return _adam(config, config.optim.g_lr, g_every), _adam(config, config.optim.d_lr, d_every)


def init(config: ml_collections.ConfigDict, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device; `jax.eval_shape` of it gives shapes.

    Args:
      config: resolved.
      spec: of the conditions.
      seed: of the initial weights.
    """
    g, d = make_networks(config, spec, seed)
    _, g_params, buffers = nnx.split(g, nnx.Param, stylegan2_networks.Buffer)
    g_params, d_params, buffers = (nnx.to_pure_dict(s) for s in (g_params, nnx.state(d), buffers))
    g_opt, d_opt = _optimizers(config)

    return State(
        **gan.counters(config),
        g=g_params,
        d=d_params,
        buffers=buffers,
        g_ema=jax.tree.map(jnp.copy, g_params),
        g_opt=g_opt.init(g_params),
        d_opt=d_opt.init(d_params),
        pl_mean=jnp.zeros(()),
    )


def make_train_step(config: ml_collections.ConfigDict, spec: Spec, mesh: Mesh):
    """Returns `train_step(state, batch, step) -> state, metrics` over the global batch of `mesh`.

    `step` is the host's count, equal to `state.step`: it decides which lazy regularisers run. The
    state is donated. Metrics are f32 scalars; those of a regulariser are there on its steps only.
    """
    dtype = jnp.dtype(config.dtype)
    g_def, d_def = _graphs(config, spec)
    g_opt, d_opt = _optimizers(config)

    def keys_of(state, batch, purpose: int):
        return step_lib.keys_of(config, state.rollbacks, batch["sample"], purpose)

    def told(batch):
        return conditions.told(spec, config, batch)

    def latents(g, keys, c):
        """ws `b num_ws w_dim` with style mixing (1812.04948, section 3.1), and w `b w_dim`."""
        z_keys, mix_keys, cut_keys = (
            jax.vmap(jax.random.fold_in, (0, None))(keys, i) for i in range(3)
        )
        normal = jax.vmap(lambda k: jax.random.normal(k, (config.model.z_dim,)))
        w = g.mapping(normal(z_keys), c)
        ws = g.broadcast(w)
        if not config.loss.style_mixing:
            return ws, w

        def cut(key):  # the first layer of the second latent; num_ws: no mixing
            u, i = jax.random.uniform(key), jax.random.randint(key, (), 1, ws.shape[1])
            return jnp.where(u < config.loss.style_mixing, i, ws.shape[1])

        second = g.broadcast(g.mapping(normal(mix_keys), c))
        first = jnp.arange(ws.shape[1])[None] < jax.vmap(cut)(cut_keys)[:, None]
        return jnp.where(first[..., None], ws, second), w

    # ---- the adversarial step
    # ----------------------------------------------------------------------------

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = told(batch), images.to_model(batch["image"])
        g_keys, d_keys, real_keys, colour_keys, g_noise, d_noise, g_aug, d_aug = (
            keys_of(state, batch, i) for i in range(8)
        )
        p = gan.p_of(state, config)

        def g_loss(g_params):
            g = nnx.merge(g_def, g_params, state.buffers)
            ws, w = latents(g, g_keys, c)
            fake = g.synthesis(ws, g_noise, dtype)
            fake = gan.d_input(fake, g_aug, colour_keys, p, config)
            logits = nnx.merge(d_def, state.d)(fake, c, dtype)
            return losses.g_nonsaturating(logits).mean(), (w.mean(0), logits)

        (loss_g, (w_mean, g_logits)), grads_g = jax.value_and_grad(g_loss, has_aux=True)(state.g)

        g = nnx.merge(g_def, state.g, state.buffers)
        fake = g.synthesis(latents(g, d_keys, c)[0], d_noise, dtype)
        fake = gan.d_input(fake, d_aug, colour_keys, p, config)
        shown = gan.d_input(real, real_keys, colour_keys, p, config)

        def d_loss(d_params):
            d = nnx.merge(d_def, d_params)
            # One pass over both: their minibatch-stddev groups are runs of samples and do not mix.
            both = None if c is None else jnp.concatenate([c, c])
            fakes, reals = jnp.split(d(jnp.concatenate([fake, shown]), both, dtype), 2)
            return losses.d_logistic(reals, fakes).mean(), (reals, fakes)

        (loss_d, (reals, fakes)), grads_d = jax.value_and_grad(d_loss, has_aux=True)(state.d)
        grads_g, grads_d, w_mean = step_lib.mean((grads_g, grads_d, w_mean))
        grads_d = gan.trained_only(grads_d, config)
        metrics = step_lib.mean(
            {
                "loss/g": loss_g,
                "loss/d": loss_d,
                **gan.logit_metrics(reals, fakes),
                "signs/fake_in_g_step": jnp.sign(g_logits).mean(),
            }
        )

        new_g, new_g_opt, g_update = step_lib.apply(state.g, g_opt, state.g_opt, grads_g)
        new_d, new_d_opt, d_update = step_lib.apply(state.d, d_opt, state.d_opt, grads_d)
        new = dataclasses.replace(
            state,
            step=state.step + 1,
            g=new_g,
            d=new_d,
            g_opt=new_g_opt,
            d_opt=new_d_opt,
            g_ema=step_lib.ema(state.g_ema, new_g, step_lib.images_seen(state, config), config),
            buffers=state.buffers
            | {"w_avg": lerp(w_mean, state.buffers["w_avg"], config.ema.w_decay)},
            ada_signs=state.ada_signs + metrics["signs/real"],
        )
        metrics |= {
            "grad_norm/g": tree_norm(grads_g),
            "grad_norm/d": tree_norm(grads_d),
            "update_norm/g": g_update,
            "update_norm/d": d_update,
        }
        new = step_lib.keep_if_finite(
            state, new, loss_g, loss_d, metrics["grad_norm/g"], metrics["grad_norm/d"]
        )
        new = gan.move_p(new, config)
        metrics |= {"learning_rate/g": jnp.float32(config.optim.g_lr)}
        metrics |= {"learning_rate/d": jnp.float32(config.optim.d_lr), "ada/p": new.ada_p}
        return new, metrics | step_lib.bad_steps(new)

    # ---- lazy regularisers (1912.04958, section 3.1), in float32
    # -------------------------------------------

    def path_length(state: State, batch: Batch) -> tuple[State, Metrics]:
        batch = jax.tree.map(lambda x: x[:: config.loss.pl_batch_shrink], batch)
        c = told(batch)
        keys, noise_keys, y_keys = (keys_of(state, batch, i) for i in (8, 9, 10))
        res = config.data.resolution
        y = jax.vmap(lambda k: jax.random.normal(k, (res, res, 4)))(y_keys) / res

        def loss(g_params):
            g = nnx.merge(g_def, g_params, state.buffers)
            ws, _ = latents(g, keys, c)
            lengths = losses.path_lengths(lambda ws: g.synthesis(ws, noise_keys), ws, y)
            pl_mean = lerp(step_lib.mean(lengths.mean()), state.pl_mean, 1 - config.loss.pl_decay)
            penalty = jnp.square(lengths - pl_mean).mean()
            return penalty * config.loss.pl_weight * config.loss.pl_every, (pl_mean, penalty)

        grads, (pl_mean, penalty) = step_lib.mean(jax.grad(loss, has_aux=True)(state.g))
        g, opt, _ = step_lib.apply(state.g, g_opt, state.g_opt, grads)
        norm = tree_norm(grads)
        new = dataclasses.replace(state, g=g, g_opt=opt, pl_mean=pl_mean)
        return gan.count_once(step_lib.keep_if_finite(state, new, penalty, norm), state), {
            "path_length/mean": pl_mean,
            "path_length/penalty": penalty,
            "grad_norm/path_length": norm,
        }

    def r1(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = told(batch), images.to_model(batch["image"])
        real_keys, colour_keys = (keys_of(state, batch, i) for i in (11, 12))

        def loss(d_params):
            d = nnx.merge(d_def, d_params)
            shown = functools.partial(
                gan.d_input,
                keys=real_keys,
                colour_keys=colour_keys,
                p=gan.p_of(state, config),
                config=config,
            )
            penalty = losses.r1(lambda x: d(shown(x), c), real).mean()
            return penalty * config.loss.r1_gamma / 2 * config.loss.r1_every, penalty

        grads, penalty = step_lib.mean(jax.grad(loss, has_aux=True)(state.d))
        grads = gan.trained_only(grads, config)
        d, opt, _ = step_lib.apply(state.d, d_opt, state.d_opt, grads)
        norm = tree_norm(grads)
        new = dataclasses.replace(state, d=d, d_opt=opt)
        return gan.count_once(step_lib.keep_if_finite(state, new, penalty, norm), state), {
            "r1/penalty": penalty,
            "grad_norm/r1": norm,
        }

    main, path_length, r1 = (step_lib.compiled(f, mesh) for f in (main, path_length, r1))

    def train_step(state: State, batch: Batch, step: int) -> tuple[State, Metrics]:
        state, metrics = main(state, batch)
        if config.loss.pl_weight and step % config.loss.pl_every == 0:
            state, more = path_length(state, batch)
            metrics |= more
        if config.loss.r1_gamma and step % config.loss.r1_every == 0:
            state, more = r1(state, batch)
            metrics |= more
        return state, metrics

    train_step.programs, train_step.runs_per_step = {"main": main}, {"main": 1.0}
    if config.loss.pl_weight:
        train_step.programs["path_length"] = path_length
        train_step.runs_per_step["path_length"] = 1 / config.loss.pl_every
    if config.loss.r1_gamma:
        train_step.programs["r1"] = r1
        train_step.runs_per_step["r1"] = 1 / config.loss.r1_every
    return train_step


# ---- using a trained state
# -------------------------------------------------------------------------------


def make_sample(config: ml_collections.ConfigDict, spec: Spec) -> Callable[..., jax.Array]:
    """Returns `sample(fields, seeds, condition, truncation, toward) -> images`, jitted.

    Noise inputs are constant. `toward` leads through W, in which images change evenly (1812.04948).
    """
    g_def, _ = _graphs(config, spec)

    def sample(fields, seeds, condition, truncation, toward):
        g = nnx.merge(g_def, fields["g_ema"], fields["buffers"])
        keys, c = step_lib.seed_keys(seeds), conditions.encode(spec, condition)

        def w_of(keys):
            return g.mapping(step_lib.normal(keys, config.model.z_dim), c)

        w = w_of(keys)
        w = w + toward * (w_of(jax.vmap(jax.random.fold_in, (0, None))(keys, 1)) - w)
        w = lerp(w, g.w_avg[...][None], 1 - truncation)
        return g.synthesis(g.broadcast(w))

    return jax.jit(sample)


def make_summaries(config: ml_collections.ConfigDict, spec: Spec):
    """See `adversarial.make_summaries`."""
    _, d_def = _graphs(config, spec)
    return gan.make_summaries(config, lambda state, x, c: nnx.merge(d_def, state.d)(x, c), spec)
