"""Refuses loops that flash more than three times a second (WCAG 2.2, 2.3.1, general flashes).

A flash is a pair of opposing changes of relative luminance by a tenth, of which the darker is below
0.8. Cells of a sixteenth of the side are followed over white and over #1e1e1e; a loop flashes as
often as a quarter of its cells do. Flashes of saturated red are not looked for.
"""

import numpy as np

from campaign.gates.gate import Gate
from campaign.gates.ground_contrast import GROUNDS, luminance

LIMIT = 3.0  # flashes a second
_CHANGE, _BRIGHT = 0.1, 0.8  # of relative luminance
_CELLS = 16  # a side
_AREA = 0.25  # of the picture


def check(frames: np.ndarray, duration_ms: float) -> Gate:
    """Passes loops with at most three flashes in any second.

    Args:
      frames: uint8 [n h w 4], straight alpha, of one turn of the loop.
      duration_ms: of a frame.
    """
    value = max(_flashes(frames, duration_ms, rgb) for rgb in GROUNDS.values())
    passed = value <= LIMIT
    return Gate(
        "flashing",
        passed,
        round(value, 2),
        LIMIT,
        {
            "en": f"{value:.1f} flashes a second",
            "fr": f"{value:.1f} éclairs par seconde".replace(".", ","),
        },
    )


def _flashes(frames: np.ndarray, duration_ms: float, ground: tuple[int, int, int]) -> float:
    """Returns how many flashes a second a quarter of the picture has at least."""
    alpha = frames[..., 3:] / 255
    light = luminance(frames[..., :3] * alpha + np.array(ground) * (1 - alpha))
    n, h, w = light.shape
    rows, columns = (np.linspace(0, side, _CELLS + 1).astype(int)[:-1] for side in (h, w))
    sums = np.add.reduceat(np.add.reduceat(light, rows, 1), columns, 2)
    ones = np.add.reduceat(np.add.reduceat(np.ones((1, h, w)), rows, 1), columns, 2)
    cells = (sums / ones).reshape(n, -1)
    # At least a second, and whole turns, so that a flash over the seam counts.
    seconds = n * duration_ms / 1000
    turns = max(2, int(np.ceil(1 / seconds)))
    path = np.concatenate([cells] * turns)
    counts = np.array([_opposing(path[:, i]) for i in range(path.shape[1])])
    return float(np.quantile(counts / 2, 1 - _AREA) / (turns * seconds))


def _opposing(values: np.ndarray) -> int:
    """Counts changes of luminance by a tenth, each against the one before it."""
    count, extreme, direction = 0, values[0], 0
    for value in values[1:]:
        step = value - extreme
        if abs(step) >= _CHANGE and min(value, extreme) < _BRIGHT and np.sign(step) != direction:
            count, direction, extreme = count + 1, int(np.sign(step)), value
        elif direction * step > 0:
            extreme = value
    return count
