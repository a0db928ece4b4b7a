"""Builds StyleGAN2 (1912.04958) as revised for ADA (2006.06676): generator and discriminator.

Sub-modules carry the names of the official state dict, so that `emoji_gan.trained.official_weights`
maps one onto the other by transposition alone. Activations run in `dtype`; demodulation, the
mapping, the skip images, the minibatch statistics and the logits stay in float32.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from emoji_gan.networks import layers, stylegan2_layers


def channels(resolution: int, base: int, maximum: int) -> int:
    """Returns the feature maps at a resolution: `base / resolution`, at most `maximum`."""
    return min(base // resolution, maximum)


# ---- generator -----------------------------------------------------------------------------------


class Synthesis(nnx.Module):
    """Maps ws, a w for each layer, to images, with skip connections through the image."""

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        w_dim: int,
        resolution: int,
        image_channels: int,
        channel_base: int,
        channel_max: int,
        noise: bool,
    ) -> None:
        self.resolutions = tuple(2**i for i in range(2, int(math.log2(resolution)) + 1))
        self.num_ws = 2 * len(self.resolutions)  # 4 px: one layer; others: two; the last ToRGB
        n_in = 0
        for r in self.resolutions:
            n_out = channels(r, channel_base, channel_max)
            block = stylegan2_layers.SynthesisBlock(
                rng,
                n_in=n_in,
                n_out=n_out,
                w_dim=w_dim,
                resolution=r,
                image_channels=image_channels,
                noise=noise,
            )
            setattr(self, f"b{r}", block)
            n_in = n_out

    def __call__(
        self,
        ws: jax.Array,
        noise_keys: jax.Array | None = None,
        dtype: DTypeLike = jnp.float32,
    ) -> jax.Array:
        """Draws images.

        Args:
          ws: f32 `b num_ws w_dim`.
          noise_keys: `b`, of each sample's noise; None: the constant noise.
          dtype: of the activations.

        Returns:
          f32 `b h w image_channels`.
        """
        x, image, i = None, None, 0
        for r in self.resolutions:
            # A block's ToRGB has the w of the next block's first layer.
            n = 1 if r == 4 else 2
            block = getattr(self, f"b{r}")
            x, image = block(x, image, ws=ws[:, i : i + n + 1], noise_keys=noise_keys, dtype=dtype)
            i += n
        return image


class Generator(nnx.Module):
    """Draws images from latents and conditions.

    Args:
      rng: source of the initial weights.
      z_dim: size of the latent z.
      w_dim: size of the mapped latent w.
      c_dim: size of the condition; 0: unconditional.
      resolution: px, a power of two, at least 4.
      image_channels: 4 for premultiplied RGBA.
      channel_base: see `channels`.
      channel_max: see `channels`.
      mapping_layers: fully connected layers from z to w.
      noise: whether layers add noise to each pixel.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        z_dim: int,
        w_dim: int,
        c_dim: int,
        resolution: int,
        image_channels: int,
        channel_base: int,
        channel_max: int,
        mapping_layers: int,
        noise: bool,
    ) -> None:
        self.mapping = stylegan2_layers.Mapping(
            rng, z_dim=z_dim, c_dim=c_dim, w_dim=w_dim, depth=mapping_layers
        )
        self.synthesis = Synthesis(
            rng,
            w_dim=w_dim,
            resolution=resolution,
            image_channels=image_channels,
            channel_base=channel_base,
            channel_max=channel_max,
            noise=noise,
        )
        self.w_avg = layers.Buffer(jnp.zeros((w_dim,)))

    def broadcast(self, w: jax.Array, truncation: float = 1.0) -> jax.Array:
        """Repeats w `b w_dim` for each layer: `b num_ws w_dim`; pulls it to the mean w before.

        Args:
          w: f32 `b w_dim`.
          truncation: psi: 1 leaves w as it is, 0 is the mean w (1812.04948, appendix B).
        """
        mean = self.w_avg[...][None]
        w = mean + truncation * (w - mean) if truncation != 1.0 else w
        return jnp.broadcast_to(w[:, None], (w.shape[0], self.synthesis.num_ws, w.shape[1]))

    def __call__(
        self,
        z: jax.Array,
        c: jax.Array | None = None,
        noise_keys: jax.Array | None = None,
        truncation: float = 1.0,
        dtype: DTypeLike = jnp.float32,
    ) -> jax.Array:
        """Draws images.

        Args:
          z: latents f32 `b z_dim`.
          c: conditions f32 `b c_dim`; None: unconditional.
          noise_keys: `b`, of each sample's noise; None: the constant noise.
          truncation: see `broadcast`.
          dtype: of the activations.

        Returns:
          f32 `b h w image_channels`.
        """
        return self.synthesis(self.broadcast(self.mapping(z, c), truncation), noise_keys, dtype)


# ---- discriminator -------------------------------------------------------------------------------


class DiscriminatorEpilogue(nnx.Module):
    """Computes logits of features of 4x4 px, projected on the class where there is one, in float32.

    Args:
      rng: source of the initial weights.
      image_channels: of the image.
      n: channels of the features.
      cmap_dim: size of the mapped condition; 0: unconditional.
      architecture: 'orig', 'skip' or 'resnet'.
      mbstd_group: samples of one minibatch-stddev group; 0: off.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        image_channels: int,
        n: int,
        cmap_dim: int,
        architecture: str,
        mbstd_group: int,
    ) -> None:
        if architecture == "skip":
            self.fromrgb = stylegan2_layers.Conv(rng, image_channels, n, kernel=1)
        self.conv = stylegan2_layers.Conv(rng, n + bool(mbstd_group), n, kernel=3)
        self.fc = stylegan2_layers.Dense(rng, n * 16, n)
        self.out = stylegan2_layers.Dense(rng, n, cmap_dim or 1)
        self.architecture, self.mbstd_group = architecture, mbstd_group

    def __call__(self, x: jax.Array, image: jax.Array, cmap: jax.Array | None) -> jax.Array:
        """Computes logits f32 `b`.

        Args:
          x: features `b 4 4 n`.
          image: at 4 px, read by `skip` only.
          cmap: the mapped condition `b cmap_dim`; None: unconditional.
        """
        x = x.astype(jnp.float32)
        if self.architecture == "skip":
            x = x + self.fromrgb(image.astype(jnp.float32))
        if self.mbstd_group:
            x = stylegan2_layers.minibatch_stddev(x, self.mbstd_group)
        x = self.conv(x)
        x = self.out(stylegan2_layers.scaled_leaky_relu(self.fc(x.reshape(x.shape[0], -1))))
        if cmap is None:
            return x[:, 0]
        return jnp.sum(x * cmap, 1) / math.sqrt(cmap.shape[1])


class Discriminator(nnx.Module):
    """Scores images under conditions by logits.

    Args:
      rng: source of the initial weights.
      c_dim: size of the condition; 0: unconditional.
      resolution: px, a power of two, at least 8.
      image_channels: what D sees: 4 for RGBA, 7 with a composite.
      channel_base: see `channels`.
      channel_max: see `channels`.
      architecture: 'orig', 'skip' or 'resnet'.
      mbstd_group: samples of one minibatch-stddev group; must divide the batch; 0: off.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        c_dim: int,
        resolution: int,
        image_channels: int,
        channel_base: int,
        channel_max: int,
        architecture: str,
        mbstd_group: int,
    ) -> None:
        common = {"image_channels": image_channels, "architecture": architecture}
        self.resolutions = tuple(2**i for i in range(int(math.log2(resolution)), 2, -1))
        n4 = channels(4, channel_base, channel_max)
        for i, r in enumerate(self.resolutions):
            n, n_out = (channels(s, channel_base, channel_max) for s in (r, r // 2))
            block = stylegan2_layers.DiscriminatorBlock(
                rng, n=n, n_out=n_out, first=i == 0, **common
            )
            setattr(self, f"b{r}", block)
        self.c_dim = c_dim
        if c_dim:
            self.mapping = stylegan2_layers.Mapping(rng, z_dim=0, c_dim=c_dim, w_dim=n4, depth=8)
        self.b4 = DiscriminatorEpilogue(
            rng, n=n4, cmap_dim=n4 if c_dim else 0, mbstd_group=mbstd_group, **common
        )

    def __call__(
        self, image: jax.Array, c: jax.Array | None = None, dtype: DTypeLike = jnp.float32
    ) -> jax.Array:
        """Computes the logits of images.

        Args:
          image: f32 `b h w image_channels`.
          c: conditions f32 `b c_dim`; None: unconditional.
          dtype: of the activations.

        Returns:
          f32 `b`.
        """
        x, image = None, image.astype(dtype)
        for r in self.resolutions:
            x, image = getattr(self, f"b{r}")(x, image)
        return self.b4(x, image, self.mapping(None, c) if self.c_dim else None)


# ---- kinds of parameters -------------------------------------------------------------------------


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
