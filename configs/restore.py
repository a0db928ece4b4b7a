"""Trains a restorer of damaged and small emoji on OpenMoji, 32 px to 128 px, RGBA.

    python main.py --config=configs/restore.py --workdir=runs/restore
    python -m emoji_gan.edit restore PICTURES --model=runs/restore --out=FOLDER

On two CPU cores it sees some 40 images a second. `error/validation` is the mean absolute error of
held-out emoji in levels of 255, beside that of bicubic enlargement.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
    """Returns the experiment."""
    c = default.get_config()
    c.method = "restore"
    c.total_kimg = 200.0
    c.batch_size = 16
    c.data.resolution = 256
    c.data.domains = ("full", "line")
    c.degrade = ml_collections.ConfigDict(
        {
            "zoom": 2,  # the art is so much finer than a whole picture, so that parts are seen too
            "scale": 4,  # a damaged picture is so much smaller than a whole one
        }
    )
    c.model = ml_collections.ConfigDict(
        {
            "width": 64,  # channels at the size of the damaged picture
            "blocks": 2,  # residual blocks before, on and after the map of half the size
            "critic_width": 32,  # channels of the critic's largest map
        }
    )
    c.loss = ml_collections.ConfigDict(
        {
            "adversarial": 0.02,  # weight of the critic, to an error relative to plain enlargement
            "gamma": 1.0,  # of the critic's penalties on the slope
        }
    )
    c.optim = ml_collections.ConfigDict(
        {
            "g_lr": 0.002,  # learning rate of the restorer, by Muon
            "d_lr": 0.0005,  # learning rate of the critic
            "beta1": 0.9,
            "beta2": 0.99,
            "eps": 1e-8,
            "max_bad_steps": 10,  # non-finite steps in a row before rolling back; once more: stop
        }
    )
    c.optim.update(default.schedule(warmup_kimg=1.0))
    c.optim.decay = "cosine"
    c.ema.half_life_kimg = 2.0
    c.log.images_kimg = 20.0
    c.log.grid = 6
    return c
