"""Builds the generator and discriminator of R3GAN (2501.05441): residual blocks and nothing else.

No normalisation, minibatch statistics, noise, mapping or styles. A block is 1x1, grouped 3x3, 1x1,
its last convolution 0 at the start; biases only before activations; [1, 3, 3, 1] resampling.
`official_name` leads from a parameter here to that of the official state dict. Activations run in
`dtype`; the bases, which meet the latent and the logit, stay in float32.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from emoji_gan.networks import layers
from emoji_gan.ops import convolution, resampling

_GAIN = math.sqrt(2 / (1 + layers.SLOPE**2))  # of the leaky ReLU (1502.01852, equation 15)


def _normal(rng: np.random.Generator, *shape: int, fan_in: int, gain: float = 1.0) -> nnx.Param:
    return nnx.Param(
        jnp.asarray(rng.standard_normal(shape, np.float32) * np.float32(gain / math.sqrt(fan_in)))
    )


def _activate(x: jax.Array, bias: jax.Array) -> jax.Array:
    return layers.leaky_relu(layers.add_bias(x, bias))


class Block(nnx.Module):
    """Computes x + conv1x1(lrelu(grouped conv3x3(lrelu(conv1x1(x))))).

    Args:
      rng: source of the initial weights.
      width: channels of x.
      groups: of the 3x3 convolution.
      expansion: channels inside the block, as a multiple of `width`.
      network_blocks: blocks of the whole network, which scale the initial weights (section 3.2).
    """

    def __init__(
        self,
        rng: np.random.Generator,
        width: int,
        *,
        groups: int,
        expansion: int,
        network_blocks: int,
    ) -> None:
        n = width * expansion
        gain = _GAIN * network_blocks ** (-1 / 4)
        self.enter = _normal(rng, 1, 1, width, n, fan_in=width, gain=gain)
        self.middle = _normal(rng, 3, 3, n // groups, n, fan_in=9 * n // groups, gain=gain)
        self.leave = nnx.Param(jnp.zeros((1, 1, n, width)))
        self.enter_bias, self.middle_bias = nnx.Param(jnp.zeros(n)), nnx.Param(jnp.zeros(n))
        self.groups = groups

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `b h w width` to the same shape."""
        y = convolution.conv2d(x, self.enter[...].astype(x.dtype))
        y = _activate(y, self.enter_bias[...])
        y = convolution.conv2d_grouped(y, self.middle[...].astype(x.dtype), self.groups)
        y = _activate(y, self.middle_bias[...])
        return x + convolution.conv2d(y, self.leave[...].astype(x.dtype))


class GeneratorStage(nnx.Module):
    """Doubles the map, then applies blocks; the first stage makes a map of the latent.

    Args:
      rng: source of the initial weights.
      n_in: channels of the input, or the size of the latent.
      width: channels of the result.
      count: blocks.
      first: whether this is the first stage.
      **block: further arguments of every `Block`.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        n_in: int,
        width: int,
        count: int,
        first: bool,
        **block: int,
    ) -> None:
        if first:
            self.basis = nnx.Param(jnp.asarray(rng.standard_normal((4, 4, width), np.float32)))
            self.linear = _normal(rng, n_in, width, fan_in=n_in)
        elif n_in != width:
            self.change = _normal(rng, 1, 1, n_in, width, fan_in=n_in)
        self.first = first
        self.blocks = nnx.List([Block(rng, width, **block) for _ in range(count)])

    def __call__(self, x: jax.Array, dtype: DTypeLike) -> jax.Array:
        """Maps z f32 `b n_in` to `b 4 4 width`, or `b h w n_in` to `b 2h 2w width`, in `dtype`."""
        if self.first:
            x = self.basis[...][None] * (x @ self.linear[...])[:, None, None]
        elif hasattr(self, "change"):
            x = convolution.conv2d(x, self.change[...].astype(x.dtype))
        x = x.astype(dtype) if self.first else resampling.upsample2d(x)
        for block in self.blocks:
            x = block(x)
        return x


class DiscriminatorStage(nnx.Module):
    """Applies blocks, then halves the map; the last stage makes a vector of it.

    Args:
      rng: source of the initial weights.
      width: channels of the input.
      n_out: channels of the result, or the size of the vector.
      count: blocks.
      last: whether this is the last stage.
      **block: further arguments of every `Block`.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        width: int,
        n_out: int,
        count: int,
        last: bool,
        **block: int,
    ) -> None:
        self.blocks = nnx.List([Block(rng, width, **block) for _ in range(count)])
        self.last = last
        if last:
            self.basis = _normal(rng, 4, 4, width, fan_in=16)
            self.linear = _normal(rng, width, n_out, fan_in=width)
        elif width != n_out:
            self.change = _normal(rng, 1, 1, width, n_out, fan_in=width)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `b h w width` to `b h/2 w/2 n_out`, or `b 4 4 width` to f32 `b n_out`."""
        for block in self.blocks:
            x = block(x)
        if self.last:
            x = jnp.sum(x.astype(jnp.float32) * self.basis[...][None], (1, 2))
            return x @ self.linear[...]
        x = resampling.downsample2d(x)
        if hasattr(self, "change"):
            x = convolution.conv2d(x, self.change[...].astype(x.dtype))
        return x


class Generator(nnx.Module):
    """Draws images from latents and conditions.

    Args:
      rng: source of the initial weights.
      z_dim: size of the latent.
      c_dim: size of the condition; 0: unconditional.
      widths: channels of each stage, from 4 px up.
      groups: of each stage's 3x3 convolutions.
      count: blocks a stage.
      expansion: channels inside a block, as a multiple of those around it.
      image_channels: of the images.
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
    ) -> None:
        embed_dim = z_dim if embed_dim is None else embed_dim
        if c_dim:
            self.embed = _normal(rng, c_dim, embed_dim, fan_in=c_dim)
        n_in = [z_dim + (embed_dim if c_dim else 0), *widths[:-1]]
        self.stages = nnx.List(
            [
                GeneratorStage(
                    rng,
                    n_in=n,
                    width=width,
                    count=count,
                    first=i == 0,
                    groups=g,
                    expansion=expansion,
                    network_blocks=count * len(widths),
                )
                for i, (n, width, g) in enumerate(zip(n_in, widths, groups, strict=True))
            ]
        )
        self.leave = _normal(rng, 1, 1, widths[-1], image_channels, fan_in=widths[-1])

    def __call__(
        self, z: jax.Array, c: jax.Array | None, dtype: DTypeLike = jnp.float32
    ) -> jax.Array:
        """Draws images.

        Args:
          z: latents f32 `b z_dim`.
          c: conditions f32 `b c_dim`; None: unconditional.
          dtype: of the activations.

        Returns:
          f32 `b h w image_channels`.
        """
        x = z if c is None else jnp.concatenate([z, c @ self.embed[...]], 1)
        for stage in self.stages:
            x = stage(x, dtype)
        return convolution.conv2d(x.astype(jnp.float32), self.leave[...])


class Discriminator(nnx.Module):
    """Scores images under conditions by logits.

    Args:
      rng: source of the initial weights.
      c_dim: size of the condition; 0: unconditional.
      widths: channels of each stage, from 4 px up, as of `Generator`.
      groups: of each stage's 3x3 convolutions, from 4 px up.
      count: blocks a stage.
      expansion: channels inside a block, as a multiple of those around it.
      image_channels: of the images.
      embed_dim: width of the embedded condition; None: as wide as the stage at 4 px, as published.
    """

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
    ) -> None:
        widths, groups = widths[::-1], groups[::-1]
        embed_dim = widths[-1] if embed_dim is None else embed_dim
        self.enter = _normal(rng, 1, 1, image_channels, widths[0], fan_in=image_channels)
        n_out = [*widths[1:], embed_dim if c_dim else 1]
        self.stages = nnx.List(
            [
                DiscriminatorStage(
                    rng,
                    width=width,
                    n_out=n,
                    count=count,
                    last=i == len(widths) - 1,
                    groups=g,
                    expansion=expansion,
                    network_blocks=count * len(widths),
                )
                for i, (width, n, g) in enumerate(zip(widths, n_out, groups, strict=True))
            ]
        )
        if c_dim:
            self.embed = _normal(rng, c_dim, embed_dim, fan_in=c_dim, gain=embed_dim**-0.5)

    def __call__(
        self, x: jax.Array, c: jax.Array | None, dtype: DTypeLike = jnp.float32
    ) -> jax.Array:
        """Computes the logits of images.

        Args:
          x: f32 `b h w image_channels`.
          c: conditions f32 `b c_dim`; None: unconditional.
          dtype: of the activations.

        Returns:
          f32 `b`.
        """
        x = convolution.conv2d(x.astype(dtype), self.enter[...].astype(dtype))
        for stage in self.stages:
            x = stage(x)
        return x[:, 0] if c is None else jnp.sum(x * (c @ self.embed[...]), 1)


# ---- names of the official state dict ------------------------------------------------------------

_AROUND_STAGES = {
    "embed": "EmbeddingLayer.weight",
    "enter": "ExtractionLayer.Layer.weight",
    "leave": "AggregationLayer.Layer.weight",
}
_IN_BLOCK = {
    "enter": "LinearLayer1.Layer.weight",
    "middle": "LinearLayer2.Layer.weight",
    "leave": "LinearLayer3.Layer.weight",
    "enter_bias": "NonLinearity1.Bias",
    "middle_bias": "NonLinearity2.Bias",
}


def official_name(path: tuple, network: str, blocks_first: int) -> str:
    """Returns the name in the official state dict of a parameter here.

    Args:
      path: of the leaf in the pure state, e.g. ('stages', 0, 'blocks', 1, 'enter').
      network: 'G' or 'D'.
      blocks_first: blocks a stage in D, where the transition comes after them.
    """
    if path[0] in _AROUND_STAGES:
        return _AROUND_STAGES[path[0]]
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
