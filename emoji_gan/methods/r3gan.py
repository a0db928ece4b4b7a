"""R3GAN (2501.05441): the relativistic loss with R1 and R2 penalties, on plain residual networks.

Schedules go along a cosine over `schedule.kimg`, the burn-in: learning rate, beta2, gamma, the
average's half-life and the augmentation probability, each from its first value to its last.
"""

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
from emoji_gan.networks import r3gan_networks
from emoji_gan.runtime import rules

NETWORKS, SAMPLED = gan.NETWORKS, ("g_ema",)
State = gan.Base

_PAIR = (
    (lambda v: isinstance(v, tuple | list) and len(v) == 2 and all(x >= 0 for x in v)),
    "two numbers, at least 0",
)
_RULES = {
    **{
        f"model.{name}": rules.at_least(1)
        for name in ("z_dim", "width", "groups", "blocks", "expansion")
    },
    "loss.penalty_every": rules.at_least(1),
    "schedule.kimg": rules.POSITIVE,
    **{f"schedule.{name}": _PAIR for name in ("lr", "beta2", "gamma", "ema_kimg", "p")},
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields, in place."""
    rules.check(config, _RULES)
    m = config.model
    if m.width * m.expansion % m.groups:
        raise rules.UserError(
            f"model.groups={m.groups} does not divide the {m.width * m.expansion} channels inside a block"
        )
    if config.batch_size is None:
        config.batch_size = -(-64 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    config.ema.half_life_kimg = float(config.schedule.ema_kimg[1])


def make_networks(config: ml_collections.ConfigDict, spec: Spec, seed: int):
    """Builds generator and discriminator of a resolved config with initial weights from `seed`."""
    m, rng = config.model, np.random.default_rng(seed)
    stages = config.data.resolution.bit_length() - 2  # 4 px to the resolution
    common = dict(
        c_dim=spec.dim,
        widths=[m.width] * stages,
        groups=[m.groups] * stages,
        count=m.blocks,
        expansion=m.expansion,
    )
    g = r3gan_networks.Generator(rng, z_dim=m.z_dim, image_channels=4, **common)
    d = r3gan_networks.Discriminator(rng, image_channels=7 if m.composite else 4, **common)
    return g, d


def _graphs(config, spec):
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def init(config: ml_collections.ConfigDict, spec: Spec, seed: int) -> State:
    """The state before the first step, on the default device."""
    g, d = (nnx.to_pure_dict(nnx.state(x)) for x in make_networks(config, spec, seed))
    return State(
        **gan.counters(config),
        g=g,
        d=d,
        g_ema=jax.tree.map(jnp.copy, g),
        g_opt=jax.tree.map(jnp.zeros_like, g),
        d_opt=jax.tree.map(jnp.zeros_like, d),
    )


def schedules(config: ml_collections.ConfigDict, images_seen: jax.Array) -> dict[str, jax.Array]:
    """lr, beta2, gamma, ema_kimg and p after so many images, along a cosine from first to last value."""
    share = jnp.clip(images_seen / (config.schedule.kimg * 1000.0), 0.0, 1.0)
    start = 0.5 * (1.0 + jnp.cos(jnp.pi * share))
    pairs = {name: config.schedule[name] for name in ("lr", "beta2", "gamma", "ema_kimg", "p")}
    return {name: last + start * (first - last) for name, (first, last) in pairs.items()}


def _rms_step(params, squares, grads, lr, beta2, step):
    """Adam with beta1 = 0 and a beta2 that moves: new parameters, squares, the update's norm (1412.6980)."""
    squares = jax.tree.map(lambda s, g: step_lib.lerp(jnp.square(g), s, beta2), squares, grads)
    correction = 1.0 - beta2 ** (step.astype(jnp.float32) + 1.0)
    updates = jax.tree.map(lambda g, s: -lr * g / (jnp.sqrt(s / correction) + 1e-8), grads, squares)
    return jax.tree.map(jnp.add, params, updates), squares, tree_norm(updates)


def make_train_step(config: ml_collections.ConfigDict, spec: Spec, mesh: Mesh):
    """Returns `train_step(state, batch, step) -> state, metrics` over the global batch of `mesh`.

    The penalties run every `loss.penalty_every` steps, then so many times as strong.
    """
    dtype = jnp.dtype(config.dtype)
    g_def, d_def = _graphs(config, spec)
    every = config.loss.penalty_every

    def step_of(penalised: bool) -> Callable:
        def main(state: State, batch: Batch) -> tuple[State, Metrics]:
            now = schedules(config, step_lib.images_seen(state, config))
            state = dataclasses.replace(state, ada_p=now["p"])
            c, real = conditions.told(spec, config, batch), images.to_model(batch["image"])
            g_keys, d_keys, real_keys, colour_keys, g_aug, d_aug, g_real_keys = (
                step_lib.keys_of(config, state.rollbacks, batch["sample"], i) for i in range(7)
            )

            def generate(params, keys):
                return nnx.merge(g_def, params)(step_lib.normal(keys, config.model.z_dim), c, dtype)

            def logits(params, images_and_keys, dtype=dtype, penalty=False):
                """D's logits `b` of each batch, of one pass over them all; with their squared slopes `b`."""
                x, keys = (jnp.concatenate(v) for v in zip(*images_and_keys, strict=True))
                n = len(images_and_keys)
                colours, classes = (
                    v if v is None else jnp.concatenate([v] * n) for v in (colour_keys, c)
                )
                p = now["p"] if any(config.schedule.p) else None

                def of(x):
                    shown = gan.d_input(x, keys, colours, p, config)
                    return nnx.merge(d_def, params)(shown, classes, dtype)

                parts = losses.logits_and_r1(of, x) if penalty else (of(x),)
                return [half for part in parts for half in jnp.split(part, n)]

            def g_loss(g_params):
                (fakes,) = logits(state.d, [(generate(g_params, g_keys), g_aug)])
                (reals,) = logits(state.d, [(real, g_real_keys)])  # pairs with the fakes
                return losses.g_relativistic(reals, fakes).mean()

            loss_g, grads_g = jax.value_and_grad(g_loss)(state.g)
            fake = generate(state.g, d_keys)

            def d_loss(d_params):
                both = [(real, real_keys), (fake, d_aug)]
                if not penalised:
                    reals, fakes = logits(d_params, both)
                    loss = losses.d_relativistic(reals, fakes).mean()
                    return loss, (loss, reals, fakes, jnp.zeros(()), jnp.zeros(()))
                # In float32: squares of gradients.
                reals, fakes, r1, r2 = logits(d_params, both, jnp.float32, penalty=True)
                loss, r1, r2 = losses.d_relativistic(reals, fakes).mean(), r1.mean(), r2.mean()
                return loss + every * now["gamma"] / 2 * (r1 + r2), (loss, reals, fakes, r1, r2)

            (_, (loss_d, reals, fakes, r1, r2)), grads_d = jax.value_and_grad(d_loss, has_aux=True)(
                state.d
            )
            grads_g, grads_d = step_lib.mean((grads_g, grads_d))
            grads_d = gan.trained_only(grads_d, config)
            metrics = {"loss/g": loss_g, "loss/d": loss_d} | gan.logit_metrics(reals, fakes)
            if penalised:
                metrics |= {"r1/penalty": r1, "r2/penalty": r2}
            metrics = step_lib.mean(metrics)
            g, g_opt, g_update = _rms_step(
                state.g, state.g_opt, grads_g, now["lr"], now["beta2"], state.step
            )
            d, d_opt, d_update = _rms_step(
                state.d, state.d_opt, grads_d, now["lr"], now["beta2"], state.step
            )
            seen = step_lib.images_seen(state, config)
            new = dataclasses.replace(
                state,
                step=state.step + 1,
                g=g,
                d=d,
                g_opt=g_opt,
                d_opt=d_opt,
                g_ema=step_lib.ema(state.g_ema, g, seen, config, now["ema_kimg"]),
            )
            metrics |= {
                "grad_norm/g": tree_norm(grads_g),
                "grad_norm/d": tree_norm(grads_d),
                "update_norm/g": g_update,
                "update_norm/d": d_update,
                "learning_rate/g": now["lr"],
                "learning_rate/d": now["lr"],
                "ada/p": now["p"],
                "schedule/gamma": now["gamma"],
                "schedule/beta2": now["beta2"],
            }
            new = step_lib.keep_if_finite(
                state,
                new,
                loss_g,
                metrics["loss/d"],
                metrics["grad_norm/g"],
                metrics["grad_norm/d"],
            )
            return new, metrics | step_lib.bad_steps(new)

        return step_lib.compiled(main, mesh)

    programs = {"penalised": step_of(True)} | ({"main": step_of(False)} if every > 1 else {})

    def train_step(state: State, batch: Batch, step: int) -> tuple[State, Metrics]:
        return programs["penalised" if step % every == 0 else "main"](state, batch)

    train_step.programs = programs
    train_step.runs_per_step = {"penalised": 1 / every, "main": 1 - 1 / every}
    return train_step


def make_sample(config: ml_collections.ConfigDict, spec: Spec) -> Callable[..., jax.Array]:
    """Returns `sample(fields, seeds, condition, truncation, toward)`, jitted; truncation scales z."""
    g_def, _ = _graphs(config, spec)

    def sample(fields: dict[str, Any], seeds, condition, truncation, toward):
        z = step_lib.latents(seeds, (config.model.z_dim,), truncation, toward)
        return nnx.merge(g_def, fields["g_ema"])(z, conditions.encode(spec, condition))

    return jax.jit(sample)


def make_summaries(config: ml_collections.ConfigDict, spec: Spec):
    """See `adversarial.make_summaries`."""
    _, d_def = _graphs(config, spec)
    return gan.make_summaries(
        config,
        lambda state, x, c: nnx.merge(d_def, state.d)(x, c),
        spec,
        lambda state, config: state.ada_p,  # the schedule leads it
    )
