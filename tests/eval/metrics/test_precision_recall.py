"""Precision, recall, density and coverage together, against prdc and against poor sets."""

import numpy as np
import pytest

from eval.metrics import density_coverage, precision_recall
from tests.support.metric_inputs import new_rng, normal
from tests.support.seeded_features import REFERENCE, make_features, sample_set


@pytest.mark.parametrize("case", REFERENCE["prdc"], ids=lambda c: f"{c['real']['d']}, k={c['k']}")
def test_precision_recall_density_coverage_are_those_of_prdc(case):
    real, fake = make_features(**case["real"]), make_features(**case["fake"])
    of_fake, of_real = precision_recall.inside(real, fake, case["k"])
    counts, covered = density_coverage.reach(real, fake, case["k"])
    values = {
        "precision": of_fake.mean(),
        "recall": of_real.mean(),
        "density": counts.mean() / case["k"],
        "coverage": covered.mean(),
    }
    assert values == pytest.approx(case["prdc"], rel=1e-12)
    for name, value in case["torch_fidelity"].items():
        assert values[name] == pytest.approx(value, rel=1e-6)


def test_precision_and_recall_tell_poor_images_from_missing_ones():
    real = sample_set(normal(400, 4, 0))
    sets = {
        "as real": normal(400, 4, 1),
        "far": normal(400, 4, 2, 20.0),
        "narrow": normal(400, 4, 3, scale=0.1),
    }
    estimates_of = {
        name: precision_recall.evaluate(real, sample_set(fake), new_rng())
        | density_coverage.evaluate(real, sample_set(fake), new_rng())
        for name, fake in sets.items()
    }
    value = {name: {k: e.value for k, e in es.items()} for name, es in estimates_of.items()}
    assert all(value["as real"][k] > 0.8 for k in ("precision", "recall", "density", "coverage"))
    assert all(value["far"][k] == 0 for k in ("precision", "recall", "density", "coverage"))
    assert value["narrow"]["precision"] > 0.95
    assert value["narrow"]["recall"] < 0.1
    assert value["narrow"]["coverage"] < 0.5
    for estimates in estimates_of.values():
        for estimate in estimates.values():
            assert estimate.low <= estimate.value <= estimate.high
    assert estimates_of["far"]["precision"].high > 0  # 400 images cannot prove that there are none


def test_clusters_widen_the_intervals_over_real_images():
    real, fake = normal(400, 4, 0), sample_set(normal(400, 4, 1, 0.5))
    alone = sample_set(real, clusters=np.arange(400))
    tens = sample_set(real, clusters=np.arange(400) // 10)
    for metric, name in ((precision_recall, "recall"), (density_coverage, "coverage")):
        narrow, wide = (metric.evaluate(side, fake, new_rng())[name] for side in (alone, tens))
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
        assert wide.value == narrow.value
