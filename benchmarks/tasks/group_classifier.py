"""Trains small classifiers of pictures into groups, for measuring what training pictures are worth.

The network is the emoji encoder's, narrower and without its phrases, from random weights. A batch
is a number of pictures, so that whoever has more pictures trains no longer. Pictures are moved,
scaled, turned and recoloured at random by the augmentation of discriminators.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from configs import default
from emoji_gan import augment
from emoji_gan import images as images_lib
from emoji_gan.encoder import encoder, training_step

_SIZE = dataclasses.replace(encoder.SIZE.scaled(0.5), text_buckets=0)
_BATCH = 64
_LEARNING_RATE = 0.003
_SMOOTHING = 0.1  # of the labels
_AT_ONCE = 256  # pictures classified together


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Holds pictures and what they show.

    Attributes:
      images: uint8 [n h w 4], straight alpha.
      labels: int [n], numbers of classes.
    """

    images: np.ndarray
    labels: np.ndarray

    def rows(self, which: np.ndarray) -> "Labelled":
        """Returns the pictures of some rows."""
        return Labelled(self.images[which], self.labels[which])

    def __add__(self, other: "Labelled") -> "Labelled":
        return Labelled(
            np.concatenate([self.images, other.images]),
            np.concatenate([self.labels, other.labels]),
        )


def trained(data: Labelled, classes: int, *, steps: int, seed: int) -> encoder.Params:
    """Trains a classifier; pictures are drawn with replacement, each as likely as any other.

    Args:
      data: what it is trained on.
      classes: their number.
      steps: of `_BATCH` pictures.
      seed: of the initial weights, the batches and the augmentation.
    """
    rng = np.random.default_rng(seed)
    params = encoder.init(rng, classes, 1, _SIZE)
    state = training_step.make_optimizer(steps, _LEARNING_RATE).init(params)
    keys = jax.random.split(jax.random.key(seed), (steps, _BATCH))
    for number in range(steps):
        batch = data.rows(rng.integers(len(data.labels), size=_BATCH))
        params, state = _step(params, state, keys[number], batch.images, batch.labels, steps)
    return params


@functools.partial(jax.jit, static_argnums=5, donate_argnums=(0, 1))
def _step(
    params: encoder.Params,
    state: optax.OptState,
    keys: jax.Array,
    images: jax.Array,
    labels: jax.Array,
    steps: int,
) -> tuple[encoder.Params, optax.OptState]:
    x = augment.augment(images_lib.to_model(images), keys, jnp.float32(0.5), _augmentation())

    def loss(params: encoder.Params) -> jax.Array:
        with jax.numpy_dtype_promotion("standard"):  # labels are of another type than logits
            return optax.softmax_cross_entropy(
                _logits(params, x),
                optax.smooth_labels(jax.nn.one_hot(labels, len(params["classes"])), _SMOOTHING),
            ).mean()

    gradients = jax.grad(loss)(params)
    with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
        optimizer = training_step.make_optimizer(steps, _LEARNING_RATE)
        updates, state = optimizer.update(gradients, state, params)
    return optax.apply_updates(params, updates), state


def _augmentation() -> ml_collections.ConfigDict:
    """Returns the weights: as for discriminators, and colours turn: styles differ in theirs."""
    config = default.augment()
    config.hue = 0.5
    return config


def _logits(params: encoder.Params, x: jax.Array) -> jax.Array:
    image = encoder.embed_images(params, x)
    return jnp.exp(params["log_scale"]) * image @ encoder.unit(params["classes"]).T


@jax.jit
def _classified(params: encoder.Params, images: jax.Array) -> jax.Array:
    return jnp.argmax(_logits(params, images_lib.to_model(images)), -1)


def right(params: encoder.Params, data: Labelled) -> np.ndarray:
    """Returns which pictures a classifier is right about, bool [n]."""
    seen = []
    for start in range(0, len(data.labels), _AT_ONCE):
        rows = np.arange(start, start + _AT_ONCE) % len(data.labels)  # one compiled program
        seen.append(np.asarray(_classified(params, data.images[rows])))
    return np.concatenate(seen)[: len(data.labels)] == data.labels
