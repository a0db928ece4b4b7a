"""Trains a masked transformer over palette colours on OpenMoji, 32 px, RGBA.

    python main.py --config=configs/masked.py:cpu --workdir=runs/masked      # faces and hearts
    python main.py --config=configs/masked.py:shipped --workdir=runs/masked  # all, by conditions

Another set needs a palette of its own, which a variant names by its path:

    python -m input_pipeline.art.pixel_palette --source=noto=PATH --out=noto.txt
    python main.py --config=configs/masked.py:noto.txt --workdir=runs/masked \
      "--config.data.sources=('noto=PATH',)"
"""

import pathlib

import ml_collections

from configs import default

# Of `python -m input_pipeline.art.pixel_palette`: 64 colours of OpenMoji and its line art at 32 px.
_OPENMOJI = pathlib.Path(__file__).with_name("openmoji_palette.txt")


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '', 'cpu', 'shipped', or the path of a palette."""
    c = default.get_config()
    c.method = "masked"
    c.data.resolution = 32
    is_path = variant not in ("", "cpu", "shipped")
    if is_path and not pathlib.Path(variant).is_file():
        raise ValueError(
            f"variant {variant!r}: the variants are '', 'cpu', 'shipped', and the path of a "
            "palette that `python -m input_pipeline.art.pixel_palette` wrote"
        )
    path = pathlib.Path(variant) if is_path else _OPENMOJI
    c.model = ml_collections.ConfigDict(
        {
            "width": 192,  # channels of a position
            "depth": 8,  # layers
            "heads": 6,  # of the attention
            "patch": 4,  # px; a square of patch x patch px is one position
            "palette": tuple(path.read_text().split()),  # rrggbbaa each, straight alpha
        }
    )
    c.loss = ml_collections.ConfigDict()
    c.optim = ml_collections.ConfigDict(
        {
            "lr": 0.001,  # learning rate of Adam
            "beta1": 0.9,
            "beta2": 0.99,
            "eps": 1e-8,
            "max_bad_steps": 10,  # non-finite steps in a row before rolling back; once more: stop
        }
    )
    c.optim.update(default.schedule(warmup_kimg=5.0))
    c.sample = ml_collections.ConfigDict(
        {
            "steps": 16,  # in which all pixels are settled
            # halton: evenly spread; confidence: the surest pixels first, at truncation 1 only.
            "order": "halton",
            "choice_noise": 4.0,  # of the second order, at its first step; nats
            "guidance": 1.0,  # by the condition; 1: none
        }
    )
    c.batch_size = 32
    if variant == "cpu":
        default.on_a_laptop(c)
        c.model.width, c.model.heads, c.model.depth = 128, 4, 6  # 2.5 times the images a minute
        c.optim.warmup_kimg = 2.0
    elif variant == "shipped":
        _shipped(c)
    return c


def _shipped(c: ml_collections.ConfigDict) -> None:
    """Makes the data those of the shipped flow, in place."""
    default.on_a_laptop(c)
    c.data.groups = ()
    c.data.domains = ("full", "line")
    c.data.conditions = ("group", "style", "text")
    c.sample.guidance = 2.0
    c.log.grid, c.log.images_kimg = 6, 25.0
