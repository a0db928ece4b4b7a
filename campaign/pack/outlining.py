"""Draws a line around emoji, which sets them off from any ground."""

import numpy as np
from scipy import ndimage

from input_pipeline.art import common_box

_OPAQUE = 128  # alpha from which a pixel belongs to the emoji


def with_outline(frames: np.ndarray, width_px: int, margin_px: int) -> np.ndarray:
    """Draws a white line around the emoji of frames, which shrink where it would not fit.

    Args:
      frames: uint8 [n px px 4], straight alpha.
      width_px: of the line, outside of the emoji.
      margin_px: left free between the line and the border.

    Returns:
      uint8 [n px px 4], straight alpha.
    """
    px, needed = frames.shape[1], width_px + margin_px
    if _free_px(frames) < needed:
        inner = px - 2 * needed
        small = np.stack([common_box.resize(frame, inner) for frame in frames])
        frames = np.pad(small, ((0, 0), (needed, needed), (needed, needed), (0, 0)))
    return np.stack([_outlined(frame, width_px) for frame in frames])


def _free_px(frames: np.ndarray) -> int:
    """Returns the width of the border that no frame draws on."""
    drawn = (frames[..., 3] > 0).any(0)
    sides = (np.flatnonzero(drawn.any(axis)) for axis in (0, 1))
    return min((min(at[0], len(drawn) - 1 - at[-1]) for at in sides if len(at)), default=len(drawn))


def _outlined(frame: np.ndarray, width_px: int) -> np.ndarray:
    alpha = frame[..., 3]
    if not (alpha >= _OPAQUE).any():
        return frame
    distance = ndimage.distance_transform_edt(alpha < _OPAQUE)
    line = np.clip(width_px + 0.5 - distance, 0, 1)[..., None]  # soft over one pixel
    over = alpha[..., None] / 255
    whole = over + line * (1 - over)
    colour = (frame[..., :3] * over + 255 * line * (1 - over)) / np.maximum(whole, 1e-6)
    return np.rint(np.concatenate([colour, 255 * whole], -1)).astype(np.uint8)
