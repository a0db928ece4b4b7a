"""The white line around a sticker: where it is, what stays as it was, what has to shrink."""

import numpy as np
import pytest
from scipy import ndimage

from campaign.pack import outlining


def _disc(px, radius):
    y, x = np.mgrid[:px, :px] - (px - 1) / 2
    alpha = np.clip(radius - np.hypot(y, x) + 0.5, 0, 1)
    picture = np.zeros((px, px, 4), np.uint8)
    picture[alpha > 0, :3] = (10, 60, 200)
    picture[..., 3] = np.rint(255 * alpha)
    return picture


def test_a_line_of_that_width_surrounds_the_emoji_and_leaves_it_as_it_is():
    frames = np.stack([_disc(128, 40), _disc(128, 44)])
    lined = outlining.with_outline(frames, 8, 4)
    assert lined.shape == frames.shape and lined.dtype == np.uint8
    for before, after in zip(frames, lined, strict=True):
        opaque = before[..., 3] == 255
        np.testing.assert_array_equal(after[opaque], before[opaque])
        distance = ndimage.distance_transform_edt(before[..., 3] < 128)
        assert (after[(distance > 2) & (distance < 7.5)] == 255).all()  # white
        assert (after[distance > 8.6, 3] == 0).all()
        edge = (before[..., 3] > 0) & ~opaque
        assert (after[edge, 3] == 255).all()  # no gap between emoji and line


@pytest.mark.parametrize("radius", [50, 58, 64])
def test_what_leaves_no_room_shrinks_and_the_margin_stays_free(radius):
    lined = outlining.with_outline(_disc(128, radius)[None], 8, 4)[0]
    drawn = np.argwhere(lined[..., 3] > 0)
    assert drawn.min() >= 4 and drawn.max() < 124
    assert drawn.max() - drawn.min() > 100


def test_a_blank_frame_of_a_loop_stays_blank():
    frames = np.stack([_disc(64, 20), np.zeros((64, 64, 4), np.uint8)])
    lined = outlining.with_outline(frames, 4, 2)
    assert lined[0].any() and not lined[1].any()
