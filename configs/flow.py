"""Trains flow matching on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/flow.py --workdir=runs/flow
    python main.py --config=configs/flow.py:cpu --workdir=runs/flow     # a laptop, 32 px

`:cpu` draws outlined faces with hints of eyes and mouths after 10 kimg, three minutes on two free
cores.
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '', 'cpu', 'demo' (`make demo`), 'shipped', 'gpu'."""
    c = default.get_config()
    c.method = "flow"
    c.model = ml_collections.ConfigDict(
        {
            "width": 64,  # channels at the resolution
            "multipliers": (1, 2, 3, 4),  # of the width, at the resolution, half of it, ...
            "blocks": 2,  # on every map
            "heads": 4,  # of the attention, on the smallest map
            "patch": 1,  # px; a square of patch x patch px is one position of the largest map
            "predict": "velocity",  # or image, the better choice where patches are large
        }
    )
    c.loss = ml_collections.ConfigDict()
    c.optim = ml_collections.ConfigDict(
        {
            "lr": 0.0003,  # learning rate of Adam
            "beta1": 0.9,
            "beta2": 0.99,
            "eps": 1e-8,
            "max_bad_steps": 10,  # non-finite steps in a row before rolling back; once more: stop
        }
    )
    c.optim.update(default.schedule(warmup_kimg=10.0))
    c.sample = ml_collections.ConfigDict(
        {
            "steps": 20,  # of the solver
            "solver": "heun",  # euler or heun, which evaluates the network twice a step
            "guidance": 1.0,  # by the condition; 1: none
        }
    )
    if variant == "cpu":
        _small(c)
    elif variant == "demo":
        _in_patches(c)
        c.log.images_kimg = 10.0
    elif variant in ("shipped", "box"):  # `box` is the older name
        _shipped(c)
    elif variant == "gpu":
        _on_a_gpu(c)
    elif variant:
        raise ValueError(
            f"variant {variant!r}: the variants are '', 'cpu', 'demo', 'shipped' and 'gpu'"
        )
    return c


def _small(c: ml_collections.ConfigDict) -> None:
    """Fits the experiment to a laptop, in place."""
    default.on_a_laptop(c)
    c.batch_size = 32
    c.model.width, c.model.multipliers, c.model.blocks = 32, (1, 2, 2), 1
    c.optim.lr, c.optim.warmup_kimg = 0.001, 2.0


def _in_patches(c: ml_collections.ConfigDict) -> None:
    """Fits the experiment to a laptop, in place; good samples come sooner than from `cpu`.

    Measured in docs/results.
    """
    default.on_a_laptop(c)
    c.batch_size = 32
    c.model.patch, c.model.width, c.model.multipliers, c.model.blocks = 2, 64, (1, 2), 1
    c.model.predict = "image"
    c.optim.lr, c.optim.warmup_kimg = 0.001, 2.0
    c.sample.steps = 12


def _shipped(c: ml_collections.ConfigDict) -> None:
    """Makes the experiment that of the shipped model, in place.

    All of Unicode's emoji, coloured and as line art, by any subset of three conditions. The shipped
    model was made in seven commands, at three learning rates (models/README.md); `optim.decay` now
    lowers the rate within one.
    """
    _in_patches(c)
    c.data.groups = (
        "Activities",
        "Animals & Nature",
        "Component",
        "Flags",
        "Food & Drink",
        "Objects",
        "People & Body",
        "Smileys & Emotion",
        "Symbols",
        "Travel & Places",
    )
    c.data.domains = ("full", "line")
    c.data.conditions = ("group", "style", "text")
    c.sample.guidance = 2.0
    c.log.grid, c.log.images_kimg = 6, 25.0


def _on_a_gpu(c: ml_collections.ConfigDict) -> None:
    """Makes the experiment that of a shipped model of 64 px from minutes of a GPU, in place.

    The data are those of `shipped`. The batch fills the device; the learning rate stays, so that a
    larger batch makes each step less noisy and not bolder. `python -m benchmarks.gpu train`.
    """
    _shipped(c)
    c.total_kimg = 200_000.0
    c.batch_size, c.dtype, c.data.resolution = 512, "bfloat16", 64
    c.model.patch, c.model.width = 4, 96
    c.optim.warmup_kimg = 200.0
    c.ema.half_life_kimg = 500.0
