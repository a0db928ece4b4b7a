"""Holds the methods, a module each, named by `config.method`; `base` has their contract."""

import importlib
from typing import cast

import ml_collections

from emoji_gan.methods.base import Method
from emoji_gan.runtime import config as config_lib

METHODS = (
    "stylegan2",
    "r3gan",
    "dcgan",
    "wgan_gp",
    "flow",
    "onestep",
    "consistency",
)
FROM_PICTURES = ("restore", "restyle", "caption")  # methods whose generators have no latents


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
    checked = config_lib.checked(config, METHODS + FROM_PICTURES)
    load(checked.method).resolve(checked, num_devices)
    return ml_collections.FrozenConfigDict(checked)
