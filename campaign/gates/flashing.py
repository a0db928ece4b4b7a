"""Refuses loops that flash more than three times a second (WCAG 2.2, 2.3.1: general and red)."""

import numpy as np

from campaign.animate import flash_rate
from campaign.gates.gate import Gate

LIMIT = flash_rate.MOST


def check(frames: np.ndarray, duration_ms: float) -> Gate:
    """Passes loops with at most three general and at most three red flashes a second.

    Args:
      frames: uint8 [n h w 4], straight alpha, of one turn of the loop.
      duration_ms: of a frame.
    """
    rates = flash_rate.flashes(frames, duration_ms)
    passed = rates.worst <= LIMIT
    english, french = rates.texts() if passed else flash_rate.reason(rates)
    return Gate(
        "flashing",
        passed,
        round(rates.worst, 2),
        LIMIT,
        {"en": english, "fr": french},
    )
