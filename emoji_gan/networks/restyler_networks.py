"""Builds the networks of style transfer: a U-Net that redraws pictures, and a critic of styles.

Pictures are premultiplied RGBA in [-1, 1]. Neither network normalises its features, which would
mix flat areas with detail.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan.networks import layers, unet
from emoji_gan.ops import convolution

_EMBEDDING_DIM = 64  # of a style
_PATCH = 2  # px, the side of the square of a picture that is one position of the largest map
_CRITIC_MAPS = 3  # halvings before the critic's whole map is read


def _halved(conv: unet.Conv, x: jax.Array) -> jax.Array:
    return layers.add_bias(convolution.conv4_down(x, conv.weight[...]), conv.bias[...])


def _activated(x: jax.Array) -> jax.Array:
    return layers.leaky_relu(x, gain=math.sqrt(2))


class StyledResidual(nnx.Module):
    """Computes a residual block whose features are scaled and shifted by an embedding.

    The scales and shifts are 0 at the start, and so is what the block adds.
    """

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.conv0, self.conv1 = unet.Conv(rng, n, n), unet.Conv(rng, n, n, zero=True)
        self.condition = unet.Dense(rng, _EMBEDDING_DIM, 2 * n, zero=True)

    def __call__(self, x: jax.Array, embedding: jax.Array) -> jax.Array:
        """Maps `b h w n`, under the embedding `b embedding_dim`, to the same shape."""
        scale, shift = jnp.split(jnp.expand_dims(self.condition(embedding), (1, 2)), 2, -1)
        return x + self.conv1(_activated(self.conv0(x) * (1 + scale) + shift))


class Restyler(nnx.Module):
    """Redraws pictures in a style.

    Args:
      rng: source of the initial weights.
      c_dim: number of styles.
      width: channels of the map whose positions are squares of 2 px; the map half as large has
        twice as many, the one of pixels a quarter.
      blocks: residual blocks before, on and after the smaller map.
    """

    def __init__(
        self, rng: np.random.Generator, *, c_dim: int, width: int, blocks: Sequence[int]
    ) -> None:
        before, middle, after = blocks
        self.style = unet.Dense(rng, c_dim, _EMBEDDING_DIM)
        self.conv_in = unet.Conv(rng, unet.CHANNELS * _PATCH**2, width)
        self.before = nnx.List([StyledResidual(rng, width) for _ in range(before)])
        self.down = unet.Conv(rng, width, 2 * width, kernel=4)
        self.middle = nnx.List([StyledResidual(rng, 2 * width) for _ in range(middle)])
        self.up = unet.Conv(rng, 2 * width, 4 * width, kernel=1)
        self.after = nnx.List([StyledResidual(rng, width) for _ in range(after)])
        of_pixel = width // _PATCH**2
        self.pixels = unet.Conv(rng, of_pixel + unet.CHANNELS, of_pixel)
        self.conv_out = unet.Conv(rng, of_pixel, unet.CHANNELS, zero=True)

    def __call__(self, picture: jax.Array, c: jax.Array) -> jax.Array:
        """Redraws pictures.

        Args:
          picture: f32 `b h w 4`, h and w multiples of 4.
          c: styles f32 `b c_dim`, one-hot.

        Returns:
          f32 `b h w 4`, nominally in [-1, 1]; the pictures themselves at the start.
        """
        embedding = _activated(self.style(c))
        y = self.conv_in(unet.to_patches(picture, _PATCH))
        for block in self.before:
            y = block(y, embedding)
        z = _halved(self.down, y)
        for block in self.middle:
            z = block(z, embedding)
        y = (y + unet.from_patches(self.up(z), 2)) / math.sqrt(2)
        for block in self.after:
            y = block(y, embedding)
        # The last layers see pixels: a result made of whole patches has a texture of their size.
        y = jnp.concatenate([_activated(unet.from_patches(y, _PATCH)), picture], -1)
        return picture + self.conv_out(_activated(self.pixels(y)))


class _Residual(nnx.Module):
    """Computes a residual block that begins with the activation."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.conv0, self.conv1 = unet.Conv(rng, n, n), unet.Conv(rng, n, n, zero=True)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `b h w n` to the same shape."""
        return x + self.conv1(_activated(self.conv0(_activated(x))))


class Critic(nnx.Module):
    """Scores whether pictures are art of a style: every part of them, and the whole.

    Args:
      rng: source of the initial weights.
      c_dim: number of styles.
      px: side of the pictures.
      width: channels of the map half as large as the picture; the one of its size has a quarter,
        those still smaller twice as many.
    """

    def __init__(self, rng: np.random.Generator, *, c_dim: int, px: int, width: int) -> None:
        self.pixels = unet.Conv(rng, unet.CHANNELS, width // 4)
        self.conv_in = unet.Conv(rng, width // 4, width, kernel=4)
        self.fine = nnx.List([_Residual(rng, width) for _ in range(2)])
        self.down = unet.Conv(rng, width, 2 * width, kernel=4)
        self.coarse = _Residual(rng, 2 * width)
        self.last = unet.Conv(rng, 2 * width, 2 * width, kernel=4)
        positions = (px // 2**_CRITIC_MAPS) ** 2
        self.whole = unet.Dense(rng, positions * 2 * width, 2 * width)
        fan_in = 4 * width
        embed = rng.standard_normal((c_dim, fan_in), np.float32) / np.float32(math.sqrt(fan_in))
        self.embed = nnx.Param(jnp.asarray(embed))

    def __call__(self, picture: jax.Array, c: jax.Array) -> jax.Array:
        """Scores pictures f32 `b h w 4` as art of styles f32 `b c_dim`, one-hot: f32 `b`."""
        y = _halved(self.conv_in, _activated(self.pixels(picture)))
        for block in self.fine:
            y = block(y)
        y = self.coarse(_halved(self.down, _activated(y)))
        parts = _activated(y)
        last = _activated(_halved(self.last, parts))
        whole = _activated(self.whole(last.reshape(len(last), -1)))
        features = jnp.concatenate([parts.mean((1, 2)), whole], 1)
        return jnp.sum(features * (c @ self.embed[...]), 1)


def is_embedding(path: tuple) -> bool:
    """Returns whether the rows of a parameter are the styles."""
    return path in (("embed",), ("style", "weight"))


def depends_on_condition(path: tuple) -> bool:
    """Returns whether only a network with a condition has a parameter, or has it in this shape."""
    return is_embedding(path)


def discriminator_depth(path: tuple, resolution: int) -> int | None:
    """Returns None: the maps of a critic cannot be frozen one by one."""
    del path, resolution
    return None
