"""Builds a transformer that predicts masked pixels of emoji whose colours are of a palette.

A position is a square of pixels. The layers are scaled, shifted and gated by the condition
(2212.09748, section 3.2); each looks at all positions, masked or not (2202.04200, section 3.1).
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from emoji_gan.networks.unet import Dense, from_patches, to_patches

_PIXEL_DIM = 16  # channels that a pixel's colour, or its mask, is read as


def _normal(rng: np.random.Generator, *shape: int, deviation: float) -> nnx.Param:
    return nnx.Param(jnp.asarray(rng.standard_normal(shape, np.float32) * np.float32(deviation)))


def layer_norm(x: jax.Array) -> jax.Array:
    """Normalises the last axis, in float32, without learned scale and shift (1607.06450)."""
    y = x.astype(jnp.float32)
    y = y - y.mean(-1, keepdims=True)
    y = y * jax.lax.rsqrt(jnp.square(y).mean(-1, keepdims=True) + 1e-5)
    return y.astype(x.dtype)


class Layer(nnx.Module):
    """Computes attention over all positions, then two dense layers at each; both residual.

    Scales, shifts and gates follow from an embedding and are 0 at the start: the layer is then the
    identity.
    """

    def __init__(self, rng: np.random.Generator, n: int, *, heads: int, embedding_dim: int) -> None:
        self.qkv, self.out = Dense(rng, n, 3 * n), Dense(rng, n, n)
        self.hidden, self.back = Dense(rng, n, 4 * n), Dense(rng, 4 * n, n)
        self.condition = Dense(rng, embedding_dim, 6 * n, zero=True)
        self.heads = heads

    def __call__(self, x: jax.Array, embedding: jax.Array) -> jax.Array:
        """Maps `b s n`, under the embedding `b embedding_dim`, to the same shape."""
        b, s, n = x.shape
        modulation = self.condition(embedding).astype(x.dtype)[:, None]
        scale0, shift0, gate0, scale1, shift1, gate1 = jnp.split(modulation, 6, -1)
        y = layer_norm(x) * (1 + scale0) + shift0
        # Dense layers see rows of two axes: with three, XLA multiplies by half slower on a CPU.
        qkv = self.qkv(y.reshape(b * s, n)).reshape(b, s, 3, self.heads, n // self.heads)
        y = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2])
        x = x + gate0 * self.out(y.reshape(b * s, n)).reshape(b, s, n)
        y = layer_norm(x) * (1 + scale1) + shift1
        y = self.back(jax.nn.gelu(self.hidden(y.reshape(b * s, n))))
        return x + gate1 * y.reshape(b, s, n)


class MaskedTransformer(nnx.Module):
    """Maps colours of pixels, some of them masked, and conditions to logits of every pixel.

    Args:
      rng: source of the initial weights.
      c_dim: size of the condition; 0: unconditional.
      colours: of the palette.
      px: side of the images.
      patch: px, the side of the square that is one position.
      width: channels of a position.
      depth: layers.
      heads: of the attention.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        c_dim: int,
        colours: int,
        px: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
    ) -> None:
        self.pixel = _normal(rng, colours + 1, _PIXEL_DIM, deviation=1.0)  # the last: masked
        self.enter = Dense(rng, _PIXEL_DIM * patch**2, width)
        self.position = _normal(rng, (px // patch) ** 2, width, deviation=0.5)
        self.base = _normal(rng, width, deviation=1.0)
        if c_dim:
            # Each part of a condition has length 1, however long its vector.
            self.condition0 = _normal(rng, c_dim, width, deviation=1.0)
            self.condition1 = Dense(rng, width, width)
        self.layers = nnx.List(
            [Layer(rng, width, heads=heads, embedding_dim=width) for _ in range(depth)]
        )
        self.last = Dense(rng, width, 2 * width, zero=True)
        self.leave = Dense(rng, width, colours * patch**2, zero=True)
        self.patch, self.width = patch, width

    def __call__(
        self, tokens: jax.Array, c: jax.Array | None, dtype: DTypeLike = jnp.float32
    ) -> jax.Array:
        """Computes the logits of every pixel's colour.

        Args:
          tokens: i32 `b h w`, in [0, colours]; `colours`: masked.
          c: conditions f32 `b c_dim`; None: unconditional.
          dtype: of the activations.

        Returns:
          f32 `b h w colours`.
        """
        embedding = jnp.broadcast_to(self.base[...], (len(tokens), self.width))
        if c is not None:
            embedding = embedding + self.condition1(jax.nn.silu(c @ self.condition0[...]))
        embedding = jax.nn.silu(embedding)
        x = to_patches(self.pixel[...][tokens].astype(dtype), self.patch)
        b, h, w, _ = x.shape
        x = self.enter(x.reshape(b * h * w, -1)).reshape(b, h * w, -1)
        x = x + self.position[...].astype(dtype)[None]
        for layer in self.layers:
            x = layer(x, embedding)
        scale, shift = jnp.split(self.last(embedding).astype(dtype)[:, None], 2, -1)
        x = self.leave((layer_norm(x) * (1 + scale) + shift).reshape(b * h * w, -1))
        return from_patches(x.reshape(b, h, w, -1), self.patch).astype(jnp.float32)


def halton_ranks(px: int) -> np.ndarray:
    """Returns the rank of each pixel, i32 `px px`, in a low-discrepancy order (2503.17076).

    The order visits the pixels as the points of Halton's sequence of bases 2 and 3 first do, so
    that any number of first pixels is spread evenly.
    """
    ranks = np.full((px, px), -1, np.int32)
    rank = i = 0
    while rank < px * px:
        i += 1
        row, column = int(_radical_inverse(i, 2) * px), int(_radical_inverse(i, 3) * px)
        if ranks[row, column] < 0:
            ranks[row, column] = rank
            rank += 1
    return ranks


def _radical_inverse(i: int, base: int) -> float:
    """Mirrors the digits of i at the point: Halton's sequence of one base."""
    digits = max(1, math.ceil(math.log(i + 1, base)) + 1)
    return sum(i // base**k % base * float(base) ** -(k + 1) for k in range(digits))


def discriminator_depth(path: tuple, resolution: int) -> int | None:
    """Returns None: there is no discriminator."""
    del path, resolution
    return None


def is_embedding(path: tuple) -> bool:
    """Returns whether the rows of a parameter are the parts of a condition."""
    return path == ("condition0",)


def depends_on_condition(path: tuple) -> bool:
    """Returns whether only a network with a condition has a parameter, or has it in this shape."""
    return is_embedding(path) or path[0] == "condition1"
