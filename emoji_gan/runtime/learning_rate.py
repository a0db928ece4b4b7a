"""Computes the factor of a run's learning rates: warm-up, then constant, or a decay at the end.

    factor
    1    ________________          constant
        /                \\         constant, then linear or sqrt over the last `optim.decay_kimg`
    0  /                  \\_ floor
       | warmup_kimg       | total_kimg

`configs.default.schedule` has the fields, their defaults and units. Every optimiser of a method
follows the factor; its curve is `learning_rate/NETWORK`.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from emoji_gan.errors import UserError
from emoji_gan.runtime import rules

Config = ml_collections.ConfigDict | ml_collections.FrozenConfigDict
DECAYS = ("constant", "cosine", "linear", "sqrt")
_LAST_PART = 0.2  # of a run: what `linear` and `sqrt` take by themselves (2405.18392, section 4)
RULES = {
    "optim.warmup_kimg": rules.at_least(0),
    "optim.decay": rules.one_of(*DECAYS),
    "optim.decay_kimg": rules.at_least(0),
    "optim.decay_floor": rules.FRACTION,
}
AUTO = frozenset(("optim.decay_kimg",))


def add_fields(config: dict[str, Any] | ml_collections.ConfigDict) -> None:
    """Gives a config from before there were decays what it had in effect, in place."""
    if (optim := config.get("optim")) is None or "decay" in optim:
        return
    falls = config.get("method") == "restore"  # always along a cosine
    optim["warmup_kimg"] = optim.get("warmup_kimg", 0.0)
    optim["decay"] = "cosine" if falls else "constant"
    optim["decay_kimg"] = float(config.get("total_kimg", 0.0)) if falls else 0.0
    optim["decay_floor"] = 0.0


def resolve(config: ml_collections.ConfigDict) -> None:
    """Fills `optim.decay_kimg` and checks that the schedule fits into the run, in place.

    A cosine takes the whole run, other decays the last fifth.

    Raises:
      UserError: a field that cannot work, by name, with what it must be.
    """
    rules.check(config, RULES, AUTO)
    o, total = config.optim, config.total_kimg
    if o.decay == "constant":
        for name in ("decay_kimg", "decay_floor"):
            if o[name]:
                raise UserError(
                    f"optim.{name}={o[name]:g}: with optim.decay='constant' nothing decays; choose "
                    "cosine, linear or sqrt, or leave it out"
                )
        o.decay_kimg = 0.0
        return
    if o.decay_kimg is None:
        o.decay_kimg = float(total if o.decay == "cosine" else _LAST_PART * total)
    if not o.decay_kimg:
        raise UserError(f"optim.decay_kimg=0: optim.decay={o.decay!r} needs some kimg to fall over")
    if o.decay_kimg > total:
        raise UserError(
            f"optim.decay_kimg={o.decay_kimg:g} is longer than the run, total_kimg={total:g}: "
            "shorten it or train longer"
        )
    if o.decay_kimg < total < o.decay_kimg + o.warmup_kimg:
        raise UserError(
            f"optim.warmup_kimg={o.warmup_kimg:g} and optim.decay_kimg={o.decay_kimg:g} overlap in "
            f"a run of total_kimg={total:g}: shorten one"
        )


def factor(config: Config, images_seen: jax.Array) -> float | jax.Array:
    """Returns what the learning rates are multiplied by.

    Args:
      config: resolved.
      images_seen: f32 scalar, real images shown before the step.

    Returns:
      f32 scalar; where a run has neither warm-up nor decay the number 1, so that its programs have
      a constant learning rate.
    """
    rising, falling = warmup(config, images_seen), decay(config, images_seen)
    if isinstance(rising, float):
        return falling
    return rising if isinstance(falling, float) else rising * falling


def warmup(config: Config, images_seen: jax.Array) -> float | jax.Array:
    """Returns the factor's first part: it rises linearly over `optim.warmup_kimg`."""
    if not config.optim.warmup_kimg:
        return 1.0
    images = max(1.0, 1000.0 * config.optim.warmup_kimg)
    return jnp.minimum(1.0, (images_seen + 1.0) / images)


def decay(config: Config, images_seen: jax.Array) -> float | jax.Array:
    """Returns the factor's last part: it falls to `optim.decay_floor` at the end of the run.

    `sqrt` is one minus the square root of the fraction of the decay that is over (2405.18392).
    """
    o = config.optim
    if o.decay == "constant":
        return 1.0
    before = 1000.0 * (config.total_kimg - o.decay_kimg)  # images
    into = jnp.maximum(images_seen - before, 0.0) if before else images_seen
    fraction = jnp.minimum(1.0, into / (1000.0 * o.decay_kimg))
    if o.decay == "cosine":
        falling = 0.5 * (1 + jnp.cos(math.pi * fraction))
    else:
        falling = 1 - (fraction if o.decay == "linear" else jnp.sqrt(fraction))
    return o.decay_floor + (1 - o.decay_floor) * falling if o.decay_floor else falling
