"""Colours: Oklab and the distance of palettes."""

import numpy as np
import pytest

from emoji_gan.errors import UserError
from eval.metrics import palette
from tests.support.metric_inputs import image_set, new_rng, soft_discs


def test_oklab_of_known_colours():
    rgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    expected = [[1, 0, 0], [0, 0, 0], [0.628, 0.225, 0.126], [0.452, -0.032, -0.312]]
    np.testing.assert_allclose(palette.oklab(rgb), expected, atol=2e-3)


def test_palette_distance_is_small_for_the_same_colours_and_grows_with_their_shift():
    real = image_set(soft_discs(300, colour=(200, 60, 60)))
    values = []
    for green in (60, 100, 180, 255):
        fake = image_set(soft_discs(300, seed=1, colour=(200, green, 60)))
        e = palette.evaluate(real, fake, new_rng())["palette"]
        assert e.low <= e.value <= e.high
        values.append(e.value)
    assert values[0] < 0.003
    assert values == sorted(values)
    assert values[-1] > 0.1


def test_palette_of_greys_is_their_difference_in_lightness():
    dark, light = (np.full((30, 4, 4, 4), v, np.uint8) for v in (99, 188))  # Oklab L 0.5 and 0.8
    for side in (dark, light):
        side[..., 3] = 255
    distance = palette.evaluate(image_set(dark), image_set(light), new_rng())["palette"].value
    gap = palette.oklab(np.uint8([[188] * 3]))[0, 0] - palette.oklab(np.uint8([[99] * 3]))[0, 0]
    assert distance == pytest.approx(gap / 2, rel=0.05)  # the mean of |cos| over a sphere is 1/2


def test_palette_ignores_what_is_transparent_and_leaves_out_empty_images():
    seen = soft_discs(60)
    hidden = seen.copy()
    hidden[hidden[..., 3] == 0] = (255, 0, 255, 0)
    both = np.concatenate([hidden, np.zeros((5, 32, 32, 4), np.uint8)])
    estimate = palette.evaluate(image_set(seen), image_set(both), new_rng())["palette"]
    assert estimate.value < 0.01
    assert "5 empty generated images" in estimate.note
    assert (estimate.n_real, estimate.n_fake) == (60, 60)
    with pytest.raises(UserError, match="0 generated images are not empty"):
        palette.evaluate(image_set(seen), image_set(np.zeros_like(seen)), new_rng())
