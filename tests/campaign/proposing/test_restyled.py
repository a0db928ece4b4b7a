"""Candidates in the style of another set: what they come from, and whose licences they carry."""

import numpy as np

from campaign.proposing.candidates import Drawer
from emoji_gan.trained.restyler import Restyler
from tests.emoji_gan.methods.test_restyle import stored

__all__ = ["stored"]  # a fixture


def test_emoji_are_drawn_in_every_other_style(stored):
    drawer = Drawer(0, restyler=stored)
    made = drawer.restyled("fête", ["1F370", "1F382"])
    assert [(c.style, c.parents) for c in made] == [
        ("blue", ("1F370",)),
        ("blue", ("1F382",)),
        ("noto", ("1F370",)),
        ("noto", ("1F382",)),
    ]
    assert {c.recipe for c in made} == {"restyle"} and {c.theme for c in made} == {"fête"}
    noto, restyler = made[2], Restyler(stored)
    given = restyler.prepared(drawer.real("1F370", 4 * restyler.px))
    np.testing.assert_array_equal(restyler(given[None], "noto")[0], noto.picture)
    assert noto.work.expression == "Apache-2.0 AND CC-BY-SA-4.0"
    assert noto.texts["restyled to"] == "noto" and noto.texts["parent"] == "1F370"
    assert Drawer(0).restyled("fête", ["1F370"]) == []
