"""Defines what a good value of a config field is: a test, and words for it."""

import math
from collections.abc import Callable
from typing import Any

from ml_collections import config_dict

from emoji_gan.errors import UserError

Rule = tuple[Callable[[Any], bool], str]


def one_of(*choices: object) -> Rule:
    """Returns the rule that a value is one of these."""
    return (lambda v: v in choices), f"one of {', '.join(map(repr, choices))}"


def at_least(low: float) -> Rule:
    """Returns the rule that a number is finite and not below `low`."""
    return (lambda v: v >= low and math.isfinite(v)), f"at least {low}"


def is_names(v: Any) -> bool:
    """Returns whether a value is a tuple (or list) of strings."""
    return isinstance(v, tuple | list) and all(isinstance(x, str) for x in v)


POSITIVE = (lambda v: v > 0 and math.isfinite(v)), "above 0"
FRACTION = (lambda v: 0 <= v <= 1), "in [0, 1]"
BELOW_ONE = (lambda v: 0 <= v < 1), "in [0, 1)"
NAMES = is_names, "a tuple of quoted names, e.g. \"('a','b')\""

# Of methods with an Adam for each of two networks.
ADAM = {
    "optim.g_lr": POSITIVE,
    "optim.d_lr": POSITIVE,
    "optim.beta1": BELOW_ONE,
    "optim.beta2": BELOW_ONE,
    "optim.freeze_d": at_least(0),
}


def check(
    config: config_dict.ConfigDict, rules: dict[str, Rule], auto: frozenset[str] = frozenset()
) -> None:
    """Checks every field of `rules` against its rule; None passes for those of `auto`.

    Raises:
      UserError: a field that is missing or wrong, by name, with what it must be.
    """
    for key, (is_good, expected) in rules.items():
        value: Any = config
        for name in key.split("."):
            if name not in value:
                raise UserError(f"the config lacks {key}: start from configs.default.get_config()")
            value = value[name]
        if value is None and key in auto:
            continue
        try:
            ok = is_good(value)
        except TypeError:
            ok = False
        if not ok:
            raise UserError(f"{key}={value!r}: must be {expected}")


def check_batch(batch: int, num_devices: int, **units: int) -> None:
    """Checks that a batch divides over the devices, and what each device gets by the units.

    Args:
      batch: global, images.
      num_devices: of the job.
      units: config field (with __ for a dot) -> what the number of a device's images must be a
        multiple of; 0: of nothing.

    Raises:
      UserError: it does not; names the nearest batch that does.
    """
    if batch < 1:
        raise UserError(f"batch_size={batch}: must be at least 1")
    whole = num_devices * math.lcm(*(int(u) or 1 for u in units.values()))
    nearest = max(round(batch / whole), 1) * whole
    if batch % num_devices:
        raise UserError(
            f"batch_size={batch} does not divide over {num_devices} devices; nearest: {nearest}"
        )
    local = batch // num_devices
    for field, unit in units.items():
        if unit and local % unit:
            raise UserError(
                f"batch_size={batch} is {local} images on each of {num_devices} devices, not a "
                f"multiple of {field.replace('__', '.')}={unit}; nearest: {nearest}"
            )
