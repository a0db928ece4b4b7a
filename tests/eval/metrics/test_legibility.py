"""Legibility at small sizes."""

import numpy as np
import pytest

from emoji_gan.errors import UserError
from eval.extractors.features import Features
from eval.metrics import legibility
from tests.support.metric_inputs import image_set, new_rng
from tests.support.seeded_features import sample_set


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
    sides = [
        image_set(i, logits=_recogniser(i).logits, extract=_recogniser) for i in (coarse, fine)
    ]
    estimates = legibility.evaluate(*sides, new_rng())
    assert estimates["legibility_16"].value == 0  # stripes of 2 px in 64 are gone at 16
    assert estimates["legibility_16_real"].value == 1
    assert estimates["legibility_16"].high > 0
    assert {*estimates} == {f"legibility_{s}{r}" for s in (16, 22, 32) for r in ("", "_real")}


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
    side = image_set(images, logits=_recogniser(images).logits, extract=_recogniser)
    estimates = legibility.evaluate(side, side, new_rng())
    assert estimates["legibility_32"].value == 1
    assert "no larger than 32 px" in estimates["legibility_32"].note
    assert "no larger than" not in estimates["legibility_16"].note
    assert "of 25 of the 30 images" in estimates["legibility_16"].note
    with pytest.raises(UserError, match="recogniser"):
        legibility.evaluate(side, image_set(images), new_rng())


def test_empty_pictures_are_not_legible():
    """The recogniser sees the same in an empty picture at every size; that is not legibility."""
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
    estimates = legibility.evaluate(sides["real"], sides["fake"], np.random.default_rng(0))
    assert estimates["legibility_16"].value == estimates["legibility_32"].value == 0.0
    assert "40 show nothing" in estimates["legibility_16"].note
    assert estimates["legibility_16_real"].value == 1.0
