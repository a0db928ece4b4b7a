"""Intra-class Fréchet distance: what it sees that the distance of the whole set hides."""

import numpy as np
import pytest

from emoji_gan.errors import UserError
from eval.metrics import intra_class
from tests.support.metric_inputs import new_rng, normal
from tests.support.seeded_features import sample_set


def _classes(n, seed, d=6, scale=1.0):
    labels = np.arange(n, dtype=np.int32) % 4
    return normal(n, d, seed, 5.0 * labels[:, None], scale), labels


def _intra_class_fd(real, fake):
    return intra_class.evaluate(real, fake, new_rng())["intra_class_fd"]


def test_intra_class_distance_sees_what_the_whole_hides():
    # The same images with wrong classes: nothing changes for the set as a whole.
    (x, labels), (y, fake_labels) = _classes(400, 0), _classes(400, 1)
    real = sample_set(x, labels=labels)
    right = _intra_class_fd(real, sample_set(y, labels=fake_labels))
    wrong = _intra_class_fd(real, sample_set(y, labels=(fake_labels + 1) % 4))
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
        _intra_class_fd(real, sample_set(y, labels=labels)).value
        for y in (x, *(_classes(400, 1, scale=s)[0] for s in (1.0, 0.5, 0.1)))
    ]
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert values == sorted(values)
    assert values[-1] > 10 * values[1]


def test_intra_class_standard_error_is_the_spread_over_repetitions():
    estimates = []
    for seed in range(60):
        (x, labels), (y, _) = _classes(200, 2 * seed, d=3), _classes(200, 2 * seed + 1, d=3)
        y = y + np.float32(0.5)
        estimates.append(
            _intra_class_fd(sample_set(x, labels=labels), sample_set(y, labels=labels))
        )
    values = [e.value for e in estimates]
    errors = [(e.high - e.value) / 1.96 for e in estimates]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


def test_intra_class_distance_leaves_out_small_classes_and_says_so():
    x, labels = _classes(400, 0)
    real = sample_set(x, labels=labels)
    few = np.where(labels == 3, np.arange(400) < 40, True)
    estimate = _intra_class_fd(real, sample_set(x[few], labels=labels[few]))
    assert "1 of 4 classes left out" in estimate.note
    assert (estimate.n_real, estimate.n_fake) == (300, 300)
    with pytest.raises(UserError, match="none of the 400 classes has 20"):
        one_each = sample_set(x, labels=np.arange(400, dtype=np.int32))
        _intra_class_fd(one_each, one_each)
    with pytest.raises(UserError, match="no classes"):
        _intra_class_fd(real, sample_set(x))


def test_intra_class_distance_of_many_dimensions_is_of_principal_components():
    x, labels = _classes(400, 0)
    wide = np.zeros((400, 300), np.float32)
    wide[:, 100:106] = x
    moved = wide + np.float32(0.1)
    estimate = _intra_class_fd(sample_set(wide, labels=labels), sample_set(moved, labels=labels))
    assert "256 principal components of 300 dimensions" in estimate.note
