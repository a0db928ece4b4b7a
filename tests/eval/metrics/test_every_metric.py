"""Every metric of features sees a shift, ignores the order and refuses too few images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoji_gan.errors import UserError
from eval.metrics import (
    density_coverage,
    frechet,
    inception_score,
    path_length,
    precision_recall,
    real_baseline,
)
from tests.support.metric_inputs import FEATURE_METRICS, new_rng, normal
from tests.support.seeded_features import sample_set


@pytest.mark.parametrize("metric", FEATURE_METRICS, ids=lambda m: m.__name__)
def test_a_growing_shift_is_seen(metric):
    real = sample_set(normal(300, 6, 0))
    values = {}
    for shift in (0.0, 0.5, 1.0, 2.0):
        shifted = sample_set(normal(300, 6, 1, shift))
        for name, estimate in metric.evaluate(real, shifted, new_rng()).items():
            values.setdefault(name, []).append(estimate.value)
    values.pop("kid_standard_error", None)
    for name, by_shift in values.items():
        rising = name in ("fd", "fd_infinity", "kid")
        assert by_shift == sorted(by_shift, reverse=not rising), name
        assert abs(by_shift[-1] - by_shift[0]) > 0.3 * max(np.abs(by_shift)), name


@pytest.mark.parametrize("d", [6, 400])  # fewer and more than images
def test_a_model_that_draws_one_image_only_is_judged(d):
    real = sample_set(normal(300, d, 0))
    one = sample_set(np.repeat(normal(1, d, 1), 200, axis=0))
    estimates = {}
    for metric in FEATURE_METRICS:
        estimates |= metric.evaluate(real, one, new_rng())
        if metric is not density_coverage:
            swapped = metric.evaluate(one, real, new_rng())
            estimates |= {f"{name} swapped": estimate for name, estimate in swapped.items()}
    with pytest.raises(UserError, match="more than 5 distinct real images"):
        density_coverage.evaluate(one, real, new_rng())
    assert all(np.isfinite([e.value, e.low or 0, e.high or 0]).all() for e in estimates.values())
    spread = np.trace(frechet.covariance(real.features))
    offset = np.sum(np.square(real.features.mean(0, dtype=np.float64) - one.features[0]))
    expected = pytest.approx(spread + offset, rel=1e-6)
    assert estimates["fd"].value == estimates["fd swapped"].value == expected
    assert estimates["recall"].value == 0
    assert estimates["coverage"].value < 0.3  # not 0: in many dimensions one point is near to many


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_images_does_not_matter(seed):
    real, fake = normal(120, 5, 0), normal(90, 5, 1, 0.3)
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(real), rng.permutation(fake)
    assert frechet.fd(*mixed) == pytest.approx(frechet.fd(real, fake), rel=1e-9)
    for count in (precision_recall.inside, density_coverage.reach):
        before, after = count(real, fake), count(*mixed)
        assert [x.sum() for x in before] == [x.sum() for x in after]


@pytest.mark.parametrize(
    "metric", [*FEATURE_METRICS, inception_score, path_length], ids=lambda m: m.__name__
)
def test_too_few_images_are_refused_in_a_line_and_few_are_noted(metric):
    def side(n):
        features = normal(n, 300, 3)
        return sample_set(features, logits=features, path_pairs=(features, features + 1))

    with pytest.raises(UserError, match=r"\d+ .*at least \d+"):
        metric.evaluate(side(5), side(5), new_rng())
    for estimate in metric.evaluate(side(200), side(200), new_rng()).values():
        assert estimate.note
        assert estimate.n_fake == 200


@pytest.mark.parametrize("metric", [inception_score, path_length], ids=lambda m: m.__name__)
def test_a_metric_that_lacks_what_it_needs_says_so(metric):
    side = sample_set(normal(300, 4, 0))
    with pytest.raises(UserError, match=r"logits|model"):
        metric.evaluate(side, side, new_rng())


def test_features_that_are_not_finite_are_refused():
    features = normal(30, 4, 0)
    features[7, 2] = np.nan
    message = "1 of 30 images have features that are not finite, first 7"
    with pytest.raises(UserError, match=message):
        sample_set(features)


def test_many_images_carry_no_note():
    real, fake = sample_set(normal(1200, 4, 0)), sample_set(normal(1100, 4, 1))
    for metric in FEATURE_METRICS:
        for name, estimate in metric.evaluate(real, fake, new_rng()).items():
            assert estimate.note == "", name
            assert (estimate.n_real, estimate.n_fake) == (1200, 1100)


@pytest.mark.parametrize("seed", range(5))
def test_intervals_hold_their_value(seed):
    """Both sets are of one distribution, where an extrapolated distance falls below 0."""
    rng = np.random.default_rng(seed)
    sides = [sample_set(rng.normal(size=(160, 16)).astype(np.float32)) for _ in range(2)]
    values = {}
    for metric in (*FEATURE_METRICS, real_baseline):
        values |= metric.evaluate(*sides, rng)
    for name, e in values.items():
        if e.low is not None:
            assert e.low <= e.value <= e.high, name
