"""Defines the experiment that is cheapest to compile: each process of a job compiles it all."""

from configs import dcgan


def get_config():
    """Returns 16 px, 32 images a step, every hook within ten steps."""
    c = dcgan.get_config("cpu")
    c.data.resolution = 16
    c.model.z_dim, c.model.width = 8, 4
    c.total_kimg = 0.64  # 20 steps
    c.log.grid = 2
    c.log.scalars_kimg = 0.032  # every step
    c.log.images_kimg = c.checkpoint.every_kimg = 0.32  # every 10 steps
    return c
