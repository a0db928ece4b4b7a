"""Builds the generator and discriminator of DCGAN (1511.06434).

Convolutions of 4x4 taps double or halve the map. Layers are normalised by batch, or not at all in a
critic whose penalty is of single images (1704.00028).
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan.networks import layers
from emoji_gan.ops import DEVICE_AXIS, convolution

_DEVIATION = 0.02  # of all initial weights (section 4)


def _normal(rng: np.random.Generator, *shape: int, mean: float = 0.0) -> nnx.Param:
    return nnx.Param(
        jnp.asarray(mean + _DEVIATION * rng.standard_normal(shape, np.float32), jnp.float32)
    )


class BatchNorm(nnx.Module):
    """Normalises channels by the moments of the batch, or by stored ones (1502.03167).

    Args:
      rng: source of the initial weights.
      n: channels.
      store_moments: whether the moments of each batch stay in `mean` and `square`.
    """

    def __init__(self, rng: np.random.Generator, n: int, *, store_moments: bool) -> None:
        self.gain, self.bias = _normal(rng, n, mean=1.0), nnx.Param(jnp.zeros(n))
        if store_moments:
            self.mean, self.square = layers.Buffer(jnp.zeros(n)), layers.Buffer(jnp.ones(n))
        self.store_moments = store_moments

    def __call__(self, x: jax.Array, norm_by: str) -> jax.Array:
        """Normalises `b h w n`.

        Args:
          x: f32 `b h w n`.
          norm_by: 'mesh': by the batch over all devices, within shard_map; 'batch': by the batch,
            outside it; 'kept': by the stored moments.
        """
        if norm_by == "kept":
            mean, square = self.mean[...], self.square[...]
        else:
            mean, square = x.mean((0, 1, 2)), jnp.square(x).mean((0, 1, 2))
            if norm_by == "mesh":
                mean, square = jax.lax.pmean((mean, square), DEVICE_AXIS)
            if self.store_moments:
                self.mean[...], self.square[...] = mean, square
        scale = self.gain[...] * jax.lax.rsqrt(jnp.maximum(square - jnp.square(mean), 0.0) + 1e-5)
        return layers.add_bias(x * jnp.expand_dims(scale, (0, 1, 2)), self.bias[...] - mean * scale)


def widths(resolution: int, width: int) -> list[int]:
    """Returns the channels of the maps at 4, 8, ... px below the resolution.

    Each map has twice as many as the next larger one; that at half the resolution has `width`.
    """
    return [
        width * resolution // (2 * px) for px in 4 * 2 ** np.arange(resolution.bit_length() - 3)
    ]


class Generator(nnx.Module):
    """Draws images in (-1, 1) from latents and conditions.

    Args:
      rng: source of the initial weights.
      z_dim: size of the latent.
      c_dim: size of the condition; 0: unconditional.
      resolution: px.
      width: channels at half the resolution.
      image_channels: of the images.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        z_dim: int,
        c_dim: int,
        resolution: int,
        width: int,
        image_channels: int = 4,
    ) -> None:
        sizes = widths(resolution, width)
        if c_dim:
            self.embed = _normal(rng, c_dim, z_dim)
        self.project = _normal(rng, z_dim * (2 if c_dim else 1), 16 * sizes[0])
        self.norms = nnx.List([BatchNorm(rng, n, store_moments=True) for n in sizes])
        pairs = zip(sizes, [*sizes[1:], image_channels], strict=True)
        self.kernels = nnx.List([_normal(rng, 4, 4, a, b) for a, b in pairs])
        self.bias = nnx.Param(jnp.zeros(image_channels))

    def __call__(self, z: jax.Array, c: jax.Array | None, norm_by: str) -> jax.Array:
        """Draws images.

        Args:
          z: latents f32 `b z_dim`.
          c: conditions f32 `b c_dim`; None: unconditional.
          norm_by: see `BatchNorm`.

        Returns:
          f32 `b h w image_channels`.
        """
        # The embedding starts small, the latent at unit length an axis.
        x = z if c is None else jnp.concatenate([z, c @ self.embed[...] / _DEVIATION], 1)
        x = (x @ self.project[...]).reshape(len(z), 4, 4, -1)
        for norm, kernel in zip(self.norms, self.kernels, strict=True):
            x = convolution.conv4_up(jax.nn.relu(norm(x, norm_by)), kernel[...])
        return jnp.tanh(layers.add_bias(x, self.bias[...]))


class Discriminator(nnx.Module):
    """Scores images under conditions by logits.

    Args:
      rng: source of the initial weights.
      c_dim: size of the condition; 0: unconditional.
      resolution: px.
      width: channels at half the resolution.
      image_channels: of the images.
      norm: 'batch' or 'none'.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        c_dim: int,
        resolution: int,
        width: int,
        image_channels: int,
        norm: str,
    ) -> None:
        sizes = widths(resolution, width)[::-1]
        pairs = zip([image_channels, *sizes[:-1]], sizes, strict=True)
        self.kernels = nnx.List([_normal(rng, 4, 4, a, b) for a, b in pairs])
        self.biases = nnx.List([nnx.Param(jnp.zeros(n)) for n in sizes])
        # Not on the layer that reads the image (section 3).
        normalised = sizes[1:] if norm == "batch" else []
        self.norms = nnx.List([BatchNorm(rng, n, store_moments=False) for n in normalised])
        self.out = _normal(rng, 16 * sizes[-1], 1)
        if c_dim:
            self.embed = _normal(rng, c_dim, sizes[-1])

    def __call__(self, x: jax.Array, c: jax.Array | None, norm_by: str) -> jax.Array:
        """Computes the logits of images.

        Args:
          x: f32 `b h w image_channels`.
          c: conditions f32 `b c_dim`; None: unconditional.
          norm_by: see `BatchNorm`.

        Returns:
          f32 `b`.
        """
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = layers.add_bias(convolution.conv4_down(x, kernel[...]), bias[...])
            if i and len(self.norms):
                x = self.norms[i - 1](x, norm_by)
            x = layers.leaky_relu(x)
        logits = (x.reshape(len(x), -1) @ self.out[...])[:, 0]
        # Projection of the class (1802.05637, equation 3).
        return logits if c is None else logits + jnp.sum(x.sum((1, 2)) * (c @ self.embed[...]), 1)


def discriminator_depth(path: tuple, resolution: int) -> int | None:
    """Returns which map of D, counted from the image, a parameter belongs to; None: to none."""
    del resolution
    if path[0] in ("kernels", "biases"):
        return path[1]
    return path[1] + 1 if path[0] == "norms" else None  # the first map is not normalised


def is_embedding(path: tuple) -> bool:
    """Returns whether the rows of a parameter are the parts of a condition."""
    return path == ("embed",)


def depends_on_condition(path: tuple) -> bool:
    """Returns whether only a network with a condition has a parameter, or has it in this shape."""
    return is_embedding(path) or path[0] == "project"
