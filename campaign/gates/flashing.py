"""Refuses loops that flash more than three times a second (WCAG 2.2, 2.3.1, general flashes)."""

import numpy as np

from campaign.animate import flash_rate
from campaign.gates.gate import Gate

LIMIT = flash_rate.MOST


def check(frames: np.ndarray, duration_ms: float) -> Gate:
    """Passes loops with at most three flashes a second.

    Args:
      frames: uint8 [n h w 4], straight alpha, of one turn of the loop.
      duration_ms: of a frame.
    """
    value = flash_rate.flashes(frames, duration_ms)
    return Gate(
        "flashing",
        value <= LIMIT,
        round(value, 2),
        LIMIT,
        {
            "en": f"{value:.1f} flashes a second",
            "fr": f"{value:.1f} éclairs par seconde".replace(".", ","),
        },
    )
