"""Builds the critic of a one-step generator: the reading half of a flow's U-Net and three heads.

Its trunk may start with the flow's weights, which know emoji already. A condition is compared with
the features by a projection (1802.05637), so that what a picture shows is computed once for any
number of conditions. The trunk has learned to look past noise, which a flow is trained on: one head
looks at the pixels themselves.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan.networks import layers, unet
from emoji_gan.ops import convolution

_CHANNELS = 4  # of an emoji: RGBA
_PIXEL_WIDTH = 32  # channels of the head that looks at pixels
_TIME = 0.9  # at which the trunk reads an image: nearly clean, as the flow has seen it often


class Critic(unet.Trunk):
    """Scores how real images are, and how well they fit a condition.

    Args:
      rng: source of the initial weights.
      c_dim: size of the condition; 0: unconditional.
      widths: channels of the trunk's maps, of the largest first.
      features: size of the vector that is compared with a condition.
      **trunk: the other arguments of the trunk.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        c_dim: int,
        widths: Sequence[int],
        features: int = 256,
        px: int,
        **trunk: int,
    ) -> None:
        super().__init__(rng, c_dim=c_dim, widths=widths, **trunk)
        smallest = px // trunk["patch"] >> len(widths)  # positions of a side, halved once more
        self.local = unet.Conv(rng, widths[0], 1, kernel=1)
        self.pixels0 = unet.Conv(rng, _CHANNELS, _PIXEL_WIDTH)
        self.pixels1 = unet.Conv(rng, _PIXEL_WIDTH, 2 * _PIXEL_WIDTH, kernel=4)
        self.pixels2 = unet.Conv(rng, 2 * _PIXEL_WIDTH, 1, kernel=1)
        self.shrink = unet.Conv(rng, widths[-1], widths[-1], kernel=4)
        self.gather = unet.Dense(rng, smallest**2 * widths[-1], features)
        self.score = unet.Dense(rng, features, 1)
        if c_dim:
            self.project = unet.Dense(rng, 4 * widths[0], features)
            self.name = unet.Dense(rng, 4 * widths[0], features)
        self.c_dim, self.features = c_dim, features

    def read_image(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Computes the score f32 `b` of images f32 `b h w c`, and their features f32 `b n`."""
        b = len(x)
        nothing = jnp.zeros((b, self.c_dim)) if self.c_dim else None
        embedding = self.embed(jnp.full(b, _TIME), nothing)
        y, maps = self.read(x, embedding)
        patches = self.local(jax.nn.silu(unet.group_norm(maps[self.blocks])))
        y = layers.leaky_relu(_down(self.shrink, jax.nn.silu(unet.group_norm(y))))
        features = layers.leaky_relu(self.gather(y.reshape(b, -1)))
        pixels = _down(self.pixels1, layers.leaky_relu(self.pixels0(x)))
        pixels = self.pixels2(layers.leaky_relu(pixels))
        score = self.score(features)[:, 0] + patches.mean((1, 2, 3)) + pixels.mean((1, 2, 3))
        return score, features

    def fit(self, features: jax.Array, c: jax.Array | None) -> jax.Array:
        """Computes how well features `b n` fit conditions `b c_dim`: f32 `b`, a part of a logit."""
        if c is None:
            return jnp.zeros(len(features))
        wanted = self.project(jax.nn.silu(self.embed_condition(c)))
        return jnp.sum(features * wanted, 1) / math.sqrt(self.features)

    def name_among(self, features: jax.Array, c: jax.Array, others: jax.Array) -> jax.Array:
        """Computes how surely features `b n` are those of their own condition: f32 `b`.

        It is the logarithm of the probability of c `b c_dim` among it and the others `m c_dim`
        (1807.03748, eq. 4); 0 for an image without a condition. Others that are zeros or the same
        as its own do not count.
        """
        own, wanted = (self.name(jax.nn.silu(self.embed_condition(x))) for x in (c, others))
        fits = jnp.concatenate([jnp.sum(features * own, 1)[:, None], features @ wanted.T], 1)
        same = jnp.all(c[:, None] == others[None], 2) | jnp.all(others == 0, 1)[None]
        counts = jnp.concatenate([jnp.ones((len(c), 1), bool), ~same], 1)
        fits = jnp.where(counts, fits / math.sqrt(self.features), -jnp.inf)
        return jnp.where(jnp.any(c != 0, 1), jax.nn.log_softmax(fits)[:, 0], 0.0)


def _down(conv: unet.Conv, x: jax.Array) -> jax.Array:
    """Halves `b h w n_in` into `b h/2 w/2 n_out` by a convolution of 4 x 4."""
    return layers.add_bias(convolution.conv4_down(x, conv.weight[...]), conv.bias[...])


def finer(field: str, path: tuple, value: np.ndarray, times: int) -> np.ndarray:
    """Returns a parameter as it is where images and patches are `times` as large; see `unet.finer`.

    G reads noise, of which the mean of a square has only 1/times of the deviation.
    """
    grown = unet.finer(field, path, value, times)
    return grown * times if field.startswith("g") and path == ("enter", "weight") else grown


is_embedding = unet.is_embedding
depends_on_condition = unet.depends_on_condition


def discriminator_depth(path: tuple, resolution: int) -> int | None:
    """Returns None: the maps of a critic cannot be frozen one by one."""
    del path, resolution
    return None
