"""A model file of an untrained generator of 16 px."""

import pathlib

from emoji_gan import conditions, methods
from emoji_gan.trained import model_file
from tests.emoji_gan.methods.test_methods import tiny_config


def write(path: pathlib.Path, **changes) -> pathlib.Path:
    """Writes a DCGAN, with changes of its config by dotted name."""
    config = methods.resolve(tiny_config("dcgan", **changes), 1)
    method = methods.load("dcgan")
    state = method.init(config, conditions.NONE, 0)
    fields = method.generator(config, conditions.NONE).fields
    model_file.write(
        path,
        {name: getattr(state, name) for name in fields},
        config=config.to_dict(),
        spec=conditions.NONE,
        step=500,
        kimg_before=0.0,
        digest="of a checkpoint",
        licence="",
    )
    return path
