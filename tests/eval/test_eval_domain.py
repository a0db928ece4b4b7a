"""Metrics of emoji: classes, copies, transparency, small sizes, colours."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoji_gan import images as image_lib
from emoji_gan.errors import UserError
from eval.extractors.features import Features
from eval.metrics import agreement, alpha, intra_class, legibility, memorisation, palette
from tests.support.seeded_features import sample_set


def _rng():
    return np.random.default_rng(0)


def _normal(n, d, seed, shift=0.0, scale=1.0):
    return (np.random.default_rng(seed).normal(size=(n, d)) * scale + shift).astype(np.float32)


def _discs(n, px=32, seed=0, softness=1.0, colour=None):
    """Soft discs of random place, size and colour: uint8 [n px px 4]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:px, :px]
    centre = rng.uniform(0.4, 0.6, (n, 2, 1, 1)) * px
    radius = rng.uniform(0.2, 0.35, (n, 1, 1)) * px
    a = np.clip((radius - np.hypot(y - centre[:, 0], x - centre[:, 1])) / softness + 0.5, 0, 1)
    rgb = (
        rng.integers(0, 256, (n, 1, 1, 3))
        if colour is None
        else np.broadcast_to(colour, (n, 1, 1, 3))
    )
    u8 = np.concatenate(
        [np.broadcast_to(rgb, (n, px, px, 3)), np.rint(a * 255)[..., None]], axis=-1
    )
    u8 = u8.astype(np.uint8)
    u8[u8[..., 3] == 0] = 0
    return u8


def _of(images, **fields):
    return sample_set(np.zeros((len(images), 2)), images=images, **fields)


# Classes.


def _classes(n, seed, d=6, scale=1.0):
    labels = np.arange(n, dtype=np.int32) % 4
    return _normal(n, d, seed, 5.0 * labels[:, None], scale), labels


def test_intra_class_distance_sees_what_the_whole_hides():
    # The same images under wrong classes: as a whole nothing has changed.
    (x, labels), (y, fake_labels) = _classes(400, 0), _classes(400, 1)
    real = sample_set(x, labels=labels)
    right = intra_class.evaluate(real, sample_set(y, labels=fake_labels), _rng())["intra_class_fd"]
    wrong = intra_class.evaluate(real, sample_set(y, labels=(fake_labels + 1) % 4), _rng())[
        "intra_class_fd"
    ]
    assert right.value < 0.5
    assert wrong.value > 100
    assert right.low <= right.value <= right.high
    assert (right.n_real, right.n_fake) == (400, 400)
    assert "4 classes" in right.note
    assert "shrunk by 0.06" in right.note  # 6 / (6 + 100)


def test_intra_class_distance_is_zero_for_the_same_images_and_grows_as_classes_narrow():
    x, labels = _classes(400, 0)
    real = sample_set(x, labels=labels)
    values = [
        intra_class.evaluate(real, sample_set(y, labels=labels), _rng())["intra_class_fd"].value
        for y in (x, *(_classes(400, 1, scale=s)[0] for s in (1.0, 0.5, 0.1)))
    ]
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert values == sorted(values)
    assert values[-1] > 10 * values[1]


def test_intra_class_standard_error_is_the_spread_over_repetitions():
    found = []
    for seed in range(60):
        (x, labels), (y, _) = _classes(200, 2 * seed, d=3), _classes(200, 2 * seed + 1, d=3)
        y = y + np.float32(0.5)
        found.append(
            intra_class.evaluate(sample_set(x, labels=labels), sample_set(y, labels=labels), _rng())
        )
    values = [f["intra_class_fd"].value for f in found]
    errors = [(f["intra_class_fd"].high - f["intra_class_fd"].value) / 1.96 for f in found]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


def test_intra_class_distance_leaves_out_small_classes_and_says_so():
    x, labels = _classes(400, 0)
    real = sample_set(x, labels=labels)
    few = np.where(labels == 3, np.arange(400) < 40, True)
    found = intra_class.evaluate(real, sample_set(x[few], labels=labels[few]), _rng())[
        "intra_class_fd"
    ]
    assert "1 of 4 classes left out" in found.note
    assert (found.n_real, found.n_fake) == (300, 300)
    with pytest.raises(UserError, match="none of the 400 classes has 20"):
        own = np.arange(400, dtype=np.int32)
        intra_class.evaluate(sample_set(x, labels=own), sample_set(x, labels=own), _rng())
    with pytest.raises(UserError, match="no classes"):
        intra_class.evaluate(real, sample_set(x), _rng())


def test_intra_class_distance_of_many_dimensions_is_of_principal_components():
    x, labels = _classes(400, 0)
    wide = np.zeros((400, 300), np.float32)
    wide[:, 100:106] = x
    moved = wide + np.float32(0.1)
    found = intra_class.evaluate(
        sample_set(wide, labels=labels), sample_set(moved, labels=labels), _rng()
    )
    assert "256 principal components of 300 dimensions" in found["intra_class_fd"].note


# Copies.


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_memorisation_rate_is_the_share_of_copies(share):
    real, fake = _normal(1000, 12, 0), _normal(600, 12, 1)
    copies = int(share * 600)
    fake[:copies] = real[np.random.default_rng(2).integers(0, 1000, copies)]
    found = memorisation.evaluate(
        sample_set(real, clusters=np.arange(1000)), sample_set(fake), _rng()
    )
    rate = found["memorisation_rate"]
    assert rate.value == pytest.approx(
        share + (1 - share) * 0.01, abs=0.012
    )  # one in a hundred by chance
    assert rate.low <= rate.value <= rate.high
    assert rate.note == ""
    if share == 0:
        assert found["memorisation_percentile"].value == pytest.approx(50, abs=8)


def test_neighbours_of_copies_are_their_originals():
    real = _normal(300, 12, 0)
    rows = np.random.default_rng(1).permutation(300)[:50]
    found = memorisation.neighbours(real, np.arange(300), real[rows])
    np.testing.assert_array_equal(found.index, rows)
    assert not found.distance.any()  # exactly: rounding must not hide a copy
    assert not found.percentile.any()
    index, distance, percentile = found
    assert index.shape == distance.shape == percentile.shape == (50,)


def test_a_worse_copy_ranks_higher():
    real, noise = _normal(300, 12, 0), _normal(300, 12, 1)
    medians = [
        np.median(
            memorisation.neighbours(real, np.arange(300), real + np.float32(s) * noise).percentile
        )
        for s in (0.0, 0.2, 0.5, 1.0, 3.0)
    ]
    assert medians == sorted(medians)
    assert medians[0] == 0
    assert medians[-1] > 90


def test_near_duplicates_among_the_real_do_not_excuse_copies():
    # Every real image has a twin: by its twin's distance a near copy would look ordinary.
    base = _normal(500, 12, 0)
    real = np.concatenate([base, base + _normal(500, 12, 1, scale=0.01)])
    fake = sample_set(base[:200] + _normal(200, 12, 2, scale=0.02))
    known = memorisation.evaluate(sample_set(real, clusters=np.arange(1000) % 500), fake, _rng())
    unknown = memorisation.evaluate(sample_set(real), fake, _rng())
    assert known["memorisation_rate"].value == 1.0
    assert unknown["memorisation_rate"].value < 0.2
    assert "near-duplicates are not known" in unknown["memorisation_rate"].note


def test_memorisation_refuses_and_notes_small_sets():
    fake = sample_set(_normal(50, 4, 1))
    with pytest.raises(UserError, match="99 real images"):
        memorisation.evaluate(sample_set(_normal(99, 4, 0)), fake, _rng())
    real = sample_set(_normal(250, 4, 0), clusters=np.arange(250))
    assert (
        "rests on 3 of 250" in memorisation.evaluate(real, fake, _rng())["memorisation_rate"].note
    )
    with pytest.raises(UserError, match="one cluster"):
        memorisation.evaluate(sample_set(real.features, clusters=np.zeros(250, int)), fake, _rng())


# Alpha.


@jax.jit
def _alpha_statistics(images):
    return image_lib.alpha_statistics(image_lib.to_model(images))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_alpha_statistics_are_those_of_training(seed):
    images = np.random.default_rng(seed).integers(0, 256, (3, 9, 9, 4)).astype(np.uint8)
    expected = jax.device_get(_alpha_statistics(images))
    found = {
        name: top.sum() / max(bottom.sum(), 1.0)
        for name, (top, bottom) in alpha.statistics(images).items()
    }
    assert found == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-5, abs=1e-6)


def test_alpha_of_the_same_kind_is_near_and_each_fault_is_seen_by_its_own_statistic():
    real = _of(_discs(300))
    same = alpha.evaluate(real, _of(_discs(300, seed=1)), _rng())
    blurred = alpha.evaluate(real, _of(_discs(300, seed=1, softness=6.0)), _rng())
    speckled = _discs(300, seed=1)
    speckled[:, 2, ::4] = (10, 20, 30, 255)
    speckled = alpha.evaluate(real, _of(speckled), _rng())
    for name in alpha.STATISTICS:
        e = same[f"alpha_{name}"]
        assert e.low <= same[f"alpha_{name}_real"].high
        assert e.high >= same[f"alpha_{name}_real"].low
        assert e.low <= e.value <= e.high
        assert (e.n_real, e.n_fake) == (300, 300)
    for name in ("binary", "edge_px"):
        assert blurred[f"alpha_{name}_distance"].low > 5 * same[f"alpha_{name}_distance"].value
    assert blurred["alpha_edge_px"].value > 3 * same["alpha_edge_px"].value
    assert same["alpha_stray"].value == 0
    assert speckled["alpha_stray_distance"].low > 0.01
    assert speckled["alpha_edge_px_distance"].value < blurred["alpha_edge_px_distance"].value


def test_alpha_survives_empty_and_full_images():
    empty, full = np.zeros((30, 8, 8, 4), np.uint8), np.full((30, 8, 8, 4), 255, np.uint8)
    found = alpha.evaluate(_of(full), _of(empty), _rng())
    assert found["alpha_coverage"].value == 0
    assert found["alpha_coverage_real"].value == 1
    assert found["alpha_coverage_distance"].value == pytest.approx(1)
    assert all(np.isfinite([e.value, e.low, e.high]).all() for e in found.values())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    st.floats(-5, 5),
)
def test_wasserstein_is_a_distance_that_a_shift_moves_by_itself(a, b, shift):
    a, b = np.array(a), np.array(b)
    assert alpha.wasserstein(a, a) == 0
    assert alpha.wasserstein(a, a + shift) == pytest.approx(abs(shift), abs=1e-9)
    assert alpha.wasserstein(a, b) == pytest.approx(alpha.wasserstein(b, a), abs=1e-9)
    assert alpha.wasserstein(a, b) >= abs(a.mean() - b.mean()) - 1e-9
    assert alpha.wasserstein(np.repeat(a, 3), b) == pytest.approx(alpha.wasserstein(a, b), abs=1e-9)


# Legibility.


def _recogniser(images):
    """Tells fine stripes from coarse ones by how much neighbouring columns differ."""
    rgb = images[..., :3].astype(np.float32) * (images[..., 3:] / np.float32(255))
    contrast = np.abs(np.diff(rgb, axis=2)).mean((1, 2, 3))
    return Features(contrast[:, None], np.stack([contrast, np.full_like(contrast, 40)], axis=1))


def _stripes(n, period, px=64):
    images = np.zeros((n, px, px, 4), np.uint8)
    images[..., 3] = 255
    images[..., :3] = (np.arange(px) // period % 2 * 255)[None, None, :, None]
    return images


def test_legibility_falls_where_detail_is_lost():
    fine, coarse = _stripes(40, 2), _stripes(40, 32)
    sides = [_of(i, logits=_recogniser(i).logits, extract=_recogniser) for i in (coarse, fine)]
    found = legibility.evaluate(*sides, _rng())
    assert found["legibility_16"].value == 0  # stripes of 2 px in 64 are gone at 16
    assert found["legibility_16_real"].value == 1
    assert found["legibility_16"].high > 0
    assert {*found} == {f"legibility_{s}{r}" for s in (16, 22, 32) for r in ("", "_real")}


def test_reducing_keeps_flat_colour_and_never_bleeds_what_is_transparent():
    images = np.zeros((2, 32, 32, 4), np.uint8)
    images[0, 8:24, 8:24] = (200, 100, 50, 255)
    images[1] = (10, 20, 30, 255)
    reduced = legibility.reduce(images, 16)
    assert reduced.shape == images.shape
    np.testing.assert_allclose(reduced[1], images[1], atol=1)
    np.testing.assert_allclose(reduced[0, 12:20, 12:20], images[0, 12:20, 12:20], atol=4)
    edge = reduced[0][(reduced[0, ..., 3] > 60) & (reduced[0, ..., 3] < 200)]
    assert len(edge)  # straight-alpha resizing would mix black into it
    np.testing.assert_allclose(
        edge[:, :3], np.broadcast_to([200, 100, 50], edge[:, :3].shape), atol=12
    )
    assert not reduced[reduced[..., 3] == 0].any()


def test_legibility_says_where_there_is_nothing_to_reduce_and_draws_when_there_is_much(monkeypatch):
    monkeypatch.setattr(legibility, "_MOST", 25)
    images = _stripes(30, 4, px=22)
    side = _of(images, logits=_recogniser(images).logits, extract=_recogniser)
    found = legibility.evaluate(side, side, _rng())
    assert found["legibility_32"].value == 1
    assert "no larger than 32 px" in found["legibility_32"].note
    assert "no larger than" not in found["legibility_16"].note
    assert "of 25 of the 30 images" in found["legibility_16"].note
    with pytest.raises(UserError, match="recogniser"):
        legibility.evaluate(side, _of(images), _rng())


# Palette.


def test_oklab_of_known_colours():
    rgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    expected = [[1, 0, 0], [0, 0, 0], [0.628, 0.225, 0.126], [0.452, -0.032, -0.312]]
    np.testing.assert_allclose(palette.oklab(rgb), expected, atol=2e-3)


def test_palette_distance_is_small_for_the_same_colours_and_grows_with_their_shift():
    real = _of(_discs(300, colour=(200, 60, 60)))
    values = []
    for green in (60, 100, 180, 255):
        e = palette.evaluate(real, _of(_discs(300, seed=1, colour=(200, green, 60))), _rng())[
            "palette"
        ]
        assert e.low <= e.value <= e.high
        values.append(e.value)
    assert values[0] < 0.003
    assert values == sorted(values)
    assert values[-1] > 0.1


def test_palette_of_greys_is_their_difference_in_lightness():
    dark, light = (np.full((30, 4, 4, 4), v, np.uint8) for v in (99, 188))  # Oklab L 0.5 and 0.8
    for side in (dark, light):
        side[..., 3] = 255
    found = palette.evaluate(_of(dark), _of(light), _rng())["palette"].value
    gap = palette.oklab(np.uint8([[188] * 3]))[0, 0] - palette.oklab(np.uint8([[99] * 3]))[0, 0]
    assert found == pytest.approx(gap / 2, rel=0.05)  # the mean of |cos| over a sphere is 1/2


def test_palette_ignores_what_is_transparent_and_leaves_out_empty_images():
    seen = _discs(60)
    hidden = seen.copy()
    hidden[hidden[..., 3] == 0] = (255, 0, 255, 0)
    both = np.concatenate([hidden, np.zeros((5, 32, 32, 4), np.uint8)])
    found = palette.evaluate(_of(seen), _of(both), _rng())["palette"]
    assert found.value < 0.01
    assert "5 empty generated images" in found.note
    assert (found.n_real, found.n_fake) == (60, 60)
    with pytest.raises(UserError, match="0 generated images are not empty"):
        palette.evaluate(_of(seen), _of(np.zeros_like(seen)), _rng())


# Agreement.


def _recognised(labels, seed, wrong=0.0):
    """Logits over twelve code points, three to each of four classes, that are wrong at times."""
    rng = np.random.default_rng(seed)
    seen = np.where(rng.random(len(labels)) < wrong, (labels + 1) % 4, labels)
    logits = rng.normal(size=(len(labels), 12)).astype(np.float32)
    logits[np.arange(len(labels)), seen * 3 + rng.integers(0, 3, len(labels))] += 20
    return logits


@pytest.mark.parametrize("wrong", [0.0, 0.3, 1.0])
def test_agreement_is_the_share_of_images_seen_as_what_was_asked_for(wrong):
    real_labels, labels = np.arange(200, dtype=np.int32) % 4, np.arange(1000, dtype=np.int32) % 4
    real = sample_set(np.zeros((200, 2)), labels=real_labels, logits=_recognised(real_labels, 0))
    fake = sample_set(np.zeros((1000, 2)), labels=labels, logits=_recognised(labels, 1, wrong))
    found = agreement.evaluate(real, fake, _rng())
    assert list(found) == ["agreement_top1"]  # of four classes, five always hold the right one
    assert found["agreement_top1"].value == pytest.approx(1 - wrong, abs=0.04)
    assert found["agreement_top1"].low <= 1 - wrong + 0.04


@pytest.mark.parametrize(("place", "among_five"), [(0, 1), (4, 1), (5, 0)])
def test_agreement_among_the_first_five(place, among_five):
    labels = np.arange(400, dtype=np.int32) % 10
    logits = -((np.arange(10) - labels[:, None] + place) % 10).astype(
        np.float32
    )  # `place` classes score higher
    real = sample_set(
        np.zeros((400, 2)), labels=labels, logits=np.eye(10, dtype=np.float32)[labels]
    )
    found = agreement.evaluate(
        real, sample_set(np.zeros((400, 2)), labels=labels, logits=logits), _rng()
    )
    assert found["agreement_top1"].value == (place == 0)
    assert found["agreement_top5"].value == among_five


def test_agreement_needs_classes_that_the_real_images_have():
    labels = np.arange(40, dtype=np.int32) % 4
    side = sample_set(np.zeros((40, 2)), labels=labels, logits=_recognised(labels, 0))
    with pytest.raises(UserError, match="class 6"):
        agreement.evaluate(
            side, sample_set(np.zeros((40, 2)), labels=labels * 3, logits=side.logits), _rng()
        )
    with pytest.raises(UserError, match="no classes"):
        agreement.evaluate(side, sample_set(np.zeros((40, 2)), logits=side.logits), _rng())
    with pytest.raises(UserError, match="no logits"):
        agreement.evaluate(side, sample_set(np.zeros((40, 2)), labels=labels), _rng())
    with pytest.raises(UserError, match="one class"):
        one = sample_set(np.zeros((40, 2)), labels=labels * 0, logits=side.logits)
        agreement.evaluate(one, one, _rng())


def test_agreement_notes_classes_that_the_recogniser_never_sees():
    labels = np.r_[np.arange(60) % 3, 3].astype(np.int32)
    blind = _recognised(np.where(labels == 3, 2, labels), 0)
    side = sample_set(np.zeros((61, 2)), labels=labels, logits=blind)
    found = agreement.evaluate(side, side, _rng())["agreement_top1"]
    assert "never sees 1 of the 4 classes" in found.note
    assert found.value == pytest.approx(60 / 61)


def test_empty_pictures_are_not_legible():
    """40 of them: the recogniser always says the same of nothing, which is not reading."""
    empty = np.zeros((40, 32, 32, 4), np.uint8)
    square = empty.copy()
    square[:, 8:24, 8:24] = 255
    logits = np.eye(3, dtype=np.float32)[np.zeros(40, int)]

    def extract(images):
        return Features(np.zeros((len(images), 2), np.float32), logits[: len(images)])

    sides = {
        name: sample_set(np.zeros((40, 2)), images=images, logits=logits, extract=extract)
        for name, images in (("real", square), ("fake", empty))
    }
    found = legibility.evaluate(sides["real"], sides["fake"], np.random.default_rng(0))
    assert found["legibility_16"].value == found["legibility_32"].value == 0.0
    assert "40 show nothing" in found["legibility_16"].note
    assert found["legibility_16_real"].value == 1.0
