"""Computes the layers and blocks of StyleGAN2 (1912.04958) as revised for ADA (2006.06676).

Sub-modules and parameters carry the names of the official state dict. Initial weights are drawn on
the host: a hundred small draws by `jax.random` cost some ten seconds of compilation.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from emoji_gan.networks import layers
from emoji_gan.ops import convolution, resampling

_SQRT2 = math.sqrt(2.0)
_SQRT_HALF = math.sqrt(0.5)


def _normal(rng: np.random.Generator, *shape: int) -> jax.Array:
    return jnp.asarray(rng.standard_normal(shape, np.float32))


def scaled_leaky_relu(x: jax.Array, *, gain: float = 1.0) -> jax.Array:
    """Computes `gain` times sqrt(2), which keeps the scale of x, times its leaky ReLU."""
    return layers.leaky_relu(x, gain=_SQRT2 * gain)


def _normalize_2nd_moment(x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=1, keepdims=True) + 1e-8)


class Dense(nnx.Module):
    """Computes a fully connected layer with equalised learning rate.

    Args:
      rng: source of the initial weights.
      n_in: size of the input.
      n_out: size of the result.
      bias: its value at the start.
      lr_multiplier: learning rate, as a multiple of that of other layers.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        n_in: int,
        n_out: int,
        *,
        bias: float = 0.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        self.weight = nnx.Param(_normal(rng, n_in, n_out) / lr_multiplier)
        self.bias = nnx.Param(jnp.full((n_out,), bias, jnp.float32))
        self.gain = lr_multiplier / math.sqrt(n_in)
        self.lr_multiplier = lr_multiplier

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `b n_in` to `b n_out`."""
        y = x @ (self.weight[...] * self.gain)
        return layers.add_bias(y, self.bias[...] * self.lr_multiplier)


class Conv(nnx.Module):
    """Computes a convolution with equalised learning rate.

    Args:
      rng: source of the initial weights.
      n_in: channels of the input.
      n_out: channels of the result.
      kernel: px, height and width of the kernel: 1 or 3.
      down: whether to halve the map.
      activate: whether a bias and a leaky ReLU follow.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        n_in: int,
        n_out: int,
        *,
        kernel: int,
        down: bool = False,
        activate: bool = True,
    ) -> None:
        self.weight = nnx.Param(_normal(rng, kernel, kernel, n_in, n_out))
        if activate:
            self.bias = nnx.Param(jnp.zeros((n_out,)))
        self.gain = 1.0 / math.sqrt(n_in * kernel**2)
        self.down, self.activate = down, activate

    def __call__(self, x: jax.Array, *, gain: float = 1.0) -> jax.Array:
        """Maps `b h w n_in` to `b h w n_out`, half as high and wide with `down`."""
        # Linear in the weight: a gain of a layer without bias goes there, where it is cheap.
        w = self.weight[...] * (self.gain if self.activate else self.gain * gain)
        convolve = convolution.conv2d_down if self.down else convolution.conv2d
        x = convolve(x, w.astype(x.dtype))
        if self.activate:
            x = scaled_leaky_relu(layers.add_bias(x, self.bias[...]), gain=gain)
        return x


class Mapping(nnx.Module):
    """Maps latents z and conditions to w, without broadcast or truncation.

    Args:
      rng: source of the initial weights.
      z_dim: size of z; 0: the condition alone is mapped.
      c_dim: size of the condition; 0: unconditional.
      w_dim: size of w.
      depth: fully connected layers.
    """

    def __init__(
        self, rng: np.random.Generator, *, z_dim: int, c_dim: int, w_dim: int, depth: int
    ) -> None:
        self.z_dim, self.c_dim, self.depth = z_dim, c_dim, depth
        if c_dim:
            self.embed = Dense(rng, c_dim, w_dim)
        for i in range(depth):
            n_in = w_dim if i else z_dim + (w_dim if c_dim else 0)
            setattr(self, f"fc{i}", Dense(rng, n_in, w_dim, lr_multiplier=0.01))

    def __call__(self, z: jax.Array | None, c: jax.Array | None) -> jax.Array:
        """Maps z `b z_dim` (unread where z_dim is 0) and c `b c_dim` or None to w `b w_dim`."""
        parts = [_normalize_2nd_moment(z)] if self.z_dim else []
        if self.c_dim:
            parts.append(_normalize_2nd_moment(self.embed(c)))
        x = jnp.concatenate(parts, axis=1)
        for i in range(self.depth):
            x = scaled_leaky_relu(getattr(self, f"fc{i}")(x))
        return x


class SynthesisLayer(nnx.Module):
    """Computes a modulated 3x3 convolution with demodulation, noise, bias and leaky ReLU.

    Args:
      rng: source of the initial weights.
      n_in: channels of the input.
      n_out: channels of the result.
      w_dim: size of w.
      resolution: px, of the result.
      up: whether to double the map.
      noise: whether to add noise to each pixel.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        n_in: int,
        n_out: int,
        *,
        w_dim: int,
        resolution: int,
        up: bool,
        noise: bool,
    ) -> None:
        self.affine = Dense(rng, w_dim, n_in, bias=1.0)
        self.weight = nnx.Param(_normal(rng, 3, 3, n_in, n_out))
        self.bias = nnx.Param(jnp.zeros((n_out,)))
        self.up, self.resolution, self.noise = up, resolution, noise
        if noise:
            self.noise_const = layers.Buffer(_normal(rng, resolution, resolution))
            self.noise_strength = nnx.Param(jnp.zeros(()))

    def __call__(self, x: jax.Array, w: jax.Array, noise_keys: jax.Array | None) -> jax.Array:
        """Computes the features that follow x.

        Args:
          x: `b h w n_in`.
          w: f32 `b w_dim`.
          noise_keys: `b`, of each sample's noise; None: the constant noise.

        Returns:
          `b h w n_out`, twice as high and wide with `up`.
        """
        style = self.affine(w)  # b n_in
        weight = self.weight[...]
        # Scaling activations before and after equals scaling each sample's weights (1912.04958, eq.
        # 1 and 3), and needs no grouped convolution.
        squares = jnp.sum(jnp.square(weight), (0, 1))
        demodulation = jax.lax.rsqrt(jnp.square(style) @ squares + 1e-8)  # b n_out
        x = x * style[:, None, None].astype(x.dtype)
        convolve = convolution.conv2d_up if self.up else convolution.conv2d
        x = convolve(x, weight.astype(x.dtype))
        x = x * demodulation[:, None, None].astype(x.dtype)
        if self.noise:
            x = x + self._noise(x, noise_keys).astype(x.dtype)
        return scaled_leaky_relu(layers.add_bias(x, self.bias[...]))

    def _noise(self, x: jax.Array, noise_keys: jax.Array | None) -> jax.Array:
        if noise_keys is None:
            noise = self.noise_const[...][None]
        else:
            # The layer's own stream of each sample: one draw a sample, whatever the batch or the
            # device.
            stream = 2 * self.resolution + int(self.up)
            keys = jax.vmap(jax.random.fold_in, (0, None))(noise_keys, stream)
            noise = jax.vmap(lambda k: jax.random.normal(k, x.shape[1:3]))(keys)
        return noise[..., None] * self.noise_strength[...]


class ToRGB(nnx.Module):
    """Computes a modulated 1x1 convolution to the image's channels, without demodulation."""

    def __init__(self, rng: np.random.Generator, n_in: int, n_out: int, *, w_dim: int) -> None:
        self.affine = Dense(rng, w_dim, n_in, bias=1.0)
        self.weight = nnx.Param(_normal(rng, 1, 1, n_in, n_out))
        self.bias = nnx.Param(jnp.zeros((n_out,)))
        self.gain = 1.0 / math.sqrt(n_in)

    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        """Maps x `b h w n_in` and w f32 `b w_dim` to f32 `b h w n_out`."""
        x = x * (self.affine(w) * self.gain)[:, None, None].astype(x.dtype)
        x = convolution.conv2d(x, self.weight[...].astype(x.dtype))
        return layers.add_bias(x.astype(jnp.float32), self.bias[...])


class SynthesisBlock(nnx.Module):
    """Computes one resolution of the generator.

    An upsampling and a plain layer make features, which add to the image of lower resolution. The
    first block has a learned constant in place of the upsampling layer.

    Args:
      rng: source of the initial weights.
      n_in: channels of the input; 0: this is the first block.
      n_out: channels of the features.
      w_dim: size of w.
      resolution: px, of the result.
      image_channels: of the image.
      noise: whether layers add noise to each pixel.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        n_in: int,
        n_out: int,
        w_dim: int,
        resolution: int,
        image_channels: int,
        noise: bool,
    ) -> None:
        common = {"w_dim": w_dim, "resolution": resolution, "noise": noise}
        self.resolution = resolution
        if n_in:
            self.conv0 = SynthesisLayer(rng, n_in, n_out, up=True, **common)
        else:
            self.const = nnx.Param(_normal(rng, resolution, resolution, n_out))
        self.conv1 = SynthesisLayer(rng, n_out, n_out, up=False, **common)
        self.torgb = ToRGB(rng, n_out, image_channels, w_dim=w_dim)

    def __call__(
        self,
        x: jax.Array | None,
        image: jax.Array | None,
        *,
        ws: jax.Array,
        noise_keys: jax.Array | None,
        dtype: DTypeLike,
    ) -> tuple[jax.Array, jax.Array]:
        """Computes features and image at this resolution.

        Args:
          x: features of the block before, at half the resolution; None in the first block.
          image: f32, of the block before; None in the first block.
          ws: f32 `b n w_dim`, a w for each layer, the last for `ToRGB`; n is 2 in the first block,
            3 in others.
          noise_keys: `b`, of each sample's noise; None: the constant noise.
          dtype: of the features.
        """
        if x is None:
            const = self.const[...].astype(dtype)
            x = jnp.broadcast_to(const, (ws.shape[0], *const.shape))
        else:
            x = self.conv0(x, ws[:, 0], noise_keys)
            ws = ws[:, 1:]
        x = self.conv1(x, ws[:, 0], noise_keys)
        rgb = self.torgb(x, ws[:, 1])
        return x, rgb if image is None else resampling.upsample2d(image) + rgb


class DiscriminatorBlock(nnx.Module):
    """Computes one resolution of the discriminator: a plain and a halving layer.

    Args:
      rng: source of the initial weights.
      image_channels: of the image.
      n: channels of the features.
      n_out: channels of the result.
      architecture: 'orig', 'skip' or 'resnet'.
      first: whether this is the first block.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        image_channels: int,
        n: int,
        n_out: int,
        architecture: str,
        first: bool,
    ) -> None:
        self.architecture = architecture
        if first or architecture == "skip":
            self.fromrgb = Conv(rng, image_channels, n, kernel=1)
        self.conv0 = Conv(rng, n, n, kernel=3)
        self.conv1 = Conv(rng, n, n_out, kernel=3, down=True)
        if architecture == "resnet":
            self.skip = Conv(rng, n, n_out, kernel=1, down=True, activate=False)

    def __call__(self, x: jax.Array | None, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Computes features and image at half the resolution; x is None in the first block."""
        if x is None or self.architecture == "skip":
            y = self.fromrgb(image)
            x = y if x is None else x + y
            image = resampling.downsample2d(image)  # read by `skip` only
        if self.architecture == "resnet":
            y = self.skip(x, gain=_SQRT_HALF)
            return y + self.conv1(self.conv0(x), gain=_SQRT_HALF), image
        return self.conv1(self.conv0(x)), image


def minibatch_stddev(x: jax.Array, group: int) -> jax.Array:
    """Appends to `b h w c` one map: how much the samples of a group differ.

    It is the mean over features and pixels of the standard deviation over a group of samples.
    Groups are runs of `group` consecutive samples, so that they are the same on any number of
    devices.
    """
    b, h, w, c = x.shape
    y = x.reshape(b // group, group, h, w, c)
    y = jnp.sqrt(jnp.mean(jnp.square(y - jnp.mean(y, 1, keepdims=True)), 1) + 1e-8)  # groups h w c
    y = jnp.repeat(jnp.mean(y, (1, 2, 3)), group)
    return jnp.concatenate([x, jnp.broadcast_to(y[:, None, None, None], (b, h, w, 1))], -1)
