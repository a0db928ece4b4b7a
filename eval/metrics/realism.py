"""Scores how near single generated images come to the real ones (1904.06991, section 5)."""

import numpy as np

from eval.metrics import distances

K = 3  # neighbours


def realism(real: np.ndarray, fake: np.ndarray, k: int = K) -> tuple[np.ndarray, np.ndarray]:
    """Computes each fake's realism: the maximum over reals of radius(real) / distance(fake, real).

    This is eq. 3. The radius is a real image's distance to its k-th nearest neighbour. Real images
    whose radius is above the median are left out, as outliers have large ones.

    Args:
      real: f32 [n d] features, n > k.
      fake: f32 [m d].
      k: neighbours.

    Returns:
      f32 [m] realism, where 1 and more lie within the real ones' reach; int64 [m] row of the
      nearest real.

    Raises:
      ValueError: k reals or fewer.
    """
    if len(real) <= k:
        raise ValueError(f"{len(real)} real features: more than {k} are needed")
    radius = np.sqrt(distances.kth_nearest(real, k))
    kept = radius <= np.median(radius)
    score, nearest = np.empty(len(fake), np.float32), np.empty(len(fake), np.int64)
    for rows, squared in distances.blocks(fake, real):
        nearest[rows] = squared.argmin(1)
        score[rows] = (radius[kept] / np.sqrt(np.maximum(squared[:, kept], 1e-20))).max(1)
    return score, nearest
