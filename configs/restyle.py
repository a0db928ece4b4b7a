"""Trains style transfer between emoji sets at 32 px, RGBA: any set to any other, by code point.

    python main.py --config=configs/restyle.py --workdir=runs/restyle \
      "--config.data.sources=('openmoji','noto=PATH','twemoji=PATH','fluent=PATH')"
    python -m emoji_gan.edit restyle PICTURES --to=noto --model=runs/restyle --out=FOLDER

PATH is the icons.json of an npm package @iconify-json/noto, twemoji or fluent-emoji-flat, or a
folder or zip of pictures named by code points. OpenMoji's line art is a style of its own. A style
of one's own, of a hundred pictures:

    python main.py --config=configs/restyle.py:mine --workdir=runs/mine \
      --init_from=models/restyler.safetensors "--config.data.sources=('openmoji','mine=FOLDER')"
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '', 'mine' (one more style, from few pictures)."""
    c = default.get_config()
    c.method = "restyle"
    c.total_kimg = 36.0
    c.batch_size = 32
    c.data.resolution = 32
    c.data.domains = ("full", "line")
    c.data.conditions = ("style",)
    c.data.common_box = True  # pictures of any margins look alike
    c.data.pairs = ml_collections.ConfigDict(
        {
            "targets": (),  # styles that are drawn in training; (): all
            "identity": 0.1,  # fraction of images whose source is the image itself
            "licences": (),  # STYLE=SPDX of styles that the project does not know by name
            "colours": 128,  # of a style, to which what is drawn in it is snapped
            "palettes": (),  # STYLE=RRGGBBAA ...; () until training fits them to its art
        }
    )
    c.model = ml_collections.ConfigDict(
        {
            "width": 64,  # channels of the restyler's largest map, of squares of 2 px
            "blocks": (1, 3, 2),  # residual blocks before, on and after the map of half the size
            "critic_width": 64,  # channels of the critic's largest map
        }
    )
    c.loss = ml_collections.ConfigDict(
        {
            "adversarial": 0.05,  # weight of the critic, which has by far the steepest slope
            "keep": 0.5,  # weight of the mean absolute change of the picture, in [-1, 1]
            "flat": 0.3,  # of the mean absolute difference of that change between neighbours
            "pair": 2.0,  # of the same between mean colours of what is drawn and of its pair
            "square": 4,  # px, side of the squares of these mean colours
            "gamma": 0.1,  # of the critic's penalties on the slope
        }
    )
    c.optim = ml_collections.ConfigDict(
        {
            "g_lr": 0.001,  # learning rate of the restyler, by Muon
            "d_lr": 0.0004,  # learning rate of the critic
            "beta1": 0.9,  # of the restyler; the critic has none
            "beta2": 0.99,
            "eps": 1e-8,
            "max_bad_steps": 10,  # non-finite steps in a row before rolling back; once more: stop
        }
    )
    c.optim.update(default.schedule(warmup_kimg=1.0))
    c.optim.decay = "cosine"
    c.ema.half_life_kimg = 2.0
    c.log.images_kimg, c.log.grid = 10.0, 9
    c.log.scalars_kimg = 2.0
    if variant == "mine":
        c.total_kimg = 20.0
        c.data.pairs.targets = ("mine",)
        c.optim.g_lr, c.optim.d_lr = 0.0005, 0.0005
        c.log.images_kimg = 5.0
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'mine'")
    return c
