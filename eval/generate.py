"""Samples a trained model, as one side of a comparison."""

import numpy as np

from emoji_gan import conditions
from emoji_gan.conditions import Condition
from emoji_gan.trained.sampler import Sampler
from eval.metrics import path_length
from input_pipeline import dataset

_SEED = 0x5EED  # of the conditions, apart from those of the latents


def conditions_like(data: dataset.EmojiData, count: int) -> tuple[np.ndarray, Condition]:
    """Draws the conditions of `count` samples, each as often as it occurs in the data.

    Returns:
      i64 [count] rows of the data, and their condition.
    """
    return conditions.rows_like(data, count, _SEED)


def pictures(sampler: Sampler, count: int, condition: Condition, truncation: float) -> np.ndarray:
    """Draws images of seeds 0 to count - 1: uint8 `n h w 4`."""
    return sampler(list(range(count)), condition, truncation)


def path_pairs(sampler: Sampler, count: int, condition: Condition) -> tuple[np.ndarray, np.ndarray]:
    """Draws the two ends of small steps in W, from seeds 0 to count - 1: f32 `n h w 4` each."""
    return sampler.path_pairs(list(range(count)), condition, path_length.EPSILON)
