"""Candidates in the style of another set: what they come from, and whose licences they carry."""

import dataclasses

import numpy as np

from campaign.proposing.candidates import Drawer, Restorers
from emoji_gan.trained.restyler import Restyler
from tests.emoji_gan.methods.test_restyle import stored

__all__ = ["stored"]  # a fixture


def test_emoji_are_drawn_in_every_other_style(stored):
    drawer = Drawer(0, restyler=stored)
    made = drawer.restyled({"fête": ["1F370"], "anniversaire": ["1F382", "1F370"]})
    assert sorted((c.style, c.parents, c.theme) for c in made) == [
        ("blue", ("1F370",), "fête"),  # not once more for the other theme
        ("blue", ("1F382",), "anniversaire"),
        ("noto", ("1F370",), "fête"),
        ("noto", ("1F382",), "anniversaire"),
    ]
    assert {c.recipe for c in made} == {"restyle"}
    (noto,) = (c for c in made if c.style == "noto" and c.theme == "fête")
    restyler = Restyler(stored)
    whole = drawer.real("1F370", 512)
    given, large = restyler.prepared(whole)[None], restyler.prepared(whole, 256)[None]
    drawn = restyler.enlarged(restyler(given, "noto"), given, large, "noto")
    np.testing.assert_array_equal(drawn[0], noto.picture)
    assert noto.work.expression == "Apache-2.0 AND CC-BY-SA-4.0"
    assert noto.texts["restyled to"] == "noto" and noto.texts["parent"] == "1F370"
    assert Drawer(0).restyled({"fête": ["1F370"]}) == []


def test_each_style_is_enlarged_by_the_restorer_that_knows_it(stored):
    restorers = Restorers()
    assert restorers.of("openmoji line") is restorers.of("openmoji")
    colours = {
        style: restorers.of(style).provenance(128)["colours"] for style in ("openmoji", "noto")
    }
    assert colours == {"openmoji": "openmoji", "noto": "own"}
    drawer = Drawer(0, restyler=stored)
    (made, _) = drawer.restyled({"fête": ["1F370"]})
    small = dataclasses.replace(made, picture=made.picture[::8, ::8], recipe="vary")
    as_it_is, restored = drawer.restored([made, small])
    assert as_it_is is made and restored.picture.shape == (256, 256, 4)
    texts = drawer.finish_texts(128, small)
    assert texts["restorer_sha256"] == restorers.of("noto").checkpoint_hash
    texts = drawer.finish_texts(128, made)  # no restorer has seen it
    assert texts["finish"] == "guided" and "restorer_sha256" not in texts
