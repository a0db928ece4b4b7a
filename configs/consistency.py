"""Tunes a flow into a consistency model, which draws in one or two steps, on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/consistency.py:shipped --workdir=runs/consistency \
      --init_from=models/openmoji_32.safetensors

The flow that it starts from has the same variant of configs/flow.py, its resolution, `model` and
conditions.
"""

import ml_collections
from ml_collections import config_dict

from configs import flow


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: those of configs/flow.py."""
    c = flow.get_config(variant)
    c.method = "consistency"
    c.loss = ml_collections.ConfigDict(
        {
            # Of the gap between the two times of a pair, a flow's times from 0 to 1:
            "q": 2.0,  # a stage divides it by this; the first has 1 / q of the time left
            "k": 8.0,  # it is up to 1 + k / 2 times as wide near the image
            "stage_kimg": 4.0,  # kimg of a stage
            "stages": 8,  # the last one goes on
            "huber": 0.00054,  # below this root of the mean square, of -1 to 1, a loss is square
            # Of the logarithm of the noise level, (1 - t) / t.
            "noise_mean": -0.6,
            "noise_std": 2.0,
            "at_noise": 0.1,  # fraction of the images at t = 0, where drawing begins
            # Strength of the guidance by the condition: 1: none; above: two more calls a step.
            "guidance": 1.0,
        }
    )
    c.optim.lr, c.optim.warmup_kimg = 0.0001, 2.0
    c.sample = ml_collections.ConfigDict(
        {
            "steps": 1,  # calls of the network an image: 1 or 2
            "second_time": 0.5,  # t of the second call
            "guidance": config_dict.placeholder(float),  # auto: loss.guidance, which is baked in
        }
    )
    c.ema.rampup = 0.0
    c.ema.half_life_kimg = 5.0
    return c
