"""Computes the distances between real images and other real ones, as a baseline.

A distance of few images is mostly bias: at 100 images it is three to eight times that at 2,000 of
the same distribution. It has a meaning only beside this baseline, at the same number of images.
"""

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import frechet, kid
from eval.metrics.sets import Estimate, SampleSet

_LEAST = 50  # images of each half


def halves(real: SampleSet, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Splits the real images into two disjoint sets, near-duplicates on one side.

    Args:
      real: with clusters or without.
      count: the most images of each.
      rng: of the split.

    Returns:
      Rows, int64 [m] each, m <= count.
    """
    n = len(real.features)
    clusters = (
        np.arange(n) if real.clusters is None else np.unique(real.clusters, return_inverse=True)[1]
    )
    order = rng.permutation(clusters.max() + 1)
    side = order[clusters] < len(order) / 2
    a, b = rng.permutation(np.flatnonzero(side)), rng.permutation(np.flatnonzero(~side))
    m = min(count, len(a), len(b))
    return a[:m], b[:m]


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'fd_real' and 'kid_real', between two halves of the real images.

    Each half has as many images as there are generated ones, or as many as there are.

    Raises:
      UserError: fewer than 50 images in a half.
    """
    a, b = halves(real, len(fake.features), rng)
    m = len(a)
    if m < _LEAST:
        raise UserError(f"real against real: {m} images in each half, it needs {_LEAST}")
    x, y = real.features[a], real.features[b]
    note = f"between two halves of {m} real images"
    if m < len(fake.features):
        note += (
            f"; at so few the distance of the {len(fake.features)} generated ones would be higher "
            "too"
        )
    fd, _, _ = frechet.distance_and_influences(frechet.fit(x), frechet.fit(y), x, y)
    kid_result = kid.kid(x, y, size=min(m, 1000))
    return {
        "fd_real": Estimate(float(fd), None, None, m, m, note),
        "kid_real": Estimate(kid_result.mean, None, None, m, m, note),
    }
