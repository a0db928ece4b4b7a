"""Trains StyleGAN2-ADA on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/stylegan.py --workdir=runs/stylegan
    python main.py --config=configs/stylegan.py:cpu --workdir=runs/stylegan     # a laptop, 32 px

The full run wants an accelerator: 25,000 kimg of 46 M parameters. `:cpu` shows outlined yellow
discs after some 30 kimg, ten minutes on two free cores, and faces after 100 to 200, about an hour
(docs/results).
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '' and 'cpu'."""
    c = default.get_config()
    if variant == "cpu":
        default.on_a_laptop(c)
        c.batch_size = 16  # learns about twice as much per image as 32 (docs/results)
        c.model.channel_base, c.model.channel_max = 2048, 64
        c.model.z_dim = c.model.w_dim = 128
        c.model.noise = False  # emoji are flat: noise inputs only have to be unlearned
        c.loss.r1_gamma = 1.0  # at 0.01 D wins and G keeps one shape (docs/results)
        c.loss.pl_weight = 0.0
        c.loss.style_mixing = 0.0
        # The palette is the style.
        c.augment.brightness = c.augment.contrast = c.augment.saturation = 0.0
        c.augment.kimg = 100.0  # a short run: p must find its level within it
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'cpu'")
    return c
