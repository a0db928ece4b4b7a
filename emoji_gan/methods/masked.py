"""Trains a masked transformer: emoji as pixels of a palette, some of which are to be guessed.

A picture's pixels become numbers of the palette's colours, alpha among them. In training a random
part is masked and predicted from the rest (MaskGIT, 2202.04200). Drawing begins with all masked and
settles some pixels a step, in a fixed low-discrepancy order (2503.17076) or the surest first.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx
from jax import lax
from jax.sharding import Mesh
from jax.typing import DTypeLike

from emoji_gan import conditions, images
from emoji_gan.conditions import Condition, Spec
from emoji_gan.methods import flow, step
from emoji_gan.methods.base import (
    Batch,
    Generator,
    Latents,
    Params,
    Parents,
    Step,
    Summaries,
)
from emoji_gan.methods.flow import State
from emoji_gan.methods.step import Config
from emoji_gan.networks import masked_transformer as networks
from emoji_gan.runtime import rules

__all__ = ["State", "networks"]
NETWORKS = {"v": "transformer"}
HELD_OUT_LOSS = "loss/validation"


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    RATIO = 0
    MASK = 1


def _is_palette(v: Sequence[str]) -> bool:
    return len(v) > 1 and all(len(bytes.fromhex(colour)) == 4 for colour in v)


def _is_hex(v: Any) -> bool:
    try:
        return rules.is_names(v) and _is_palette(v)
    except ValueError:
        return False


_RULES = {
    **{f"model.{name}": rules.at_least(1) for name in ("width", "depth", "heads", "patch")},
    "model.palette": (_is_hex, "a tuple of two or more colours 'rrggbbaa'"),
    "optim.lr": rules.POSITIVE,
    "sample.steps": rules.at_least(1),
    "sample.order": rules.one_of("halton", "confidence"),
    "sample.guidance": rules.at_least(0),
    "sample.choice_noise": rules.at_least(0),
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    m, px = config.model, config.data.resolution
    if px % m.patch or m.width % m.heads:
        raise rules.UserError(
            f"model.patch={m.patch}, model.heads={m.heads}: the one must divide the resolution, "
            f"{px} px, the other model.width={m.width}"
        )
    flow.check_guidance(config)
    if config.batch_size is None:
        config.batch_size = -(-32 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_network(config: Config, spec: Spec, seed: int) -> networks.MaskedTransformer:
    """Builds the network of a resolved config with initial weights from `seed`."""
    m = config.model
    return networks.MaskedTransformer(
        np.random.default_rng(seed),
        c_dim=spec.dim,
        colours=len(m.palette),
        px=config.data.resolution,
        patch=m.patch,
        width=m.width,
        depth=m.depth,
        heads=m.heads,
    )


def init(config: Config, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device."""
    return flow.initial_state(config, make_network(config, spec, seed))


def logits_function(config: Config, spec: Spec) -> Callable[..., jax.Array]:
    """Returns `logits(params, tokens, c, dtype)`, as the network computes them."""
    graph = nnx.graphdef(nnx.eval_shape(lambda: make_network(config, spec, 0)))

    def logits(
        params: Any, tokens: jax.Array, c: jax.Array | None, dtype: DTypeLike = jnp.float32
    ) -> jax.Array:
        return nnx.merge(graph, params)(tokens, c, dtype)

    return logits


# ---- colours -------------------------------------------------------------------------------------


def palette_of(config: Config) -> jax.Array:
    """Returns the palette f32 [k 4]: premultiplied RGBA in [-1, 1]."""
    colours = np.array([list(bytes.fromhex(colour)) for colour in config.model.palette], np.uint8)
    return images.to_model(jnp.asarray(colours)[:, None, None])[:, 0, 0]


def to_tokens(x: jax.Array, palette: jax.Array) -> jax.Array:
    """Returns the number of the colour of `palette` [k 4] nearest to each pixel: i32 [b h w]."""
    squares = jnp.expand_dims(jnp.square(palette).sum(-1), range(x.ndim - 1))
    distance = squares - 2 * x @ palette.T  # less the pixel's own square
    return distance.argmin(-1).astype(jnp.int32)


# ---- training ------------------------------------------------------------------------------------


def hidden_fraction(u: jax.Array | float) -> jax.Array:
    """Returns the fraction that is masked at u in [0, 1] of the way (2202.04200, section 3.3)."""
    return jnp.cos(0.5 * jnp.pi * u)


def masked_loss(
    config: Config,
    spec: Spec,
    params: Any,
    real: jax.Array,
    c: jax.Array | None,
    keys: tuple[jax.Array, jax.Array],
) -> jax.Array:
    """Computes the mean cross-entropy [b] of the masked pixels, in nats.

    Args:
      config: resolved.
      spec: of the conditions.
      params: of the network.
      real: f32 [b h w 4], premultiplied, in [-1, 1].
      c: conditions [b d].
      keys: of the ratio and of the mask, a key [b] each.
    """
    palette = palette_of(config)
    tokens = to_tokens(real, palette)
    ratio_keys, mask_keys = keys
    uniform = jax.vmap(jax.random.uniform)
    ratio = hidden_fraction(uniform(ratio_keys))
    score = jax.vmap(lambda k: jax.random.uniform(k, tokens.shape[1:]))(mask_keys)
    is_masked = score < ratio[:, None, None]
    seen = jnp.where(is_masked, len(palette), tokens)
    logits = logits_function(config, spec)(params, seen, c, jnp.dtype(config.dtype))
    log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[..., None], -1)[..., 0]
    count = jnp.maximum(is_masked.sum((1, 2)), 1).astype(jnp.float32)
    return -jnp.where(is_masked, log_p, 0.0).sum((1, 2)) / count


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""

    def losses(v: Any, state: State, batch: Batch) -> jax.Array:
        c = conditions.with_dropout(spec, config, batch)
        keys = tuple(step.all_sample_keys(config, state, batch, Draw))
        return masked_loss(config, spec, v, images.to_model(batch["image"]), c, keys)

    return flow.step_of(config, mesh, losses)


# ---- drawing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator.

    Its latents are normal noise [h w k + 1]: of the choice of each pixel's colour, and, where the
    surest pixels are settled first, of which these are. Truncated, colours are more often the most
    probable ones.
    """
    px, palette = config.data.resolution, palette_of(config)
    network, masked = logits_function(config, spec), len(palette)
    ranks, steps = jnp.asarray(networks.halton_ranks(px)), config.sample.steps

    def latents(seeds: jax.Array, truncation: jax.Array, stream: int = 0) -> Latents:
        return step.normal_latents(seeds, (px, px, masked + 1), truncation, stream, kind="noise")

    def logits_of(params: Params, tokens: jax.Array, c: jax.Array | None) -> jax.Array:
        conditional = network(params["v_ema"], tokens, c)
        if config.sample.guidance == 1:
            return conditional
        unconditional = network(params["v_ema"], tokens, jnp.zeros_like(c))
        return unconditional + config.sample.guidance * (conditional - unconditional)

    def settled(
        params: Params, tokens: jax.Array, latents: Latents, condition: Condition, first: float
    ) -> jax.Array:
        c = conditions.encode(spec, condition)
        noise = _gumbel(latents.values)

        def one_step(tokens: jax.Array, i: jax.Array) -> tuple[jax.Array, None]:
            logits = logits_of(params, tokens, c)
            drawn = (logits + noise[..., :-1]).argmax(-1).astype(jnp.int32)
            way = (i.astype(jnp.float32) + 1) / steps
            fraction = 1 - hidden_fraction(way) * (1 - first)  # of the pixels that are then settled
            count = jnp.where(i == steps - 1, px * px, jnp.ceil(fraction * px * px))
            if config.sample.order == "halton":
                order = jnp.broadcast_to(ranks, tokens.shape)
            else:
                log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), drawn[..., None], -1)
                sure = log_p[..., 0] + config.sample.choice_noise * (1 - way) * noise[..., -1]
                order = _ranks_of(jnp.where(tokens < masked, jnp.inf, sure))
            is_due = (tokens == masked) & (order < count.astype(jnp.int32))
            return jnp.where(is_due, drawn, tokens), None

        return lax.scan(one_step, tokens, jnp.arange(steps))[0]

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        start = jnp.full((len(latents.values), px, px), masked, jnp.int32)
        return palette[settled(params, start, latents, condition, 0.0)]

    def vary(
        params: Params, parents: Parents, latents: Latents, condition: Condition, strength: float
    ) -> jax.Array:
        is_late = (ranks >= round((1 - strength) * px * px))[None]
        is_open = is_late & (parents.changeable[..., 0] > 0.5)
        start = jnp.where(is_open, masked, to_tokens(parents.images, palette))
        drawn = palette[settled(params, start, latents, condition, 1 - strength)]
        return jnp.where(is_open[..., None], drawn, parents.images)

    return Generator(("v_ema",), {"noise": (px, px, masked + 1)}, latents, draw, vary=vary)


def _gumbel(normal: jax.Array) -> jax.Array:
    """Turns unit normal noise into Gumbel's, whose maximum is a draw (1611.01144, eq. 1)."""
    u = jnp.clip(jax.scipy.stats.norm.cdf(normal), 1e-7, 1 - 1e-7)
    return -jnp.log(-jnp.log(u))


def _ranks_of(x: jax.Array) -> jax.Array:
    """Returns the rank of each pixel of f32 [b h w], the largest first: i32."""
    flat = x.reshape(len(x), -1)
    return jnp.argsort(jnp.argsort(-flat, axis=1), axis=1).reshape(x.shape).astype(jnp.int32)


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns the loss of held-out emoji, and the palette's own error in levels of 255."""
    palette = palette_of(config)

    @jax.jit
    def of_batch(state: State, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        real = images.to_model(batch["image"])
        c = conditions.encode(spec, batch["condition"])
        keys = flow.fixed_keys(config, state, batch)
        loss = masked_loss(config, spec, state.v_ema, real, c, keys)
        error = jnp.abs(palette[to_tokens(real, palette)] - real).mean() * 127.5
        return {"scalars": {"loss/validation": loss.mean(), "error/palette": error}, "images": {}}

    return of_batch
