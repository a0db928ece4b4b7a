"""Trains a one-step generator from a flow on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/onestep.py:shipped --workdir=runs/onestep \
      --init_from=models/openmoji_32.safetensors

The flow that it starts from has the same variant of configs/flow.py, its resolution, `model` and
conditions. The shipped model was made in five commands (models/README.md); those that only went on,
or lowered the learning rates, are one by `total_kimg` and `optim.decay`.
"""

import ml_collections
from ml_collections import config_dict

from configs import default, flow


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: those of configs/flow.py."""
    c = flow.get_config(variant)
    c.method = "onestep"
    c.model.steps = 1  # calls of the network an image that it learns to do with: 1 or 2
    c.model.second_time = 0.5  # t of the second call, of a flow's time from 0 to 1
    c.model.critic = "trunk"  # it starts with the flow's weights; or scratch
    c.loss = ml_collections.ConfigDict(
        {
            "kind": "relativistic",  # or nonsaturating
            # Of the critic's penalties on the slope, at real and generated images.
            "gamma": 0.02,
            "epsilon": 0.02,  # of the images' range -1 to 1, how far the slope is looked for
            "drift": 0.001,  # of the squared logits
            # Strength of the guidance: 1: none; above: how much conditions are told apart.
            "guidance": 2.0 if c.data.conditions else 1.0,
            "transport": 0.0,  # of the critic's pull, that of an image to the noise it is made of
            "second": 0.3,  # fraction of the images drawn by the second call, where there is one
        }
    )
    c.optim = ml_collections.ConfigDict(
        {
            "g_lr": 0.0002,  # learning rate of G
            "d_lr": 0.0008,  # learning rate of the critic
            "beta1": 0.0,
            "beta2": 0.99,
            "eps": 1e-8,
            "max_bad_steps": 10,  # non-finite steps in a row before rolling back; once more: stop
        }
    )
    c.optim.update(default.schedule(warmup_kimg=2.0))  # of G alone: the critic has no warm-up
    c.sample = ml_collections.ConfigDict(
        {
            "steps": 1,  # calls of the network an image
            "guidance": config_dict.placeholder(float),  # auto: loss.guidance, which is baked in
        }
    )
    c.augment.target = 0.0
    for name in ("scale", "rotate", "anisotropic", "translate_frac"):
        c.augment[name] = 0.0
    for name in ("brightness", "contrast", "saturation"):
        c.augment[name] = 0.0
    c.augment.p_init = 0.5
    c.ema.rampup = 0.0
    c.ema.half_life_kimg = 10.0
    if variant == "gpu":  # a batch of 512 in place of 32: the same numbers in steps
        c.optim.warmup_kimg, c.ema.half_life_kimg = 32.0, 160.0
    return c
