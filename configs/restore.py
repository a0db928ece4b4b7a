"""Trains a restorer of damaged and small emoji on OpenMoji, 32 px to 128 px, RGBA.

    python main.py --config=configs/restore.py --workdir=runs/restore
    python -m emoji_gan.edit restore PICTURES --model=runs/restore --out=FOLDER
    python main.py --config=configs/restore.py:openmoji --init_from=models/restorer.safetensors

On two CPU cores it sees some 40 images a second. `error/validation` is the mean absolute error of
held-out emoji in levels of 255, beside that of bicubic enlargement.
"""

import ml_collections

from configs import default

# fmt: off
_OPENMOJI = (  # as emoji_gan/vector/palettes.py has them
    "000000", "3f3f3f", "9b9b9a", "d0cfce", "ffffff", "6a462f", "a57939", "c19a65",
    "debb90", "fadcbc", "d22f27", "ea5a47", "e67a94", "ffa7c0", "e27022", "f4aa41",
    "f1b31c", "fcea2b", "b1cc33", "5c9e31", "186648", "1e50a0", "61b2e4", "92d3f5",
    "8967aa", "b399c8",
)
# fmt: on


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '' and 'openmoji', which knows that style's colours."""
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
            "own_colours": False,  # True: the art's colours stay, and its grounds are removed
        }
    )
    c.model = ml_collections.ConfigDict(
        {
            "width": 64,  # channels at the size of the damaged picture
            "blocks": 2,  # residual blocks before, on and after the map of half the size
            "critic_width": 32,  # channels of the critic's largest map
            "corrections": 0,  # times that the result is made small again, compared and corrected
            "colours": (),  # 'rrggbb', of all the art: they are mixed; (): any are computed
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
    if variant == "openmoji":
        c.model.colours = _OPENMOJI
        c.model.corrections = 1
        c.degrade.own_colours = True
        c.loss.adversarial = 0.0  # what is a choice is sharp without a critic
        c.total_kimg = 100.0
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'openmoji'")
    return c
