import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from configs import default
from emoji_gan import augment, images

NAMES = augment.GEOMETRY + augment.COLOUR
_warp = jax.jit(augment.warp)


def _config(*names, **weights):
    config = default.get_config().augment
    for name in NAMES:
        config[name] = 1.0 if name in names else weights.get(name, 0.0)
    return config


@functools.cache
def _augment(*names):
    config = _config(*names)
    return jax.jit(lambda x, keys, p: augment.augment(x, keys, jnp.float32(p), config))


def _random_images(n, size, seed=0):
    # Straight colour and alpha at random, some pixels transparent.
    rng = np.random.default_rng(seed)
    u8 = rng.integers(0, 256, (n, size, size, 4)).astype(np.uint8)
    u8[rng.random((n, size, size)) < 0.3] = 0
    return images.to_model(u8)


def _keys(n, seed=0):
    return jax.random.split(jax.random.key(seed), n)


def test_p_zero_is_exactly_the_identity_with_the_identity_gradient():
    x = _random_images(8, 16)
    f = _augment(*NAMES)
    np.testing.assert_array_equal(f(x, _keys(8), 0.0), x)
    g = jax.random.normal(jax.random.key(1), x.shape)
    np.testing.assert_array_equal(jax.vjp(lambda x: f(x, _keys(8), 0.0), x)[1](g)[0], g)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), p=st.sampled_from([0.3, 0.8, 1.0]))
def test_output_is_valid_premultiplied_colour(seed, p):
    out = np.asarray(_augment(*NAMES)(_random_images(8, 16), _keys(8, seed), p))
    assert out.dtype == np.float32
    assert out.min() >= -1 - 1e-6 and out.max() <= 1 + 1e-6
    assert (out[..., :3] <= out[..., 3:] + 1e-6).all()


def test_transparent_stays_transparent():
    x = jnp.full((8, 16, 16, 4), -1.0)
    np.testing.assert_allclose(_augment(*NAMES)(x, _keys(8), 1.0), -1.0, atol=1e-6)


def test_geometry_brings_in_only_transparency():
    x = jnp.ones((32, 16, 16, 4))
    out = np.asarray(_augment("translate_frac", "scale", "rotate")(x, _keys(32), 1.0))
    assert (np.abs(out - out[..., 3:]) < 1e-5).all()  # white stays white under every alpha
    corners = out[:, [0, 0, -1, -1], [0, -1, 0, -1], 3]
    assert (corners.min(axis=1) < -0.99).mean() > 0.8  # no reflection fills them


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -2), (-5, 4), (40, 0)])
def test_integer_shift(dx, dy):
    u = np.asarray(_random_images(1, 16)) + 1.0
    expected = np.zeros_like(u)
    if abs(dx) < 16:
        expected[:, max(dy, 0) : 16 + min(dy, 0), max(dx, 0) : 16 + min(dx, 0)] = u[
            :, max(-dy, 0) : 16 - max(dy, 0), max(-dx, 0) : 16 - max(dx, 0)
        ]
    out = _warp(jnp.asarray(u), jnp.eye(2)[None], jnp.array([[dx, dy]], jnp.float32))
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_translate_int_draws_whole_shifts_within_an_eighth():
    x = _random_images(1, 16)
    out = np.asarray(_augment("translate_int")(jnp.repeat(x, 64, axis=0), _keys(64), 1.0))
    padded = np.full((20, 20, 4), -1.0, np.float32)
    padded[2:18, 2:18] = x[0]
    shifts = [(y, x) for y in range(5) for x in range(5)]
    seen = set()
    for image in out:
        match = [
            s
            for s in shifts
            if np.allclose(padded[s[0] : s[0] + 16, s[1] : s[1] + 16], image, atol=1e-6)
        ]
        assert len(match) == 1
        seen.update(match)
    assert len(seen) > 15


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[-1, 0], [0, 1]], lambda u: u[:, ::-1]),
        ([[1, 0], [0, -1]], lambda u: u[::-1]),
        ([[-1, 0], [0, -1]], lambda u: u[::-1, ::-1]),
        ([[0, 1], [1, 0]], lambda u: u.swapaxes(0, 1)),
        ([[0, -1], [1, 0]], lambda u: np.rot90(u, -1)),  # y points down: x to y is clockwise
        ([[0, 1], [-1, 0]], lambda u: np.rot90(u, 1)),
    ],
)
def test_mirrors_and_quarter_turns_are_exact(matrix, expected):
    u = np.asarray(_random_images(1, 16)) + 1.0
    out = _warp(jnp.asarray(u), jnp.array([matrix], jnp.float32), jnp.zeros((1, 2)))
    np.testing.assert_allclose(out[0], expected(u[0]), atol=1e-5)


def _blobs(x, y, sigma):
    # A smooth picture with no symmetry, as a function of px from the centre: the dense reference.
    return sum(
        h * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * s**2))
        for h, cx, cy, s in [(1.0, -4, 2, sigma), (0.7, 5, -3, 1.3 * sigma), (0.5, 1, 6, sigma)]
    )


@settings(max_examples=60, deadline=None)
@given(
    before=st.floats(-np.pi, np.pi),
    after=st.floats(-np.pi, np.pi),
    log_scale=st.floats(-0.6, 0.6),
    log_ratio=st.floats(-0.5, 0.5),
    mirror=st.booleans(),
    shift=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
)
def test_warp_equals_the_picture_sampled_at_the_inverse(
    before, after, log_scale, log_ratio, mirror, shift
):
    def rotation(a):
        return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])

    scales = 2**log_scale * np.array([2**log_ratio, 2**-log_ratio])
    matrix = rotation(after) * scales @ rotation(before) * [-1 if mirror else 1, 1]
    y, x = np.mgrid[:32, :32] - 15.5
    u = _blobs(x, y, sigma=3.0)
    sx, sy = np.einsum("ij,jyx->iyx", np.linalg.inv(matrix), np.stack([x - shift[0], y - shift[1]]))
    expected = np.where(np.maximum(abs(sx), abs(sy)) < 15.5, _blobs(sx, sy, sigma=3.0), 0.0)
    out = _warp(
        jnp.asarray(u, jnp.float32)[None, :, :, None],
        jnp.asarray(matrix, jnp.float32)[None],
        jnp.asarray(shift, jnp.float32)[None],
    )
    np.testing.assert_allclose(out[0, :, :, 0], expected, atol=0.03)


def test_rotation_keeps_edges_sharp():
    # A quarter turn in three steps of 30 degrees: a bar 2 px wide keeps 0.89 of its height, with
    # bilinear shears 0.68.
    u = np.zeros((1, 32, 32, 1), np.float32)
    u[:, 6:26, 15:17] = 1
    a = np.pi / 6
    matrix = jnp.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]], jnp.float32)
    out = jnp.asarray(u)
    for _ in range(3):
        out = _warp(out, matrix, jnp.zeros((1, 2)))
    assert np.asarray(out)[0, 15:17, 8:24, 0].mean() > 0.8


def test_shrinking_keeps_the_mean_of_a_fine_pattern():
    # A checkerboard of single pixels at 0.6 of its size: antialiasing gives grey, point sampling
    # stripes.
    y, x = np.mgrid[:32, :32]
    u = ((x + y) % 2).astype(np.float32)[None, :, :, None]
    out = _warp(jnp.asarray(u), 0.6 * jnp.eye(2)[None], jnp.zeros((1, 2)))
    np.testing.assert_allclose(out[0, 11:21, 11:21], 0.5, atol=0.02)


def test_warp_vjp_is_the_transpose_and_its_vjp_the_warp():
    rng = np.random.default_rng(0)
    u, v = (jnp.asarray(rng.normal(size=(6, 12, 12, 2)), jnp.float32) for _ in range(2))
    matrix = jnp.asarray(rng.normal(size=(6, 2, 2)), jnp.float32)
    shift = jnp.asarray(3 * rng.normal(size=(6, 2)), jnp.float32)

    def f(u):
        return _warp(u, matrix, shift)

    def transpose(v):
        return jax.vjp(f, u)[1](v)[0]

    both = jnp.sum(f(u) * v, axis=(1, 2, 3)), jnp.sum(u * transpose(v), axis=(1, 2, 3))
    np.testing.assert_allclose(*both, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(jax.vjp(transpose, v)[1](u)[0], f(u), rtol=1e-4, atol=1e-4)


def test_first_and_second_derivatives_are_finite_also_at_alpha_0():
    x = jnp.concatenate([jnp.full((8, 8, 8, 4), -1.0), _random_images(8, 8)])
    weights = jax.random.normal(jax.random.key(2), x.shape)
    f = _augment(*NAMES)

    def r1(x):  # its mean over the batch is the penalty of the loss
        def logits(x):
            return jnp.sum(jnp.sin(weights * f(x, _keys(16), 1.0)))

        return jnp.sum(jnp.square(jax.grad(logits)(x)))

    penalty, second = jax.jit(jax.value_and_grad(r1))(x)
    assert np.isfinite(penalty) and np.isfinite(second).all()
    assert penalty > 0 and (np.abs(second).max(axis=(1, 2, 3)) > 0).all()


def test_saturated_pixels_keep_their_gradient():
    x = jnp.ones((32, 8, 8, 4))  # opaque white: half of the brightness draws want to go above it
    gradient = jax.grad(lambda x: jnp.sum(_augment("brightness")(x, _keys(32), 1.0)))(x)
    np.testing.assert_allclose(gradient[..., :3], 1.0, atol=1e-6)


@pytest.mark.parametrize("pixel", [(0, 0, 0, 0), (0, 0, 0, 1), (1, 1, 1, 1)])
def test_pixels_at_the_bounds_of_colour_keep_their_gradient(pixel):
    """A clip halves it, or quarters it where alpha is 0: most of an emoji."""
    x = jnp.broadcast_to(jnp.array(pixel, jnp.float32) * 2 - 1, (4, 8, 8, 4))
    gradient = jax.grad(lambda x: jnp.sum(_augment("rotate90")(x, _keys(4), 1.0)))(x)
    np.testing.assert_allclose(gradient[:, 2:-2, 2:-2], 1.0, atol=1e-5)


def test_an_image_does_not_depend_on_its_batch():
    x = _random_images(8, 16)
    f = _augment(*NAMES)
    out = f(x, _keys(8), 0.7)
    order = np.array([3, 7, 0, 5, 1, 2, 6, 4])
    np.testing.assert_array_equal(f(x[order], _keys(8)[order], 0.7), out[order])
    np.testing.assert_allclose(f(x[:1], _keys(8)[:1], 0.7), out[:1], atol=1e-6)


def test_same_result_and_gradient_on_a_mesh_and_in_shard_map():
    x, keys = _random_images(8, 8), _keys(8)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    placed = jax.device_put((x, keys), NamedSharding(mesh, P("data")))
    config = _config(*NAMES)

    def f(x, keys):
        out, vjp = jax.vjp(lambda x: augment.augment(x, keys, jnp.float32(0.7), config), x)
        return out, vjp(jnp.sin(out))[0]

    expected = jax.jit(f)(x, keys)
    mapped = jax.shard_map(f, mesh=mesh, in_specs=P("data"), out_specs=P("data"))
    for actual in (jax.jit(f)(*placed), jax.jit(mapped)(*placed)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), actual, expected)


# The fraction of draws that change an image: a mirror or turn by nothing is also drawn.
SHARE = {"flip": 1 / 2, "rotate90": 3 / 4, "luma_flip": 1 / 2, "translate_int": 3 / 4}


@pytest.mark.parametrize("name", NAMES)
def test_each_transform_applies_with_probability_p(name):
    n, p = 2000, 0.3
    x = jnp.repeat(_random_images(1, 8), n, axis=0)
    out = np.asarray(_augment(name)(x, _keys(n), p))
    fraction = (np.abs(out - np.asarray(x)).max(axis=(1, 2, 3)) > 1e-4).mean()
    expected = p * SHARE.get(name, 1.0)
    assert fraction == pytest.approx(expected, abs=4 * (expected / n) ** 0.5)


def test_a_weight_scales_the_probability():
    n = 2000
    x = jnp.repeat(_random_images(1, 8), n, axis=0)
    out = augment.augment(x, _keys(n), jnp.float32(0.8), _config(brightness=0.5))
    fraction = (np.abs(out - x).max(axis=(1, 2, 3)) > 1e-4).mean()
    assert fraction == pytest.approx(0.4, abs=0.05)


def _straight(x):
    # Colours in [-1, 1] of model images without transparent pixels.
    return 2 * (x[..., :3] + 1) / (x[..., 3:] + 1) - 1


@pytest.mark.parametrize("name", augment.COLOUR)
def test_colour_acts_on_straight_colours_and_leaves_alpha(name):
    rng = np.random.default_rng(0)
    u8 = rng.integers(118, 138, (64, 4, 4, 4)).astype(
        np.uint8
    )  # near grey, so that nothing saturates
    u8[..., 3] = rng.integers(60, 256, (64, 4, 4))
    x = np.asarray(images.to_model(u8))
    out = np.asarray(_augment(name)(jnp.asarray(x), _keys(64), 1.0))
    np.testing.assert_allclose(out[..., 3], x[..., 3], atol=1e-6)
    old, new = _straight(x), _straight(out)
    ok = (np.abs(new) < 0.98).all(axis=(1, 2, 3))
    old, new = old[ok], new[ok]
    assert len(new) > 30
    mean, new_mean = (np.mean(a, axis=3, keepdims=True) for a in (old, new))
    chroma, new_chroma = old - mean, new - new_mean
    if name == "brightness":  # c + t
        difference = new - old
        np.testing.assert_allclose(
            difference, difference[:, :1, :1, :1] + 0 * difference, atol=1e-4
        )
        assert 0.1 < difference[:, 0, 0, 0].std() < 0.3
    elif name == "contrast":  # s c
        factor = np.sum(new * old, axis=(1, 2, 3)) / np.sum(old * old, axis=(1, 2, 3))
        np.testing.assert_allclose(new, factor[:, None, None, None] * old, atol=1e-4)
        assert 0.35 < np.log2(factor).std() < 0.65
    elif name == "luma_flip":  # the mean changes sign, or nothing happens
        np.testing.assert_allclose(new_chroma, chroma, atol=1e-4)
        np.testing.assert_allclose(np.abs(new_mean), np.abs(mean), atol=1e-4)
        assert 0.2 < (new_mean * mean < 0).mean() < 0.8
    elif name == "hue":  # a rotation about grey
        np.testing.assert_allclose(new_mean, mean, atol=1e-4)
        norms = np.linalg.norm(chroma, axis=3), np.linalg.norm(new_chroma, axis=3)
        np.testing.assert_allclose(*norms, atol=1e-4)
        assert np.abs(new_chroma - chroma).max() > 0.05
    else:  # saturation: chroma is scaled
        np.testing.assert_allclose(new_mean, mean, atol=1e-4)
        factor = np.sum(new_chroma * chroma, axis=(1, 2, 3)) / np.sum(
            chroma * chroma, axis=(1, 2, 3)
        )
        np.testing.assert_allclose(new_chroma, factor[:, None, None, None] * chroma, atol=1e-4)
        assert 0.7 < np.log2(factor).std() < 1.3


def test_update_p_moves_to_the_target_and_stays_in_range():
    config = default.get_config().augment
    config.kimg, config.target, config.p_max = 100.0, 0.6, 0.8
    update = jax.jit(lambda p, s, n: augment.update_p(p, s, n, config))
    p = jnp.float32(0.5)
    assert update(p, jnp.float32(0.9), 128) == pytest.approx(0.5 + 128 / 100_000)
    assert update(p, jnp.float32(0.2), 128) == pytest.approx(0.5 - 128 / 100_000)
    assert update(jnp.float32(0.8), jnp.float32(0.9), 128) == pytest.approx(0.8)
    assert update(jnp.float32(0.0), jnp.float32(-1.0), 128) == 0
    config.target = 0.0
    assert augment.update_p(p, jnp.float32(0.9), 128, config) == p
