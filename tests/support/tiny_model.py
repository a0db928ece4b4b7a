"""Model files of untrained generators."""

import pathlib

import ml_collections

from emoji_gan import conditions, methods
from emoji_gan.conditions import Spec
from emoji_gan.trained import model_file
from emoji_gan.trained.sampler import SHIPPED_FLOW
from emoji_gan.trained.source import open_trained
from tests.emoji_gan.methods.test_methods import tiny_config


def write(path: pathlib.Path, method: str = "dcgan", **changes) -> pathlib.Path:
    """Writes an unconditional model of 16 px, with changes of its config by dotted name."""
    return _write(path, methods.resolve(tiny_config(method, **changes), 1), conditions.NONE)


def write_flow(path: pathlib.Path) -> pathlib.Path:
    """Writes a flow of 32 px that is asked as the shipped one is, and draws in four steps."""
    shipped = open_trained(str(SHIPPED_FLOW))
    config = ml_collections.ConfigDict(shipped.config)
    config.model.width, config.model.blocks, config.model.heads = 8, 1, 1
    config.sample.steps = 4
    return _write(path, ml_collections.FrozenConfigDict(config), shipped.spec)


def _write(path: pathlib.Path, config: ml_collections.FrozenConfigDict, spec: Spec) -> pathlib.Path:
    method = methods.load(config.method)
    state = method.init(config, spec, 0)
    fields = method.generator(config, spec).fields
    model_file.write(
        path,
        {name: getattr(state, name) for name in fields},
        config=config.to_dict(),
        spec=spec,
        step=500,
        kimg_before=0.0,
        digest="of a checkpoint",
        licence="",
    )
    return path
