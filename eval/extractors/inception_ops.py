"""Computes the 2015 Inception network's convolutions, in the form that is fast on each backend.

They are for inference only. GPUs and TPUs get plain `lax` convolutions at full float32 precision.
On XLA's CPU backend the same convolutions are matrix products: a 1x1 convolution is one already, a
strided one is a product for each tap, and the others use Winograd's minimal filtering (1509.09308)
with 2.25 to 2.8 times fewer multiplications (`python -m benchmarks.speed.inception_speed`). All
forms agree to float32 rounding. Activations are `b h w c`.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.polynomial import polynomial

_DIMS = ("NHWC", "HWIO", "NHWC")
_EXACT = lax.Precision.HIGHEST  # neither TF32 nor bfloat16 passes on accelerators
# The points at which the polynomials are evaluated, by their number: of the points that were tried,
# those that lose the fewest digits.
_POINTS = {
    0: (),
    3: (0.0, 1.0, -1.0),
    5: (0.0, 1.0, -1.0, 2.0, -2.0),
    9: (0.0, 0.5, -0.5, 0.75, -0.75, 1.25, -1.25, 2.5, -2.5),
}
# Outputs a tile along an axis of k taps; larger ones save more products and lose more digits.
_TILE = {1: 1, 3: 2, 5: 2, 7: 4}
_NARROW = 16  # an input with fewer channels does not fill a matrix product


def kernel(w: np.ndarray, stride: int, form: str) -> np.ndarray:
    """Transforms the weights of a convolution into the form that `conv` takes.

    Args:
      w: float64 `kh kw ci co`.
      stride: of the convolution.
      form: 'cpu' or 'plain'.

    Returns:
      float32 `kh kw ci co`; or, for XLA's CPU backend: `taps ci co` of a strided convolution; of a
      strided one with few channels `kh kw ci co` for an input with each 2x2 square as channels; of
      the others Winograd's `nh nw ci co`, which has more taps.
    """
    size = w.shape[:2]
    if form == "cpu" and stride == 2:
        if w.shape[2] < _NARROW:
            w = np.pad(w, (*_to_even(size), (0, 0), (0, 0)))
            w = _squares_to_channels(w.transpose(3, 0, 1, 2)).transpose(1, 2, 3, 0)
        else:
            w = w.reshape(-1, *w.shape[2:])
    elif form == "cpu" and size != (1, 1):
        for axis, k in enumerate(size):
            _, g, _ = _cook_toom(_TILE[k], k)
            w = np.moveaxis(np.tensordot(g, w, (1, axis)), 0, axis)
    return w.astype(np.float32)


def conv(
    x: jax.Array, w: jax.Array, size: tuple[int, int], stride: int, pad: tuple[int, int]
) -> jax.Array:
    """Correlates `b h w ci` with a kernel from `kernel`: `b h' w' co`.

    Args:
      x: float32 activations.
      w: as `kernel` returns it; its shape tells the form.
      size: taps of the kernel before any transform.
      stride: 1, or 2 (without padding).
      pad: zeros on both sides along h and w.
    """
    if size == (1, 1):
        return lax.dot_general(x, w[0, 0], (((3,), (0,)), ((), ())), precision=_EXACT)
    if w.ndim == 3:
        return _by_taps(x, w, size)
    if w.shape[0] > size[0] or w.shape[1] > size[1]:
        return _winograd(x, w, size, pad)
    if w.shape[:2] != size:
        x = jnp.pad(x, ((0, 0), *_to_even(x.shape[1:3]), (0, 0)))
        x, stride = _squares_to_channels(x), 1
    pads = tuple((p, p) for p in pad)
    return lax.conv_general_dilated(
        x, w, (stride, stride), pads, dimension_numbers=_DIMS, precision=_EXACT
    )


def _to_even(extents: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Returns the padding that makes each extent even."""
    return tuple((0, n % 2) for n in extents)


def _squares_to_channels(x: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    """Moves each 2x2 square of `b h w c` into the channels: `b h/2 w/2 4c`.

    Applied to input and kernel, it makes stride 2 stride 1, and of four taps along an axis two.
    """
    b, h, w, c = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // 2, w // 2, 4 * c)


def _by_taps(x: jax.Array, w: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Convolves with stride 2 and no padding, by a matrix product for each tap."""
    (b, h, wide, c), (kh, kw) = x.shape, size
    out_h, out_w = (h - kh) // 2 + 1, (wide - kw) // 2 + 1
    y = None
    for tap, kernel in enumerate(w):
        i, j = divmod(tap, kw)
        part = lax.slice(
            x, (0, i, j, 0), (b, i + 2 * out_h - 1, j + 2 * out_w - 1, c), (1, 2, 2, 1)
        )
        product = lax.dot_general(part, kernel, (((3,), (0,)), ((), ())))
        y = product if y is None else y + product
    return y


@functools.cache
def _cook_toom(m: int, r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns matrices A, G, B for which A ((G g) * (B d)) is the correlation of d with g.

    Args:
      m: outputs.
      r: taps of g.

    Returns:
      float64 A [m n], G [n r], B [n n], with n = m + r - 1.
    """
    n = m + r - 1
    points = _POINTS[n - 1]
    evaluate = np.array([[p**j for j in range(r)] for p in points] + [[0.0] * (r - 1) + [1.0]])
    scale = np.array([np.prod([p - q for q in points if q != p]) for p in points] + [1.0])
    a = np.array([[p**i for p in points] + [float(i == m - 1)] for i in range(m)])
    b = np.zeros((n, n))
    for i, p in enumerate(points):
        b[i, : n - 1] = polynomial.polyfromroots([q for q in points if q != p])
    b[n - 1] = polynomial.polyfromroots(points)
    b[np.abs(b) < 1e-12] = 0.0
    return a, evaluate / scale[:, None], b


def _winograd(x: jax.Array, u: jax.Array, size: tuple[int, int], pad: tuple[int, int]) -> jax.Array:
    """Transforms tiles, multiplies matrices at each transformed position, and transforms back."""
    b, h, w, ci = x.shape
    (nh, nw), co = u.shape[:2], u.shape[3]
    (kh, kw), (mh, mw) = size, (nh - size[0] + 1, nw - size[1] + 1)
    out_h, out_w = h + 2 * pad[0] - kh + 1, w + 2 * pad[1] - kw + 1
    th, tw = -(-out_h // mh), -(-out_w // mw)  # tiles
    fill = [
        (0, 0),
        (pad[0], th * mh + kh - 1 - h - pad[0]),
        (pad[1], tw * mw + kw - 1 - w - pad[1]),
        (0, 0),
    ]
    xp = jnp.pad(x, fill)

    def position(i: int, j: int) -> jax.Array:
        """Returns what lies at position (i, j) of every tile: `b th tw ci`."""
        stop = (b, i + (th - 1) * mh + 1, j + (tw - 1) * mw + 1, ci)
        return lax.slice(xp, (0, i, j, 0), stop, (1, mh, mw, 1))

    (a_h, _, b_h), (a_w, _, b_w) = _cook_toom(mh, kh), _cook_toom(mw, kw)
    columns = [_combine(b_h, [position(i, j) for i in range(nh)]) for j in range(nw)]  # [nw][nh]
    products = [
        [
            lax.dot(v.reshape(-1, ci), u[i, j])
            for j, v in enumerate(_combine(b_w, [c[i] for c in columns]))
        ]
        for i in range(nh)
    ]
    rows = [_combine(a_w, products[i]) for i in range(nh)]  # [nh][mw]
    tiles = [_combine(a_h, [r[j] for r in rows]) for j in range(mw)]  # [mw][mh]
    y = jnp.stack([jnp.stack([tiles[j][i] for j in range(mw)], 1) for i in range(mh)], 1)
    y = (
        y.reshape(b, th, tw, mh, mw, co)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(b, th * mh, tw * mw, co)
    )
    return y[:, :out_h, :out_w]


def _combine(matrix: np.ndarray, arrays: Sequence[jax.Array]) -> list[jax.Array]:
    """Returns the rows of matrix @ arrays, without the multiplications by 0 and 1."""
    out = []
    for row in matrix:
        terms = [
            t if c == 1.0 else -t if c == -1.0 else t * np.float32(c)
            for c, t in zip(row, arrays, strict=True)
            if c
        ]
        out.append(functools.reduce(jnp.add, terms))
    return out


def max_pool(x: jax.Array, stride: int, pad: int) -> jax.Array:
    """Takes the largest value of each 3x3 window of `b h w c`.

    Args:
      x: float32 activations.
      stride: of the windows along both axes.
      pad: rows and columns of -inf on each side.
    """
    x = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=-jnp.inf)
    for axis in (1, 2):  # slices: a windowed reduction takes six times as long on a CPU
        last = x.shape[axis] - 3 - (x.shape[axis] - 3) % stride  # start of the last window
        parts = [lax.slice_in_dim(x, i, i + last + 1, stride, axis) for i in range(3)]
        x = functools.reduce(jnp.maximum, parts)
    return x


def average_pool(x: jax.Array) -> jax.Array:
    """Averages each 3x3 window of `b h w c` over what lies inside the image; the size stays."""
    for axis in (1, 2):
        n = x.shape[axis]
        widths = [(0, 0)] * 4
        widths[axis] = (1, 1)
        xp = jnp.pad(x, widths)
        x = sum(lax.slice_in_dim(xp, i, i + n, axis=axis) for i in range(3))
    h, w = (np.full(n, 3.0, np.float32) - np.isin(np.arange(n), (0, n - 1)) for n in x.shape[1:3])
    return x / np.asarray(h[:, None] * w, np.float32)[None, :, :, None]
