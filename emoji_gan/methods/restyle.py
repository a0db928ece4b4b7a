"""Trains a restyler: a GAN that redraws a picture in the style of another set, and keeps the emoji.

Four losses, of which the restyler's is the sum. A critic, which knows the style, compares what was
drawn with real art of that style (relativistic, 2501.05441), the same emoji. The picture is to
change as little as that allows, or the emoji is lost: sets draw an emoji by other shapes, and what
copies them draws another emoji where it has not seen this one. An outline is no part of the picture
where the pair has none: else it costs as much to take away as the colours gain, and stays, dotted.
What changes is to be flat, as the art is: else the critic's slope fills what is open, the inside of
line art, with confetti. And in squares of `loss.square` px the mean colour is to be that of the
pair: which parts of the emoji have which colour in the style. As translation between domains does
(1711.09020), but with pairs instead of a way back.

A batch has `source`, the same emoji in another style, besides `image`
(input_pipeline/art/style_pairs.py). Neither the picture's own style nor its emoji is given. Half of
the pairs are mirrored, and all are moved by up to two pixels.
"""

import enum
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
)
from emoji_gan.methods.gan import TwoNetworks
from emoji_gan.methods.step import Config
from emoji_gan.networks import restyler_networks as networks
from emoji_gan.runtime import learning_rate, rules

NETWORKS = {"g": "restyler", "d": "critic"}
_MAX_GRADIENT_NORM = 1.0
_RIM_PX = 2  # width of an outline, and of what blends with it
_DARK = 0.35  # lightness of an outline
_LESS = 0.5  # of the picture's outline: a pair with less has none
_FARTHEST_PX = 2  # that pairs are moved; the common box leaves as much free at 32 px
_WIDTH = (lambda v: v >= 4 and v % 4 == 0), "a multiple of 4"
_RULES = {
    "data.pairs.targets": rules.NAMES,
    "data.pairs.licences": rules.NAMES,
    "data.pairs.identity": rules.BELOW_ONE,
    "data.pairs.colours": rules.at_least(2),
    "data.pairs.palettes": rules.NAMES,
    "model.width": _WIDTH,
    "model.critic_width": _WIDTH,
    "model.blocks": (
        (lambda v: len(v) == 3 and all(isinstance(n, int) and n >= 1 for n in v)),
        "three numbers of blocks, at least 1: before, on and after the smaller map",
    ),
    **{
        f"loss.{name}": rules.at_least(0)
        for name in ("adversarial", "keep", "flat", "pair", "gamma")
    },
    "loss.square": rules.at_least(1),
    "optim.g_lr": rules.POSITIVE,
    "optim.d_lr": rules.POSITIVE,
    "optim.beta1": rules.BELOW_ONE,
    "optim.beta2": rules.BELOW_ONE,
}


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    MIRROR = 0
    MOVE = 1
    NEAR_REAL = 2
    NEAR_FAKE = 3


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    if tuple(config.data.conditions) != ("style",):
        raise rules.UserError("data.conditions: a restyler is given the style alone: ('style',)")
    if config.eval.every_kimg:
        raise rules.UserError(
            "eval.every_kimg: a restyler draws nothing of its own to be judged; set it to 0"
        )
    px, square = config.data.resolution, config.loss.square
    if px < 16 or px % square:
        raise rules.UserError(
            f"data.resolution={px}, loss.square={square}: at least 16 px, and whole squares"
        )
    if config.batch_size is None:
        config.batch_size = -(-32 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_networks(
    config: Config, spec: Spec, seed: int
) -> tuple[networks.Restyler, networks.Critic]:
    """Builds the networks of a resolved config with initial weights from `seed`."""
    m, rng = config.model, np.random.default_rng(seed)
    g = networks.Restyler(rng, c_dim=spec.dim, width=m.width, blocks=m.blocks)
    px = config.data.resolution
    return g, networks.Critic(rng, c_dim=spec.dim, px=px, width=m.critic_width)


def _graphs(config: Config, spec: Spec) -> tuple[Any, Any]:
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def _optimizers(
    config: Config, rate: float | jax.Array
) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    o = config.optim
    g = step.muon(rate * o.g_lr, beta1=o.beta1, beta2=o.beta2, eps=o.eps)
    return g, step.adam(rate * o.d_lr, beta1=0.0, beta2=o.beta2, eps=o.eps)


def init(config: Config, spec: Spec, seed: int) -> TwoNetworks:
    """Returns the state before the first step, on the default device."""
    return gan.started(make_networks(config, spec, seed), _optimizers(config, 1.0))


# ---- training ------------------------------------------------------------------------------------


def moved(x: jax.Array, mirror_keys: jax.Array, move_keys: jax.Array) -> jax.Array:
    """Mirrors half of the pictures `b h w c`, and moves each by up to two pixels, by keys `b`."""
    is_mirrored = jax.vmap(jax.random.bernoulli)(mirror_keys)[:, None, None, None]
    x = jnp.where(is_mirrored, x[:, :, ::-1], x)
    by = jax.vmap(lambda key: jax.random.randint(key, (2,), -_FARTHEST_PX, _FARTHEST_PX + 1))
    return jax.vmap(lambda picture, d: jnp.roll(picture, d, (0, 1)))(x, by(move_keys))


def mean_colours(x: jax.Array, square: int) -> jax.Array:
    """Averages pictures `b h w c` over squares of `square` px: `b h/square w/square c`."""
    b, h, w, channels = x.shape
    return x.reshape(b, h // square, square, w // square, square, channels).mean((2, 4))


def roughness(x: jax.Array) -> jax.Array:
    """Returns the mean absolute difference of neighbours in maps `b h w c`, both ways added."""
    return jnp.abs(jnp.diff(x, axis=1)).mean() + jnp.abs(jnp.diff(x, axis=2)).mean()


def _rim(x: jax.Array) -> jax.Array:
    """Returns what is at most two pixels from what is transparent, bool `b h w 1`."""
    window = (1, 2 * _RIM_PX + 1, 2 * _RIM_PX + 1, 1)
    least = jax.lax.reduce_window(x[..., 3:], jnp.inf, jax.lax.min, window, (1,) * 4, "SAME")
    return least < 0  # alpha below a half


def outlined(x: jax.Array) -> jax.Array:
    """Returns which fraction of the rim of pictures `b h w 4` is dark: `b`, 1 of line art."""
    alpha = (x[..., 3] + 1) / 2
    rim = _rim(x)[..., 0] & (alpha > 0.5)
    light = (x[..., :3].mean(-1) + 1) / 2
    dark = rim & (light < _DARK * alpha)
    return dark.sum((1, 2)) / jnp.maximum(rim.sum((1, 2)), 1)


def without_outline(x: jax.Array) -> jax.Array:
    """Paints the rim of pictures `b h w 4` in the brightest colour that is near.

    A dark outline becomes a part of what it encloses; the shape stays.
    """
    brightest = x
    for axis in (1, 2):
        shifted = [jnp.roll(brightest, by, axis) for by in range(-_RIM_PX, _RIM_PX + 1)]
        light = jnp.stack([s[..., :3].sum(-1) for s in shifted])
        at = light.argmax(0)[None, ..., None]
        brightest = jnp.take_along_axis(jnp.stack(shifted), at, 0)[0]
    painted = jnp.minimum(brightest[..., :3], x[..., 3:])  # premultiplied
    return jnp.concatenate([jnp.where(_rim(x), painted, x[..., :3]), x[..., 3:]], -1)


def critic_loss(
    d: Any,
    d_def: Any,
    *,
    real: jax.Array,
    fake: jax.Array,
    c: jax.Array,
    near_keys: tuple[jax.Array, jax.Array],
    gamma: float,
) -> tuple[jax.Array, Metrics]:
    """Computes the critic's loss and its penalties.

    Args:
      d: parameters of the critic.
      d_def: its static half.
      real: art of the styles [b h w 4].
      fake: what the restyler drew in them.
      c: the styles, one-hot [b c_dim].
      near_keys: [b] each, of the points near real and drawn ones.
      gamma: of the penalties at both (2501.05441, eq. 3), along random directions (2511.22475).
    """
    critic, some = nnx.merge(d_def, d), losses.RANDOM_ROWS
    logits = jnp.split(critic(jnp.concatenate([real, fake]), jnp.concatenate([c, c])), 2)
    penalties = []
    for x, at, keys in zip((real, fake), logits, near_keys, strict=True):
        away = step.normal(keys[some], *x.shape[1:])
        near = critic(x[some] + losses.RANDOM_DISTANCE * away, c[some])
        penalties.append(losses.random_r1(near, at[some]).mean())
    adversarial = losses.d_relativistic(*logits).mean()
    metrics = {
        "logits/real": logits[0].mean(),
        "logits/fake": logits[1].mean(),
        "r1/penalty": penalties[0],
        "loss/d": adversarial,
    }
    return adversarial + 0.5 * gamma * sum(penalties), metrics


def restyler_loss(
    config: Config, judge: Any, fake: jax.Array, picture: jax.Array, real: jax.Array
) -> tuple[jax.Array, Metrics]:
    """Computes the restyler's loss of what it drew [b h w 4] of pictures with their pairs.

    `judge` maps pictures [b h w 4] to the critic's logits [b].
    """
    adversarial = losses.g_relativistic(judge(real), judge(fake)).mean()
    has_none = outlined(real) < _LESS * outlined(picture)
    picture = jnp.where(has_none[:, None, None, None], without_outline(picture), picture)
    changed = jnp.abs(fake - picture).mean()
    square = config.loss.square
    unlike = jnp.abs(mean_colours(fake, square) - mean_colours(real, square)).mean()
    weights = config.loss
    rough = roughness(fake - picture)
    loss = weights.adversarial * adversarial + weights.keep * changed
    loss += weights.flat * rough + weights.pair * unlike
    metrics = {
        "loss/g": adversarial,
        "loss/keep": changed,
        "loss/flat": rough,
        "loss/pair": unlike,
    }
    return loss, metrics


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    g_def, d_def = _graphs(config, spec)
    clip = optax.clip_by_global_norm(_MAX_GRADIENT_NORM)  # without a state

    def main(state: TwoNetworks, batch: Batch) -> tuple[TwoNetworks, Metrics]:
        mirror, move, *near = step.all_sample_keys(config, state, batch, Draw)
        picture, real = (
            moved(images.to_model(batch[name]), mirror, move) for name in ("source", "image")
        )
        c = conditions.encode(spec, batch["condition"])

        def g_loss(g: Any) -> tuple[jax.Array, tuple[jax.Array, Metrics]]:
            fake, critic = nnx.merge(g_def, g)(picture, c), nnx.merge(d_def, state.d)
            loss, metrics = restyler_loss(config, lambda x: critic(x, c), fake, picture, real)
            return loss, (fake, metrics)

        (loss, (fake, of_g)), g_grads = jax.value_and_grad(g_loss, has_aux=True)(state.g)
        (_, of_d), d_grads = jax.value_and_grad(critic_loss, has_aux=True)(
            state.d, d_def, real=real, fake=fake, c=c, near_keys=near, gamma=config.loss.gamma
        )
        loss, g_grads, d_grads, metrics = step.mean_over_devices(
            (loss, g_grads, d_grads, of_g | of_d)
        )
        norm = step.tree_norm(g_grads)
        g_grads, _ = clip.update(g_grads, optax.EmptyState())
        rate = learning_rate.factor(config, step.images_seen(state, config))
        g_muon, d_adam = _optimizers(config, rate)
        g = step.apply_gradients(state.g, g_muon, state.g_opt, g_grads)
        d = step.apply_gradients(state.d, d_adam, state.d_opt, d_grads)
        new = TwoNetworks(
            counters=step.next_step(state.counters),
            g=g.params,
            d=d.params,
            g_ema=step.ema(state.g_ema, g.params, state, config=config),
            g_opt=g.opt_state,
            d_opt=d.opt_state,
        )
        new = step.guarded(state, new, loss, metrics["loss/d"], norm, d.gradient_norm)
        metrics |= d.metrics("d", rate * config.optim.d_lr) | {
            "grad_norm/g": norm,
            "learning_rate/g": jnp.float32(rate * config.optim.g_lr),
        }
        return new, metrics | step.bad_step_metrics(new.counters)

    return Step({"main": Program(step.compiled(main, mesh))})


# ---- restyling -----------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator, which has no latents: it draws from pictures.

    Its `draw` takes latents of the kind 'picture', premultiplied RGBA in [-1, 1], f32 [b h w 4],
    and the style to draw in.
    """
    g_def, _ = _graphs(config, spec)

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        return nnx.merge(g_def, params["g_ema"])(latents.values, conditions.encode(spec, condition))

    return Generator(("g_ema",), {}, None, draw)


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns how far held-out emoji change, how far they are from their pairs, and a batch.

    Both are mean absolute errors in levels of 255. Neither falls for good: the pair is drawn by
    other shapes.
    """
    draw = generator(config, spec).draw

    @jax.jit
    def of_batch(state: TwoNetworks, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        source, real = images.to_model(batch["source"]), images.to_model(batch["image"])
        latents = Latents(source, jnp.float32(1), "picture")
        drawn = draw({"g_ema": state.g_ema}, latents, batch["condition"])
        rows = jnp.stack([source, drawn, real], 1).reshape(-1, *real.shape[1:])
        scalars = {
            "change/validation": jnp.abs(drawn - source).mean() * 127.5,  # of [-1, 1]
            "error/validation": jnp.abs(drawn - real).mean() * 127.5,
        }
        return {"scalars": scalars, "images": {"source_restyled_target": rows}}

    return of_batch
