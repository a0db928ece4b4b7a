"""Trains R3GAN on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/r3gan.py --workdir=runs/r3gan
    python main.py --config=configs/r3gan.py:cpu --workdir=runs/r3gan     # a laptop, 32 px

How good its `:cpu` variant becomes in an hour: docs/results/methods.md.
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '' and 'cpu'."""
    c = default.get_config()
    c.method = "r3gan"
    c.model = ml_collections.ConfigDict(
        {
            "z_dim": 64,  # of a latent
            "width": 192,  # channels of every stage; published: 768
            "groups": 24,  # of the 3x3 convolutions; published: 96
            "blocks": 2,  # per stage
            "expansion": 2,  # of the channels inside a block
            "composite": True,  # D also sees the image over a random background
        }
    )
    c.loss = ml_collections.ConfigDict(
        {
            "penalty": "exact",  # or finite, random: see docs/methods.md
            "penalty_every": 1,  # steps between penalties, which are as many times stronger
        }
    )
    # Each pair goes from its first value to its last along a cosine; published for FFHQ at 64 px.
    c.schedule = ml_collections.ConfigDict(
        {
            "kimg": 20000.0,  # kimg until the last values, the burn-in
            "lr": (2e-4, 5e-5),  # learning rate of both networks
            "beta2": (0.9, 0.99),  # of Adam
            "gamma": (2.0, 0.2),  # weight of both gradient penalties
            "ema_kimg": (0.0, 500.0),  # kimg, half-life of the average
            "p": (0.0, 0.3),  # probability of augmentation
        }
    )
    c.augment.target, c.ema.rampup = 0.0, 0.0  # off: the schedule sets p and the half-life
    if variant == "cpu":
        default.on_a_laptop(c)
        c.batch_size = 32
        c.model.width, c.model.groups, c.model.blocks = 48, 6, 1
        c.schedule.kimg = 200.0
        c.schedule.gamma = (5.0, 5.0)  # from 0.5 to 0.05 the critic wins: docs/results/methods.md
        c.schedule.ema_kimg = (0.0, 10.0)
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'cpu'")
    return c
