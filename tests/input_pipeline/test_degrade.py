"""Damaged pairs: a function of seed and sample number, exact where nothing is lost."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline import dataset, degrade, pipeline

ART = 32  # px of the art below


def pictures(count, seed=0):
    """Discs of random colours on nothing, with soft edges."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:ART, :ART]
    made = np.zeros((count, ART, ART, 4), np.uint8)
    for picture in made:
        centre, radius = rng.uniform(12, 20, 2), rng.uniform(6, 11)
        alpha = np.clip(radius - np.hypot(y - centre[0], x - centre[1]) + 0.5, 0, 1)
        picture[..., 3] = np.round(255 * alpha)
        picture[..., :3] = rng.integers(0, 256, 3) * (picture[..., 3:] > 0)
    return made


def pairs(images, samples, seed=3, zoom=2, scale=4):
    return degrade.pairs(images, np.asarray(samples), seed=seed, zoom=zoom, scale=scale)


def test_a_pair_depends_on_the_seed_and_the_sample_number_alone():
    art = pictures(6)
    whole = pairs(art, range(6))
    for name, part in pairs(art[[4, 1]], [4, 1]).items():
        np.testing.assert_array_equal(part, whole[name][[4, 1]])
    other = pairs(art, range(6), seed=4)
    assert (other["damaged"] != whole["damaged"]).any()
    assert (pairs(art, range(6, 12))["damaged"] != whole["damaged"]).any()


def test_pairs_have_the_sizes_and_grounds_that_they_say():
    art = pictures(1).repeat(200, 0)
    for zoom, scale in ((1, 4), (2, 4), (2, 2)):
        made = pairs(art, range(200), zoom=zoom, scale=scale)
        px = ART // zoom
        assert made["image"].shape == (200, px, px, 4)
        assert made["damaged"].shape == (200, px // scale, px // scale, 4)
        assert made["image"].dtype == made["damaged"].dtype == np.uint8
        backgrounds = made["background"] == 1
        assert 0.05 < backgrounds.mean() < 0.3
        assert (made["damaged"][backgrounds][..., 3] == 255).all()
        assert (made["image"][backgrounds][..., 3] == 0).any()
        nothing = made["image"][..., 3] == 0
        assert not made["image"][nothing][:, :3].any()


def test_art_keeps_its_own_colours_where_these_are_to_be_learned():
    art = np.zeros((200, ART, ART, 4), np.uint8)
    art[:, 8:24, 8:24] = (200, 30, 90, 255)
    own = degrade.pairs(art, np.arange(200), seed=3, zoom=1, scale=4, own_colours=True)
    assert (own["image"] == art).all()
    opaque = (own["damaged"][..., 3] == 255).all((1, 2))
    np.testing.assert_array_equal(opaque, own["background"] == 1)
    exchanged = pairs(art, range(200), zoom=1)["image"]
    assert {tuple(x[16, 16]) for x in exchanged} > {(200, 30, 90, 255), (30, 200, 90, 255)}


@given(st.integers(0, 2**32 - 1))
def test_premultiplying_and_straightening_is_exact(seed):
    image = np.random.default_rng(seed).integers(0, 256, (4, 5, 4), np.uint8)
    image[image[..., 3] == 0] = 0
    np.testing.assert_array_equal(degrade.straighten(degrade.premultiply(image)), image)


@pytest.mark.parametrize("method", ["box", "hamming", "bicubic", "lanczos"])
def test_one_colour_stays_it_when_made_smaller(method):
    image = np.full((16, 24, 4), (200, 40, 90, 255), np.uint8)
    small = degrade.shrink(image, 4, method)
    assert small.shape == (4, 6, 4)
    np.testing.assert_array_equal(small, image[:4, :6])
    assert degrade.shrink(np.zeros_like(image), 4, method).max() == 0


def test_a_hidden_colour_does_not_count():
    """Straight colours are weighted by alpha: the rest of a square is transparent green."""
    image = np.zeros((4, 4, 4), np.uint8)
    image[...] = (0, 255, 0, 0)
    image[0, 0] = (255, 0, 0, 255)
    np.testing.assert_array_equal(degrade.shrink(image, 4)[0, 0], (255, 0, 0, 16))


@pytest.mark.parametrize("name", degrade.KEEPING_ALPHA)
def test_a_damage_changes_a_picture_and_not_its_size(name):
    image = pictures(1)[0]
    damaged = degrade.KEEPING_ALPHA[name](image, np.random.default_rng(0))
    assert damaged.shape == image.shape and damaged.dtype == np.uint8
    assert (damaged != image).any()
    assert not damaged[damaged[..., 3] == 0].any()
    if name == "hard_edged":
        assert set(np.unique(damaged[..., 3])) == {0, 255}
    if name in ("noisy", "webp"):
        np.testing.assert_array_equal(damaged[..., 3], image[..., 3])


def test_a_screenshot_is_opaque():
    image = pictures(1)[0]
    seen = degrade.over(image, (10, 20, 30))
    assert (seen[..., 3] == 255).all()
    np.testing.assert_array_equal(seen[0, 0], (10, 20, 30, 255))
    np.testing.assert_array_equal(seen[16, 16], image[16, 16])
    coded = degrade.jpeg(seen, np.random.default_rng(0))
    assert (coded[..., 3] == 255).all() and (coded != seen).any()


def test_a_stream_of_pairs_goes_on_from_any_sample(data_of_discs):
    def stream(start):
        made = functools.partial(degrade.pairs, seed=1, zoom=1, scale=4)
        return pipeline.batches(
            data_of_discs, seed=1, batch_size=4, start_sample=start, degrade=made
        )

    whole = list(itertools.islice(stream(0), 3))
    resumed = next(stream(8))
    assert set(resumed) == {"image", "damaged", "background", "condition", "sample"}
    for name in ("image", "damaged", "background", "sample"):
        np.testing.assert_array_equal(resumed[name], whole[2][name])


@pytest.fixture
def data_of_discs():
    return dataset.EmojiData(pictures(5), {}, {}, None, {}, "hash")
