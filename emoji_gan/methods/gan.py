"""StyleGAN2-ADA (1912.04958, 2006.06676) for premultiplied RGBA.

The state is a pytree of arrays and every step a pure function of it, the batch and the seed: what is random
in a step derives from (seed, rollbacks, sample number, purpose), never from a device or a position in a
batch. Each step runs under `jax.shard_map` on its device's rows with one mean over the mesh, so that the fast
convolutions of `ops` see local arrays; the program is the same on one CPU and on a pod.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import nnx
from jax import lax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from emoji_gan import augment, images, losses
from emoji_gan.metrics import tree_norm
from emoji_gan.networks import stylegan2
from emoji_gan.sharding import AXIS

Batch = dict[str, jax.Array]  # image u8 [b h w 4], label i32 [b], sample u32 [b]
Metrics = dict[str, jax.Array]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """All that training carries from one step to the next."""

    step: jax.Array  # i32
    g: Any  # parameters of the generator
    d: Any  # parameters of the discriminator
    buffers: Any  # of the generator: w_avg and constant noise
    g_ema: Any  # moving average of g
    g_opt: Any
    d_opt: Any
    pl_mean: jax.Array  # running mean of path lengths
    ada_p: jax.Array  # augmentation probability
    ada_signs: jax.Array  # sum of mean sign D(real) since p last moved
    bad_in_a_row: jax.Array  # i32, non-finite steps skipped since the last finite one
    bad_total: jax.Array  # i32
    rollbacks: jax.Array  # i32; part of the seed, so that a step run again draws anew


def make_networks(config: ml_collections.ConfigDict, num_classes: int, seed: int):
    """Builds generator and discriminator of a resolved config with initial weights from `seed`."""
    m, res = config.model, config.data.resolution
    common = dict(
        c_dim=num_classes, resolution=res, channel_base=m.channel_base, channel_max=m.channel_max
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    g = stylegan2.Generator(
        rng, z_dim=m.z_dim, w_dim=m.w_dim, image_channels=4, mapping_layers=m.mapping_layers,
        noise=m.noise, **common,
    )  # fmt: skip
    d = stylegan2.Discriminator(
        rng, image_channels=7 if m.composite else 4, architecture=m.d_architecture,
        mbstd_group=m.mbstd_group, **common,
    )  # fmt: skip
    return g, d


def _graphs(config, num_classes):
    """The static halves of the networks; their initial weights are drawn and dropped."""
    g, d = nnx.eval_shape(lambda: make_networks(config, num_classes, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def _adam(config, lr, every):
    """Adam corrected for a regulariser that runs every so many steps (1912.04958, appendix B)."""
    o, c = config.optim, every / (every + 1) if every else 1.0
    if o.beta1 == 0.0:  # the same update without a copy of the gradients in the state
        rms = optax.scale_by_rms(o.beta2**c, eps=o.eps, eps_in_sqrt=False, bias_correction=True)
        return optax.chain(rms, optax.scale(-lr * c))
    return optax.adam(lr * c, b1=o.beta1**c, b2=o.beta2**c, eps=o.eps)


def _optimizers(config):
    g_every = config.loss.pl_every if config.loss.pl_weight else 0
    d_every = config.loss.r1_every if config.loss.r1_gamma else 0
    return _adam(config, config.optim.g_lr, g_every), _adam(config, config.optim.d_lr, d_every)


def init(config: ml_collections.ConfigDict, num_classes: int, seed: int) -> State:
    """Returns the state before the first step, on the default device; `jax.eval_shape` of it gives shapes.

    Args:
      config: resolved.
      num_classes: of the condition; 0: unconditional.
      seed: of the initial weights.
    """
    g, d = make_networks(config, num_classes, seed)
    _, g_params, buffers = nnx.split(g, nnx.Param, stylegan2.Buffer)
    g_params, d_params, buffers = (nnx.to_pure_dict(s) for s in (g_params, nnx.state(d), buffers))
    g_opt, d_opt = _optimizers(config)

    def zero(dtype=jnp.float32):  # each its own buffer: they are donated together
        return jnp.zeros((), dtype)

    return State(
        step=zero(jnp.int32), g=g_params, d=d_params, buffers=buffers,
        g_ema=jax.tree.map(jnp.copy, g_params),
        g_opt=g_opt.init(g_params), d_opt=d_opt.init(d_params),
        pl_mean=zero(), ada_p=zero() + config.augment.p_init, ada_signs=zero(),
        bad_in_a_row=zero(jnp.int32), bad_total=zero(jnp.int32), rollbacks=zero(jnp.int32),
    )  # fmt: skip


def make_train_step(config: ml_collections.ConfigDict, num_classes: int, mesh: Mesh):
    """Returns `train_step(state, batch, step) -> state, metrics` over the global batch of `mesh`.

    `step` is the host's count, equal to `state.step`: it decides which lazy regularisers run. The state is
    donated. Metrics are f32 scalars; those of a regulariser are there on its steps only.
    """
    batch_size, dtype = config.batch_size, jnp.dtype(config.dtype)
    g_def, d_def = _graphs(config, num_classes)
    g_opt, d_opt = _optimizers(config)

    # ---- what every step shares --------------------------------------------------------------------------

    def keys_of(state, batch, purpose: int):
        """One key a sample."""
        key = jax.random.fold_in(jax.random.key(config.seed), state.rollbacks)
        key = jax.random.fold_in(key, purpose)
        return jax.vmap(jax.random.fold_in, (None, 0))(key, batch["sample"])

    def classes(batch):
        return jax.nn.one_hot(batch["label"], num_classes) if num_classes else None

    def latents(g, keys, c):
        """ws `b num_ws w_dim` with style mixing (1812.04948, section 3.1), and w `b w_dim`."""
        z_keys, mix_keys, cut_keys = (jax.vmap(jax.random.fold_in, (0, None))(keys, i) for i in range(3))
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

    def d_input(x, keys, background_keys, p):
        """Augments `b h w 4` and appends its composite over a random colour."""
        if config.augment.target or config.augment.p_init:  # else p is 0 for good
            x = augment.augment(x, keys, p, config.augment)
        if not config.model.composite:
            return x
        colour = jax.vmap(lambda k: jax.random.uniform(k, (1, 1, 3)))(background_keys)
        return jnp.concatenate([x, images.composite(x, colour)], -1)

    def apply(params, opt, opt_state, grads):
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            updates, opt_state = opt.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, tree_norm(updates)

    def keep_if_finite(old: State, new: State, *values) -> State:
        """The new state, or the old one but for its counters where a value is not finite."""
        ok = jnp.all(jnp.stack([jnp.isfinite(v) for v in values]))
        kept = jax.tree.map(lambda a, b: jnp.where(ok, a, b), new, old)
        bad = 1 - ok.astype(jnp.int32)
        return dataclasses.replace(
            kept, step=new.step, bad_in_a_row=(old.bad_in_a_row + 1) * bad, bad_total=old.bad_total + bad
        )

    def mean(tree):
        return lax.pmean(tree, AXIS)

    # ---- the adversarial step ----------------------------------------------------------------------------

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = classes(batch), images.to_model(batch["image"])
        g_keys, d_keys, real_keys, colour_keys, g_noise, d_noise, g_aug, d_aug = (
            keys_of(state, batch, i) for i in range(8)
        )

        def g_loss(g_params):
            g = nnx.merge(g_def, g_params, state.buffers)
            ws, w = latents(g, g_keys, c)
            fake = g.synthesis(ws, g_noise, dtype)
            logits = nnx.merge(d_def, state.d)(d_input(fake, g_aug, colour_keys, state.ada_p), c, dtype)
            return losses.g_nonsaturating(logits).mean(), (w.mean(0), logits)

        (loss_g, (w_mean, g_logits)), grads_g = jax.value_and_grad(g_loss, has_aux=True)(state.g)

        g = nnx.merge(g_def, state.g, state.buffers)
        fake = g.synthesis(latents(g, d_keys, c)[0], d_noise, dtype)
        fake = d_input(fake, d_aug, colour_keys, state.ada_p)
        shown = d_input(real, real_keys, colour_keys, state.ada_p)

        def d_loss(d_params):
            d = nnx.merge(d_def, d_params)
            # One pass over both: their minibatch-stddev groups are runs of samples and do not mix.
            both = None if c is None else jnp.concatenate([c, c])
            fakes, reals = jnp.split(d(jnp.concatenate([fake, shown]), both, dtype), 2)
            return losses.d_logistic(reals, fakes).mean(), (reals, fakes)

        (loss_d, (reals, fakes)), grads_d = jax.value_and_grad(d_loss, has_aux=True)(state.d)
        grads_g, grads_d, w_mean = mean((grads_g, grads_d, w_mean))
        metrics = mean({
            "loss/g": loss_g, "loss/d": loss_d,
            "logits/real": reals.mean(), "logits/fake": fakes.mean(),
            "signs/real": jnp.sign(reals).mean(), "signs/fake": jnp.sign(fakes).mean(),
            "signs/fake_in_g_step": jnp.sign(g_logits).mean(),
        })  # fmt: skip

        new_g, new_g_opt, g_update = apply(state.g, g_opt, state.g_opt, grads_g)
        new_d, new_d_opt, d_update = apply(state.d, d_opt, state.d_opt, grads_d)
        seen = state.step.astype(jnp.float32) * batch_size  # images before this step
        new = dataclasses.replace(
            state, step=state.step + 1, g=new_g, d=new_d, g_opt=new_g_opt, d_opt=new_d_opt,
            g_ema=_ema(state.g_ema, new_g, seen, config),
            buffers=state.buffers | {"w_avg": _lerp(w_mean, state.buffers["w_avg"], config.ema.w_decay)},
            ada_signs=state.ada_signs + metrics["signs/real"],
        )  # fmt: skip
        metrics |= {
            "grad_norm/g": tree_norm(grads_g), "grad_norm/d": tree_norm(grads_d),
            "update_norm/g": g_update, "update_norm/d": d_update,
        }  # fmt: skip
        new = keep_if_finite(state, new, loss_g, loss_d, metrics["grad_norm/g"], metrics["grad_norm/d"])
        new = _move_p(new, config)
        return new, metrics | {
            "ada/p": new.ada_p,
            "bad_steps/in_a_row": new.bad_in_a_row.astype(jnp.float32),
            "bad_steps/total": new.bad_total.astype(jnp.float32),
        }

    # ---- lazy regularisers (1912.04958, section 3.1), in float32 -------------------------------------------

    def path_length(state: State, batch: Batch) -> tuple[State, Metrics]:
        batch = jax.tree.map(lambda x: x[:: config.loss.pl_batch_shrink], batch)
        c = classes(batch)
        keys, noise_keys, y_keys = (keys_of(state, batch, i) for i in (8, 9, 10))
        res = config.data.resolution
        y = jax.vmap(lambda k: jax.random.normal(k, (res, res, 4)))(y_keys) / res

        def loss(g_params):
            g = nnx.merge(g_def, g_params, state.buffers)
            ws, _ = latents(g, keys, c)
            lengths = losses.path_lengths(lambda ws: g.synthesis(ws, noise_keys), ws, y)
            pl_mean = _lerp(mean(lengths.mean()), state.pl_mean, 1 - config.loss.pl_decay)
            penalty = jnp.square(lengths - pl_mean).mean()
            return penalty * config.loss.pl_weight * config.loss.pl_every, (pl_mean, penalty)

        grads, (pl_mean, penalty) = mean(jax.grad(loss, has_aux=True)(state.g))
        g, opt, _ = apply(state.g, g_opt, state.g_opt, grads)
        norm = tree_norm(grads)
        new = dataclasses.replace(state, g=g, g_opt=opt, pl_mean=pl_mean)
        return _lazy(keep_if_finite(state, new, penalty, norm), state), {
            "path_length/mean": pl_mean, "path_length/penalty": penalty, "grad_norm/path_length": norm,
        }  # fmt: skip

    def r1(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = classes(batch), images.to_model(batch["image"])
        real_keys, colour_keys = (keys_of(state, batch, i) for i in (11, 12))

        def loss(d_params):
            d = nnx.merge(d_def, d_params)
            shown = functools.partial(d_input, keys=real_keys, background_keys=colour_keys, p=state.ada_p)
            penalty = losses.r1(lambda x: d(shown(x), c), real).mean()
            return penalty * config.loss.r1_gamma / 2 * config.loss.r1_every, penalty

        grads, penalty = mean(jax.grad(loss, has_aux=True)(state.d))
        d, opt, _ = apply(state.d, d_opt, state.d_opt, grads)
        norm = tree_norm(grads)
        new = dataclasses.replace(state, d=d, d_opt=opt)
        return _lazy(keep_if_finite(state, new, penalty, norm), state), {
            "r1/penalty": penalty, "grad_norm/r1": norm,
        }  # fmt: skip

    def compiled(f):
        f = jax.shard_map(f, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=(P(), P()), check_vma=False)
        return jax.jit(f, donate_argnums=0)

    main, path_length, r1 = compiled(main), compiled(path_length), compiled(r1)

    def train_step(state: State, batch: Batch, step: int) -> tuple[State, Metrics]:
        state, metrics = main(state, batch)
        if config.loss.pl_weight and step % config.loss.pl_every == 0:
            state, more = path_length(state, batch)
            metrics |= more
        if config.loss.r1_gamma and step % config.loss.r1_every == 0:
            state, more = r1(state, batch)
            metrics |= more
        return state, metrics

    train_step.programs = {"main": main}
    if config.loss.pl_weight:
        train_step.programs["path_length"] = path_length
    if config.loss.r1_gamma:
        train_step.programs["r1"] = r1
    return train_step


def _lerp(new, old, decay):
    return new + (old - new) * decay


def _ema(ema, params, images_seen, config):
    """Half-life in images, at most a share of those seen (2006.06676, appendix)."""
    half_life = config.ema.half_life_kimg * 1000.0
    if config.ema.rampup:
        half_life = jnp.minimum(half_life, images_seen * config.ema.rampup)
    decay = 0.5 ** (config.batch_size / jnp.maximum(half_life, 1e-8))
    return jax.tree.map(lambda e, p: _lerp(p, e, decay), ema, params)


def _move_p(state: State, config) -> State:
    """Adjusts the augmentation probability every `augment.every` steps (2006.06676, section 3)."""
    a = config.augment
    if not a.target:
        return state
    p = augment.update_p(state.ada_p, state.ada_signs / a.every, config.batch_size * a.every, a)
    due = state.step % a.every == 0
    return dataclasses.replace(
        state, ada_p=jnp.where(due, p, state.ada_p), ada_signs=jnp.where(due, 0.0, state.ada_signs)
    )


def _lazy(new: State, old: State) -> State:
    """A regulariser does not end a row of bad steps, and a step that is bad twice counts once."""
    counted = old.bad_in_a_row > 0
    return dataclasses.replace(
        new,
        bad_in_a_row=jnp.where(counted, old.bad_in_a_row, new.bad_in_a_row),
        bad_total=jnp.where(counted, old.bad_total, new.bad_total),
    )


# ---- using a trained state -------------------------------------------------------------------------------


def make_sample(config: ml_collections.ConfigDict, num_classes: int) -> Callable[..., jax.Array]:
    """Returns `sample(g_ema, buffers, seeds, labels, truncation) -> images`, jitted.

    Seeds u32 `b`, labels i32 `b`, truncation f32 (psi); images f32 premultiplied [-1, 1] `b h w 4`. An image
    depends on its own seed, label and truncation only. Noise inputs are constant.
    """
    g_def, _ = _graphs(config, num_classes)

    def sample(g_ema, buffers, seeds, labels, truncation):
        g = nnx.merge(g_def, g_ema, buffers)
        w = _w_of(g, jax.vmap(jax.random.key)(seeds), labels, config, num_classes)
        w = _lerp(w, g.w_avg[...][None], 1 - truncation)
        return g.synthesis(g.broadcast(w))

    return jax.jit(sample)


def make_path_pairs(config: ml_collections.ConfigDict, num_classes: int) -> Callable[..., Any]:
    """Returns `pairs(g_ema, buffers, seeds, labels, epsilon) -> images, images`, jitted, as `make_sample`.

    The ends of a small step: w of each seed, and `epsilon` of the way from there to another random w of the
    same class (perceptual path length in W at the endpoints, 1912.04958 section 3.2).
    """
    g_def, _ = _graphs(config, num_classes)

    def pairs(g_ema, buffers, seeds, labels, epsilon):
        g = nnx.merge(g_def, g_ema, buffers)
        keys = jax.vmap(jax.random.key)(seeds)
        start = _w_of(g, keys, labels, config, num_classes)
        end = _w_of(g, jax.vmap(jax.random.fold_in, (0, None))(keys, 1), labels, config, num_classes)
        return tuple(g.synthesis(g.broadcast(w)) for w in (start, start + epsilon * (end - start)))

    return jax.jit(pairs)


def _w_of(g, keys, labels, config, num_classes):
    z = jax.vmap(lambda k: jax.random.normal(k, (config.model.z_dim,)))(keys)
    return g.mapping(z, jax.nn.one_hot(labels, num_classes) if num_classes else None)


def make_summaries(config: ml_collections.ConfigDict, num_classes: int):
    """Returns `summaries(state, batch) -> dict`: D's signs on a held-out batch, and its augmented images."""
    _, d_def = _graphs(config, num_classes)

    @jax.jit
    def summaries(state: State, batch: Batch):
        c = jax.nn.one_hot(batch["label"], num_classes) if num_classes else None
        keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(config.seed), i))(batch["sample"])
        x = augment.augment(images.to_model(batch["image"]), keys, state.ada_p, config.augment)
        shown = x
        if config.model.composite:
            colour = jax.vmap(lambda k: jax.random.uniform(k, (1, 1, 3)))(keys)
            shown = jnp.concatenate([x, images.composite(x, colour)], -1)
        logits = nnx.merge(d_def, state.d)(shown, c)
        return {"signs": jnp.sign(logits).mean(), "logits": logits.mean(), "augmented": x}

    return summaries
