"""Measures which colours of an original a drawing of it has lost: the red of a drop of blood.

Colours are compared by hue and strength in OKLab (a and b), not by lightness: shades differ between
drawings. A colour that is only added is no loss.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from campaign.proposing import recolouring
from emoji_gan.edit import parents
from input_pipeline.art import common_box

# Of the coloured area of the original; with `_APART` chosen on 100 variations, and measured on
# others and on other sets' art by python -m benchmarks.campaign.gates.
LIMIT = 0.4
_APART = 0.12  # between two colours in OKLab, from which one is not the other
_GREY = 0.04  # chroma below which a pixel has no colour
_LEAST_AREA = 0.01  # of the original that is coloured, below which it has no colours to lose
_LEAST_PART = 0.1  # of a colour's area, below which it is lost
_STEP = 0.04  # of the grid in OKLab that colours are counted on
_PX = 64
# Upper end of a hue in OKLab, in degrees from -10; name of the dark and of the light one.
_NAMES = (
    (12, ("pink", "rose"), ("pink", "rose")),
    (45, ("red", "rouge"), ("red", "rouge")),
    (85, ("brown", "marron"), ("orange", "orange")),
    (118, ("olive", "olive"), ("yellow", "jaune")),
    (165, ("green", "vert"), ("green", "vert")),
    (220, ("turquoise", "turquoise"), ("turquoise", "turquoise")),
    (280, ("blue", "bleu"), ("blue", "bleu")),
    (325, ("purple", "violet"), ("purple", "violet")),
    (350, ("pink", "rose"), ("pink", "rose")),
)
_DARK = 0.6  # lightness


@dataclasses.dataclass(frozen=True)
class Loss:
    """Says which of its original's colours a drawing has lost.

    Attributes:
      fraction: of the coloured area of the original, in [0, 1].
      name: of what is lost most, in English and French; empty where nothing is.
    """

    fraction: float
    name: tuple[str, str]


NONE = Loss(0.0, ("", ""))


def of_parents(picture: np.ndarray, codepoints: Sequence[str]) -> Loss:
    """Compares a drawing with OpenMoji's drawings of its parents: the least of their losses.

    Args:
      picture: uint8 [h h 4], straight alpha.
      codepoints: of its parents, keys of the Unicode list.
    """
    drawn = [c for c in codepoints if parents.is_drawn(c)]
    losses = [lost(picture, _original(c)) for c in drawn]
    return min(losses, key=lambda loss: loss.fraction, default=NONE)


def lost(picture: np.ndarray, original: np.ndarray) -> Loss:
    """Compares a drawing with its original, both uint8 [h h 4], straight alpha."""
    wanted, wanted_area = _colours(original)
    there, area = _colours(picture)
    is_coloured = np.hypot(wanted[:, 1], wanted[:, 2]) > _GREY
    weight = wanted_area * is_coloured
    if weight.sum() < _LEAST_AREA * wanted_area.sum() or not len(there):
        return NONE
    before, after = _area_near(wanted, wanted, wanted_area), _area_near(wanted, there, area)
    is_lost = is_coloured & (after < _LEAST_PART * before)
    if not is_lost.any():
        return NONE
    main = wanted[np.argmax(np.where(is_lost, weight, -1))]
    return Loss(float(weight[is_lost].sum() / weight.sum()), _name(main))


@functools.lru_cache(maxsize=256)
def _original(codepoints: str) -> np.ndarray:
    return parents.of_openmoji(codepoints, _PX).image


def _colours(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the colours of a picture: f64 [n 3] in OKLab, and how many pixels have each."""
    small = common_box.resize(picture, _PX)
    lab = recolouring.to_oklab(small[small[..., 3] >= 128][:, :3] / 255)
    cells = np.round(lab / _STEP).astype(int)
    _, cell, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), 3))
    np.add.at(sums, cell.ravel(), lab)
    return sums / counts[:, None], counts


def _area_near(wanted: np.ndarray, colours: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns which fraction of a drawing has about each colour wanted."""
    away = np.linalg.norm(wanted[:, None, 1:] - colours[None, :, 1:], axis=-1)
    return (away <= _APART) @ (counts / counts.sum())


def _name(lab: np.ndarray) -> tuple[str, str]:
    hue = (np.rad2deg(np.arctan2(lab[2], lab[1])) + 10) % 360 - 10
    for end, dark, light in _NAMES:
        if hue < end:
            return dark if lab[0] < _DARK else light
    return _NAMES[0][1]
