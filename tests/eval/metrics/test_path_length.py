"""Perceptual path length: its slope, its trimming and its rounding."""

import numpy as np
import pytest

from eval.metrics import path_length
from tests.support.metric_inputs import new_rng
from tests.support.seeded_features import sample_set


def test_path_length_is_the_squared_slope():
    # Features that grow by (3, 4) for a unit of W: every step has length 5.
    first = np.random.default_rng(0).random((500, 2)).astype(np.float64)
    second = first + np.array([3.0, 4.0]) * path_length.EPSILON
    mean = path_length.trimmed_mean(path_length.lengths(first, second))
    assert mean == pytest.approx(25, rel=1e-6)
    estimate = path_length.evaluate(
        sample_set(np.zeros((30, 2))),
        sample_set(np.zeros((40, 2)), path_pairs=(first, second)),
        new_rng(),
    )["ppl"]
    assert (estimate.n_real, estimate.n_fake) == (30, 500)
    assert estimate.low <= estimate.value <= estimate.high


def test_path_length_is_trimmed_at_both_ends():
    values = np.arange(1000.0)
    values[-5:] = 1e9
    assert path_length.trimmed_mean(values) == pytest.approx(values[9:991].mean(), abs=1.0)


def test_path_length_flags_steps_lost_in_rounding():
    first = np.random.default_rng(0).random((2000, 2)).astype(np.float32)
    second = first + np.where(np.arange(2000)[:, None] % 2, np.float32(1e-4), np.float32(0))
    fake = sample_set(np.zeros((40, 2)), path_pairs=(first, second))
    assert "50% of the pairs" in path_length.evaluate(fake, fake, new_rng())["ppl"].note
