"""Builds the network of a restyler: a flow's U-Net that also reads the picture to be restyled."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from emoji_gan.networks import unet
from emoji_gan.networks.unet import depends_on_condition, discriminator_depth, is_embedding

__all__ = [
    "Restyler",
    "depends_on_condition",
    "discriminator_depth",
    "equivalent",
    "finer",
    "is_embedding",
]


class Restyler(unet.UNet):
    """Maps noisy images, times, conditions and pictures to a field of the shape of the images.

    The picture is read as further channels of the noisy image, whose weights are 0 at the start.
    Where there is no picture, the parameters of a flow make it that flow.

    Args:
      rng: source of the initial weights.
      widths: as for the U-Net.
      patch: as for the U-Net.
      **others: the other arguments of the U-Net.
    """

    def __init__(
        self, rng: np.random.Generator, *, widths: Sequence[int], patch: int, **others: int
    ) -> None:
        super().__init__(rng, widths=widths, patch=patch, **others)
        channels = unet.CHANNELS * patch**2
        self.enter_picture = unet.Conv(rng, channels, widths[0], zero=True)

    def __call__(
        self,
        x: jax.Array,
        t: jax.Array,
        c: jax.Array | None,
        dtype: DTypeLike = jnp.float32,
        picture: jax.Array | None = None,
    ) -> jax.Array:
        """Computes the field at noisy images.

        Args:
          x: images f32 `b h w 4`.
          t: times f32 `b` in [0, 1].
          c: conditions f32 `b c_dim`; None: unconditional.
          dtype: of the activations.
          picture: f32 `b h w 4`, premultiplied RGBA in [-1, 1]; all 0: none.

        Returns:
          f32 `b h w 4`.
        """
        seen = self.enter_picture(unet.to_patches(picture.astype(dtype), self.patch))
        return self.field(x, t, c, dtype, seen)


def equivalent(path: tuple) -> tuple:
    """Returns the path of the flow's parameter that one which a flow lacks starts as.

    The picture is first read as a noisy image is, so that the flow's features see it at once.
    """
    return ("enter", "weight") if path == ("enter_picture", "weight") else path


def finer(field: str, path: tuple, value: np.ndarray, times: int) -> np.ndarray:
    """Returns a parameter as it is where images and patches are `times` as large (`unet.finer`)."""
    return unet.finer(field, equivalent(path), value, times)
