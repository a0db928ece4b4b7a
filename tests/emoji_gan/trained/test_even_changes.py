"""Changes made even, and line art by contours: what stays, what goes, what a style needs for it."""

import hypothesis
import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest

from emoji_gan import images
from emoji_gan.trained import even_changes


def square(colour, px=16, first=3, last=13):
    x = np.zeros((px, px, 4), np.uint8)
    x[first:last, first:last] = (*colour, 255)
    return x


def in_model(*pictures):
    return images.to_model(jnp.asarray(np.stack(pictures)))


def test_specks_go_and_colours_of_areas_stay():
    given = square((250, 200, 40))
    given[3:8, 3:13] = (40, 80, 200, 255)
    wanted = square((255, 160, 0))
    wanted[3:8, 3:13] = (0, 120, 220, 255)
    specks = np.random.default_rng(0).integers(-40, 41, given.shape)
    dirty = np.where(given[..., 3:] > 0, np.clip(wanted + specks, 0, 255), 0).astype(np.uint8)
    dirty[..., 3] = given[..., 3]
    picture, right, drawn = (in_model(x) for x in (given, wanted, dirty))
    even = even_changes.evened(drawn, picture)
    before, after = (float(jnp.abs(x - right).mean()) for x in (drawn, even))
    assert after < 0.4 * before
    assert abs(float(even[0, 7, 8, 2] - right[0, 7, 8, 2])) < 0.15  # beside the other colour


def test_an_outline_that_is_added_stays():
    given = square((250, 200, 40))
    outlined = given.copy()
    outlined[[3, 12], 3:13, :3] = outlined[3:13, [3, 12], :3] = 0
    even = np.asarray(images.to_uint8(even_changes.evened(in_model(outlined), in_model(given))))[0]
    assert even[3, 3:13, :3].max() < 60 and even[7, 7, 0] > 230


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(st.integers(0, 2**32 - 1))
def test_no_change_is_left_as_it_is(seed):
    x = jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, (2, 8, 8, 4)).astype(np.float32))
    np.testing.assert_array_equal(even_changes.evened(x, x), x)
    shift = 0.25  # everywhere the same, so even already
    np.testing.assert_allclose(even_changes.evened(x + shift, x), x + shift, atol=1e-5)


def test_a_change_is_carried_over_along_the_edges_of_the_large_picture():
    large = square((250, 200, 40), px=64, first=13, last=51)
    large[13:30, 13:51] = (40, 80, 200, 255)  # an edge inside a pixel of the small one
    small = large.reshape(16, 4, 16, 4, 4).mean((1, 3)).astype(np.uint8)
    blue, yellow = np.array([0, 60, 40, 0]), np.array([0, -80, 0, 0])  # what is added to each
    blueness = (small[..., 2:3] / 255 - 40 / 255) / (160 / 255)
    drawn = np.where(
        small[..., 3:] > 0, np.clip(small + blueness * blue + (1 - blueness) * yellow, 0, 255), 0
    )
    wanted = np.where(large[..., 2:3] > 100, large + blue, large + yellow) * (large[..., 3:] > 0)
    carried = even_changes.carried_over(
        *(in_model(x) for x in (drawn.astype(np.uint8), small, large)),
        even_changes.inside(large)[None],
    )
    got = np.asarray(images.to_uint8(carried))[0].astype(int)
    inside = slice(14, 50)
    away = np.abs(got - np.clip(wanted, 0, 255))[inside, inside]
    assert away.max() < 30 and away.mean() < 6
    np.testing.assert_array_equal(got[..., 3] > 128, large[..., 3] > 128)  # not a pixel wider


@hypothesis.settings(max_examples=10, deadline=None)
@hypothesis.given(st.integers(0, 2**32 - 1), st.sampled_from((5, 8, 12, 40)))
def test_where_nothing_changes_the_large_picture_stays(seed, side):
    rng = np.random.default_rng(seed)
    small, large = (rng.uniform(-1, 1, (1, n, n, 4)).astype(np.float32) for n in (8, side))
    small, large = jnp.asarray(small), jnp.asarray(large)
    changeable = jnp.asarray(rng.uniform(0, 1, (1, side, side, 1)).astype(np.float32))
    carried = even_changes.carried_over(small, small, large, changeable)
    np.testing.assert_array_equal(carried, large)
    shift = 0.25  # everywhere the same
    carried = even_changes.carried_over(small + shift, small, large, changeable)
    np.testing.assert_allclose(carried, large + changeable * shift, atol=1e-4)


def test_what_a_line_encloses_is_inside():
    line = np.zeros((16, 16, 4), np.uint8)
    line[[4, 11], 4:12, 3] = line[4:12, [4, 11], 3] = 255
    line[1, 1, 3] = 51
    expected = np.zeros((16, 16, 1), np.float32)
    expected[4:12, 4:12], expected[1, 1] = 1, 0.2
    np.testing.assert_allclose(even_changes.inside(line), expected)


def test_contours_are_the_edges_of_what_is_drawn():
    given = square((250, 200, 40))
    given[3:8, 3:13] = (40, 80, 200, 255)
    ink = np.asarray(images.to_uint8(even_changes.contours(in_model(given))))[0]
    assert not ink[..., :3].any()
    expected = np.zeros((16, 16), bool)
    expected[[3, 12], 3:13] = expected[3:13, [3, 12]] = True
    expected[7, 3:13] = True  # of two colours the darker one
    np.testing.assert_array_equal(ink[..., 3] > 128, expected)
    np.testing.assert_array_equal(ink[..., 3] > 0, expected)


def test_line_art_stays_line_art():
    line = np.zeros((16, 16, 4), np.uint8)
    line[[4, 11], 4:12, 3] = line[4:12, [4, 11], 3] = 255
    drawn = np.asarray(images.to_uint8(even_changes.contours(in_model(line))))[0]
    np.testing.assert_array_equal(drawn, line)


@pytest.mark.parametrize(
    ("palette", "is_line_art"),
    [
        ((), False),
        (("00000000", "000000ff", "00000080"), True),
        (("00000000", "222222ff", "ffffff10"), True),
        (("00000000", "000000ff", "ffffffff"), False),
        (("00000000", "ffc800ff"), False),
    ],
)
def test_a_style_of_dark_ink_alone_is_line_art(palette, is_line_art):
    assert even_changes.is_line_art(palette) == is_line_art
