"""Trains a restorer: small damaged pictures become large whole ones, colour and alpha together.

The loss is the absolute error of premultiplied RGBA, as straight colours mean nothing where alpha
is 0, and a critic's opinion of the picture beside the damaged one (relativistic, 2501.05441). Each
picture's error is relative to that of plain enlargement: else a background to be removed, where all
is wrong at first, counts twenty times as much as a clean picture. A batch has `damaged` and
`background` besides `image` (input_pipeline/degrade.py). With `model.colours` the restorer mixes
these, those of a style, instead of computing any.
"""

import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import images, losses
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
from emoji_gan.methods.gan import TwoNetworks
from emoji_gan.methods.step import Config
from emoji_gan.networks import restorer_networks as networks
from emoji_gan.runtime import learning_rate, rules

NETWORKS = {"g": "restorer", "d": "critic"}
HELD_OUT_LOSS = "error/validation"
_MAX_GRADIENT_NORM = 1.0
_LEAST_ERROR = 0.004  # of 1: about a level; what plain enlargement does better counts as this
_HEX = (
    lambda v: rules.is_names(v) and all(re.fullmatch("[0-9a-f]{6}", x) for x in v),
    "a tuple of colours 'rrggbb', or empty",
)
_RULES = {
    **{f"model.{name}": rules.at_least(1) for name in ("width", "blocks", "critic_width")},
    "model.colours": _HEX,
    "model.corrections": rules.at_least(0),
    "degrade.zoom": rules.one_of(1, 2),
    "degrade.scale": rules.one_of(2, 4),
    "degrade.own_colours": rules.one_of(True, False),
    "loss.adversarial": rules.at_least(0),
    "loss.gamma": rules.at_least(0),
    "optim.g_lr": rules.POSITIVE,
    "optim.d_lr": rules.POSITIVE,
    "optim.beta1": rules.BELOW_ONE,
    "optim.beta2": rules.BELOW_ONE,
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    if config.data.conditions:
        raise rules.UserError("data.conditions: a restorer has none; leave it empty")
    if config.eval.every_kimg:
        raise rules.UserError(
            "eval.every_kimg: a restorer draws nothing of its own to be judged; set it to 0"
        )
    if bool(config.model.colours) != config.degrade.own_colours:
        raise rules.UserError(
            "model.colours, degrade.own_colours: a palette's art keeps its colours; give both or "
            "neither, as configs/restore.py:openmoji and configs/restore.py do"
        )
    px = config.data.resolution // config.degrade.zoom // config.degrade.scale
    if px < 8:
        raise rules.UserError(
            f"data.resolution={config.data.resolution}: damaged pictures would have {px} px a "
            "side; at least 8, by a higher resolution or a lower degrade.zoom or scale"
        )
    if config.batch_size is None:
        config.batch_size = -(-32 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_networks(config: Config, seed: int) -> tuple[networks.Restorer, networks.Critic]:
    """Builds the networks of a resolved config with initial weights from `seed`."""
    m, rng = config.model, np.random.default_rng(seed)
    # The first restorers' configs have neither `corrections` nor `colours`.
    sizes = {"width": m.width, "blocks": m.blocks, "corrections": m.get("corrections", 0)}
    sizes["scale"] = config.degrade.scale
    if colours := m.get("colours"):
        g = networks.PaletteRestorer(rng, palette_of(colours), **sizes)
    else:
        g = networks.Restorer(rng, **sizes)
    return g, networks.Critic(rng, width=m.critic_width)


def palette_of(colours: Sequence[str]) -> np.ndarray:
    """Returns colours 'rrggbb' and what is transparent: premultiplied RGBA, f32 [k 4]."""
    opaque = [[*bytes.fromhex(colour), 255] for colour in colours]
    return np.array([*opaque, [0, 0, 0, 0]], np.float32) / 255


def _graphs(config: Config) -> tuple[Any, Any]:
    g, d = nnx.eval_shape(lambda: make_networks(config, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def _optimizers(
    config: Config, rate: float | jax.Array
) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    o = config.optim
    options = {"beta1": o.beta1, "beta2": o.beta2, "eps": o.eps}
    return step.muon(rate * o.g_lr, **options), step.adam(rate * o.d_lr, **options)


def init(config: Config, spec: Spec, seed: int) -> TwoNetworks:
    """Returns the state before the first step, on the default device."""
    del spec
    return gan.started(make_networks(config, seed), _optimizers(config, 1.0))


# ---- training ------------------------------------------------------------------------------------


def _in_01(u8: jax.Array) -> jax.Array:
    """Converts stored images to premultiplied RGBA in [0, 1]."""
    return (images.to_model(u8) + 1) / 2


def absolute_error(restored: jax.Array, whole: jax.Array) -> jax.Array:
    """Computes the mean absolute error `b` of pictures `b h w 4`, in units of the pictures."""
    return jnp.abs(restored - whole).mean((1, 2, 3))


def critic_loss(
    d: Any, d_def: Any, *, real: jax.Array, fake: jax.Array, beside: jax.Array, gamma: float
) -> tuple[jax.Array, Metrics]:
    """Computes the critic's loss and its penalties.

    Args:
      d: parameters of the critic.
      d_def: its static half.
      real: whole pictures [b h w 4].
      fake: restored ones.
      beside: the damaged ones, enlarged.
      gamma: of the penalties at both (2501.05441, eq. 3).
    """

    def logits_of(x: jax.Array) -> jax.Array:
        return nnx.merge(d_def, d)(x, beside)

    real_logits, r1 = losses.logits_and_r1(logits_of, real)
    fake_logits, r2 = losses.logits_and_r1(logits_of, fake)
    adversarial = losses.d_relativistic(real_logits, fake_logits)
    metrics = {
        "logits/real": real_logits.mean(),
        "logits/fake": fake_logits.mean(),
        "r1/penalty": r1.mean(),
        "loss/d": adversarial.mean(),
    }
    return (adversarial + 0.5 * gamma * (r1 + r2)).mean(), metrics


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    del spec
    g_def, d_def = _graphs(config)
    clip = optax.clip_by_global_norm(_MAX_GRADIENT_NORM)  # without a state
    weight, gamma = config.loss.adversarial, config.loss.gamma

    def main(state: TwoNetworks, batch: Batch) -> tuple[TwoNetworks, Metrics]:
        whole, damaged = _in_01(batch["image"]), _in_01(batch["damaged"])
        beside = networks.enlarged(damaged, config.degrade.scale)
        rate = learning_rate.factor(config, step.images_seen(state, config))
        g_adam, d_adam = _optimizers(config, rate)
        d, d_opt, metrics = state.d, state.d_opt, {}
        if weight:
            fake = nnx.merge(g_def, state.g)(damaged, batch["background"])
            pictures = {"real": whole, "fake": fake, "beside": beside}
            (_, metrics), grads = step.mean_over_devices(
                jax.value_and_grad(critic_loss, has_aux=True)(
                    state.d, d_def, **pictures, gamma=gamma
                )
            )
            update = step.apply_gradients(d, d_adam, d_opt, grads)
            d, d_opt = update.params, update.opt_state
            metrics |= update.metrics("d", rate * config.optim.d_lr)

        def restorer_loss(g: Any) -> tuple[jax.Array, Metrics]:
            restored = nnx.merge(g_def, g)(damaged, batch["background"])
            error = absolute_error(restored, whole)
            relative = (error / (absolute_error(beside, whole) + _LEAST_ERROR)).mean()
            metrics = {"error/train": 255 * error.mean(), "loss/relative": relative}
            if not weight:
                return relative, metrics
            critic = nnx.merge(d_def, d)
            adversarial = losses.g_relativistic(critic(whole, beside), critic(restored, beside))
            return relative + weight * adversarial.mean(), metrics | {"loss/g": adversarial.mean()}

        (loss, of_g), grads = step.mean_over_devices(
            jax.value_and_grad(restorer_loss, has_aux=True)(state.g)
        )
        norm = step.tree_norm(grads)
        grads, _ = clip.update(grads, optax.EmptyState())
        g = step.apply_gradients(state.g, g_adam, state.g_opt, grads)
        new = TwoNetworks(
            counters=step.next_step(state.counters),
            g=g.params,
            d=d,
            g_ema=step.ema(state.g_ema, g.params, state, config=config),
            g_opt=g.opt_state,
            d_opt=d_opt,
        )
        new = step.guarded(state, new, loss, norm)
        metrics |= of_g | {
            "grad_norm/g": norm,
            "learning_rate/g": jnp.float32(rate * config.optim.g_lr),
        }
        return new, metrics | step.bad_step_metrics(new.counters)

    return Step({"main": Program(step.compiled(main, mesh))})


# ---- restoring -----------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator, which has no latents: it draws from pictures.

    Its `draw` takes latents of the kind 'picture': premultiplied RGBA in [-1, 1], f32 [b h w 4] of
    any even size, and the condition 'background' f32 [b].
    """
    del spec
    g_def, _ = _graphs(config)

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        restored = nnx.merge(g_def, params["g_ema"])(
            (latents.values + 1) / 2, condition["background"]
        )
        return 2 * restored - 1

    return Generator(("g_ema",), {}, None, draw)


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns the error of held-out emoji, in levels of 255, and what becomes of a batch."""
    del spec
    g_def, _ = _graphs(config)
    scale = config.degrade.scale

    @jax.jit
    def of_batch(state: TwoNetworks, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        whole, damaged = _in_01(batch["image"]), _in_01(batch["damaged"])
        restored = nnx.merge(g_def, state.g_ema)(damaged, batch["background"])
        plain = networks.enlarged(damaged, scale)

        def error(x: jax.Array) -> jax.Array:
            return 255 * jnp.abs(jnp.clip(x, 0, 1) - whole).mean()

        scalars = {"error/validation": error(restored), "error/bicubic_validation": error(plain)}
        large = damaged.repeat(scale, 1).repeat(scale, 2)
        rows = jnp.stack([large, restored, whole], 1)  # side by side in the grid
        pictures = {"damaged_restored_whole": 2 * rows.reshape(-1, *whole.shape[1:]) - 1}
        return {"scalars": scalars, "images": pictures}

    return of_batch
