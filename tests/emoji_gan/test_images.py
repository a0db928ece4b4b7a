import io
import resource

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoji_gan import errors, images


def _every_colour_and_alpha():
    colour, alpha = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    u8 = np.stack([colour, 255 - colour, colour // 2, alpha], axis=-1).astype(np.uint8)
    u8[u8[..., 3] == 0] = 0
    return u8[None]


def test_round_trip_is_exact_for_every_colour_and_alpha():
    u8 = _every_colour_and_alpha()
    np.testing.assert_array_equal(images.to_uint8(images.to_model(u8)), u8)


def test_to_model_premultiplies():
    u8 = np.array([[[[255, 0, 51, 255], [255, 128, 0, 51], [0, 0, 0, 0]]]], np.uint8)
    x = np.asarray(images.to_model(u8))
    assert x.dtype == np.float32
    expected = [[1, -1, -0.6, 1], [-0.6, 2 * 128 / 255 * 0.2 - 1, -1, -0.6], [-1, -1, -1, -1]]
    np.testing.assert_allclose(x[0, 0], expected, atol=1e-6)
    x = np.asarray(images.to_model(_every_colour_and_alpha()))
    assert (x[..., :3] <= x[..., 3:] + 1e-6).all()
    assert x.min() >= -1 and x.max() <= 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-4, 4, width=32), min_size=4, max_size=4))
def test_to_uint8_survives_any_model_output(pixel):
    x = jnp.asarray(pixel, jnp.float32)[None, None, None]
    u8 = np.asarray(images.to_uint8(x))[0, 0, 0]
    alpha = min(max((pixel[3] + 1) / 2, 0), 1)
    assert abs(int(u8[3]) - 255 * alpha) <= 0.51
    if u8[3] == 0:
        assert not u8.any()


def test_to_uint8_clips_colour_to_alpha():
    u8 = images.to_uint8(jnp.array([[[[1.0, 0.0, -3.0, 0.0]]]]))
    np.testing.assert_array_equal(u8[0, 0, 0], [255, 255, 0, 128])


@pytest.mark.parametrize("shape", [(3,), (8, 8, 3), (2, 1, 1, 3)])
def test_composite_is_the_over_operator(shape):
    u8 = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 4)).astype(np.uint8)
    background = np.random.default_rng(1).random(shape).astype(np.float32)
    alpha = u8[..., 3:] / 255
    expected = 2 * (u8[..., :3] / 255 * alpha + (1 - alpha) * background) - 1
    actual = images.composite(images.to_model(u8), jnp.asarray(background))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_checker_has_two_greys_and_8_px_squares():
    board = np.asarray(images.checker(20, 33))
    assert board.shape == (20, 33, 3) and board.dtype == np.float32
    assert len(np.unique(board)) == 2 and board.min() >= 0 and board.max() <= 1
    assert (board[:8, :8] == board[0, 0]).all() and (board[:8, 8:16] != board[0, 0]).all()
    assert (board[8:16, 8:16] == board[0, 0]).all()


def test_grid_places_images_in_reading_order_over_the_checker():
    u8 = np.zeros((3, 4, 5, 4), np.uint8)
    u8[0] = (255, 0, 0, 255)
    u8[1] = (0, 255, 0, 0)
    u8[2] = (0, 0, 255, 51)
    board = images.grid(u8, rows=2, cols=2, pad=1)
    bare = np.rint(np.asarray(images.checker(11, 13)) * 255).astype(np.uint8)
    assert board.shape == (11, 13, 3) and board.dtype == np.uint8
    assert (board[1:5, 1:6] == (255, 0, 0)).all()
    np.testing.assert_array_equal(board[1:5, 7:12], bare[1:5, 7:12])
    expected = 0.2 * np.array([0, 0, 255]) + 0.8 * bare[6:10, 1:6]
    np.testing.assert_allclose(board[6:10, 1:6], expected, atol=0.51)
    np.testing.assert_array_equal(board[6:10, 7:12], bare[6:10, 7:12])
    with pytest.raises(ValueError, match="3 images do not fit"):
        images.grid(u8, rows=1, cols=2)


@pytest.mark.parametrize("channels", [3, 4])
def test_png_keeps_pixels_and_text(tmp_path, channels):
    u8 = np.random.default_rng(0).integers(0, 256, (6, 5, channels)).astype(np.uint8)
    text = {"seed": "7", "name": "éclair 😀"}
    path = tmp_path / "new" / "folder" / "a.png"
    images.save_png(path, u8, text)
    assert path.read_bytes() == images.png_bytes(u8, text)
    image = PIL.Image.open(io.BytesIO(path.read_bytes()))
    np.testing.assert_array_equal(np.asarray(image), u8)
    assert image.text == text
    assert [f.name for f in path.parent.iterdir()] == ["a.png"]


def test_unwritable_png_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(errors.UserError, match=r"cannot write .*file: "):
        images.save_png(tmp_path / "file" / "a.png", np.zeros((2, 2, 4), np.uint8))


def test_write_that_fails_half_way_is_a_user_error_and_leaves_the_old_file(tmp_path):
    u8 = np.random.default_rng(0).integers(0, 256, (32, 32, 4)).astype(np.uint8)
    path = tmp_path / "a.png"
    images.save_png(path, u8)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # bytes: as on a disk that fills up
    try:
        with pytest.raises(errors.UserError, match=r"cannot write .*a\.png: "):
            images.save_png(path, u8 // 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["a.png"]


def _alpha_image(alpha):
    return jnp.repeat(jnp.asarray(alpha, jnp.float32)[None, :, :, None] * 2.0 - 1.0, 4, axis=3)


def test_alpha_statistics():
    alpha = np.zeros((16, 16))
    alpha[4:12, 4:12] = 1
    hard = jax.jit(images.alpha_statistics)(_alpha_image(alpha))
    assert hard == pytest.approx({"binary": 1, "coverage": 0.25, "edge_px": 0, "stray": 0})

    soft = alpha.copy()
    soft[3, 4:12] = soft[12, 4:12] = soft[4:12, 3] = soft[4:12, 12] = (
        0.4  # 32 px around an outline of 28
    )
    stats = images.alpha_statistics(_alpha_image(soft))
    assert stats["edge_px"] == pytest.approx(32 / 28)
    assert stats["binary"] == pytest.approx(1 - 32 / 256)
    assert stats["coverage"] == pytest.approx((64 + 0.4 * 32) / 256)

    speckled = alpha.copy()
    speckled[0, 0] = speckled[14, 14] = 1
    assert images.alpha_statistics(_alpha_image(speckled))["stray"] == pytest.approx(2 / 66)
    assert images.alpha_statistics(_alpha_image(0 * alpha))["stray"] == 0
