"""Trains R3GAN (2501.05441): the relativistic loss with R1 and R2 on plain residual networks."""

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
    every,
)
from emoji_gan.methods.step import Config
from emoji_gan.networks import r3gan_networks as networks
from emoji_gan.runtime import learning_rate, rules

NETWORKS = gan.NETWORKS
State = gan.GanState
_SCHEDULED = ("lr", "beta2", "gamma", "ema_kimg", "p")


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    G_Z = 0
    D_Z = 1
    REAL_AUGMENT = 2
    BACKGROUND = 3
    G_FAKE_AUGMENT = 4
    D_FAKE_AUGMENT = 5
    G_REAL_AUGMENT = 6
    NEAR = 7


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
    **{f"schedule.{name}": _PAIR for name in _SCHEDULED},
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    gan.resolve_penalty(config, "random")
    m = config.model
    if m.width * m.expansion % m.groups:
        raise rules.UserError(
            f"model.groups={m.groups} does not divide the {m.width * m.expansion} channels inside "
            "a block"
        )
    if config.batch_size is None:
        config.batch_size = -(-64 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    config.ema.half_life_kimg = float(config.schedule.ema_kimg[1])


def make_networks(
    config: Config, spec: Spec, seed: int
) -> tuple[networks.Generator, networks.Discriminator]:
    """Builds the networks of a resolved config with initial weights from `seed`."""
    m, rng = config.model, np.random.default_rng(seed)
    stages = config.data.resolution.bit_length() - 2  # 4 px to the resolution
    common = {
        "c_dim": spec.dim,
        "widths": [m.width] * stages,
        "groups": [m.groups] * stages,
        "count": m.blocks,
        "expansion": m.expansion,
    }
    g = networks.Generator(rng, z_dim=m.z_dim, image_channels=4, **common)
    d = networks.Discriminator(rng, image_channels=7 if m.composite else 4, **common)
    return g, d


def _graphs(config: Config, spec: Spec) -> tuple[Any, Any]:
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def init(config: Config, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device."""
    g, d = (nnx.to_pure_dict(nnx.state(x)) for x in make_networks(config, spec, seed))
    return State(
        **gan.initial_scalars(config),
        g=g,
        d=d,
        g_ema=jax.tree.map(jnp.copy, g),
        g_opt=jax.tree.map(jnp.zeros_like, g),
        d_opt=jax.tree.map(jnp.zeros_like, d),
    )


# ---- training ------------------------------------------------------------------------------------


def schedules(config: Config, images_seen: jax.Array) -> dict[str, jax.Array]:
    """Returns lr, beta2, gamma, ema_kimg and p, along a cosine from first to last value.

    Args:
      config: resolved; `schedule.kimg` is how long they move. lr also follows
        `optim.warmup_kimg` and `optim.decay`.
      images_seen: f32 scalar, real images shown so far.
    """
    progress = jnp.clip(images_seen / (config.schedule.kimg * 1000.0), 0.0, 1.0)
    start = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
    pairs = {name: config.schedule[name] for name in _SCHEDULED}
    now = {name: last + start * (first - last) for name, (first, last) in pairs.items()}
    return now | {"lr": now["lr"] * learning_rate.factor(config, images_seen)}


def _adam_without_momentum(
    params: Any, squares: Any, grads: Any, now: dict[str, jax.Array], state: State
) -> step.Update:
    """Applies Adam with beta1 = 0 and a beta2 that moves (1412.6980).

    Not optax's: its bias correction counts its own steps, and a beta2 that moves would be raised
    to the power of those that were not skipped; runs of older commits would go on differently.
    """
    beta2 = now["beta2"]
    squares = jax.tree.map(lambda s, g: step.lerp(jnp.square(g), s, beta2), squares, grads)
    correction = 1.0 - beta2 ** (state.counters.step.astype(jnp.float32) + 1.0)
    updates = jax.tree.map(
        lambda g, s: -now["lr"] * g / (jnp.sqrt(s / correction) + 1e-8), grads, squares
    )
    params = jax.tree.map(jnp.add, params, updates)
    return step.Update(params, squares, step.tree_norm(grads), step.tree_norm(updates))


@dataclasses.dataclass(frozen=True)
class _Pass:
    """One pass of D over several batches of images, on the rows of one device."""

    config: Config
    d_def: Any
    c: jax.Array | None  # condition vectors [b d]
    colour_keys: jax.Array  # [b]
    near_keys: jax.Array  # [b], of the points nearby
    p: jax.Array | None  # augmentation probability

    def __call__(
        self,
        d: Any,
        batches: list[tuple[jax.Array, jax.Array]],
        dtype: jnp.dtype,
        *,
        penalty: str | None = None,
    ) -> list[jax.Array]:
        """Computes D's logits [b] of each batch of (images, keys), then squared slopes [b].

        By random directions there is a slope for every fourth image only.
        """
        x, keys = (jnp.concatenate(v) for v in zip(*batches, strict=True))
        n = len(batches)
        colours, c = (
            v if v is None else jnp.concatenate([v] * n) for v in (self.colour_keys, self.c)
        )
        all_rows = len(x)
        if penalty == "random":
            some = np.arange(all_rows).reshape(n, -1)[:, losses.RANDOM_ROWS].ravel()
            away = step.normal(jnp.concatenate([self.near_keys] * n)[some], *x.shape[1:])
            x = jnp.concatenate([x, x[some] + losses.RANDOM_DISTANCE * away])
            keys, colours, c = (
                v if v is None else jnp.concatenate([v, v[some]]) for v in (keys, colours, c)
            )

        def logits(x: jax.Array) -> jax.Array:
            seen = gan.d_input(x, keys, colours, self.p, self.config)
            return nnx.merge(self.d_def, d)(seen, c, dtype)

        if penalty == "random":
            here, near = jnp.split(logits(x), [all_rows])
            parts = (here, losses.random_r1(near, here[some]))
        elif penalty:
            parts = losses.logits_and_r1(logits, x, penalty)
        else:
            parts = (logits(x),)
        return [half for part in parts for half in jnp.split(part, n)]


def _train(
    config: Config, spec: Spec, graphs: tuple[Any, Any], state: State, batch: Batch, penalised: bool
) -> tuple[State, Metrics]:
    """Runs one step, with the penalties or without, on the rows of one device."""
    g_def, d_def = graphs
    dtype = jnp.dtype(config.dtype)
    now = schedules(config, step.images_seen(state, config))
    state = dataclasses.replace(state, ada_p=now["p"])
    c, real = conditions.with_dropout(spec, config, batch), images.to_model(batch["image"])
    g_keys, d_keys, real_keys, colour_keys, g_aug, d_aug, g_real_keys, near_keys = (
        step.all_sample_keys(config, state, batch, Draw)
    )
    p = now["p"] if any(config.schedule.p) else None
    logits = _Pass(config, d_def, c, colour_keys, near_keys, p)

    def generate(g: Any, keys: jax.Array) -> jax.Array:
        return nnx.merge(g_def, g)(step.normal(keys, config.model.z_dim), c, dtype)

    def g_loss(g: Any) -> jax.Array:
        (fakes,) = logits(state.d, [(generate(g, g_keys), g_aug)], dtype)
        (reals,) = logits(state.d, [(real, g_real_keys)], dtype)  # pairs with the fakes
        return losses.g_relativistic(reals, fakes).mean()

    loss_g, g_grads = jax.value_and_grad(g_loss)(state.g)
    fake = generate(state.g, d_keys)

    def d_loss(d: Any) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        both = [(real, real_keys), (fake, d_aug)]
        if not penalised:
            reals, fakes = logits(d, both, dtype)
            loss = losses.d_relativistic(reals, fakes).mean()
            return loss, (loss, reals, fakes, jnp.zeros(()), jnp.zeros(()))
        # In float32: squares of gradients.
        reals, fakes, r1, r2 = logits(d, both, jnp.dtype(jnp.float32), penalty=config.loss.penalty)
        loss, r1, r2 = losses.d_relativistic(reals, fakes).mean(), r1.mean(), r2.mean()
        weight = config.loss.penalty_every * now["gamma"] / 2
        return loss + weight * (r1 + r2), (loss, reals, fakes, r1, r2)

    (_, (loss_d, reals, fakes, r1, r2)), d_grads = jax.value_and_grad(d_loss, has_aux=True)(state.d)
    g_grads, d_grads = step.mean_over_devices((g_grads, d_grads))
    metrics = {"loss/g": loss_g, "loss/d": loss_d} | gan.logit_metrics(reals, fakes)
    metrics |= {"r1/penalty": r1, "r2/penalty": r2} if penalised else {}
    metrics = step.mean_over_devices(metrics)
    d_grads = gan.mask_gradients(d_grads, config, networks.discriminator_depth)
    g = _adam_without_momentum(state.g, state.g_opt, g_grads, now, state)
    d = _adam_without_momentum(state.d, state.d_opt, d_grads, now, state)
    new = dataclasses.replace(
        state,
        counters=step.next_step(state.counters),
        g=g.params,
        d=d.params,
        g_opt=g.opt_state,
        d_opt=d.opt_state,
        g_ema=step.ema(state.g_ema, g.params, state, config=config, half_life_kimg=now["ema_kimg"]),
    )
    metrics |= g.metrics("g", now["lr"]) | d.metrics("d", now["lr"])
    metrics |= {"schedule/gamma": now["gamma"], "schedule/beta2": now["beta2"]}
    watched = (metrics["loss/g"], metrics["loss/d"], g.gradient_norm, d.gradient_norm)
    return gan.finish(state, new, metrics, *watched, config=None)


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`.

    The penalties run every `loss.penalty_every` steps, then that many times as strong.
    """
    graphs, interval = _graphs(config, spec), config.loss.penalty_every

    def penalised(state: State, batch: Batch) -> tuple[State, Metrics]:
        return _train(config, spec, graphs, state, batch, True)

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        return _train(config, spec, graphs, state, batch, False)

    programs = {"penalised": every(step.compiled(penalised, mesh), interval)}
    if interval > 1:
        others = Program(step.compiled(main, mesh), lambda i: i % interval != 0, 1 - 1 / interval)
        programs["main"] = others
    return Step(programs)


# ---- drawing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator; its latents are z, scaled by the truncation."""
    g_def, _ = _graphs(config, spec)
    shape = (config.model.z_dim,)

    def latents(seeds: jax.Array, truncation: jax.Array, stream: int = 0) -> Latents:
        return step.normal_latents(seeds, shape, truncation, stream, kind="z")

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        c = conditions.encode(spec, condition)
        return nnx.merge(g_def, params["g_ema"])(latents.values, c)

    return Generator(("g_ema",), {"z": shape}, latents, draw)


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns D on a batch and the batch augmented; see `gan.summaries`."""
    _, d_def = _graphs(config, spec)
    return gan.summaries(
        config,
        spec,
        lambda state, x, c: nnx.merge(d_def, state.d)(x, c),
        lambda state, config: state.ada_p,  # the schedule leads it
    )
