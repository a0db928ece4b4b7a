"""Drawings are fitted to a common size and position, without bleeding from transparent pixels."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from input_pipeline.art import common_box


@settings(max_examples=50, deadline=None)
@given(
    left=st.integers(0, 50),
    top=st.integers(0, 50),
    width=st.integers(3, 40),
    height=st.integers(3, 40),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_common_box(left, top, width, height, colour):
    image = np.zeros((128, 96, 4), np.uint8)
    image[..., :3] = 77  # hidden under alpha 0: must not bleed in
    image[top : top + height, left : left + width] = (*colour, 255)
    out = common_box.fit(image, 64)
    assert out.shape == (64, 64, 4) and out.dtype == np.uint8
    assert (out[out[..., 3] == 0] == 0).all()
    inside = out[out[..., 3] > 32]
    assert np.abs(inside[:, :3].astype(int) - colour).max() <= 1
    # Area, extent and centre of the drawing.
    coverage = out[..., 3] / 255
    longer = common_box.BOX_SHARE * 64
    expected_h, expected_w = (longer * side / max(width, height) for side in (height, width))
    np.testing.assert_allclose(coverage.sum(), expected_h * expected_w, rtol=0.05)
    np.testing.assert_allclose(
        [coverage.sum(0).max(), coverage.sum(1).max()], [expected_h, expected_w], atol=0.6
    )
    grid = np.arange(64) + 0.5
    centre = [(coverage.sum(1 - axis) * grid).sum() / coverage.sum() for axis in (0, 1)]
    np.testing.assert_allclose(centre, [32, 32], atol=0.1)


def test_resize_keeps_aspect_and_identity():
    image = np.zeros((20, 40, 4), np.uint8)
    image[:] = (10, 20, 30, 255)
    out = common_box.resize(image, 16)
    assert (out[:3, :, 3] == 0).all() and (out[5:11] == (10, 20, 30, 255)).all()
    np.testing.assert_array_equal(common_box.resize(out, 16), out)
