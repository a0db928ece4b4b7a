"""Builds a small U-Net for flows and diffusion (2006.11239).

It has residual blocks, and attention on the smallest map. Each block is scaled and shifted by the
time and the condition (2105.05233, section 3.3).
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from emoji_gan.networks import layers
from emoji_gan.ops import convolution

GROUP = 16  # channels that are normalised together
CHANNELS = 4  # of an emoji: RGBA


def _normal(rng: np.random.Generator, *shape: int, fan_in: int) -> nnx.Param:
    return nnx.Param(
        jnp.asarray(rng.standard_normal(shape, np.float32) / np.float32(math.sqrt(fan_in)))
    )


class Dense(nnx.Module):
    """Computes a fully connected layer; `zero`: its weights are 0 at the start."""

    def __init__(
        self, rng: np.random.Generator, n_in: int, n_out: int, *, zero: bool = False
    ) -> None:
        self.weight = (
            nnx.Param(jnp.zeros((n_in, n_out))) if zero else _normal(rng, n_in, n_out, fan_in=n_in)
        )
        self.bias = nnx.Param(jnp.zeros(n_out))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `... n_in` to `... n_out`."""
        return layers.add_bias(x @ self.weight[...].astype(x.dtype), self.bias[...])


class Conv(nnx.Module):
    """Computes a `kernel kernel` convolution with bias; `zero`: its weights are 0 at the start."""

    def __init__(
        self,
        rng: np.random.Generator,
        n_in: int,
        n_out: int,
        *,
        kernel: int = 3,
        zero: bool = False,
    ) -> None:
        shape = (kernel, kernel, n_in, n_out)
        self.weight = (
            nnx.Param(jnp.zeros(shape))
            if zero
            else _normal(rng, *shape, fan_in=kernel * kernel * n_in)
        )
        self.bias = nnx.Param(jnp.zeros(n_out))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `b h w n_in` to `b h w n_out`."""
        y = convolution.conv2d(x, self.weight[...].astype(x.dtype))
        return layers.add_bias(y, self.bias[...])


def group_norm(x: jax.Array) -> jax.Array:
    """Normalises groups of channels, in float32, without learned scale and shift (1803.08494)."""
    b, h, w, channels = x.shape
    groups = max(1, channels // GROUP)
    y = x.astype(jnp.float32).reshape(b, h * w, groups, channels // groups)
    mean = y.mean((1, 3), keepdims=True)
    variance = jnp.square(y - mean).mean((1, 3), keepdims=True)
    return ((y - mean) * jax.lax.rsqrt(variance + 1e-5)).reshape(x.shape).astype(x.dtype)


class Block(nnx.Module):
    """Computes a residual block whose features are scaled and shifted by an embedding.

    The scales and shifts are 0 at the start.
    """

    def __init__(
        self, rng: np.random.Generator, n_in: int, n_out: int, *, embedding_dim: int
    ) -> None:
        self.conv0, self.conv1 = Conv(rng, n_in, n_out), Conv(rng, n_out, n_out, zero=True)
        self.condition = Dense(rng, embedding_dim, n_in + 2 * n_out, zero=True)
        if n_in != n_out:
            self.change = Conv(rng, n_in, n_out, kernel=1)
        self.n_in, self.n_out = n_in, n_out

    def __call__(self, x: jax.Array, embedding: jax.Array) -> jax.Array:
        """Maps `b h w n_in`, under the embedding `b embedding_dim`, to `b h w n_out`."""
        modulation = jnp.expand_dims(self.condition(embedding).astype(x.dtype), (1, 2))
        scale0, scale1, shift1 = jnp.split(modulation, [self.n_in, self.n_in + self.n_out], -1)
        y = self.conv0(jax.nn.silu(group_norm(x) * (1 + scale0)))
        y = self.conv1(jax.nn.silu(group_norm(y) * (1 + scale1) + shift1))
        return y + (self.change(x) if self.n_in != self.n_out else x)


class Attention(nnx.Module):
    """Computes residual self-attention over the positions of a map."""

    def __init__(self, rng: np.random.Generator, n: int, *, heads: int) -> None:
        self.qkv, self.out = Dense(rng, n, 3 * n), Dense(rng, n, n, zero=True)
        self.heads = heads

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `b h w n` to the same shape."""
        b, h, w, n = x.shape
        qkv = self.qkv(group_norm(x)).reshape(b, h * w, 3, self.heads, n // self.heads)
        y = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2])
        return x + self.out(y.reshape(b, h, w, n))


def _halve(x: jax.Array) -> jax.Array:
    b, h, w, channels = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, channels).mean((2, 4))


def to_patches(x: jax.Array, patch: int) -> jax.Array:
    """Makes one position of each square of `patch` px: `b h w c` to `b h/p w/p p*p*c`."""
    b, h, w, channels = x.shape
    x = x.reshape(b, h // patch, patch, w // patch, patch, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // patch, w // patch, -1)


def from_patches(x: jax.Array, patch: int) -> jax.Array:
    """Undoes `to_patches`."""
    b, h, w, _ = x.shape
    x = x.reshape(b, h, w, patch, patch, -1).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * patch, w * patch, -1)


class Trunk(nnx.Module):
    """Computes the half of a U-Net that reads: maps of falling size, then the middle.

    Args:
      rng: source of the initial weights.
      c_dim: size of the condition; 0: unconditional.
      widths: channels of the largest map, of the map half as large, ...
      blocks: residual blocks on every map.
      heads: of the attention.
      patch: px, the side of the square of the image that is one position of the largest map.
      image_channels: of the images.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        c_dim: int,
        widths: Sequence[int],
        blocks: int,
        heads: int,
        patch: int = 1,
        image_channels: int = CHANNELS,
    ) -> None:
        n = 4 * widths[0]
        self.time0, self.time1 = Dense(rng, widths[0], n), Dense(rng, n, n)
        if c_dim:
            # Each part of a condition has length 1, however long its vector.
            self.condition0 = _normal(rng, c_dim, n, fan_in=1)
            self.condition1 = Dense(rng, n, n)
        self.enter = Conv(rng, image_channels * patch**2, widths[0])
        last, down = widths[0], []
        for width in widths:
            for _ in range(blocks):
                down.append(Block(rng, last, width, embedding_dim=n))
                last = width
        self.middle0 = Block(rng, last, last, embedding_dim=n)
        self.attention = Attention(rng, last, heads=heads)
        self.middle1 = Block(rng, last, last, embedding_dim=n)
        self.down = nnx.List(down)
        self.blocks, self.width, self.patch = blocks, widths[0], patch

    def embed(self, t: jax.Array, c: jax.Array | None) -> jax.Array:
        """Embeds times `b` and conditions `b c_dim` in one vector: f32 `b n`."""
        y = self.embed_time(t)
        if c is not None:
            y = y + self.embed_condition(c)
        return jax.nn.silu(y)

    def embed_time(self, t: jax.Array) -> jax.Array:
        """Embeds times `b`: f32 `b n`."""
        # Sines of geometrically spaced frequencies (1706.03762, section 3.5).
        frequency = jnp.exp(
            -math.log(1000.0) * jnp.arange(self.width // 2, dtype=jnp.float32) / (self.width // 2)
        )
        angle = 1000.0 * t[:, None] * frequency[None]
        y = jax.nn.silu(self.time0(jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], 1)))
        return self.time1(y)

    def embed_condition(self, c: jax.Array) -> jax.Array:
        """Embeds conditions `b c_dim`: f32 `b n`."""
        return self.condition1(jax.nn.silu(c @ self.condition0[...]))

    def read(self, x: jax.Array, embedding: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        """Reads images `b h w image_channels` in the dtype of the activations.

        Returns:
          The middle `b h/k w/k n`, and the maps before it from the first, largest one on.
        """
        maps = [self.enter(to_patches(x, self.patch))]
        for i, block in enumerate(self.down):
            x = _halve(maps[-1]) if i and i % self.blocks == 0 else maps[-1]
            maps.append(block(x, embedding))
        x = self.middle0(maps[-1], embedding)
        return self.middle1(self.attention(x), embedding), maps


class UNet(Trunk):
    """Maps noisy images, times and conditions to a field of the shape of the images.

    Args:
      rng: source of the initial weights.
      widths: as for the trunk.
      blocks: residual blocks on every map, down and up; one more up, on the largest.
      patch: as for the trunk.
      image_channels: of the images.
      **trunk: the other arguments of the trunk.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        widths: Sequence[int],
        blocks: int,
        patch: int = 1,
        image_channels: int = CHANNELS,
        **trunk: int,
    ) -> None:
        super().__init__(
            rng, widths=widths, blocks=blocks, patch=patch, image_channels=image_channels, **trunk
        )
        skip_widths = [widths[0], *(width for width in widths for _ in range(blocks))]
        last, up = widths[-1], []
        for width in reversed(widths):
            for _ in range(blocks + (width == widths[0] and len(skip_widths) == blocks + 1)):
                up.append(Block(rng, last + skip_widths.pop(), width, embedding_dim=4 * widths[0]))
                last = width
        self.up = nnx.List(up)
        self.leave = Conv(rng, last, image_channels * patch**2, zero=True)

    def __call__(
        self,
        x: jax.Array,
        t: jax.Array,
        c: jax.Array | None,
        dtype: DTypeLike = jnp.float32,
    ) -> jax.Array:
        """Computes the field at noisy images.

        Args:
          x: images f32 `b h w image_channels`.
          t: times f32 `b` in [0, 1].
          c: conditions f32 `b c_dim`; None: unconditional.
          dtype: of the activations.

        Returns:
          f32 `b h w image_channels`.
        """
        embedding = self.embed(t, c)
        x, skips = self.read(x.astype(dtype), embedding)
        for block in self.up:
            skip = skips.pop()
            if skip.shape[1] != x.shape[1]:
                x = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
            x = block(jnp.concatenate([x, skip], -1), embedding)
        y = self.leave(jax.nn.silu(group_norm(x)))
        return from_patches(y, self.patch).astype(jnp.float32)


def finer(field: str, path: tuple, value: np.ndarray, times: int) -> np.ndarray:
    """Returns a parameter as it is where images and patches are `times` as large.

    The network then reads the mean of each square of times x times px and draws each px as such a
    square: the same maps, the same images enlarged. What else there is stays as it is.

    Args:
      field: of the state; unused.
      path: of the parameter.
      value: of the network of the smaller images.
      times: how many times as large.
    """
    del field
    if path == ("enter", "weight"):
        return _repeated(value, 2, times) / times**2
    if path in (("leave", "weight"), ("leave", "bias")):
        return _repeated(value, value.ndim - 1, times)
    return value


def _repeated(value: np.ndarray, axis: int, times: int) -> np.ndarray:
    """Repeats both sides of the patches that lie flat along an axis, with four channels each."""
    patch = math.isqrt(value.shape[axis] // CHANNELS)
    before, after = value.shape[:axis], value.shape[axis + 1 :]
    x = value.reshape(*before, patch, patch, CHANNELS, *after)
    x = x.repeat(times, axis).repeat(times, axis + 1)
    return x.reshape(*before, -1, *after)


def discriminator_depth(path: tuple, resolution: int) -> int | None:
    """Returns None: a flow has no discriminator."""
    del path, resolution
    return None


def is_embedding(path: tuple) -> bool:
    """Returns whether the rows of a parameter are the parts of a condition."""
    return path == ("condition0",)


def depends_on_condition(path: tuple) -> bool:
    """Returns whether only a network with a condition has a parameter, or has it in this shape."""
    return is_embedding(path) or path[0] == "condition1"
