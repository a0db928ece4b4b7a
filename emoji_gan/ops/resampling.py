"""Resamples feature maps by the [1, 3, 3, 1] low-pass filter of StyleGAN2 (1912.04958).

Everything is a sum of slices along one axis after the other: a depthwise convolution costs 20 times
as much on CPUs, and accelerators fuse the sums. Arrays are `b h w c`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

_TAPS = (1, 3, 3, 1)


def _pad(x: jax.Array, pad: tuple[int, int], axis: int) -> jax.Array:
    """Pads one axis of a map by zeros."""
    widths = [(0, 0)] * 4
    widths[axis] = pad
    return jnp.pad(x, widths)


def _slices(x: jax.Array, starts: Sequence[int], *, size: int, axis: int) -> list[jax.Array]:
    """Returns the slices of `size` entries of an axis that begin at `starts`."""
    return [lax.slice_in_dim(x, start, start + size, axis=axis) for start in starts]


def filter2d(x: jax.Array, pad: tuple[int, int], *, gain: float) -> jax.Array:
    """Low-passes `b h w c`.

    Args:
      x: `b h w c`.
      pad: zeros before and after each axis; (1, 1) makes an axis one shorter, (2, 2) one longer.
      gain: per axis, of a constant signal.
    """
    taps = [gain * t / 8 for t in _TAPS]
    for axis in (1, 2):
        padded = _pad(x, pad, axis)
        size = padded.shape[axis] - len(taps) + 1
        windows = _slices(padded, range(len(taps)), size=size, axis=axis)
        x = sum(t * window for t, window in zip(taps, windows, strict=True))
    return x


def filter_phases(
    even: jax.Array, odd: jax.Array, *, axis: int, gain: float
) -> tuple[jax.Array, jax.Array]:
    """Low-passes one axis of a signal of which even and odd samples are given apart.

    Computes what `filter2d` does along the axis with `pad` (1, 1), without interleaving the signal.

    Args:
      even: samples 0, 2, ..., 2n.
      odd: samples 1, 3, ..., 2n - 1.
      axis: the axis of the samples, 1 or 2.
      gain: of a constant signal.

    Returns:
      The n even and the n odd samples of the result.
    """
    n = odd.shape[axis]
    odd = _pad(odd, (1, 1), axis)
    e0, e1 = _slices(even, range(2), size=n, axis=axis)
    o0, o1, o2 = _slices(odd, range(3), size=n, axis=axis)
    near, far = gain * 3 / 8, gain / 8
    return far * (o0 + e1) + near * (e0 + o1), far * (e0 + o2) + near * (o1 + e1)


# The two functions below are each other's transposes up to a gain. Their gradients are written out,
# because the transposes of the slices that XLA derives cost two to four times as much.
@jax.custom_vjp
def downsample2d(x: jax.Array) -> jax.Array:
    """Low-passes and halves `b h w c` (h, w even)."""
    for axis in (1, 2):
        padded, n = _pad(x, (1, 1), axis), x.shape[axis] // 2
        pairs = padded.reshape(*padded.shape[:axis], n + 1, 2, *padded.shape[axis + 1 :])
        even, odd = (lax.index_in_dim(pairs, i, axis + 1, keepdims=False) for i in (0, 1))
        e0, e1 = _slices(even, range(2), size=n, axis=axis)
        o0, o1 = _slices(odd, range(2), size=n, axis=axis)
        x = (e0 + o1) * 0.125 + (o0 + e1) * 0.375
    return x


@jax.custom_vjp
def upsample2d(x: jax.Array) -> jax.Array:
    """Doubles `b h w c` by zero insertion and the low-pass, with gain 4."""
    for axis in (1, 2):
        padded, n = _pad(x, (1, 1), axis), x.shape[axis]
        before, after = _slices(padded, (0, 2), size=n, axis=axis)
        both = jnp.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis + 1)
        x = both.reshape(*x.shape[:axis], 2 * n, *x.shape[axis + 1 :])
    return x


downsample2d.defvjp(lambda x: (downsample2d(x), None), lambda _, g: (upsample2d(g) / 4,))
upsample2d.defvjp(lambda x: (upsample2d(x), None), lambda _, g: (downsample2d(g) * 4,))
