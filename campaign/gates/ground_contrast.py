"""Refuses what cannot be told from a light or a dark ground.

Along the outline the best contrast within a few pixels counts, so that a black line on a dark
ground is forgiven where a light colour begins behind it. Line art has nothing behind its lines.
"""

import numpy as np
import scipy.ndimage

from campaign.gates.gate import Gate, Subject

GROUNDS = {"light": (255, 255, 255), "dark": (0x1E, 0x1E, 0x1E)}
_CONTRAST = 3.0  # WCAG 2.2, 1.4.11: graphics against what is beside them
_DEPTH = 0.06  # of the side, behind the outline: about twice the width of OpenMoji's lines
LIMIT = 0.5  # fraction of the outline that must have the contrast, on either ground

_NAMES = {"light": ("on white", "sur blanc"), "dark": ("on dark", "sur fond sombre")}


def check(subject: Subject) -> Gate:
    """Passes what half of the outline sets off from white and from #1e1e1e."""
    values = {ground: edge_contrast(subject.picture, rgb) for ground, rgb in GROUNDS.items()}
    worst = min(values, key=values.__getitem__)
    passed = values[worst] >= LIMIT
    least = f"{100 * LIMIT:.0f}"
    needed = ("", "")
    if not passed:
        english, french = _advice(values)
        needed = (
            f", {least}% at least is needed: {english}",
            f", il en faut {least} % : {french}",
        )
    percent = f"{100 * values[worst]:.0f}"
    return Gate(
        "ground_contrast",
        passed,
        round(values[worst], 3),
        LIMIT,
        {
            "en": f"{percent}% of the outline stands out {_NAMES[worst][0]}{needed[0]}",
            "fr": f"{percent} % du contour ressort {_NAMES[worst][1]}{needed[1]}",
        },
    )


def _advice(values: dict[str, float]) -> tuple[str, str]:
    """Says what to do with a picture that fails, in English and French."""
    good = next((ground for ground, value in values.items() if value >= LIMIT), "")
    if not good:
        return "pick another one", "retenez-en une autre"
    english, french = {"light": ("light", "clairs"), "dark": ("dark", "sombres")}[good]
    return (
        f"use it on {english} grounds only, by hand, or pick another one",
        f"employez-la sur fonds {french} seulement, à la main, ou retenez-en une autre",
    )


def edge_contrast(picture: np.ndarray, ground: tuple[int, int, int]) -> float:
    """Returns the fraction of the outline with a contrast of 3 to 1; 0 of a blank picture.

    Args:
      picture: uint8 [h w 4], straight alpha.
      ground: sRGB, 0 to 255.
    """
    alpha = picture[..., 3:] / 255
    over = picture[..., :3] * alpha + np.array(ground) * (1 - alpha)
    light, dark = luminance(over), float(luminance(np.array(ground, float)))
    contrast = (np.maximum(light, dark) + 0.05) / (np.minimum(light, dark) + 0.05)
    inside = picture[..., 3] >= 128
    outside = scipy.ndimage.binary_dilation(~np.pad(inside, 1))[1:-1, 1:-1]
    edge = inside & outside
    if not edge.any():
        return 0.0
    size = 2 * max(1, round(_DEPTH * picture.shape[0])) + 1
    best = scipy.ndimage.maximum_filter(np.where(inside, contrast, 1.0), size, mode="constant")
    return float((best[edge] >= _CONTRAST).mean())


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Returns the relative luminance (WCAG 2.2) of sRGB, [... 3] in [0, 255]: [0, 1]."""
    srgb = rgb / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])
