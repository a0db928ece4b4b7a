"""Moves a picture in closed loops: it bounces, waves or pulses.

A move is a function of time with period 1, so that the last frame leads to the first. Pictures are
drawn at twice the size and made smaller in premultiplied alpha, and shrink just so far that nothing
leaves the canvas in any frame.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.spatial import ConvexHull

from input_pipeline.art import common_box

_OVERSAMPLING = 2
_MARGIN_PX = 1.5  # that stay free on each side
_DRAWN_FROM = 8  # alpha; less is the fringe of antialiasing

_SWING = math.radians(14)
_CONTACT = 0.3  # of the period, on the ground
_SQUASH = 0.2  # of the height, at the middle of the contact
_STRETCH = 0.06  # of the height, on the way up and down
_HEIGHT = 0.28  # of the drawing's height
_PULSE = 0.14  # of the size


@dataclasses.dataclass(frozen=True)
class Pose:
    """Says how a drawing stands, relative to its foot, the lowest middle of it.

    Attributes:
      angle: radians, clockwise.
      wide: factor of its width.
      high: factor of its height.
      up: above the ground, in heights of the drawing.
      about_middle: whether it keeps its middle, not its foot.
    """

    angle: float = 0.0
    wide: float = 1.0
    high: float = 1.0
    up: float = 0.0
    about_middle: bool = False


def bounce(t: float) -> Pose:
    """Returns the pose of a ball at a time in [0, 1): squashed on the ground, stretched in flight.

    Area is kept, as of something soft.
    """
    if t < _CONTACT:
        high = 1 - _SQUASH * math.sin(math.pi * t / _CONTACT) ** 2
        return Pose(wide=1 / high, high=high)
    flight = (t - _CONTACT) / (1 - _CONTACT)
    high = 1 + _STRETCH * math.sin(2 * math.pi * flight) ** 2
    return Pose(wide=1 / high, high=high, up=_HEIGHT * 4 * flight * (1 - flight))


def wave(t: float) -> Pose:
    """Returns the pose of a pendulum about the foot at a time in [0, 1)."""
    return Pose(angle=_SWING * math.sin(2 * math.pi * t))


def pulse(t: float) -> Pose:
    """Returns the pose of what grows and shrinks about its middle at a time in [0, 1)."""
    scale = 1 - _PULSE * (1 - math.cos(2 * math.pi * t)) / 2
    return Pose(wide=scale, high=scale, about_middle=True)


MOVES: dict[str, Callable[[float], Pose]] = {"bounce": bounce, "wave": wave, "pulse": pulse}


def frames(
    picture: np.ndarray, move: Callable[[float], Pose], count: int, *, px: int
) -> np.ndarray:
    """Draws a loop.

    Args:
      picture: uint8 [h h 4], straight alpha; not blank.
      move: of `MOVES`.
      count: of frames.
      px: side of the result.

    Returns:
      uint8 [count px px 4], straight alpha, RGB = 0 where alpha = 0.

    Raises:
      ValueError: nothing is drawn in the picture.
    """
    side = _OVERSAMPLING * px
    hull = _hull(picture) * (side / len(picture))
    low, high = hull.min(0), hull.max(0)
    foot, size = np.array([(low[0] + high[0]) / 2, high[1]]), high - low
    matrices = [_matrix(move(i / count), foot, size) for i in range(count)]
    ends = np.concatenate([hull @ m[:, :2].T + m[:, 2] for m in matrices])
    low, high = ends.min(0), ends.max(0)
    scale = min(1.0, (side - 2 * _OVERSAMPLING * _MARGIN_PX) / (high - low).max())
    shift = _shift(scale, low, high, side)
    large = np.ascontiguousarray(common_box.resize(picture, side))
    source = Image.fromarray(large).convert("RGBa")
    drawn = []
    for m in matrices:
        out = np.concatenate([m, [[0, 0, 1]]])
        out[:2] = scale * out[:2]
        out[:2, 2] += shift
        back = np.linalg.inv(out)[:2]
        data = tuple(back.ravel())
        turned = source.transform(
            (side, side), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
        )
        small = turned.resize((px, px), Image.Resampling.BOX).convert("RGBA")
        drawn.append(np.asarray(small))
    result = np.stack(drawn)
    return np.where(result[..., 3:] > 0, result, 0).astype(np.uint8)


def _shift(scale: float, low: np.ndarray, high: np.ndarray, side: int) -> np.ndarray:
    """Returns the offset that keeps what fits where it is, and brings the rest inside."""
    free = _OVERSAMPLING * _MARGIN_PX
    start, end = scale * low, scale * high
    return np.where(
        scale < 1,
        (side - (end - start)) / 2 - start,
        np.maximum(free - start, 0) - np.maximum(end - (side - free), 0),
    )


def _matrix(pose: Pose, foot: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Returns the affine map [2 3] of a pose, from the picture to the canvas, in pixels."""
    centre = foot - [0, size[1] / 2] if pose.about_middle else foot
    c, s = math.cos(pose.angle), math.sin(pose.angle)
    linear = np.array([[c, -s], [s, c]]) @ np.diag([pose.wide, pose.high])
    offset = centre - linear @ centre - [0, pose.up * size[1]]
    return np.concatenate([linear, offset[:, None]], 1)


def _hull(picture: np.ndarray) -> np.ndarray:
    """Returns the corners of the convex hull of what is drawn: f64 [n 2], x and y in pixels."""
    ys, xs = np.nonzero(picture[..., 3] >= _DRAWN_FROM)
    if not len(xs):
        raise ValueError("nothing is drawn")
    corners = np.concatenate([np.stack([xs + dx, ys + dy], 1) for dx in (0, 1) for dy in (0, 1)])
    return corners[ConvexHull(corners).vertices].astype(np.float64)
