"""The CPU forms of convolution and resampling against plain lax ones, to the second derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emoji_gan.ops import convolution, resampling


def _grouped(x, w):
    """Two groups, the second of other values."""
    x, w = jnp.concatenate([x, x * x], -1), jnp.concatenate([w, 0.5 * jnp.flip(w)], -1)
    return convolution.conv2d_grouped(x, w, 2)


OPS = {
    "conv3x3": (convolution.conv2d, 3),
    "grouped": (_grouped, 3),
    "conv1x1": (convolution.conv2d, 1),
    "up": (convolution.conv2d_up, 3),
    "down": (convolution.conv2d_down, 3),
    "down1x1": (convolution.conv2d_down, 1),
    "up4x4": (convolution.conv4_up, 4),
    "down4x4": (convolution.conv4_down, 4),
}


def _through(op, x, w):
    """Returns value, gradients and those of a penalty on the input gradient; not linear in x, w."""

    def f(x, w):
        return jnp.sum(jnp.sin(op(x, w)))

    def penalty(x, w):
        dx, dw = jax.grad(f, (0, 1))(x, w)
        return jnp.sum(jnp.square(dx)) + jnp.sum(jnp.square(dw))

    return op(x, w), *jax.grad(f, (0, 1))(x, w), *jax.grad(penalty, (0, 1))(x, w)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize(
    "size", [(4, 8, 5, 7), (33, 16, 24, 8)]
)  # odd batches and widths; several chunks
def test_cpu_forms_equal_plain_ones(name, size):
    op, k = OPS[name]
    b, h, ci, co = size
    x = jax.random.normal(jax.random.key(1), (b, h, h, ci))
    w = jax.random.normal(jax.random.key(2), (k, k, ci, co)) / np.sqrt(k * k * ci)
    results = []
    for kind in ("cpu", "plain"):
        with convolution.forms(kind):
            results.append(jax.jit(lambda x, w: _through(op, x, w))(x, w))
    for ours, plain in zip(*results, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-4 * float(jnp.abs(plain).max()))


def test_up_is_zero_insertion_convolution_and_filter():
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 1)).astype(np.float32)
    w = np.random.default_rng(1).normal(size=(3, 3, 1, 1)).astype(np.float32)
    spread = np.zeros((9, 9))
    for i in range(4):
        for j in range(4):
            spread[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += x[0, i, j, 0] * w[:, :, 0, 0]
    taps = np.array([1, 3, 3, 1]) / 4
    padded = np.pad(spread, 1)
    expected = np.array(
        [
            [(padded[i : i + 4, j : j + 4] * np.outer(taps, taps)).sum() for j in range(8)]
            for i in range(8)
        ]
    )
    np.testing.assert_allclose(convolution.conv2d_up(x, w)[0, :, :, 0], expected, atol=1e-5)


def test_resampling_keeps_the_mean_inside():
    ones = jnp.ones((1, 16, 16, 2))
    np.testing.assert_allclose(resampling.upsample2d(ones)[:, 2:-2, 2:-2], 1.0, atol=1e-6)
    np.testing.assert_allclose(resampling.downsample2d(ones)[:, 1:-1, 1:-1], 1.0, atol=1e-6)


@pytest.mark.parametrize("op", [resampling.downsample2d, resampling.upsample2d])
def test_resampling_is_transposed_by_its_gradient(op):
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    y, pull = jax.vjp(op, x)
    g = jax.random.normal(jax.random.key(1), y.shape)
    np.testing.assert_allclose(jnp.vdot(y, g), jnp.vdot(x, pull(g)[0]), rtol=1e-4)
    one = jnp.zeros_like(x).at[1, 3, 4, 2].set(1.0)
    np.testing.assert_allclose(jnp.vdot(op(one), g), pull(g)[0][1, 3, 4, 2], rtol=1e-4)
