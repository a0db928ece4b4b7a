"""Defines the smallest experiment that has every part of a real one; the tests train it."""

from configs import default


def get_config():
    """Returns 16 px, 32 images a step (4 on each of 8 devices), every hook within ten steps."""
    c = default.get_config()
    c.batch_size, c.data.resolution = 32, 16
    c.data.groups = ("Smileys & Emotion",)
    c.total_kimg = 0.64  # 20 steps
    c.model.channel_base, c.model.channel_max = 128, 8
    c.model.z_dim = c.model.w_dim = 8
    c.model.mbstd_group = 2
    c.loss.r1_every = c.loss.pl_every = 2
    c.augment.p_init, c.augment.kimg = 0.2, 1.0
    c.log.grid = 2
    c.log.scalars_kimg = 0.032  # every step
    c.log.images_kimg = c.checkpoint.every_kimg = 0.32  # every 10 steps
    return c
