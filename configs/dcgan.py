"""Trains DCGAN on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/dcgan.py --workdir=runs/dcgan
    python main.py --config=configs/dcgan.py:cpu --workdir=runs/demo     # a laptop, 32 px

`:cpu` draws its first faces after some 80 kimg, three minutes on two free cores (docs/results).
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '' and 'cpu'."""
    c = default.get_config()
    c.method = "dcgan"
    c.model = ml_collections.ConfigDict(
        {
            "z_dim": 100,  # of a latent
            "width": 64,  # channels at half the resolution, twice as many at a quarter, ...
            "composite": True,  # D also sees the image over a random background
        }
    )
    c.loss = ml_collections.ConfigDict()
    c.optim.g_lr = c.optim.d_lr = 0.0002
    c.optim.beta1, c.optim.beta2 = 0.5, 0.999
    c.augment.target = 0.0  # off, as published
    if variant == "cpu":
        default.on_a_laptop(c)
        c.batch_size, c.model.width = 32, 32
        c.augment.target = 0.6  # else D knows 1,800 emoji by heart after ten minutes
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'cpu'")
    return c
