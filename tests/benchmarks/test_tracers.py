"""The comparison of ways to an SVG, with ways that need no model."""

import itertools

import numpy as np

from benchmarks.tasks import tracers
from emoji_gan.vector import drawing, palettes
from emoji_gan.vector.drawing import Path, Shape


def _square():
    corners = np.array([(18, 18), (54, 18), (54, 54), (18, 54), (18, 18)], float)
    return Path(np.stack([np.linspace(a, b, 4) for a, b in itertools.pairwise(corners)]), True)


def test_what_is_drawn_rightly_has_no_error_and_is_counted():
    red = tuple(palettes.OPENMOJI[11].tolist())
    svg = drawing.to_svg([Shape((_square(),), red)])
    whole = np.zeros((2, 512, 512, 4), np.uint8)
    whole[:, 128:384, 128:384] = (*red, 255)
    small = [np.zeros((32, 32, 4), np.uint8)] * 2
    right, drawn = tracers.measured(lambda x: [svg] * len(x), small, whole)
    assert right["error"] < 0.05 and right["shapes"] == 1 and right["bytes"] == len(svg)
    assert drawn[0].shape == (512, 512, 4)
    nothing = tracers.measured(lambda x: [drawing.to_svg([])] * len(x), small, whole)[0]
    assert nothing["error"] > 20
    text = tracers.table({"32": {"ours": right, "nothing": nothing}})
    assert "| 32 | ours | 0.0" in text and "| 0.00 |" in text


def test_peers_are_helped_by_the_palette_and_hard_edges():
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[2:6, 2:6] = (200, 50, 45, 140)
    picture[2, 2:6, 3] = 100
    helped = tracers.helped(picture, "openmoji")
    assert set(np.unique(helped[..., 3])) == {0, 255}
    assert not helped[2].any() and tuple(helped[4, 4]) == (0xD2, 0x2F, 0x27, 255)
    picture[2:6, 2:6, 3] = 255
    own = tracers.helped(picture, "flat")[4, 4]
    assert np.abs(own.astype(int) - (200, 50, 45, 255)).max() <= 2
