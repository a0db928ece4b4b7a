"""Draws features and images for the tests of metrics."""

import numpy as np

from eval.metrics import density_coverage, frechet, kid, precision_recall
from tests.support.seeded_features import sample_set

FEATURE_METRICS = [frechet, kid, precision_recall, density_coverage]


def new_rng():
    return np.random.default_rng(0)


def normal(n, d, seed, shift=0.0, scale=1.0):
    """Draws f32 [n d] from a normal distribution."""
    return (np.random.default_rng(seed).normal(size=(n, d)) * scale + shift).astype(np.float32)


def soft_discs(n, px=32, seed=0, softness=1.0, colour=None):
    """Draws soft discs of random position, size and colour: uint8 [n px px 4]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:px, :px]
    centre = rng.uniform(0.4, 0.6, (n, 2, 1, 1)) * px
    radius = rng.uniform(0.2, 0.35, (n, 1, 1)) * px
    a = np.clip((radius - np.hypot(y - centre[:, 0], x - centre[:, 1])) / softness + 0.5, 0, 1)
    if colour is None:
        colour = rng.integers(0, 256, (n, 1, 1, 3))
    rgb = np.broadcast_to(colour, (n, px, px, 3))
    images = np.concatenate([rgb, np.rint(a * 255)[..., None]], axis=-1).astype(np.uint8)
    images[images[..., 3] == 0] = 0
    return images


def image_set(images, **fields):
    """Makes one side of a comparison whose features are all zero."""
    return sample_set(np.zeros((len(images), 2)), images=images, **fields)
