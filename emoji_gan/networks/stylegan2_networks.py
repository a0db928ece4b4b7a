"""StyleGAN2 (1912.04958) as revised for ADA (2006.06676): mapping, synthesis and discriminator.

Sub-modules carry the names of the official state dict, so that `emoji_gan.trained.official_weights`
maps one onto the other by transposition alone. Activations run in `dtype`; demodulation, the
mapping, the skip images, the minibatch statistics and the logits stay in float32. Initial weights
are drawn on the host: a hundred small draws by `jax.random` cost some ten seconds of compilation.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan.ops import convolution, resampling

_SQRT2 = math.sqrt(2.0)
_SQRT_HALF = math.sqrt(0.5)


class Buffer(nnx.Variable):
    """An array of the model that no gradient reaches."""


def channels(resolution: int, base: int, maximum: int) -> int:
    """Feature maps at a resolution: `base / resolution`, at most `maximum`."""
    return min(base // resolution, maximum)


def _normal(rng: np.random.Generator, *shape):
    return jnp.asarray(rng.standard_normal(shape, np.float32))


def _add_bias(x, bias):
    return x + jnp.expand_dims(bias.astype(x.dtype), range(x.ndim - 1))


def _lrelu(x, gain=_SQRT2):
    # One product, whose derivative is the same product: half the passes of a choice between x and
    # 0.2 x.
    return x * jnp.where(x >= 0, gain, 0.2 * gain).astype(x.dtype)


def _normalize_2nd_moment(x):
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=1, keepdims=True) + 1e-8)


class Dense(nnx.Module):
    """Fully connected layer with equalised learning rate."""

    def __init__(self, rng, n_in, n_out, *, bias=0.0, lr_multiplier=1.0):
        self.weight = nnx.Param(_normal(rng, n_in, n_out) / lr_multiplier)
        self.bias = nnx.Param(jnp.full((n_out,), bias, jnp.float32))
        self.gain = lr_multiplier / math.sqrt(n_in)
        self.lr_multiplier = lr_multiplier

    def __call__(self, x):
        """`b n_in` to `b n_out`."""
        return _add_bias(x @ (self.weight[...] * self.gain), self.bias[...] * self.lr_multiplier)


class Conv(nnx.Module):
    """Convolution with equalised learning rate, optional halving, bias and leaky ReLU."""

    def __init__(self, rng, n_in, n_out, kernel, *, down=False, activate=True):
        self.weight = nnx.Param(_normal(rng, kernel, kernel, n_in, n_out))
        if activate:
            self.bias = nnx.Param(jnp.zeros((n_out,)))
        self.gain = 1.0 / math.sqrt(n_in * kernel**2)
        self.down, self.activate = down, activate

    def __call__(self, x, gain=1.0):
        """`b h w n_in` to `b h w n_out`, half as high and wide with `down`."""
        # Linear in the weight: a gain of a layer without bias goes there, where it is cheap.
        w = self.weight[...] * (self.gain if self.activate else self.gain * gain)
        x = (convolution.conv2d_down if self.down else convolution.conv2d)(x, w.astype(x.dtype))
        if self.activate:
            x = _lrelu(_add_bias(x, self.bias[...]), _SQRT2 * gain)
        return x


class Mapping(nnx.Module):
    """z and the class `b c` (one-hot) to w `b w_dim`, without broadcast or truncation."""

    def __init__(self, rng, z_dim, c_dim, w_dim, layers):
        self.z_dim, self.c_dim, self.layers = z_dim, c_dim, layers
        if c_dim:
            self.embed = Dense(rng, c_dim, w_dim)
        for i in range(layers):
            n_in = w_dim if i else z_dim + (w_dim if c_dim else 0)
            setattr(self, f"fc{i}", Dense(rng, n_in, w_dim, lr_multiplier=0.01))

    def __call__(self, z, c):
        """z `b z_dim` (unused where z_dim is 0), c `b c_dim` or None to w `b w_dim`."""
        parts = [_normalize_2nd_moment(z)] if self.z_dim else []
        if self.c_dim:
            parts.append(_normalize_2nd_moment(self.embed(c)))
        x = jnp.concatenate(parts, axis=1)
        for i in range(self.layers):
            x = _lrelu(getattr(self, f"fc{i}")(x))
        return x


class SynthesisLayer(nnx.Module):
    """Modulated 3x3 convolution with demodulation, noise, bias and leaky ReLU."""

    def __init__(self, rng, n_in, n_out, w_dim, resolution, *, up, noise):
        self.affine = Dense(rng, w_dim, n_in, bias=1.0)
        self.weight = nnx.Param(_normal(rng, 3, 3, n_in, n_out))
        self.bias = nnx.Param(jnp.zeros((n_out,)))
        self.up, self.resolution, self.noise = up, resolution, noise
        if noise:
            self.noise_const = Buffer(_normal(rng, resolution, resolution))
            self.noise_strength = nnx.Param(jnp.zeros(()))

    def __call__(self, x, w, noise_keys):
        """x `b h w n_in`, w `b w_dim`, per-sample keys or None to `b h w n_out`, twice as large with `up`."""
        style = self.affine(w)  # b ci
        weight = self.weight[...]
        # Scaling activations before and after equals scaling each sample's weights (1912.04958, eq.
        # 1 and 3), and needs no grouped convolution.
        demodulate = jax.lax.rsqrt(
            jnp.square(style) @ jnp.sum(jnp.square(weight), (0, 1)) + 1e-8
        )  # b co
        x = x * style[:, None, None].astype(x.dtype)
        x = (convolution.conv2d_up if self.up else convolution.conv2d)(x, weight.astype(x.dtype))
        x = x * demodulate[:, None, None].astype(x.dtype)
        if self.noise:
            x = x + self._noise(x, noise_keys).astype(x.dtype)
        return _lrelu(_add_bias(x, self.bias[...]))

    def _noise(self, x, noise_keys):
        if noise_keys is None:
            noise = self.noise_const[...][None]
        else:
            # The layer's own stream of each sample: one draw a sample, whatever the batch or the
            # device.
            keys = jax.vmap(jax.random.fold_in, (0, None))(
                noise_keys, 2 * self.resolution + int(self.up)
            )
            noise = jax.vmap(lambda k: jax.random.normal(k, x.shape[1:3]))(keys)
        return noise[..., None] * self.noise_strength[...]


class ToRGB(nnx.Module):
    """Modulated 1x1 convolution to the image's channels, no demodulation."""

    def __init__(self, rng, n_in, n_out, w_dim):
        self.affine = Dense(rng, w_dim, n_in, bias=1.0)
        self.weight = nnx.Param(_normal(rng, 1, 1, n_in, n_out))
        self.bias = nnx.Param(jnp.zeros((n_out,)))
        self.gain = 1.0 / math.sqrt(n_in)

    def __call__(self, x, w):
        """x `b h w n_in`, w `b w_dim` to float32 `b h w image_channels`."""
        x = x * (self.affine(w) * self.gain)[:, None, None].astype(x.dtype)
        x = convolution.conv2d(x, self.weight[...].astype(x.dtype))
        return _add_bias(x.astype(jnp.float32), self.bias[...])


class SynthesisBlock(nnx.Module):
    """One resolution of the generator: an upsampling and a plain layer, and the image so far."""

    def __init__(self, rng, n_in, n_out, w_dim, resolution, image_channels, noise):
        self.resolution = resolution
        if n_in:
            self.conv0 = SynthesisLayer(rng, n_in, n_out, w_dim, resolution, up=True, noise=noise)
        else:
            self.const = nnx.Param(_normal(rng, resolution, resolution, n_out))
        self.conv1 = SynthesisLayer(rng, n_out, n_out, w_dim, resolution, up=False, noise=noise)
        self.torgb = ToRGB(rng, n_out, image_channels, w_dim)

    def __call__(self, x, image, ws, noise_keys, dtype):
        """Returns features and image at this resolution; None for both in the first block."""
        if x is None:
            const = self.const[...].astype(dtype)
            x = jnp.broadcast_to(const, (ws.shape[0], *const.shape))
        else:
            x = self.conv0(x, ws[:, 0], noise_keys)
            ws = ws[:, 1:]
        x = self.conv1(x, ws[:, 0], noise_keys)
        rgb = self.torgb(x, ws[:, 1])
        return x, rgb if image is None else resampling.upsample2d(image) + rgb


class Synthesis(nnx.Module):
    """ws `b num_ws w_dim` to an image `b h w c`, float32, with skip connections through the image."""

    def __init__(self, rng, w_dim, resolution, image_channels, channel_base, channel_max, noise):
        self.resolutions = tuple(2**i for i in range(2, int(math.log2(resolution)) + 1))
        self.num_ws = 2 * len(self.resolutions)  # 4 px: one layer; others: two; the last ToRGB
        n_in = 0
        for r in self.resolutions:
            n_out = channels(r, channel_base, channel_max)
            setattr(
                self, f"b{r}", SynthesisBlock(rng, n_in, n_out, w_dim, r, image_channels, noise)
            )
            n_in = n_out

    def __call__(self, ws, noise_keys=None, dtype=jnp.float32):
        """Keys `b` draw each sample's noise; None: the constant noise."""
        x, image, i = None, None, 0
        for r in self.resolutions:
            # A block's ToRGB shares its w with the next block's first layer.
            n = 1 if r == 4 else 2
            x, image = getattr(self, f"b{r}")(x, image, ws[:, i : i + n + 1], noise_keys, dtype)
            i += n
        return image


class Generator(nnx.Module):
    """Latents to images.

    Args:
      rng: source of the initial weights.
      z_dim, w_dim: sizes of the latents.
      c_dim: number of classes; 0: unconditional.
      resolution: px, a power of two, at least 4.
      image_channels: 4 for premultiplied RGBA.
      channel_base, channel_max: see `channels`.
      mapping_layers: fully connected layers from z to w.
      noise: whether layers add per-pixel noise.
    """

    def __init__(
        self,
        rng,
        *,
        z_dim,
        w_dim,
        c_dim,
        resolution,
        image_channels,
        channel_base,
        channel_max,
        mapping_layers,
        noise,
    ):
        self.mapping = Mapping(rng, z_dim, c_dim, w_dim, mapping_layers)
        self.synthesis = Synthesis(
            rng, w_dim, resolution, image_channels, channel_base, channel_max, noise
        )
        self.w_avg = Buffer(jnp.zeros((w_dim,)))

    def broadcast(self, w, truncation=1.0):
        """w `b w_dim` to ws `b num_ws w_dim`, pulled towards the mean w by `truncation` (psi)."""
        mean = self.w_avg[...][None]
        w = mean + truncation * (w - mean) if truncation != 1.0 else w
        return jnp.broadcast_to(w[:, None], (w.shape[0], self.synthesis.num_ws, w.shape[1]))

    def __call__(self, z, c=None, noise_keys=None, truncation=1.0, dtype=jnp.float32):
        """z `b z_dim`, c `b c_dim` one-hot or None, per-sample keys or None (constant noise) to `b h w c`."""
        return self.synthesis(self.broadcast(self.mapping(z, c), truncation), noise_keys, dtype)


class DiscriminatorBlock(nnx.Module):
    """One resolution of the discriminator: a plain and a halving layer."""

    def __init__(self, rng, n_image, n, n_out, architecture, first):
        self.architecture = architecture
        if first or architecture == "skip":
            self.fromrgb = Conv(rng, n_image, n, 1)
        self.conv0 = Conv(rng, n, n, 3)
        self.conv1 = Conv(rng, n, n_out, 3, down=True)
        if architecture == "resnet":
            self.skip = Conv(rng, n, n_out, 1, down=True, activate=False)

    def __call__(self, x, image):
        """Returns features and image at half the resolution; x is None in the first block."""
        if x is None or self.architecture == "skip":
            y = self.fromrgb(image)
            x = y if x is None else x + y
            image = resampling.downsample2d(image)  # dead code but for `skip`
        if self.architecture == "resnet":
            y = self.skip(x, gain=_SQRT_HALF)
            return y + self.conv1(self.conv0(x), gain=_SQRT_HALF), image
        return self.conv1(self.conv0(x)), image


def minibatch_stddev(x: jax.Array, group: int) -> jax.Array:
    """Appends to `b h w c` one map: the mean over features and pixels of the stddev over a group of samples.

    Groups are runs of `group` consecutive samples, so that they are the same on any number of
    devices.
    """
    b, h, w, c = x.shape
    y = x.reshape(b // group, group, h, w, c)
    y = jnp.sqrt(jnp.mean(jnp.square(y - jnp.mean(y, 1, keepdims=True)), 1) + 1e-8)  # groups h w c
    y = jnp.repeat(jnp.mean(y, (1, 2, 3)), group)
    return jnp.concatenate([x, jnp.broadcast_to(y[:, None, None, None], (b, h, w, 1))], -1)


class DiscriminatorEpilogue(nnx.Module):
    """4x4 features to logits `b` (projected on the class where there is one), in float32."""

    def __init__(self, rng, n_image, n, cmap_dim, architecture, mbstd_group):
        if architecture == "skip":
            self.fromrgb = Conv(rng, n_image, n, 1)
        self.conv = Conv(rng, n + bool(mbstd_group), n, 3)
        self.fc = Dense(rng, n * 16, n)
        self.out = Dense(rng, n, cmap_dim or 1)
        self.architecture, self.mbstd_group = architecture, mbstd_group

    def __call__(self, x, image, cmap):
        """x `b 4 4 n`, the image at 4 px (read by `skip` only), the class's vector `b cmap_dim` or None."""
        x = x.astype(jnp.float32)
        if self.architecture == "skip":
            x = x + self.fromrgb(image.astype(jnp.float32))
        if self.mbstd_group:
            x = minibatch_stddev(x, self.mbstd_group)
        x = self.conv(x)
        x = self.out(_lrelu(self.fc(x.reshape(x.shape[0], -1))))
        if cmap is None:
            return x[:, 0]
        return jnp.sum(x * cmap, 1) / math.sqrt(cmap.shape[1])


class Discriminator(nnx.Module):
    """Images `b h w image_channels` and classes to logits `b`.

    Args:
      rng: source of the initial weights.
      c_dim: number of classes; 0: unconditional.
      resolution: px, a power of two, at least 8.
      image_channels: what D sees: 4 for RGBA, 7 with a composite.
      channel_base, channel_max: see `channels`.
      architecture: orig, skip or resnet.
      mbstd_group: samples of one minibatch-stddev group; must divide the batch; 0: off.
    """

    def __init__(
        self,
        rng,
        *,
        c_dim,
        resolution,
        image_channels,
        channel_base,
        channel_max,
        architecture,
        mbstd_group,
    ):
        self.resolutions = tuple(2**i for i in range(int(math.log2(resolution)), 2, -1))
        n4 = channels(4, channel_base, channel_max)
        for i, r in enumerate(self.resolutions):
            n, n_out = (channels(s, channel_base, channel_max) for s in (r, r // 2))
            block = DiscriminatorBlock(rng, image_channels, n, n_out, architecture, first=i == 0)
            setattr(self, f"b{r}", block)
        self.c_dim = c_dim
        if c_dim:
            self.mapping = Mapping(rng, 0, c_dim, n4, layers=8)
        self.b4 = DiscriminatorEpilogue(
            rng, image_channels, n4, n4 if c_dim else 0, architecture, mbstd_group
        )

    def __call__(self, image, c=None, dtype=jnp.float32):
        """Returns logits `b`, float32."""
        x, image = None, image.astype(dtype)
        for r in self.resolutions:
            x, image = getattr(self, f"b{r}")(x, image)
        return self.b4(x, image, self.mapping(None, c) if self.c_dim else None)


def discriminator_depth(path: tuple, resolution: int) -> int | None:
    """Returns which map of D, counted from the image, a parameter belongs to; None: to none."""
    name = str(path[0])
    if name.startswith("b") and name[1:].isdecimal():
        return (resolution // int(name[1:])).bit_length() - 1
    return None


def is_embedding(path: tuple) -> bool:
    """Returns whether the rows of a parameter are the parts of a condition."""
    return path[-2:] == ("embed", "weight")


def depends_on_condition(path: tuple) -> bool:
    """Returns whether only a network with a condition has a parameter, or has it in this shape."""
    return is_embedding(path) or path[0] == "mapping" or path[:2] == ("b4", "out")
