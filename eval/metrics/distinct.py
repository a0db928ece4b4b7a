"""Counts the distinct images of a side: a generator may draw one picture a thousand times."""

import numpy as np

from eval.metrics import sets
from eval.metrics.sets import Estimate, SampleSet


def rows(features: np.ndarray) -> np.ndarray:
    """Returns the row of the first image of each distinct one, ascending.

    Args:
      features: f32 [n d]; equal pictures have equal ones.

    Returns:
      int64 [m], m <= n.
    """
    _, first = np.unique(features, axis=0, return_index=True)
    return np.sort(first)


def note(copies: int, side: str) -> str:
    """Says how many exact copies were left out; '' where there are none."""
    return f"{copies} exact copies among the {side} images left out" if copies else ""


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'distinct' and 'distinct_real', the fractions that remain without exact copies.

    The first is that of the generated images, the second that of the real ones.

    Raises:
      UserError: a side without images.
    """
    del rng
    sets.require("distinct images", real, fake, least_real=1, least_fake=1)
    n, m = len(real.features), len(fake.features)
    fractions = {
        "distinct": len(rows(fake.features)) / m,
        "distinct_real": len(rows(real.features)) / n,
    }
    return {name: Estimate(value, None, None, n, m) for name, value in fractions.items()}
