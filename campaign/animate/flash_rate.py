"""Counts how often a loop flashes in a second (WCAG 2.3.1: at most three general flashes).

A flash is a pair of opposing changes of relative luminance by 0.1 or more, of which the darker is
below 0.8, over a quarter of the area at once.
"""

import numpy as np

MOST = 3.0  # a second
_LEAST_CHANGE = 0.1  # of relative luminance
_DARK_BELOW = 0.8
_AREA = 0.25  # of the canvas
_GROUNDS = (0.0, 1.0)  # luminance behind the loop: black, white


def flashes(frames: np.ndarray, frame_ms: float) -> float:
    """Returns the flashes a second of a loop that plays for ever, on black or on white.

    A change that goes on for several frames is one. The count is of changes that a quarter of the
    canvas takes part in; of what moves, few pixels change at once.

    Args:
      frames: uint8 [n h w 4], straight alpha.
      frame_ms: of a frame.
    """
    if len(frames) < 2:
        return 0.0
    seconds = len(frames) * frame_ms / 1000
    return max(_changes(_luminance(frames, ground)) for ground in _GROUNDS) / 2 / seconds


def reason(rate: float) -> tuple[str, str]:
    """Returns why a loop that flashes too often is refused, in English and in French."""
    return (
        f"{rate:.1f} flashes a second, at most {MOST:g} are harmless (WCAG 2.3.1): make it slower",
        f"{rate:.1f} flashs par seconde, {MOST:g} au plus sont sans danger (WCAG 2.3.1) : "
        "ralentissez-le",
    )


def _luminance(frames: np.ndarray, ground: float) -> np.ndarray:
    """Returns the relative luminance over a ground: f32 [n h w]."""
    srgb = frames[..., :3].astype(np.float32) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    alpha = frames[..., 3].astype(np.float32) / 255
    return linear @ np.array([0.2126, 0.7152, 0.0722], np.float32) * alpha + ground * (1 - alpha)


def _changes(luminance: np.ndarray) -> int:
    """Counts the opposing changes of one turn of a loop: f32 [n h w] -> an even number.

    Each pixel remembers its last extreme; frame by frame, those that have gone back from it by
    enough change direction. A quarter of the pixels in one direction, after one in the other,
    counts.
    """
    twice = np.concatenate([luminance, luminance, luminance[:1]])
    low, high = twice[0].copy(), twice[0].copy()
    last, count, counted_from = 0, 0, len(luminance)
    for i, now in enumerate(twice[1:], 1):
        low, high = np.minimum(low, now), np.maximum(high, now)
        rises = (now - low >= _LEAST_CHANGE) & (low < _DARK_BELOW)
        falls = (high - now >= _LEAST_CHANGE) & (now < _DARK_BELOW)
        for direction, moved in ((1, rises), (-1, falls)):
            if moved.mean() >= _AREA and direction != last:
                last = direction
                count += i > counted_from
                low, high = now.copy(), now.copy()
                break
    return count
