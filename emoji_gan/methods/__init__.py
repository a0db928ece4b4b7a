"""Holds the methods, a module each, named by `config.method`; `base` has their contract."""

import importlib
from typing import cast

import ml_collections

from emoji_gan.errors import UserError
from emoji_gan.methods.base import Method
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import early_stop

METHODS = (
    "stylegan2",
    "r3gan",
    "dcgan",
    "wgan_gp",
    "flow",
    "onestep",
    "consistency",
    "masked",
)
FROM_PICTURES = {  # methods whose generators have no latents: the program that gives them pictures
    "restore": "emoji_gan.edit restore PICTURES",
    "restyle": "emoji_gan.edit restyle PICTURES --to=STYLE",
    "caption": "emoji_gan.describe PICTURES",
}


def load(name: str) -> Method:
    """Returns the module of a method.

    Raises:
      ModuleNotFoundError: there is none; `resolve` has said so in one line before.
    """
    return cast(Method, importlib.import_module(f"emoji_gan.methods.{name}"))


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> ml_collections.FrozenConfigDict:
    """Fills the auto (None) fields of an experiment and checks every field.

    Args:
      config: as `config.load` returns it.
      num_devices: of the whole job; the batch is split evenly over them.

    Returns:
      The frozen config, with no None left.

    Raises:
      UserError: a field that cannot work, by name, with what it must be.
    """
    checked = config_lib.checked(config, (*METHODS, *FROM_PICTURES))
    load(checked.method).resolve(checked, num_devices)
    if checked.eval.patience and best_metric(checked) is None:
        raise UserError(
            f"eval.patience: {checked.method!r} has no held-out loss; set eval.every_kimg as well"
        )
    return ml_collections.FrozenConfigDict(checked)


def best_metric(config: ml_collections.ConfigDict) -> str | None:
    """Returns the curve, the lower the better, that says which step of a run is the best."""
    return early_stop.metric_of(config, getattr(load(config.method), "HELD_OUT_LOSS", None))
