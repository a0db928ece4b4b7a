"""Measures relative deviations from the tensors of a fixture."""

import numpy as np

from emoji_gan.errors import UserError


def relative(ours: np.ndarray, theirs: np.ndarray, floor: float = 0.0) -> float:
    """Computes max |ours - theirs| over max |theirs|, or over the floor where that is larger.

    Raises:
      UserError: the shapes differ.
    """
    if ours.shape != theirs.shape:
        raise UserError(f"shape {ours.shape} where the fixture has {theirs.shape}")
    scale = max(float(np.abs(theirs).max()), floor, 1e-12)
    return float(np.abs(ours - theirs).max() / scale)


def of_gradients(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    """Computes the largest relative deviation of all parameters of a group.

    Each is measured against at least 1e-3 of the group's largest gradient. The fixture holds a
    single zero for a parameter that the loss does not reach.

    Raises:
      UserError: ours lacks a parameter, or a shape differs.
    """
    if missing := theirs.keys() - ours.keys():
        raise UserError(f"the networks have no parameter for {min(missing)}")
    floor = 1e-3 * max(float(np.abs(v).max()) for v in theirs.values())
    return max(
        relative(ours[k], np.broadcast_to(v, ours[k].shape), floor) for k, v in theirs.items()
    )
