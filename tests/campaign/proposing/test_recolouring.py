"""Palettes: outlines, greys and alpha stay, colours become those of the palette."""

import numpy as np
import pytest

from campaign.language import Language
from campaign.proposing import recolouring
from emoji_gan.edit import parents
from emoji_gan.errors import UserError

PALETTE = recolouring.parse_palette(["#E4002B", "0b3d91"], Language("en"))


def test_oklab_goes_there_and_back():
    rgb = np.random.default_rng(0).random((50, 3))
    np.testing.assert_allclose(recolouring.to_srgb(recolouring.to_oklab(rgb)), rgb, atol=1e-5)
    np.testing.assert_allclose(recolouring.to_oklab(np.ones(3)), [1, 0, 0], atol=1e-4)


def test_colours_become_those_of_the_palette_and_lines_stay():
    gift = parents.of_openmoji("1F381", 128).image
    result = recolouring.recoloured(gift, PALETTE)
    np.testing.assert_array_equal(result[..., 3], gift[..., 3])
    grey = np.ptp(gift[..., :3].astype(int), axis=-1) == 0
    assert np.abs(result.astype(int) - gift)[grey].max() <= 2 and grey.sum() > 1000
    solid = result[(gift[..., 3] == 255) & ~grey][:, :3].astype(int)
    for colour in np.rint(255 * PALETTE):
        assert (np.abs(solid - colour).max(-1) <= 6).mean() > 0.1


def test_what_has_no_colour_and_a_palette_of_greys_change_nothing():
    line = parents.of_openmoji("1F381", 64, line=True).image
    np.testing.assert_array_equal(recolouring.recoloured(line, PALETTE), line)
    gift = parents.of_openmoji("1F381", 64).image
    greys = recolouring.parse_palette(["#000000", "#ffffff"], Language("en"))
    np.testing.assert_array_equal(recolouring.recoloured(gift, greys), gift)


@pytest.mark.parametrize("text", ["red", "#12345", "#1234567", "#GG0000"])
def test_what_is_no_colour_is_refused(text):
    with pytest.raises(UserError, match="n'est pas une couleur"):
        recolouring.parse_palette([text], Language("fr"))
