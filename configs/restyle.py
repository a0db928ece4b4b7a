"""Trains style transfer between emoji sets at 32 px, RGBA: any set to any other, by code point.

    python main.py --config=configs/restyle.py --workdir=runs/restyle \
      --init_from=models/openmoji_32.safetensors \
      "--config.data.sources=('openmoji','noto=PATH','twemoji=PATH','fluent=PATH')"
    python -m emoji_gan.edit restyle PICTURES --to=noto --model=runs/restyle --out=FOLDER

PATH is the icons.json of an npm package @iconify-json/noto, twemoji or fluent-emoji-flat, or a
folder or zip of pictures named by code points. OpenMoji's line art is a style of its own. A style
of one's own, of a hundred pictures:

    python main.py --config=configs/restyle.py:mine --workdir=runs/mine --init_from=runs/restyle \
      "--config.data.sources=('openmoji','mine=FOLDER')"
"""

import ml_collections

from configs import flow


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '', 'mine' (one more style, from few pictures)."""
    c = flow.get_config("shipped")
    c.method = "restyle"
    c.total_kimg = 600.0
    c.batch_size = 32
    c.data.conditions = ("style",)
    c.data.common_box = True  # pictures of any margins look alike
    c.data.pairs = ml_collections.ConfigDict(
        {
            "targets": (),  # styles that are drawn in training; (): all
            "identity": 0.05,  # fraction of images whose source is the image itself
            "licences": (),  # STYLE=SPDX of styles that the project does not know by name
        }
    )
    c.loss.time_mean = 0.0  # of the normal logit of the time; below 0 nearer to the picture
    c.loss.start_noise = 0.5  # standard deviation of what is added to the picture, in [-1, 1]
    c.condition.drop_all, c.condition.drop_each = 0.1, 0.0  # then any style is drawn
    c.optim.lr = 0.0005
    c.sample.steps, c.sample.guidance = 10, 1.5
    c.ema.half_life_kimg = 10.0
    c.log.images_kimg, c.log.grid = 25.0, 9
    c.log.scalars_kimg = 5.0  # each draws a batch of held-out emoji
    if variant == "mine":
        c.total_kimg = 20.0
        c.data.pairs.targets = ("mine",)
        c.optim.lr = 0.0002
        c.ema.half_life_kimg = 2.0
        c.log.images_kimg = 5.0
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'mine'")
    return c
