"""The generator and discriminator of DCGAN (1511.06434): 4x4 convolutions that double or halve the map.

With batch normalisation, or without it for a critic whose penalty is of single images (1704.00028).
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan.ops import DEVICE_AXIS, convolution

_DEVIATION = 0.02  # of all initial weights (section 4)


class Buffer(nnx.Variable):
    """An array of the model that no gradient reaches."""


def _normal(rng: np.random.Generator, *shape: int, mean: float = 0.0) -> nnx.Param:
    return nnx.Param(
        jnp.asarray(mean + _DEVIATION * rng.standard_normal(shape, np.float32), jnp.float32)
    )


def _add(x, bias):
    return x + jnp.expand_dims(bias, range(x.ndim - 1))


class BatchNorm(nnx.Module):
    """Normalisation by the batch over all devices, whose moments it keeps, or by kept ones (1502.03167)."""

    def __init__(self, rng: np.random.Generator, n: int, *, keep: bool):
        self.gain, self.bias = _normal(rng, n, mean=1.0), nnx.Param(jnp.zeros(n))
        if keep:
            self.mean, self.square = Buffer(jnp.zeros(n)), Buffer(jnp.ones(n))
        self.keep = keep

    def __call__(self, x, by: str):
        """x `b h w n`; by: 'mesh' within shard_map, 'batch' outside it, 'kept'."""
        if by == "kept":
            mean, square = self.mean[...], self.square[...]
        else:
            mean, square = x.mean((0, 1, 2)), jnp.square(x).mean((0, 1, 2))
            if by == "mesh":
                mean, square = jax.lax.pmean((mean, square), DEVICE_AXIS)
            if self.keep:
                self.mean[...], self.square[...] = mean, square
        scale = self.gain[...] * jax.lax.rsqrt(jnp.maximum(square - jnp.square(mean), 0.0) + 1e-5)
        return _add(x * jnp.expand_dims(scale, (0, 1, 2)), self.bias[...] - mean * scale)


def widths(resolution: int, width: int) -> list[int]:
    """Channels at 4, 8, ... px below the resolution: twice as many for each halving."""
    return [
        width * resolution // (2 * px) for px in 4 * 2 ** np.arange(resolution.bit_length() - 3)
    ]


class Generator(nnx.Module):
    """Latent and class to images in (-1, 1).

    Args:
      rng: of the initial weights.
      z_dim: of the latent.
      c_dim: classes; 0: unconditional.
      resolution: px.
      width: channels at half the resolution.
      image_channels: of the result.
    """

    def __init__(
        self, rng, *, z_dim: int, c_dim: int, resolution: int, width: int, image_channels: int = 4
    ):
        sizes = widths(resolution, width)
        if c_dim:
            self.embed = _normal(rng, c_dim, z_dim)
        self.project = _normal(rng, z_dim * (2 if c_dim else 1), 16 * sizes[0])
        self.norms = nnx.List([BatchNorm(rng, n, keep=True) for n in sizes])
        pairs = zip(sizes, [*sizes[1:], image_channels], strict=True)
        self.kernels = nnx.List([_normal(rng, 4, 4, a, b) for a, b in pairs])
        self.bias = nnx.Param(jnp.zeros(image_channels))

    def __call__(self, z, c, by: str):
        """z `b z_dim`, c one-hot `b c_dim` or None to f32 `b h w image_channels`; by: see `BatchNorm`."""
        # The embedding starts small, the latent at unit length an axis.
        x = z if c is None else jnp.concatenate([z, c @ self.embed[...] / _DEVIATION], 1)
        x = (x @ self.project[...]).reshape(len(z), 4, 4, -1)
        for norm, kernel in zip(self.norms, self.kernels, strict=True):
            x = convolution.conv4_up(jax.nn.relu(norm(x, by)), kernel[...])
        return jnp.tanh(_add(x, self.bias[...]))


class Discriminator(nnx.Module):
    """Images and class to logits; arguments as of `Generator`; norm: 'batch' or 'none'."""

    def __init__(
        self, rng, *, c_dim: int, resolution: int, width: int, image_channels: int, norm: str
    ):
        sizes = widths(resolution, width)[::-1]
        pairs = zip([image_channels, *sizes[:-1]], sizes, strict=True)
        self.kernels = nnx.List([_normal(rng, 4, 4, a, b) for a, b in pairs])
        self.biases = nnx.List([nnx.Param(jnp.zeros(n)) for n in sizes])
        # Not on the layer that reads the image (section 3).
        self.norms = nnx.List(
            [BatchNorm(rng, n, keep=False) for n in sizes[1:]] if norm == "batch" else []
        )
        self.out = _normal(rng, 16 * sizes[-1], 1)
        if c_dim:
            self.embed = _normal(rng, c_dim, sizes[-1])

    def __call__(self, x, c, by: str):
        """x `b h w image_channels`, c one-hot `b c_dim` or None to f32 logits `b`."""
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = _add(convolution.conv4_down(x, kernel[...]), bias[...])
            if i and len(self.norms):
                x = self.norms[i - 1](x, by)
            x = x * jnp.where(x >= 0, 1.0, 0.2)
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
