"""Convolves feature maps in the form that is fast on the backend of the program being traced.

Activations are `b h w c`, kernels `kh kw ci co`, all convolutions are correlations. GPUs and TPUs
get plain `lax` convolutions. XLA's CPU backend reaches its fast kernels only for some shapes of the
gradient, so there the gradients are spelled out (`python -m benchmarks.ops`, docs/results); the
rules call each other, so gradients of gradients (R1, path length) stay fast too.
"""

import contextlib
import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax import lax

from emoji_gan.ops import resampling

_DIMS = ("NHWC", "HWIO", "NHWC")
_FORMS: list[str | None] = [None]  # None: by platform
# Bytes of output gradient per weight-gradient convolution: what fits into one core's L2 beside the
# input.
_CHUNK_BYTES = 600_000

Padding = tuple[tuple[int, int], tuple[int, int]]  # zeros before and after height, and width
_PAD4: Padding = ((1, 1), (1, 1))  # of 4x4 convolutions of stride 2
_Pair = tuple[jax.Array, jax.Array]  # input and kernel of a convolution, or their gradients


@contextlib.contextmanager
def forms(kind: str) -> Iterator[None]:
    """Traces with `plain` or `cpu` forms instead of the platform's own, e.g. to compare them."""
    previous, _FORMS[0] = _FORMS[0], kind
    try:
        yield
    finally:
        _FORMS[0] = previous


def platform() -> str:
    """Returns the platform of the program being traced ('cpu', 'gpu', 'tpu').

    It is that of the devices of the current mesh, described or real, else JAX's default.
    """
    # JAX keeps traces of unlike meshes apart.
    device = jax.sharding.get_abstract_mesh().abstract_device
    return device.platform if device else jax.default_backend()


def _uses_cpu_forms() -> bool:
    """Returns whether to spell gradients out for XLA CPU.

    The plain forms make a step there cost 2 to 4 times as much.
    """
    return (_FORMS[0] or ("cpu" if platform() == "cpu" else "plain")) == "cpu"


# ---- convolution ---------------------------------------------------------------------------------


def conv2d(x: jax.Array, w: jax.Array) -> jax.Array:
    """Correlates `b h w ci` with `k k ci co` (k odd) into `b h w co`, zero padded."""
    k = w.shape[0]
    if k == 1:
        return _conv1x1(x, w[0, 0])
    pad = _same_padding(k)
    return _conv_cpu(x, w, pad) if _uses_cpu_forms() else _lax_conv(x, w, pad)


def conv2d_grouped(x: jax.Array, w: jax.Array, groups: int) -> jax.Array:
    """Correlates each group of channels of `b h w ci` with its own kernels into `b h w co`.

    Args:
      x: `b h w ci`.
      w: `k k ci/groups co` (k odd); each run of co/groups output channels reads the run of
        ci/groups input channels of the same number.
      groups: divides ci and co.
    """
    if groups == 1:
        return conv2d(x, w)
    k, _, ci, co = w.shape
    if not _uses_cpu_forms():
        return lax.conv_general_dilated(
            x, w, (1, 1), _same_padding(k), dimension_numbers=_DIMS, feature_group_count=groups
        )
    # XLA CPU takes hundreds of times as long for the weight gradient of a grouped convolution.
    x = x.reshape(*x.shape[:3], groups, ci).transpose(3, 0, 1, 2, 4)
    w = w.reshape(k, k, ci, groups, co // groups).transpose(3, 0, 1, 2, 4)
    y = _conv_each_cpu(x, w, _same_padding(k))  # g b h w co/g
    return y.transpose(1, 2, 3, 0, 4).reshape(*y.shape[1:4], co)


def conv2d_up(x: jax.Array, w: jax.Array) -> jax.Array:
    """Doubles `b h w ci` into `b 2h 2w co`.

    By a stride-2 transposed `3 3 ci co` convolution, then the low-pass filter.
    """
    return _up_cpu(x, w, 2.0) if _uses_cpu_forms() else _up_plain(x, w, 2.0)


def conv2d_down(x: jax.Array, w: jax.Array) -> jax.Array:
    """Halves `b h w ci` into `b h/2 w/2 co`.

    By the low-pass filter, then a stride-2 `k k ci co` convolution (k 1 or 3).
    """
    if w.shape[0] == 1:
        return _conv1x1(resampling.downsample2d(x), w[0, 0])
    return _down_cpu(x, w, 1.0) if _uses_cpu_forms() else _down_plain(x, w, 1.0)


def conv4_down(x: jax.Array, w: jax.Array) -> jax.Array:
    """Halves `b h w ci` into `b h/2 w/2 co` by a stride-2 `4 4 ci co` convolution.

    The input is zero padded by 1.
    """
    return _down4_cpu(x, w) if _uses_cpu_forms() else _lax_conv(x, w, _PAD4, stride=2)


def conv4_up(x: jax.Array, w: jax.Array) -> jax.Array:
    """Doubles `b h w ci` into `b 2h 2w co` by a stride-2 transposed `4 4 ci co` convolution.

    The result is cropped by 1.
    """
    if _uses_cpu_forms():
        return _up4_cpu(x, w)
    return _lax_conv(x, jnp.flip(w, (0, 1)), ((2, 2), (2, 2)), lhs_dilation=2)


def _same_padding(k: int) -> Padding:
    """Returns the padding that keeps the size of a map under kernels `k k` (k odd)."""
    return ((k // 2, k // 2),) * 2


def _up_plain(x: jax.Array, w: jax.Array, gain: float) -> jax.Array:
    """Computes out[2i + k] += x[i] w[k], then the low-pass with `gain` an axis."""
    y = _lax_conv(x, jnp.flip(w, (0, 1)), ((2, 2), (2, 2)), lhs_dilation=2)
    return resampling.filter2d(y, (1, 1), gain=gain)


def _down_plain(x: jax.Array, w: jax.Array, gain: float) -> jax.Array:
    return _lax_conv(resampling.filter2d(x, (2, 2), gain=gain), w, "VALID", stride=2)


def _lax_conv(
    x: jax.Array,
    w: jax.Array,
    pad: Padding | str,
    *,
    stride: int = 1,
    lhs_dilation: int = 1,
    rhs_dilation: int = 1,
) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=(stride, stride),
        padding=pad,
        lhs_dilation=(lhs_dilation, lhs_dilation),
        rhs_dilation=(rhs_dilation, rhs_dilation),
        dimension_numbers=_DIMS,
    )


def _transposed_kernel(w: jax.Array) -> jax.Array:
    """Returns the kernel of the input gradient.

    It is flipped in space, its input and output channels are exchanged.
    """
    return jnp.flip(w, (0, 1)).swapaxes(2, 3)


def _transposed_padding(pad: Padding, size: tuple[int, int]) -> Padding:
    """Returns the padding of the input gradient of a convolution with kernels of this size."""
    return tuple(
        (k - 1 - before, k - 1 - after) for k, (before, after) in zip(size, pad, strict=True)
    )


def _conv1x1(x: jax.Array, w: jax.Array) -> jax.Array:
    if not _uses_cpu_forms():
        return lax.dot_general(x, w, (((3,), (0,)), ((), ())))
    return _matmul_cpu(x.reshape(-1, x.shape[-1]), w).reshape(*x.shape[:-1], w.shape[1])


# ---- the same with gradients that are fast on XLA CPU --------------------------------------------


def _weight_gradient(x: jax.Array, g: jax.Array, pad: Padding, *, dilation: int = 1) -> jax.Array:
    """Computes d(sum of g * conv(x, w)) / dw for a convolution of stride `dilation`.

    It is a sum of convolutions over the batch axis. The transposes are explicit, because XLA CPU
    canonicalises layouts in the entry computation only; the input is padded first, because a padded
    convolution whose kernel is larger than its input falls to a naive loop; a convolution takes a
    few samples at a time, so that both operands stay in L2.
    """
    b = x.shape[0]
    rows = max(1, min(b, _CHUNK_BYTES // max(1, g.size // b * 4)))
    while b % rows:
        rows -= 1
    extent = [(n - 1) * dilation + 1 for n in g.shape[1:3]]
    if extent[0] > x.shape[1] or extent[1] > x.shape[2]:
        x, pad = jnp.pad(x, ((0, 0), *pad, (0, 0))), ((0, 0), (0, 0))
    dw = None  # ci kh kw co
    for i in range(0, b, rows):
        xi, gi = x[i : i + rows].transpose(3, 1, 2, 0), g[i : i + rows].transpose(1, 2, 0, 3)
        part = _lax_conv(xi, gi, pad, rhs_dilation=dilation)
        dw = part if dw is None else dw + part
    return dw.transpose(1, 2, 0, 3)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv_cpu(x: jax.Array, w: jax.Array, pad: Padding) -> jax.Array:
    return _lax_conv(x, w, pad)


def _conv_cpu_bwd(pad: Padding, residuals: _Pair, g: jax.Array) -> _Pair:
    x, w = residuals
    dx = _conv_cpu(g, _transposed_kernel(w), _transposed_padding(pad, w.shape[:2]))
    return dx, _weight_gradient(x, g, pad)


# The forward rules call the functions they belong to, or an outer derivative would take the plain
# gradient.
_conv_cpu.defvjp(lambda x, w, pad: (_conv_cpu(x, w, pad), (x, w)), _conv_cpu_bwd)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv_each_cpu(x: jax.Array, w: jax.Array, pad: Padding) -> jax.Array:
    """Convolves `g b h w ci` with `g k k ci co`, each with its own.

    In a loop: written out, it compiles g times as long.
    """
    return lax.map(lambda xw: _conv_cpu(*xw, pad), (x, w))


def _conv_each_cpu_bwd(pad: Padding, residuals: _Pair, g: jax.Array) -> _Pair:
    x, w = residuals
    dx = _conv_each_cpu(g, jax.vmap(_transposed_kernel)(w), _transposed_padding(pad, w.shape[1:3]))
    return dx, lax.map(lambda xg: _weight_gradient(*xg, pad), (x, g))


_conv_each_cpu.defvjp(lambda x, w, pad: (_conv_each_cpu(x, w, pad), (x, w)), _conv_each_cpu_bwd)


# Low-passed up- and downsampling convolutions are each other's input gradient (the filter is
# symmetric).
@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _down_cpu(x: jax.Array, w: jax.Array, gain: float) -> jax.Array:
    return _down_plain(x, w, gain)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _up_cpu(x: jax.Array, w: jax.Array, gain: float) -> jax.Array:
    """Computes `_up_plain` by phases.

    That is a dense convolution for each parity of row and column, never a dilated one.
    """
    flipped = jnp.flip(w, (0, 1))  # taps of even outputs: x[i - 1], x[i]; of odd ones: x[i]
    # Padded first, and kept from being folded back: a convolution whose output is larger than its
    # input misses the fast kernels.
    padded = lax.optimization_barrier(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
    even_even = _lax_conv(padded, flipped[::2, ::2], "VALID")  # b h+1 w+1 co
    even_odd = _lax_conv(padded[:, :, 1:-1], flipped[::2, 1:2], "VALID")
    odd_even = _lax_conv(padded[:, 1:-1], flipped[1:2, ::2], "VALID")
    odd_odd = _conv1x1(x, w[1, 1])
    top_even, bottom_even = resampling.filter_phases(even_even, odd_even, axis=1, gain=gain)
    top_odd, bottom_odd = resampling.filter_phases(even_odd, odd_odd, axis=1, gain=gain)
    tops = resampling.filter_phases(top_even, top_odd, axis=2, gain=gain)
    bottoms = resampling.filter_phases(bottom_even, bottom_odd, axis=2, gain=gain)
    b, h, wide, c = odd_odd.shape
    return jnp.stack([jnp.stack(tops, 3), jnp.stack(bottoms, 3)], 2).reshape(b, 2 * h, 2 * wide, c)


def _down_cpu_bwd(gain: float, residuals: _Pair, g: jax.Array) -> _Pair:
    x, w = residuals
    filtered = resampling.filter2d(x, (2, 2), gain=gain)
    dw = _weight_gradient(filtered, g, ((0, 0), (0, 0)), dilation=2)
    return _up_cpu(g, w.swapaxes(2, 3), gain), dw


def _up_cpu_bwd(gain: float, residuals: _Pair, g: jax.Array) -> _Pair:
    x, w = residuals
    filtered = resampling.filter2d(g, (2, 2), gain=gain)
    dw = _weight_gradient(filtered, x, ((0, 0), (0, 0)), dilation=2)
    return _down_cpu(g, w.swapaxes(2, 3), gain), dw.swapaxes(2, 3)


_down_cpu.defvjp(lambda x, w, gain: (_down_cpu(x, w, gain), (x, w)), _down_cpu_bwd)
_up_cpu.defvjp(lambda x, w, gain: (_up_cpu(x, w, gain), (x, w)), _up_cpu_bwd)


# 4x4 convolutions of stride 2 and their transposes are each other's input gradient.
@jax.custom_vjp
def _down4_cpu(x: jax.Array, w: jax.Array) -> jax.Array:
    # Strided as it is: with each 2x2 square as channels, so that it is dense, a step of DCGAN
    # costs 5 % more (docs/results/speed.md).
    return _lax_conv(x, w, _PAD4, stride=2)


@jax.custom_vjp
def _up4_cpu(x: jax.Array, w: jax.Array) -> jax.Array:
    """Computes out[2p - 1 + a] += x[p] w[a].

    That is one product for all taps a, then the sum of four shifted arrays.
    """
    b, h, wide, c = x.shape
    n = w.shape[-1]
    # Tap a as the number of its 2x2 square, then the position in it.
    w = w.reshape(2, 2, 2, 2, c, n).transpose(4, 0, 2, 1, 3, 5)
    y = (x.reshape(-1, c) @ w.reshape(c, -1)).reshape(b, h, wide, 2, 2, 4 * n)
    y = sum(
        jnp.pad(y[:, :, :, i, j], ((0, 0), (i, 1 - i), (j, 1 - j), (0, 0)))
        for i in (0, 1)
        for j in (0, 1)
    )
    y = y.reshape(b, h + 1, wide + 1, 2, 2, n).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(b, 2 * h + 2, 2 * wide + 2, n)[:, 1:-1, 1:-1]


def _down4_cpu_bwd(residuals: _Pair, g: jax.Array) -> _Pair:
    x, w = residuals
    return _up4_cpu(g, w.swapaxes(2, 3)), _weight_gradient(x, g, _PAD4, dilation=2)


def _up4_cpu_bwd(residuals: _Pair, g: jax.Array) -> _Pair:
    x, w = residuals
    dw = _weight_gradient(g, x, _PAD4, dilation=2)
    return _down4_cpu(g, w.swapaxes(2, 3)), dw.swapaxes(2, 3)


_down4_cpu.defvjp(lambda x, w: (_down4_cpu(x, w), (x, w)), _down4_cpu_bwd)
_up4_cpu.defvjp(lambda x, w: (_up4_cpu(x, w), (x, w)), _up4_cpu_bwd)


@jax.custom_vjp
def _matmul_cpu(x: jax.Array, w: jax.Array) -> jax.Array:
    return x @ w


def _matmul_cpu_bwd(residuals: _Pair, g: jax.Array) -> _Pair:
    x, w = residuals
    chunks, rows = 16, x.shape[0]
    if rows % chunks or rows < 4096:
        return _matmul_cpu(g, w.T), x.T @ g
    # A long contraction in pieces that stay in L2, as one batched product.
    xs, gs = (a.reshape(chunks, rows // chunks, a.shape[1]) for a in (x, g))
    return _matmul_cpu(g, w.T), jnp.einsum("ctk,ctn->ckn", xs, gs).sum(0)


_matmul_cpu.defvjp(lambda x, w: (_matmul_cpu(x, w), (x, w)), _matmul_cpu_bwd)
