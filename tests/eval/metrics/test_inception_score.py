"""Inception score: the reference's values and its limits."""

import numpy as np
import pytest

from eval.metrics import inception_score
from tests.support.metric_inputs import new_rng
from tests.support.seeded_features import REFERENCE, make_logits, sample_set


@pytest.mark.parametrize(
    "case", REFERENCE["isc"], ids=lambda c: f"{c['n']}x{c['c']}, {c['splits']} splits"
)
def test_inception_score_is_that_of_torch_fidelity(case):
    logits = make_logits(case["n"], case["c"], case["seed"], case["scale"])
    mean, std = inception_score.inception_score(logits, case["splits"], case["shuffle"])
    assert mean == pytest.approx(case["inception_score_mean"], rel=1e-9)
    assert std == pytest.approx(case["inception_score_std"], rel=1e-7, abs=1e-12)


def test_inception_score_is_the_number_of_classes_where_each_image_is_of_one():
    logits = np.eye(7, dtype=np.float32)[np.arange(700) % 7] * 100
    assert inception_score.inception_score(logits, splits=1)[0] == pytest.approx(7, rel=1e-6)
    # Splits of 70 do not hold equally many images of each class.
    assert inception_score.inception_score(logits)[0] < 7
    assert inception_score.inception_score(np.zeros((700, 7), np.float32))[0] == pytest.approx(1)
    real, fake = sample_set(np.zeros((200, 2))), sample_set(np.zeros((700, 2)), logits=logits)
    estimates = inception_score.evaluate(real, fake, new_rng())
    assert list(estimates) == ["inception_score"]
    estimate = estimates["inception_score"]
    assert (estimate.n_real, estimate.n_fake) == (200, 700)
    assert "splits of 70" in estimate.note
