"""What a run draws, as one side of a comparison."""

import numpy as np

from emoji_gan.sample import Sampler
from eval import path_length

_SALT = 0x5EED  # labels are drawn apart from latents


def labels_like(real_labels: np.ndarray, count: int) -> list[int]:
    """Classes of `count` samples, drawn as often as in the real data."""
    return np.random.default_rng(_SALT).choice(real_labels, count).tolist()


def pictures(sampler: Sampler, count: int, labels: list[int], truncation: float) -> np.ndarray:
    """Seeds 0 to count - 1: uint8 `n h w 4`."""
    return sampler(list(range(count)), labels, truncation)


def path_pairs(sampler: Sampler, count: int, labels: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Ends of small steps in W, float32 `n h w 4` each, from seeds 0 to count - 1 of `count` labels."""
    return sampler.path_pairs(list(range(count)), labels, path_length.EPSILON)
