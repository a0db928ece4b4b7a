"""Brings pixels that are near to one of a few colours onto it, so that flat areas are even."""

import numpy as np

from emoji_gan.vector import palettes
from input_pipeline import degrade

COLOURS = ("own", "openmoji", "all")
# Distances of premultiplied RGBA in [0, 1]: up to the first a pixel takes the colour near it, from
# the second on it stays. Measured by python -m benchmarks.tasks.upscalers. What a network draws in
# these colours alone is on them already, or a mixture that is meant.
_REACH, _REACH_OF_MIXTURES = (0.08, 0.22), (0.03, 0.06)
# Two colours are the steps of a gradient where pixels of one lie beside pixels of the other that
# differ by less than this, most of the times that they meet, and not by chance.
_ALIKE, _LEAST_MEETINGS = 0.03, 8


def evened(picture: np.ndarray, colours: str, *, are_mixtures: bool = False) -> np.ndarray:
    """Brings pixels that are near to one of a few colours, or to transparent, onto it.

    What lies between two of them is a mixture, at an edge, and stays. So do gradients, but for
    those of art in OpenMoji's colours, which has none.

    Args:
      picture: uint8 [h w 4], straight alpha.
      colours: one of `COLOURS`: the `own` main ones of the picture, those of `openmoji`, or `all`,
        which leaves it as it is.
      are_mixtures: whether the picture was drawn by a network that knows these colours.
    """
    if colours == "all":
        return picture
    few = palettes.OPENMOJI if colours == "openmoji" else palettes.of_picture(picture)
    x = degrade.premultiply(picture)
    ends = np.pad(few / 255, ((0, 1), (0, 1)), constant_values=1).astype(np.float32)
    ends[-1] = 0  # transparent
    index = ((ends**2).sum(-1) - 2 * x @ ends.T).argmin(-1)
    nearest = ends[index]
    away = np.linalg.norm(x - nearest, axis=-1, keepdims=True)
    whole, none = _REACH_OF_MIXTURES if are_mixtures else _REACH
    taken = np.clip((none - away) / (none - whole), 0, 1)
    if colours == "own":
        taken[_steps_of_gradients(x, index, len(ends))[index]] = 0
    return degrade.straighten(x + taken * (nearest - x))


def _steps_of_gradients(x: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Finds the colours between which a picture has gradients: bool [count].

    Args:
      x: premultiplied f32 [h w 4].
      index: of each pixel's nearest colour, [h w].
      count: of colours, the last of which is transparent.
    """
    met, alike = np.zeros((count, count), int), np.zeros((count, count), int)
    for axis in (0, 1):
        first, second = np.moveaxis(index, axis, 0)[:-1], np.moveaxis(index, axis, 0)[1:]
        differ = np.linalg.norm(np.diff(x, axis=axis), axis=-1)
        differ, meet = np.moveaxis(differ, axis, 0), first != second
        for pairs, where in ((met, meet), (alike, meet & (differ < _ALIKE))):
            np.add.at(pairs, (first[where], second[where]), 1)
    met, alike = met + met.T, alike + alike.T
    steps = ((2 * alike > met) & (alike >= _LEAST_MEETINGS)).any(1)
    steps[-1] = False
    return steps
