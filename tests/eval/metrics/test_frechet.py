"""Fréchet distance: the references' values, its influences and its limit of many images."""

import numpy as np
import pytest

from emoji_gan.errors import UserError
from eval.metrics import frechet, resample
from tests.support.metric_inputs import new_rng, normal
from tests.support.seeded_features import REFERENCE, REFERENCE_2048, make_features, sample_set


@pytest.mark.parametrize("case", REFERENCE["fid"], ids=lambda c: f"{c['a']['n']}x{c['a']['d']}")
def test_fd_is_that_of_the_references(case):
    a, b = make_features(**case["a"]), make_features(**case["b"])
    singular = max(len(a), len(b)) <= a.shape[1]  # the references carry noise of the null space
    rel = 1e-7 if singular else 1e-11
    for name in ("pytorch_fid", "torch_fidelity"):
        assert frechet.fd(a, b) == pytest.approx(case[name], rel=rel, abs=1e-11)
    value, _, _ = frechet.distance_and_influences(frechet.fit(a), frechet.fit(b), a, b)
    assert value == pytest.approx(frechet.fd(a, b), rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("case", REFERENCE_2048, ids=["full_rank", "few"])
def test_fd_is_that_of_the_references_in_2048_dimensions(case):
    a, b = make_features(**case["a"]), make_features(**case["b"])
    exact = case["results"]["svd"]["fid"]
    assert frechet.fd(a, b) == pytest.approx(exact, rel=2e-9 if len(a) < 2048 else 5e-13)


@pytest.mark.parametrize("n", [100, 12])  # more and fewer than dimensions
def test_fd_of_a_set_and_itself_is_zero_and_of_a_moved_set_the_squared_distance(n):
    a = normal(n, 20, 0)
    assert frechet.fd(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet.fd(a, a + np.float32(0.5)) == pytest.approx(20 * 0.25, rel=1e-4)
    second_moment = np.trace(frechet.covariance(a)) + np.sum(a.mean(0, dtype=np.float64) ** 2)
    assert frechet.fd(a, a * np.float32(3)) == pytest.approx(4 * second_moment, rel=1e-4)


def test_fd_of_sides_of_different_rank_is_symmetric():
    few, many = normal(12, 20, 0), normal(300, 20, 1, 0.3)
    by_moments = [
        frechet.from_moments(x.mean(0, dtype=np.float64), frechet.covariance(x))
        for x in (few, many)
    ]
    assert frechet.fd(few, many) == pytest.approx(frechet.fd(many, few), rel=1e-12)
    assert frechet.fd(few, many) == pytest.approx(frechet.distance(*by_moments), rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(60, 50), (7, 50), (7, 6)])
def test_influences_are_the_derivative_by_the_weight_of_an_image(n, m):
    a, b = normal(n, 8, 0, scale=np.arange(1, 9) / 4), normal(m, 8, 1, 0.4)
    step = 1e-4

    def weighted(side, i, h):
        features = [a.astype(np.float64), b.astype(np.float64)]
        weights = np.ones(len(features[side]))
        weights[i] += h
        mean = weights @ features[side] / weights.sum()
        x = (features[side] - mean) * np.sqrt(weights[:, None] * len(weights) / weights.sum())
        changed = frechet.Gaussian(mean, x / np.sqrt(len(weights) - 1))
        gaussians = [frechet.fit(a), frechet.fit(b)]
        gaussians[side] = changed
        return frechet.distance(*gaussians)

    _, *influences = frechet.distance_and_influences(frechet.fit(a), frechet.fit(b), a, b)
    for side, influence in enumerate(influences):
        k = len(influence)
        numeric = [
            (weighted(side, i, step) - weighted(side, i, -step)) / (2 * step) * k for i in range(k)
        ]
        scale = k / (k - 1)  # of the quadratic part
        np.testing.assert_allclose(
            numeric - np.mean(numeric),
            influence - influence.mean(),
            atol=(scale - 1) * np.abs(influence).max() * 1.5 + 1e-3,
        )


@pytest.mark.parametrize(("n", "d", "shift"), [(400, 6, 0.3), (60, 40, 0.3), (30, 60, 0.5)])
def test_fd_standard_error_is_the_spread_over_repetitions(n, d, shift):
    scale = np.linspace(0.5, 2, d)
    values, errors = [], []
    for seed in range(100):
        a, b = normal(n, d, 2 * seed), normal(n, d, 2 * seed + 1, shift, scale)
        value, of_a, of_b = frechet.distance_and_influences(frechet.fit(a), frechet.fit(b), a, b)
        values.append(value)
        errors.append(np.sqrt(of_a.var() / n + of_b.var() / n))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


def test_fd_infinity_is_nearer_to_the_truth_than_fd():
    d, truth = 16, 16 * 0.2**2  # means 0.2 apart in 16 dimensions
    real = normal(20_000, d, 0)
    fds, limits, errors = [], [], []
    for seed in range(1, 21):
        fake = normal(500, d, seed, 0.2)
        estimates = frechet.evaluate(sample_set(real), sample_set(fake), new_rng())
        limit = estimates["fd_infinity"]
        fds.append(estimates["fd"].value)
        limits.append(limit.value)
        errors.append((limit.high - limit.low) / (2 * resample.Z))
    assert np.mean(fds) - truth > 0.12
    assert abs(np.mean(limits) - truth) < 0.25 * (np.mean(fds) - truth)
    assert np.mean(errors) == pytest.approx(np.std(limits), rel=0.5)


def test_features_of_two_networks_are_refused():
    with pytest.raises(UserError, match="one extractor"):
        frechet.evaluate(sample_set(normal(300, 4, 0)), sample_set(normal(300, 5, 0)), new_rng())
