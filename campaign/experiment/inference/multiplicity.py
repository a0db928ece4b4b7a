"""Keeps the error of several comparisons together at alpha (Holm, 1979)."""

from collections.abc import Callable

import numpy as np


def holm(p_values: np.ndarray) -> np.ndarray:
    """Returns Holm's adjusted p-values in the order given."""
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    out = np.empty_like(adjusted)
    out[order] = adjusted
    return out


def holm_by_level(crossed: list[Callable[[float], bool]], alpha: float) -> list[bool]:
    """Rejects by Holm where a test says for each level whether it rejects.

    Group-sequential tests have a set of boundaries for each level; Holm with them holds alpha at
    all looks together as long as boundaries only fall where alpha grows (Maurer and Bretz, 2013).

    Args:
      crossed: for each comparison whether it is significant at a level.
      alpha: of all together.
    """
    rejected = [False] * len(crossed)
    while not all(rejected):
        level = alpha / rejected.count(False)
        new = [not r and test(level) for r, test in zip(rejected, crossed, strict=True)]
        if not any(new):
            break
        rejected[new.index(True)] = True
    return rejected
