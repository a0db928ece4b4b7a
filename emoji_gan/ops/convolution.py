"""Convolution and resampling: the one place that knows what is fast on which backend.

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

_DIMS = ("NHWC", "HWIO", "NHWC")
_FORMS: list[str | None] = [None]  # None: by platform
# Bytes of output gradient per weight-gradient convolution: what fits into one core's L2 beside the
# input.
_CHUNK_BYTES = 600_000

Padding = tuple[tuple[int, int], tuple[int, int]]


@contextlib.contextmanager
def forms(kind: str) -> Iterator[None]:
    """Traces with `plain` or `cpu` forms instead of the platform's own, e.g. to compare them."""
    previous, _FORMS[0] = _FORMS[0], kind
    try:
        yield
    finally:
        _FORMS[0] = previous


def platform() -> str:
    """Of the program being traced: that of the devices of its mesh, described or real, else JAX's default."""
    device = (
        jax.sharding.get_abstract_mesh().abstract_device
    )  # JAX keeps traces of unlike meshes apart
    return device.platform if device else jax.default_backend()


def _cpu_forms() -> bool:
    """Whether to spell gradients out for XLA CPU, where the plain ones make a step cost 2-4 times as much."""
    return (_FORMS[0] or ("cpu" if platform() == "cpu" else "plain")) == "cpu"


# ---- convolution ---------------------------------------------------------------------------------


def conv2d(x: jax.Array, w: jax.Array) -> jax.Array:
    """Correlates `b h w ci` with `k k ci co` (k odd) into `b h w co`, zero padded."""
    k = w.shape[0]
    if k == 1:
        return _conv1x1(x, w[0, 0])
    pad = ((k // 2, k // 2),) * 2
    return _conv_cpu(x, w, pad) if _cpu_forms() else _lax_conv(x, w, pad)


def conv2d_grouped(x: jax.Array, w: jax.Array, groups: int) -> jax.Array:
    """As `conv2d` with `k k ci/groups co`, each run of output channels from its run of input channels."""
    if groups == 1:
        return conv2d(x, w)
    if not _cpu_forms():
        pad = ((w.shape[0] // 2, w.shape[0] // 2),) * 2
        return lax.conv_general_dilated(
            x, w, (1, 1), pad, dimension_numbers=_DIMS, feature_group_count=groups
        )
    # XLA CPU takes hundreds of times as long for the weight gradient of a grouped convolution.
    k, _, ci, co = w.shape
    x = x.reshape(*x.shape[:3], groups, ci).transpose(3, 0, 1, 2, 4)
    w = w.reshape(k, k, ci, groups, co // groups).transpose(3, 0, 1, 2, 4)
    y = _conv_each_cpu(x, w, ((k // 2, k // 2),) * 2)  # g b h w co/g
    return y.transpose(1, 2, 3, 0, 4).reshape(*y.shape[1:4], co)


def conv2d_up(x: jax.Array, w: jax.Array) -> jax.Array:
    """Doubles `b h w ci` by a stride-2 transposed `3 3 ci co` convolution and the low-pass: `b 2h 2w co`."""
    return _up_cpu(x, w, 2.0) if _cpu_forms() else _up_plain(x, w, 2.0)


def conv2d_down(x: jax.Array, w: jax.Array) -> jax.Array:
    """Halves `b h w ci` by the low-pass and a stride-2 `k k ci co` convolution (k 1 or 3): `b h/2 w/2 co`."""
    if w.shape[0] == 1:
        return _conv1x1(downsample2d(x), w[0, 0])
    return _down_cpu(x, w, 1.0) if _cpu_forms() else _down_plain(x, w, 1.0)


def conv4_down(x: jax.Array, w: jax.Array) -> jax.Array:
    """Halves `b h w ci` by a stride-2 `4 4 ci co` convolution, zero padded by 1: `b h/2 w/2 co`."""
    return _down4_cpu(x, w) if _cpu_forms() else _lax_conv(x, w, ((1, 1), (1, 1)), stride=2)


def conv4_up(x: jax.Array, w: jax.Array) -> jax.Array:
    """Doubles `b h w ci` by a stride-2 transposed `4 4 ci co` convolution, cropped by 1: `b 2h 2w co`."""
    if _cpu_forms():
        return _up4_cpu(x, w)
    return _lax_conv(x, jnp.flip(w, (0, 1)), ((2, 2), (2, 2)), lhs_dilation=2)


def _up_plain(x, w, gain):
    """out[2i + k] += x[i] w[k], then the low-pass with `gain` an axis."""
    return _fir(_lax_conv(x, jnp.flip(w, (0, 1)), ((2, 2), (2, 2)), lhs_dilation=2), (1, 1), gain)


def _down_plain(x, w, gain):
    return _lax_conv(_fir(x, (2, 2), gain), w, "VALID", stride=2)


def _lax_conv(x, w, pad, stride=1, lhs_dilation=1, rhs_dilation=1):
    s, ld, rd = (stride, stride), (lhs_dilation, lhs_dilation), (rhs_dilation, rhs_dilation)
    return lax.conv_general_dilated(x, w, s, pad, ld, rd, _DIMS)


def _flip(w):
    """The kernel of the input gradient: spatially flipped, input and output channels exchanged."""
    return jnp.flip(w, (0, 1)).swapaxes(2, 3)


def _conv1x1(x, w):
    if not _cpu_forms():
        return lax.dot_general(x, w, (((3,), (0,)), ((), ())))
    return _matmul_cpu(x.reshape(-1, x.shape[-1]), w).reshape(*x.shape[:-1], w.shape[1])


# ---- the same with gradients that are fast on XLA CPU --------------------------------------------


def _weight_gradient(x, g, pad: Padding, dilation=1):
    """d(sum of g * conv(x, w)) / dw for a conv of stride `dilation`, as convolutions over the batch axis.

    Explicit transposes, because XLA CPU canonicalises layouts in the entry computation only; the
    input padded first, because a padded convolution whose kernel is larger than its input falls to
    a naive loop; a few samples at a time, so that both operands stay in L2.
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
def _conv_cpu(x, w, pad):
    return _lax_conv(x, w, pad)


def _conv_cpu_bwd(pad, residuals, g):
    x, w = residuals
    back = tuple((w.shape[a] - 1 - pad[a][0], w.shape[a] - 1 - pad[a][1]) for a in (0, 1))
    return _conv_cpu(g, _flip(w), back), _weight_gradient(x, g, pad)


# The forward rules call the functions they belong to, or an outer derivative would take the plain
# gradient.
_conv_cpu.defvjp(lambda x, w, pad: (_conv_cpu(x, w, pad), (x, w)), _conv_cpu_bwd)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv_each_cpu(x, w, pad):
    """Convolves `g b h w ci` with `g k k ci co`, in a loop: written out, it compiles g times as long."""
    return lax.map(lambda xw: _conv_cpu(*xw, pad), (x, w))


def _conv_each_cpu_bwd(pad, residuals, g):
    x, w = residuals
    back = tuple((w.shape[a] - 1 - pad[a - 1][0], w.shape[a] - 1 - pad[a - 1][1]) for a in (1, 2))
    dx = _conv_each_cpu(g, jax.vmap(_flip)(w), back)
    return dx, lax.map(lambda xg: _weight_gradient(*xg, pad), (x, g))


_conv_each_cpu.defvjp(lambda x, w, pad: (_conv_each_cpu(x, w, pad), (x, w)), _conv_each_cpu_bwd)


# Low-passed up- and downsampling convolutions are each other's input gradient (the filter is
# symmetric).
@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _down_cpu(x, w, gain):
    return _down_plain(x, w, gain)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _up_cpu(x, w, gain):
    """`_up_plain` by phases: a dense convolution for each parity of row and column, never a dilated one."""
    flipped = jnp.flip(w, (0, 1))  # taps of even outputs: x[i - 1], x[i]; of odd ones: x[i]
    # Padded first, and kept from being folded back: a convolution whose output is larger than its
    # input misses the fast kernels.
    xp = lax.optimization_barrier(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
    even_even = _lax_conv(xp, flipped[::2, ::2], "VALID")  # b h+1 w+1 co
    even_odd = _lax_conv(xp[:, :, 1:-1], flipped[::2, 1:2], "VALID")
    odd_even = _lax_conv(xp[:, 1:-1], flipped[1:2, ::2], "VALID")
    odd_odd = _conv1x1(x, w[1, 1])
    rows = [_fir_phases(even_even, odd_even, 1, gain), _fir_phases(even_odd, odd_odd, 1, gain)]
    tops, bottoms = zip(*rows, strict=True)
    tops, bottoms = _fir_phases(*tops, 2, gain), _fir_phases(*bottoms, 2, gain)
    b, h, w_, c = odd_odd.shape
    return jnp.stack([jnp.stack(tops, 3), jnp.stack(bottoms, 3)], 2).reshape(b, 2 * h, 2 * w_, c)


def _down_cpu_bwd(gain, residuals, g):
    x, w = residuals
    dw = _weight_gradient(_fir(x, (2, 2), gain), g, ((0, 0), (0, 0)), dilation=2)
    return _up_cpu(g, w.swapaxes(2, 3), gain), dw


def _up_cpu_bwd(gain, residuals, g):
    x, w = residuals
    dw = _weight_gradient(_fir(g, (2, 2), gain), x, ((0, 0), (0, 0)), dilation=2)
    return _down_cpu(g, w.swapaxes(2, 3), gain), dw.swapaxes(2, 3)


_down_cpu.defvjp(lambda x, w, gain: (_down_cpu(x, w, gain), (x, w)), _down_cpu_bwd)
_up_cpu.defvjp(lambda x, w, gain: (_up_cpu(x, w, gain), (x, w)), _up_cpu_bwd)


# 4x4 convolutions of stride 2 and their transposes are each other's input gradient.
@jax.custom_vjp
def _down4_cpu(x, w):
    """Each 2x2 square as channels: a dense convolution of 2x2 taps."""
    w = w.reshape(2, 2, 2, 2, *w.shape[2:]).transpose(0, 2, 1, 3, 4, 5)
    return _lax_conv(_squares(x), w.reshape(2, 2, -1, w.shape[-1]), "VALID")


@jax.custom_vjp
def _up4_cpu(x, w):
    """out[2p - 1 + a] += x[p] w[a]: one product for all taps a, then the sum of four shifted arrays."""
    b, h, wide, c = x.shape
    n = w.shape[-1]
    w = w.reshape(2, 2, 2, 2, c, n).transpose(4, 0, 2, 1, 3, 5)  # a as square, then place in it
    y = (x.reshape(-1, c) @ w.reshape(c, -1)).reshape(b, h, wide, 2, 2, 4 * n)
    y = sum(
        jnp.pad(y[:, :, :, i, j], ((0, 0), (i, 1 - i), (j, 1 - j), (0, 0)))
        for i in (0, 1)
        for j in (0, 1)
    )
    y = y.reshape(b, h + 1, wide + 1, 2, 2, n).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(b, 2 * h + 2, 2 * wide + 2, n)[:, 1:-1, 1:-1]


def _squares(x):
    """`b h w c` padded by 1 to `b h/2+1 w/2+1 4c`."""
    b, h, wide, c = x.shape
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(b, h // 2 + 1, 2, wide // 2 + 1, 2, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // 2 + 1, wide // 2 + 1, 4 * c)


def _weight_gradient4(large, small):
    """Of `_down4_cpu` from the larger map to the smaller: `4 4 c(large) c(small)`."""
    dw = _weight_gradient(_squares(large), small, ((0, 0), (0, 0)))
    dw = dw.reshape(2, 2, 2, 2, large.shape[-1], -1).transpose(0, 2, 1, 3, 4, 5)
    return dw.reshape(4, 4, large.shape[-1], -1)


def _down4_cpu_bwd(residuals, g):
    x, w = residuals
    return _up4_cpu(g, w.swapaxes(2, 3)), _weight_gradient4(x, g)


def _up4_cpu_bwd(residuals, g):
    x, w = residuals
    return _down4_cpu(g, w.swapaxes(2, 3)), _weight_gradient4(g, x).swapaxes(2, 3)


_down4_cpu.defvjp(lambda x, w: (_down4_cpu(x, w), (x, w)), _down4_cpu_bwd)
_up4_cpu.defvjp(lambda x, w: (_up4_cpu(x, w), (x, w)), _up4_cpu_bwd)


@jax.custom_vjp
def _matmul_cpu(x, w):
    return x @ w


def _matmul_cpu_bwd(residuals, g):
    x, w = residuals
    chunks, rows = 16, x.shape[0]
    if rows % chunks or rows < 4096:
        return _matmul_cpu(g, w.T), x.T @ g
    # A long contraction in pieces that stay in L2, as one batched product.
    xs, gs = (a.reshape(chunks, rows // chunks, a.shape[1]) for a in (x, g))
    return _matmul_cpu(g, w.T), jnp.einsum("ctk,ctn->ckn", xs, gs).sum(0)


_matmul_cpu.defvjp(lambda x, w: (_matmul_cpu(x, w), (x, w)), _matmul_cpu_bwd)


# ---- resampling with the [1, 3, 3, 1] filter of StyleGAN2 (1912.04958)
# --------------------------------- Separable slices and sums everywhere: a depthwise convolution
# costs 20 times as much on CPU, and accelerators fuse the sums.


def _fir(x, pad: tuple[int, int], gain: float):
    taps = [gain * t / 8 for t in (1, 3, 3, 1)]  # gain per axis
    for axis in (1, 2):
        widths = [(0, 0)] * 4
        widths[axis] = pad
        xp = jnp.pad(x, widths)
        n = xp.shape[axis] - len(taps) + 1
        x = sum(t * lax.slice_in_dim(xp, i, i + n, axis=axis) for i, t in enumerate(taps))
    return x


def _fir_phases(even, odd, axis, gain):
    """`_fir` with pad (1, 1) of a signal given as n+1 even and n odd samples: its even and odd outputs."""
    n = odd.shape[axis]
    widths = [(0, 0)] * 4
    widths[axis] = (1, 1)
    odd = jnp.pad(odd, widths)
    e0, e1 = (lax.slice_in_dim(even, i, i + n, axis=axis) for i in range(2))
    o0, o1, o2 = (lax.slice_in_dim(odd, i, i + n, axis=axis) for i in range(3))
    near, far = gain * 3 / 8, gain / 8
    return far * (o0 + e1) + near * (e0 + o1), far * (e0 + o2) + near * (o1 + e1)


# The two are each other's transposes up to gain; XLA's own transposes of the slices cost two to
# four times as much.
@jax.custom_vjp
def downsample2d(x: jax.Array) -> jax.Array:
    """Low-passes and halves `b h w c` (h, w even)."""
    for axis in (1, 2):
        widths = [(0, 0)] * 4
        widths[axis] = (1, 1)
        xp, n = jnp.pad(x, widths), x.shape[axis] // 2
        pairs = xp.reshape(*xp.shape[:axis], n + 1, 2, *xp.shape[axis + 1 :])
        even, odd = (lax.index_in_dim(pairs, i, axis + 1, keepdims=False) for i in (0, 1))
        first = lambda t, i: lax.slice_in_dim(t, i, i + n, axis=axis)  # noqa: B023, E731
        x = (first(even, 0) + first(odd, 1)) * 0.125 + (first(odd, 0) + first(even, 1)) * 0.375
    return x


@jax.custom_vjp
def upsample2d(x: jax.Array) -> jax.Array:
    """Doubles `b h w c` by zero insertion and the low-pass, with gain 4."""
    for axis in (1, 2):
        widths = [(0, 0)] * 4
        widths[axis] = (1, 1)
        xp, n = jnp.pad(x, widths), x.shape[axis]
        before, after = (lax.slice_in_dim(xp, i, i + n, axis=axis) for i in (0, 2))
        both = jnp.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis + 1)
        x = both.reshape(*x.shape[:axis], 2 * n, *x.shape[axis + 1 :])
    return x


downsample2d.defvjp(lambda x: (downsample2d(x), None), lambda _, g: (upsample2d(g) / 4,))
upsample2d.defvjp(lambda x: (upsample2d(x), None), lambda _, g: (downsample2d(g) * 4,))
