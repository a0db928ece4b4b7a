"""The generator and discriminator of R3GAN (2501.05441): residual blocks and nothing else.

No normalisation, minibatch statistics, noise, mapping or styles. A block is 1x1, grouped 3x3, 1x1,
its last convolution 0 at the start; biases only before activations; [1, 3, 3, 1] resampling.
`official_name` leads from a parameter here to that of the official state dict. Activations run in
`dtype`; the bases, which meet the latent and the logit, stay in float32.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan.ops import convolution, resampling

_SLOPE = 0.2
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))  # of the leaky ReLU (1502.01852, equation 15)


def _normal(rng: np.random.Generator, *shape: int, fan_in: int, gain: float = 1.0) -> nnx.Param:
    return nnx.Param(
        jnp.asarray(rng.standard_normal(shape, np.float32) * np.float32(gain / math.sqrt(fan_in)))
    )


def _lrelu(x, bias):
    x = x + jnp.expand_dims(bias.astype(x.dtype), (0, 1, 2))
    return x * jnp.where(x >= 0, 1.0, _SLOPE).astype(x.dtype)


class Block(nnx.Module):
    """x + conv1x1(lrelu(grouped conv3x3(lrelu(conv1x1(x)))))."""

    def __init__(self, rng, width: int, groups: int, expansion: int, blocks: int):
        n = width * expansion
        gain = _GAIN * blocks ** (
            -1 / 4
        )  # variance scaling over all blocks of the network (section 3.2)
        self.enter = _normal(rng, 1, 1, width, n, fan_in=width, gain=gain)
        self.middle = _normal(rng, 3, 3, n // groups, n, fan_in=9 * n // groups, gain=gain)
        self.leave = nnx.Param(jnp.zeros((1, 1, n, width)))
        self.enter_bias, self.middle_bias = nnx.Param(jnp.zeros(n)), nnx.Param(jnp.zeros(n))
        self.groups = groups

    def __call__(self, x):
        """`b h w width` to the same."""
        y = convolution.conv2d(x, self.enter[...].astype(x.dtype))
        y = convolution.conv2d_grouped(
            _lrelu(y, self.enter_bias[...]), self.middle[...].astype(x.dtype), self.groups
        )
        return x + convolution.conv2d(
            _lrelu(y, self.middle_bias[...]), self.leave[...].astype(x.dtype)
        )


class GeneratorStage(nnx.Module):
    """Doubles the map, then blocks; the first stage makes it of the latent."""

    def __init__(self, rng, n_in, width, groups, count, expansion, blocks, *, first):
        if first:
            self.basis = nnx.Param(jnp.asarray(rng.standard_normal((4, 4, width), np.float32)))
            self.linear = _normal(rng, n_in, width, fan_in=n_in)
        elif n_in != width:
            self.change = _normal(rng, 1, 1, n_in, width, fan_in=n_in)
        self.first, self.blocks = (
            first,
            nnx.List([Block(rng, width, groups, expansion, blocks) for _ in range(count)]),
        )

    def __call__(self, x, dtype):
        """z `b n_in` to `b 4 4 width`, or `b h w n_in` to `b 2h 2w width`."""
        if self.first:
            x = self.basis[...][None] * (x @ self.linear[...])[:, None, None]
        elif hasattr(self, "change"):
            x = convolution.conv2d(x, self.change[...].astype(x.dtype))
        x = x.astype(dtype) if self.first else resampling.upsample2d(x)
        for block in self.blocks:
            x = block(x)
        return x


class DiscriminatorStage(nnx.Module):
    """Blocks, then halves the map; the last stage makes a vector of it."""

    def __init__(self, rng, width, n_out, groups, count, expansion, blocks, *, last):
        self.blocks, self.last = (
            nnx.List([Block(rng, width, groups, expansion, blocks) for _ in range(count)]),
            last,
        )
        if last:
            self.basis = _normal(rng, 4, 4, width, fan_in=16)
            self.linear = _normal(rng, width, n_out, fan_in=width)
        elif width != n_out:
            self.change = _normal(rng, 1, 1, width, n_out, fan_in=width)

    def __call__(self, x):
        """`b h w width` to `b h/2 w/2 n_out`, or `b 4 4 width` to f32 `b n_out`."""
        for block in self.blocks:
            x = block(x)
        if self.last:
            x = jnp.sum(x.astype(jnp.float32) * self.basis[...][None], (1, 2))
            return x @ self.linear[...]
        x = resampling.downsample2d(x)
        return (
            convolution.conv2d(x, self.change[...].astype(x.dtype))
            if hasattr(self, "change")
            else x
        )


class Generator(nnx.Module):
    """Latent and class to images.

    Args:
      rng: of the initial weights.
      z_dim: of the latent.
      c_dim: classes; 0: unconditional.
      widths: channels of each stage, from 4 px up.
      groups: of each stage's 3x3 convolutions.
      count: blocks a stage.
      expansion: of the channels inside a block.
      image_channels: of the result.
      embed_dim: width of the embedded condition; None: as wide as the latent.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        z_dim: int,
        c_dim: int,
        widths: Sequence[int],
        groups: Sequence[int],
        count: int,
        expansion: int = 2,
        image_channels: int = 4,
        embed_dim: int | None = None,
    ):
        embed_dim = z_dim if embed_dim is None else embed_dim
        if c_dim:
            self.embed = _normal(rng, c_dim, embed_dim, fan_in=c_dim)
        n_in = [z_dim + (embed_dim if c_dim else 0), *widths[:-1]]
        self.stages = nnx.List(
            [
                GeneratorStage(rng, n, w, g, count, expansion, count * len(widths), first=i == 0)
                for i, (n, w, g) in enumerate(zip(n_in, widths, groups, strict=True))
            ]
        )
        self.leave = _normal(rng, 1, 1, widths[-1], image_channels, fan_in=widths[-1])

    def __call__(self, z, c, dtype=jnp.float32):
        """z `b z_dim`, c one-hot `b c_dim` or None to f32 `b h w image_channels`."""
        x = z if c is None else jnp.concatenate([z, c @ self.embed[...]], 1)
        for stage in self.stages:
            x = stage(x, dtype)
        return convolution.conv2d(x.astype(jnp.float32), self.leave[...])


class Discriminator(nnx.Module):
    """Images and class to logits; arguments as of `Generator`, widths and groups from 4 px up too."""

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        c_dim: int,
        widths: Sequence[int],
        groups: Sequence[int],
        count: int,
        expansion: int = 2,
        image_channels: int = 4,
        embed_dim: int | None = None,
    ):
        widths, groups = widths[::-1], groups[::-1]
        c_embed = widths[-1] if embed_dim is None else embed_dim  # at 4 px, as published
        self.enter = _normal(rng, 1, 1, image_channels, widths[0], fan_in=image_channels)
        n_out = [*widths[1:], c_embed if c_dim else 1]
        self.stages = nnx.List(
            [
                DiscriminatorStage(
                    rng, w, n, g, count, expansion, count * len(widths), last=i == len(widths) - 1
                )
                for i, (w, n, g) in enumerate(zip(widths, n_out, groups, strict=True))
            ]
        )
        if c_dim:
            self.embed = _normal(rng, c_dim, c_embed, fan_in=c_dim, gain=c_embed**-0.5)

    def __call__(self, x, c, dtype=jnp.float32):
        """x `b h w image_channels`, c one-hot `b c_dim` or None to f32 logits `b`."""
        x = convolution.conv2d(x.astype(dtype), self.enter[...].astype(dtype))
        for stage in self.stages:
            x = stage(x)
        return x[:, 0] if c is None else jnp.sum(x * (c @ self.embed[...]), 1)


# ---- names of the official state dict ------------------------------------------------------------

_IN_BLOCK = {
    "enter": "LinearLayer1.Layer.weight",
    "middle": "LinearLayer2.Layer.weight",
    "leave": "LinearLayer3.Layer.weight",
    "enter_bias": "NonLinearity1.Bias",
    "middle_bias": "NonLinearity2.Bias",
}


def official_name(path: tuple, network: str, blocks_first: int) -> str:
    """The official parameter's name of one here.

    Args:
      path: of the pure state's leaf: ('stages', 0, 'blocks', 1, 'enter').
      network: 'G' or 'D'.
      blocks_first: blocks a stage in D, where the transition comes after them.
    """
    if path[0] == "embed":
        return "EmbeddingLayer.weight"
    if path[0] in ("enter", "leave"):
        return (
            "ExtractionLayer.Layer.weight"
            if path[0] == "enter"
            else "AggregationLayer.Layer.weight"
        )
    _, stage, name, *rest = path
    if name == "blocks":
        i, field = rest
        return f"MainLayers.{stage}.Layers.{i + (network == 'G')}.{_IN_BLOCK[field]}"
    transition = f"MainLayers.{stage}.Layers.{0 if network == 'G' else blocks_first}"
    if name == "basis":
        return f"{transition}.Basis" + ("" if network == "G" else ".weight")
    return f"{transition}.LinearLayer" + (".weight" if name == "linear" else ".Layer.weight")


def discriminator_depth(path: tuple, resolution: int) -> int | None:
    """Returns which map of D, counted from the image, a parameter belongs to; None: to none."""
    del resolution
    if path[0] == "enter":
        return 0
    return path[1] if path[0] == "stages" else None


def is_embedding(path: tuple) -> bool:
    """Returns whether the rows of a parameter are the parts of a condition."""
    return path == ("embed",)


def depends_on_condition(path: tuple) -> bool:
    """Returns whether only a network with a condition has a parameter, or has it in this shape."""
    return is_embedding(path)
