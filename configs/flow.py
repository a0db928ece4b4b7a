"""Flow matching on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/flow.py --workdir=runs/flow
    python main.py --config=configs/flow.py:cpu --workdir=runs/flow     # a laptop, 32 px

`:cpu` draws outlined faces with hints of eyes and mouths after 10 kimg, three minutes on two free
cores.
"""

import ml_collections

from configs import default


def get_config(variant: str = ""):
    """Returns the experiment; variants: '', 'cpu', 'demo' (`make demo`) and 'shipped'."""
    c = default.get_config()
    c.method = "flow"
    c.model = ml_collections.ConfigDict(
        {
            "width": 64,  # channels at the resolution
            "multipliers": (1, 2, 3, 4),  # of them at the resolution, half of it, ...
            "blocks": 2,  # on every map
            "heads": 4,  # of the attention, on the smallest map
            "patch": 1,  # px; squares of so many are a place of the largest map
            "predict": "velocity",  # or image, the better where patches are large
        }
    )
    c.loss = ml_collections.ConfigDict()
    c.optim = ml_collections.ConfigDict(
        {
            "lr": 0.0003,
            "warmup_kimg": 10.0,
            "beta1": 0.9,
            "beta2": 0.99,
            "eps": 1e-8,
            "max_bad_steps": 10,  # non-finite steps in a row before rolling back; once more: stop
        }
    )
    c.sample = ml_collections.ConfigDict(
        {
            "steps": 20,
            "solver": "heun",  # euler or heun, which asks the network twice a step
            "guidance": 1.0,  # by the condition; 1: none
        }
    )
    if variant == "cpu":
        default.on_a_laptop(c)
        c.batch_size = 32
        c.model.width, c.model.multipliers, c.model.blocks = 32, (1, 2, 2), 1
        c.optim.lr, c.optim.warmup_kimg = 0.001, 2.0
    elif variant == "demo":
        _on_squares(c)
        c.log.images_kimg = 10.0
    elif variant in ("shipped", "box"):  # the shipped model; `box` is its older name
        _on_squares(c)
        # All of Unicode's emoji, coloured and as line art, asked for by any subset of three
        # conditions.
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
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '', 'cpu', 'demo' and 'shipped'")
    return c


def _on_squares(c) -> None:
    """On a laptop, and sooner good there than `cpu` (docs/results), in place."""
    default.on_a_laptop(c)
    c.batch_size = 32
    c.model.patch, c.model.width, c.model.multipliers, c.model.blocks = 2, 64, (1, 2), 1
    c.model.predict = "image"
    c.optim.lr, c.optim.warmup_kimg = 0.001, 2.0
    c.sample.steps = 12
