"""Brings pixels that are near to one of a few colours onto it, so that flat areas are even."""

import numpy as np

from emoji_gan.vector import palettes
from input_pipeline import degrade

COLOURS = ("own", "openmoji", "all")
# Distances of premultiplied RGBA in [0, 1]: up to the first a pixel takes the colour near it, from
# the second on it stays. Measured by python -m benchmarks.tasks.upscalers.
_TAKEN, _LEFT = 0.08, 0.22


def evened(picture: np.ndarray, colours: str) -> np.ndarray:
    """Brings pixels that are near to one of a few colours, or to transparent, onto it.

    What lies between two of them is a mixture, at an edge, and stays.

    Args:
      picture: uint8 [h w 4], straight alpha.
      colours: one of `COLOURS`: the `own` main ones of the picture, those of `openmoji`, or `all`,
        which leaves it as it is.
    """
    if colours == "all":
        return picture
    few = palettes.OPENMOJI if colours == "openmoji" else palettes.of_picture(picture)
    x = degrade.premultiply(picture)
    ends = np.pad(few / 255, ((0, 1), (0, 1)), constant_values=1).astype(np.float32)
    ends[-1] = 0  # transparent
    squares = (ends**2).sum(-1) - 2 * x @ ends.T
    nearest = ends[squares.argmin(-1)]
    away = np.linalg.norm(x - nearest, axis=-1, keepdims=True)
    taken = np.clip((_LEFT - away) / (_LEFT - _TAKEN), 0, 1)
    return degrade.straighten(x + taken * (nearest - x))
