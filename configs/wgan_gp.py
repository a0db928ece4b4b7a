"""Trains WGAN-GP on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/wgan_gp.py --workdir=runs/wgan_gp
    python main.py --config=configs/wgan_gp.py:cpu --workdir=runs/wgan_gp     # a laptop, 32 px

How good its `:cpu` variant becomes has not been measured yet.
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '' and 'cpu'."""
    c = default.get_config()
    c.method = "wgan_gp"
    c.model = ml_collections.ConfigDict(
        {
            "z_dim": 128,  # of a latent
            "width": 64,  # channels at half the resolution, twice as many at a quarter, ...
            "composite": True,  # the critic also sees the image over a random background
        }
    )
    c.loss = ml_collections.ConfigDict(
        {
            # Steps of the critic for each step of G; a step of the run is one of the critic.
            "critic_steps": 5,
            "penalty": "exact",  # or finite: see configs/default.py
            "penalty_weight": 10.0,  # lambda, the weight of the gradient penalty
        }
    )
    c.optim.g_lr = c.optim.d_lr = 0.0001
    c.optim.beta1, c.optim.beta2 = 0.0, 0.9
    c.augment.target = 0.0  # off: the sign of a critic has no meaning
    if variant == "cpu":
        default.on_a_laptop(c)
        c.batch_size, c.model.width = 32, 32
        c.loss.critic_steps = 2
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'cpu'")
    return c
