"""A small U-Net for flows and diffusion (2006.11239): residual blocks, attention on the smallest map.

Each block is scaled and shifted by the time and the condition (2105.05233, section 3.3).
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan.ops import convolution

_GROUP = 16  # channels that are normalised together


def _normal(rng: np.random.Generator, *shape: int, fan_in: int) -> nnx.Param:
    return nnx.Param(
        jnp.asarray(rng.standard_normal(shape, np.float32) / np.float32(math.sqrt(fan_in)))
    )


def _add(x, bias):
    return x + jnp.expand_dims(bias.astype(x.dtype), range(x.ndim - 1))


class Dense(nnx.Module):
    """Fully connected layer."""

    def __init__(self, rng, n_in: int, n_out: int, *, zero: bool = False):
        self.weight = (
            nnx.Param(jnp.zeros((n_in, n_out))) if zero else _normal(rng, n_in, n_out, fan_in=n_in)
        )
        self.bias = nnx.Param(jnp.zeros(n_out))

    def __call__(self, x):
        """`... n_in` to `... n_out`."""
        return _add(x @ self.weight[...].astype(x.dtype), self.bias[...])


class Conv(nnx.Module):
    """Convolution with bias."""

    def __init__(self, rng, n_in: int, n_out: int, k: int = 3, *, zero: bool = False):
        shape = (k, k, n_in, n_out)
        self.weight = (
            nnx.Param(jnp.zeros(shape)) if zero else _normal(rng, *shape, fan_in=k * k * n_in)
        )
        self.bias = nnx.Param(jnp.zeros(n_out))

    def __call__(self, x):
        """`b h w n_in` to `b h w n_out`."""
        return _add(convolution.conv2d(x, self.weight[...].astype(x.dtype)), self.bias[...])


def _normalise(x):
    """Of groups of channels, in float32 (1803.08494)."""
    b, h, w, c = x.shape
    groups = max(1, c // _GROUP)
    y = x.astype(jnp.float32).reshape(b, h * w, groups, c // groups)
    mean = y.mean((1, 3), keepdims=True)
    variance = jnp.square(y - mean).mean((1, 3), keepdims=True)
    return ((y - mean) * jax.lax.rsqrt(variance + 1e-5)).reshape(x.shape).astype(x.dtype)


class Block(nnx.Module):
    """Residual block; what the condition scales is 0 at the start."""

    def __init__(self, rng, n_in: int, n_out: int, n_condition: int):
        self.conv0, self.conv1 = Conv(rng, n_in, n_out), Conv(rng, n_out, n_out, zero=True)
        self.condition = Dense(rng, n_condition, n_in + 2 * n_out, zero=True)
        if n_in != n_out:
            self.change = Conv(rng, n_in, n_out, 1)
        self.n_in, self.n_out = n_in, n_out

    def __call__(self, x, condition):
        """x `b h w n_in`, condition `b n` to `b h w n_out`."""
        c = jnp.expand_dims(self.condition(condition).astype(x.dtype), (1, 2))
        first, scale, shift = jnp.split(c, [self.n_in, self.n_in + self.n_out], -1)
        y = self.conv0(jax.nn.silu(_normalise(x) * (1 + first)))
        y = self.conv1(jax.nn.silu(_normalise(y) * (1 + scale) + shift))
        return y + (self.change(x) if self.n_in != self.n_out else x)


class Attention(nnx.Module):
    """Residual self-attention over the places of a map."""

    def __init__(self, rng, n: int, heads: int):
        self.qkv, self.out, self.heads = Dense(rng, n, 3 * n), Dense(rng, n, n, zero=True), heads

    def __call__(self, x):
        """`b h w n` to the same."""
        b, h, w, n = x.shape
        qkv = self.qkv(_normalise(x)).reshape(b, h * w, 3, self.heads, n // self.heads)
        y = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2])
        return x + self.out(y.reshape(b, h, w, n))


def _halve(x):
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


def _to_patches(x, p):
    b, h, w, c = x.shape
    return (
        x.reshape(b, h // p, p, w // p, p, c)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(b, h // p, w // p, -1)
    )


def _from_patches(x, p):
    b, h, w, _ = x.shape
    return x.reshape(b, h, w, p, p, -1).transpose(0, 1, 3, 2, 4, 5).reshape(b, h * p, w * p, -1)


class UNet(nnx.Module):
    """Noisy images, times and conditions to a field of the images' shape.

    Args:
      rng: of the initial weights.
      c_dim: of the condition; 0: none.
      widths: channels of the largest map, of half its size, ...
      blocks: residual blocks on every map on the way down; one more on the way up.
      heads: of the attention.
      patch: px; the largest map has a place for each square of so many.
      image_channels: of the images.
    """

    def __init__(
        self,
        rng,
        *,
        c_dim: int,
        widths: Sequence[int],
        blocks: int,
        heads: int,
        patch: int = 1,
        image_channels: int = 4,
    ):
        n = 4 * widths[0]
        self.time0, self.time1 = Dense(rng, widths[0], n), Dense(rng, n, n)
        if c_dim:
            # Each part of a condition has length 1, however long its vector.
            self.condition0 = _normal(rng, c_dim, n, fan_in=1)
            self.condition1 = Dense(rng, n, n)
        self.enter = Conv(rng, image_channels * patch**2, widths[0])
        kept, last = [widths[0]], widths[0]
        down, up = [], []
        for width in widths:
            for _ in range(blocks):
                down.append(Block(rng, last, width, n))
                kept.append(last := width)
        self.middle0, self.attention = Block(rng, last, last, n), Attention(rng, last, heads)
        self.middle1 = Block(rng, last, last, n)
        for width in reversed(widths):
            for _ in range(blocks + (width == widths[0] and len(kept) == blocks + 1)):
                up.append(Block(rng, last + kept.pop(), width, n))
                last = width
        self.down, self.up = nnx.List(down), nnx.List(up)
        self.leave = Conv(rng, last, image_channels * patch**2, zero=True)
        self.blocks, self.width, self.patch = blocks, widths[0], patch

    def __call__(self, x, t, c, dtype=jnp.float32):
        """x f32 `b h w c`, t f32 `b` in [0, 1], c f32 `b c_dim` or None to f32 `b h w c`."""
        # Sines of geometrically spaced frequencies (1706.03762, section 3.5).
        frequency = jnp.exp(
            -math.log(1000.0) * jnp.arange(self.width // 2, dtype=jnp.float32) / (self.width // 2)
        )
        angle = 1000.0 * t[:, None] * frequency[None]
        condition = jax.nn.silu(self.time0(jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], 1)))
        condition = self.time1(condition)
        if c is not None:
            condition = condition + self.condition1(jax.nn.silu(c @ self.condition0[...]))
        condition = jax.nn.silu(condition)
        x = self.enter(_to_patches(x.astype(dtype), self.patch))
        kept = [x]
        for i, block in enumerate(self.down):
            x = block(_halve(x) if i and i % self.blocks == 0 else x, condition)
            kept.append(x)
        x = self.middle1(self.attention(self.middle0(x, condition)), condition)
        for block in self.up:
            skip = kept.pop()
            if skip.shape[1] != x.shape[1]:
                x = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
            x = block(jnp.concatenate([x, skip], -1), condition)
        return _from_patches(self.leave(jax.nn.silu(_normalise(x))), self.patch).astype(jnp.float32)


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
