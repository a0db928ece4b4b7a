"""What a run draws, as one side of a comparison."""

import numpy as np

from emoji_gan import conditions
from emoji_gan.conditions import Condition
from emoji_gan.trained.sampler import Sampler
from eval.metrics import path_length
from input_pipeline import dataset

_SALT = 0x5EED  # conditions are drawn apart from latents


def conditions_like(data: dataset.EmojiData, count: int) -> tuple[np.ndarray, Condition]:
    """What `count` samples are asked for, as often as in the data: rows i64 of it, and their condition."""
    return conditions.rows_like(data, count, _SALT)


def pictures(sampler: Sampler, count: int, condition: Condition, truncation: float) -> np.ndarray:
    """Seeds 0 to count - 1: uint8 `n h w 4`."""
    return sampler(list(range(count)), condition, truncation)


def path_pairs(sampler: Sampler, count: int, condition: Condition) -> tuple[np.ndarray, np.ndarray]:
    """Ends of small steps in W, float32 `n h w 4` each, from seeds 0 to count - 1."""
    return sampler.path_pairs(list(range(count)), condition, path_length.EPSILON)
