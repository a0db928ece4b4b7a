"""Gives a drawing the colours of a palette, and keeps its outlines, greys and shades.

Colours are compared in OKLab (B. Ottosson, 2020), where equal distances look about equal. The hues
of a drawing are divided into as many as the palette has; the largest takes the palette's first
colour, and so on: the commonest colour of a hue becomes the palette's, its shades keep their
distance. A pixel moves as its hue does, by its own chroma: black, white and grey have none
and stay, an edge between a colour and black moves by half.
"""

from collections.abc import Sequence

import numpy as np

from campaign.language import Language
from emoji_gan.errors import UserError

_GREY = 0.04  # chroma below which a pixel has no hue
_HUES = 36  # bins of the histogram of hues
_APART = np.pi / 5  # between two hues of one drawing
_LEAST_AREA = 0.06  # of the coloured pixels, that a hue of its own has

# Linear sRGB to the cones' responses, and their cube roots to OKLab (the matrices of its author).
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def parse_palette(colours: Sequence[str], language: Language) -> np.ndarray:
    """Reads colours, '#RRGGBB' or 'RRGGBB': f64 [n 3], sRGB in [0, 1].

    Raises:
      UserError: one of them is none.
    """
    parsed = []
    for text in colours:
        digits = text.strip().removeprefix("#")
        try:
            parsed.append([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
            if len(digits) != 6:
                raise ValueError
        except ValueError:
            raise UserError(
                language.pick(
                    f"brief.yaml: {text!r} is no colour; write palettes as '#FF6600'",
                    f"brief.yaml : {text!r} n'est pas une couleur ; écrivez '#FF6600'",
                )
            ) from None
    return np.array(parsed).reshape(-1, 3)


def recoloured(picture: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Gives a picture the colours of a palette.

    Args:
      picture: uint8 [h w 4], straight alpha.
      palette: f64 [n 3], sRGB in [0, 1]; greys in it are not used.

    Returns:
      uint8 [h w 4] of the same alpha.
    """
    targets = to_oklab(palette)
    targets = targets[np.hypot(targets[:, 1], targets[:, 2]) > _GREY]
    lab = to_oklab(picture[..., :3] / 255)
    chroma, hue = np.hypot(lab[..., 1], lab[..., 2]), np.arctan2(lab[..., 2], lab[..., 1])
    coloured = (chroma > _GREY) & (picture[..., 3] >= 128)
    if not len(targets) or not coloured.any():
        return picture.copy()
    centres = _hues(hue[coloured], chroma[coloured], len(targets))
    own = np.abs(_turn(hue[..., None] - centres)).argmin(-1)
    moved = lab.copy()
    for i in range(len(centres)):
        pure = coloured & (own == i)
        if not pure.any():
            continue
        main_l, main_chroma = _commonest(picture[pure][:, :3])
        target = targets[i % len(targets)]
        weight = np.clip(chroma / main_chroma, 0, 1.2)[..., None]
        wanted = np.concatenate(
            [
                lab[..., :1] + np.clip(weight, 0, 1) * (target[0] - main_l),
                weight * target[1:],
            ],
            axis=-1,
        )
        moved = np.where((own == i)[..., None], wanted, moved)
    rgb = np.rint(255 * to_srgb(moved)).astype(np.uint8)
    result = np.concatenate([rgb, picture[..., 3:]], axis=-1)
    return np.where(picture[..., 3:] > 0, result, 0).astype(np.uint8)


def _commonest(rgb: np.ndarray) -> tuple[float, float]:
    """Returns lightness and chroma of the commonest of some colours, uint8 [n 3]."""
    colours, counts = np.unique(rgb, axis=0, return_counts=True)
    lightness, a, b = to_oklab(colours[counts.argmax()] / 255)
    return float(lightness), float(np.hypot(a, b))


def _hues(hue: np.ndarray, chroma: np.ndarray, count: int) -> np.ndarray:
    """Returns at most `count` hues of a drawing, in radians, that of the largest area first."""
    bins = (np.floor((hue + np.pi) / (2 * np.pi) * _HUES).astype(int)) % _HUES
    area = np.bincount(bins, weights=np.minimum(chroma, 0.15), minlength=_HUES)
    smooth = area + 0.5 * (np.roll(area, 1) + np.roll(area, -1))
    centres: list[float] = []
    for k in np.argsort(-smooth, kind="stable"):
        angle = (k + 0.5) / _HUES * 2 * np.pi - np.pi
        apart = all(abs(_turn(np.array(angle - other))) >= _APART for other in centres)
        if len(centres) < count and apart and (not centres or area[k] > _LEAST_AREA * area.sum()):
            centres.append(angle)
    return np.array(centres)


def _turn(angle: np.ndarray) -> np.ndarray:
    """Brings angles into [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def to_oklab(srgb: np.ndarray) -> np.ndarray:
    """Converts sRGB in [0, 1], f64 [... 3], to OKLab: lightness, green to red, blue to yellow."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T


def to_srgb(lab: np.ndarray) -> np.ndarray:
    """Converts OKLab to sRGB, clipped into [0, 1]."""
    cones = (lab @ np.linalg.inv(_TO_LAB).T) ** 3
    linear = np.clip(cones @ np.linalg.inv(_TO_CONES).T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
