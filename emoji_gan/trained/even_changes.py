"""Makes a restyler's changes even, carries them over to large pictures, and draws contours."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

# Measured by python -m benchmarks.tasks.restyling, in premultiplied RGBA in [0, 1].
_REACH_PX = 3
_TIMES = 2
_ALIKE = 0.08  # standard deviation of the difference of two pixels that are one area
_ALIKE_CHANGE = 0.25  # of their changes: an outline that is added stays
_NEAR_PX = 0.7  # standard deviation, of a small picture's pixels
_ALIKE_LARGE = 0.2  # as _ALIKE, of a large picture's pixel and a small one's
_FAINT, _PLAIN = 0.12, 0.35  # differences of neighbours between which a contour grows to full ink
_INNER = 0.3  # of alpha: by so much more opaque, a pixel is inside
_DARKEST = 64  # of 255: line art has no ink lighter than that


def evened(drawn: jax.Array, picture: jax.Array) -> jax.Array:
    """Averages the change of a picture over near pixels whose colours are alike.

    A bilateral filter (Tomasi and Manduchi, 1998) of the change, guided by the picture and by the
    change: specks go, edges and new outlines stay.

    Args:
      drawn: f32 [b h w 4], premultiplied, in [-1, 1].
      picture: of the same shape, what it was drawn from.
    """
    _, h, w, _ = picture.shape
    room = ((0, 0), (_REACH_PX, _REACH_PX), (_REACH_PX, _REACH_PX), (0, 0))
    steps = jnp.array(list(itertools.product(range(2 * _REACH_PX + 1), repeat=2)))
    around = jnp.pad(picture, room, mode="edge")

    def filtered(change: jax.Array) -> jax.Array:
        changes = jnp.pad(change, room, mode="edge")

        def add(sums: tuple, step: jax.Array) -> tuple[tuple, None]:
            near, its_change = (
                jax.lax.dynamic_slice(x, (0, step[0], step[1], 0), (len(x), h, w, 4))
                for x in (around, changes)
            )
            unlike = _unlike(near - picture, _ALIKE) + _unlike(its_change - change, _ALIKE_CHANGE)
            weight = jnp.exp(-unlike)
            return (sums[0] + weight * its_change, sums[1] + weight), None

        start = jnp.zeros_like(change), jnp.zeros_like(change[..., :1])
        (total, weights), _ = jax.lax.scan(add, start, steps)
        return total / weights

    change = drawn - picture
    for _ in range(_TIMES):
        change = filtered(change)
    return picture + change


def _unlike(difference: jax.Array, deviation: float) -> jax.Array:
    """Returns half of the squared differences [... 4] of colours in [-1, 1], in deviations."""
    return jnp.square(difference / (2 * deviation)).sum(-1, keepdims=True) / 2


def inside(large: np.ndarray) -> np.ndarray:
    """Returns what is drawn in a picture, and what that encloses: f32 [h w 1] in [0, 1].

    Args:
      large: uint8 [h w 4], straight alpha.
    """
    alpha = large[..., 3].astype(np.float32) / 255
    return np.maximum(alpha, ndimage.binary_fill_holes(alpha >= 0.5))[..., None]


def carried_over(
    drawn: jax.Array, picture: jax.Array, large: jax.Array, changeable: jax.Array
) -> jax.Array:
    """Changes large pictures as small ones were changed, along the edges of the large ones.

    Each pixel takes the mean change of the small picture's pixels that are near to it and alike:
    joint bilateral upsampling (Kopf et al., 2007).

    Args:
      drawn: f32 [b h h 4], premultiplied, in [-1, 1].
      picture: of the same shape, what it was drawn from.
      large: f32 [b s s 4], the same picture at another size.
      changeable: f32 [b s s 1] in [0, 1], how much of the change each pixel takes.

    Returns:
      f32 [b s s 4], nominally in [-1, 1].
    """
    side, large_side = picture.shape[1], large.shape[1]
    change, reach = drawn - picture, 2
    at = (jnp.arange(large_side, dtype=jnp.float32) + 0.5) * (side / large_side) - 0.5
    nearest = jnp.round(at).astype(jnp.int32)
    steps = jnp.array(list(itertools.product(range(-reach, reach + 1), repeat=2)))

    def add(sums: tuple, step: jax.Array) -> tuple[tuple, None]:
        rows, columns = (jnp.clip(nearest + by, 0, side - 1) for by in step)
        near, its_change = (x[:, rows][:, :, columns] for x in (picture, change))
        y, x = (jnp.square(at - (nearest + by).astype(jnp.float32)) for by in step)
        away = (y[:, None] + x[None])[None, ..., None] / (2 * _NEAR_PX**2)
        weight = jnp.exp(-_unlike(near - large, _ALIKE_LARGE) - away)
        return (sums[0] + weight * its_change, sums[1] + weight), None

    start = jnp.zeros_like(large), jnp.zeros_like(large[..., :1])
    (total, weights), _ = jax.lax.scan(add, start, steps)
    return large + changeable * total / weights


def is_line_art(palette: Sequence[str]) -> bool:
    """Returns whether a style, whose colours are 'rrggbbaa', has dark ink alone."""
    colours = [bytes.fromhex(colour) for colour in palette]
    return bool(colours) and all(max(c[:3]) * c[3] < _DARKEST * 255 for c in colours)


def contours(picture: jax.Array) -> jax.Array:
    """Draws the contours of pictures in black, one pixel wide.

    Of two neighbours that differ the inner one is inked, else the darker one. To ink less, such as
    the middle of an outline alone, makes lines finer and loses what the emoji is.

    Args:
      picture: f32 [b h w 4], premultiplied, in [-1, 1].

    Returns:
      The same, of black and alpha alone.
    """
    x = (picture + 1) / 2
    _, h, w, _ = x.shape
    around = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))

    def light(x: jax.Array) -> jax.Array:
        return x[..., :3].mean(-1) + 1 - x[..., 3]  # on white

    ink = jnp.zeros(x.shape[:3])
    for i, j in ((0, 1), (2, 1), (1, 0), (1, 2)):
        other = around[:, i : i + h, j : j + w]
        inner = x[..., 3] - other[..., 3]
        is_its = (inner > _INNER) | ((jnp.abs(inner) <= _INNER) & (light(x) <= light(other)))
        differ = jnp.sqrt(jnp.square(x - other).sum(-1))
        grown = jnp.clip((differ - _FAINT) / (_PLAIN - _FAINT), 0, 1)
        ink = jnp.maximum(ink, jnp.where(is_its, grown, 0))
    alpha = 2 * (ink * x[..., 3])[..., None] - 1
    return jnp.concatenate([jnp.full((*ink.shape, 3), -1.0), alpha], -1)
