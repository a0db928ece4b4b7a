"""Builds the networks of restoration: a small U-Net that enlarges, and a critic of its pictures.

Pictures are premultiplied RGBA in [0, 1], so that what lies outside of one, 0, is transparent.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan.networks import layers, unet
from emoji_gan.ops import convolution

_CHANNELS = 4  # RGBA
_SHARPNESS = 30.0  # of the first guess: a colour is e times less likely at a distance of 0.18
_MISSING_GAIN = 16.0  # what a restored picture lacks is a few levels of 255, features are near 1


class Residual(nnx.Module):
    """Computes a residual block without normalisation, which would mix flat areas with detail."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.conv0, self.conv1 = unet.Conv(rng, n, n), unet.Conv(rng, n, n, zero=True)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `b h w n` to the same shape."""
        return x + self.conv1(layers.leaky_relu(self.conv0(x), gain=math.sqrt(2)))


class Correction(nnx.Module):
    """Corrects features by what their picture, made small again, lacks of the small one.

    It learns how far a damaged picture is to be believed. To begin with it changes nothing.
    """

    def __init__(self, rng: np.random.Generator, width: int) -> None:
        self.conv0 = unet.Conv(rng, width + _CHANNELS, width)
        self.conv1 = unet.Conv(rng, width, width, zero=True)
        self.block = Residual(rng, width)

    def __call__(self, y: jax.Array, missing: jax.Array) -> jax.Array:
        """Maps features `b h w width` and what is missing `b h w 4` to better features."""
        z = self.conv0(jnp.concatenate([y, _MISSING_GAIN * missing], -1))
        return self.block(y + self.conv1(layers.leaky_relu(z, gain=math.sqrt(2))))


class Restorer(nnx.Module):
    """Enlarges and mends pictures of any even size.

    Args:
      rng: source of the initial weights.
      width: channels at the size of the input; a map half as large has twice as many.
      blocks: residual blocks before, on and after the smaller map, each.
      scale: how much larger the result is.
      corrections: how often the result is made small again, compared and corrected.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        width: int,
        blocks: int,
        scale: int,
        corrections: int = 0,
    ) -> None:
        self.conv_in = unet.Conv(rng, _CHANNELS + 1, width)
        self.before = nnx.List([Residual(rng, width) for _ in range(blocks)])
        self.down = unet.Conv(rng, width, 2 * width, kernel=4)
        self.middle = nnx.List([Residual(rng, 2 * width) for _ in range(blocks)])
        self.up = unet.Conv(rng, 2 * width, 4 * width, kernel=1)
        self.after = nnx.List([Residual(rng, width) for _ in range(blocks)])
        self.conv_out = unet.Conv(rng, width, _CHANNELS * scale**2, zero=True)
        self.corrections = nnx.List([Correction(rng, width) for _ in range(corrections)])
        self.scale = scale

    def __call__(self, x: jax.Array, background: jax.Array) -> jax.Array:
        """Restores pictures.

        Args:
          x: f32 `b h w 4`, h and w even.
          background: f32 `b`, 1 where an opaque picture's background is to become transparent,
            else 0.

        Returns:
          f32 `b scale*h scale*w 4`, nominally in [0, 1].
        """
        return self._drawn(self._result(x, background))

    def _result(self, x: jax.Array, background: jax.Array) -> jax.Array:
        """Computes what `_drawn` makes the picture of."""
        guess, y = self._guess(x), self.features(x, background)
        result = guess + from_depth(self.conv_out(y), self.scale)
        for correct in self.corrections:
            y = correct(y, x - made_small(self._drawn(result), self.scale))
            result = guess + from_depth(self.conv_out(y), self.scale)
        return result

    def _guess(self, x: jax.Array) -> jax.Array:
        return enlarged(x, self.scale)

    def _drawn(self, result: jax.Array) -> jax.Array:
        return result

    def features(self, x: jax.Array, background: jax.Array) -> jax.Array:
        """Maps the same pictures and flags to what the last layer reads: `b h w width`."""
        b, h, w, _ = x.shape
        background_map = jnp.broadcast_to(background[:, None, None, None], (b, h, w, 1))
        y = self.conv_in(jnp.concatenate([x, background_map], -1))
        for block in self.before:
            y = block(y)
        z = layers.add_bias(convolution.conv4_down(y, self.down.weight[...]), self.down.bias[...])
        for block in self.middle:
            z = block(z)
        y = y + from_depth(self.up(z), 2)
        for block in self.after:
            y = block(y)
        return y


class PaletteRestorer(Restorer):
    """Restores art of a few known colours: each pixel is a mixture of them.

    Args:
      rng: source of the initial weights.
      colours: premultiplied RGBA in [0, 1], f32 `k 4`.
      width: as of `Restorer`, and so are `scale` and all other sizes.
    """

    def __init__(
        self, rng: np.random.Generator, colours: np.ndarray, *, width: int, scale: int, **sizes: int
    ) -> None:
        super().__init__(rng, width=width, scale=scale, **sizes)
        self.conv_out = unet.Conv(rng, width, len(colours) * scale**2, zero=True)
        # A tuple is of the network's kind, and no weight.
        self.colours = tuple(map(tuple, np.asarray(colours, np.float64).tolist()))

    def logits(self, x: jax.Array, background: jax.Array) -> jax.Array:
        """Maps the same pictures and flags to logits of the colours: `b scale*h scale*w k`."""
        return self._result(x, background)

    def _guess(self, x: jax.Array) -> jax.Array:
        # What plain enlargement shows is the first guess, as it is of regression.
        away = squared_distances(enlarged(x, self.scale), jnp.array(self.colours, x.dtype))
        return -_SHARPNESS * away

    def _drawn(self, result: jax.Array) -> jax.Array:
        return jax.nn.softmax(result) @ jnp.array(self.colours, result.dtype)


def squared_distances(x: jax.Array, colours: jax.Array | np.ndarray) -> jax.Array:
    """Returns the squared distances of pixels `b h w 4` to colours `k 4`: `b h w k`."""
    lengths = (colours**2).sum(-1).reshape(1, 1, 1, -1)
    return jnp.square(x).sum(-1, keepdims=True) - 2 * x @ colours.T + lengths


def from_depth(x: jax.Array, times: int) -> jax.Array:
    """Lays channels `b h w times*times*c` out as squares of pixels: `b times*h times*w c`."""
    b, h, w, _ = x.shape
    x = x.reshape(b, h, w, times, times, -1).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * times, w * times, -1)


def made_small(x: jax.Array, times: int) -> jax.Array:
    """Makes pictures `b times*h times*w c` smaller by means over squares of pixels: `b h w c`."""
    b, h, w, channels = x.shape
    return x.reshape(b, h // times, times, w // times, times, channels).mean((2, 4))


def enlarged(x: jax.Array, times: int) -> jax.Array:
    """Enlarges pictures `b h w c` by bicubic interpolation."""
    b, h, w, channels = x.shape
    return jax.image.resize(x, (b, h * times, w * times, channels), "cubic")


class Critic(nnx.Module):
    """Scores how real enlarged pictures are, beside the damaged ones that they are made of.

    Args:
      rng: source of the initial weights.
      width: channels of its largest map.
    """

    def __init__(self, rng: np.random.Generator, *, width: int) -> None:
        self.conv0 = unet.Conv(rng, 2 * _CHANNELS, width, kernel=4)
        self.conv1 = unet.Conv(rng, width, 2 * width, kernel=4)
        self.conv2 = unet.Conv(rng, 2 * width, 4 * width, kernel=4)
        self.score = unet.Conv(rng, 4 * width, 1, kernel=1)

    def __call__(self, picture: jax.Array, damaged: jax.Array) -> jax.Array:
        """Scores pictures `b h w 4` beside damaged ones, enlarged `b h w 4`: f32 `b`."""
        y = jnp.concatenate([picture, damaged], -1)
        for conv in (self.conv0, self.conv1, self.conv2):
            y = convolution.conv4_down(y, conv.weight[...])
            y = layers.leaky_relu(layers.add_bias(y, conv.bias[...]), gain=math.sqrt(2))
        return self.score(y).mean((1, 2, 3))


def is_embedding(path: tuple) -> bool:
    """Returns False: no parameter is an embedding."""
    del path
    return False


def depends_on_condition(path: tuple) -> bool:
    """Returns False: pictures have no conditions here."""
    del path
    return False


def starts_anew(path: tuple) -> bool:
    """Returns whether a weight starts anew where the old network's has another shape.

    The last layer does, which is of other colours or of another scale; so do corrections that the
    old network does not have.
    """
    return path[0] in ("conv_out", "corrections")


def discriminator_depth(path: tuple, resolution: int) -> int | None:
    """Returns None: the maps of a critic cannot be frozen one by one."""
    del path, resolution
    return None
