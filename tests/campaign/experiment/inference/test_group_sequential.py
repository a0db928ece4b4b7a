import numpy as np
import pytest
from scipy import stats

from campaign.experiment.inference import always_valid, group_sequential

_FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_boundaries_are_those_of_the_tables():
    # Lan and DeMets' O'Brien-Fleming and Pocock spending, five looks, two-sided 5 %.
    ours = group_sequential.boundaries(_FIVE, 0.05, final=True)
    np.testing.assert_allclose(ours, [4.877, 3.357, 2.680, 2.290, 2.031], atol=6e-4)
    ours = group_sequential.boundaries(_FIVE, 0.05, "pocock", True)
    np.testing.assert_allclose(ours, [2.438, 2.427, 2.410, 2.397, 2.386], atol=6e-4)


def test_one_look_is_the_plain_test():
    (z,) = group_sequential.boundaries((1.0,), 0.05, final=True)
    assert z == pytest.approx(1.959964, abs=1e-5)
    low, high, estimate = group_sequential.stagewise_interval((1.0,), (), 2.5)
    assert (low, high, estimate) == pytest.approx((2.5 - 1.95996, 2.5 + 1.95996, 2.5), abs=1e-3)


@pytest.mark.parametrize("times", [_FIVE, (0.3, 0.304, 0.9, 1.07), (0.05, 0.5, 0.8)])
def test_all_of_alpha_is_spent_whenever_the_looks_are(times):
    critical = group_sequential.boundaries(times, 0.05, final=True)
    up, down = group_sequential.stopping(times, critical, 0.0)
    assert up.sum() + down.sum() == pytest.approx(0.05, abs=1e-6)
    np.testing.assert_allclose(up, down, atol=1e-9)


def test_power_is_that_of_simulated_paths():
    drift = group_sequential.drift_for_power(_FIVE, 0.05, 0.8)
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((40_000, 5)) * np.sqrt(0.2) + drift * 0.2
    z = steps.cumsum(1) / np.sqrt(_FIVE)
    crossed = (z >= group_sequential.boundaries(_FIVE, 0.05, final=True)).any(1)
    assert crossed.mean() == pytest.approx(0.8, abs=0.008)


def test_the_interval_leaves_zero_out_where_the_boundary_is_crossed():
    critical = group_sequential.boundaries(_FIVE, 0.05, final=True)
    for k in range(1, 5):
        at = critical[k]
        args = _FIVE[: k + 1], critical[:k]
        assert group_sequential.stagewise_interval(*args, at + 0.01)[0] > 0
    assert group_sequential.stagewise_interval(*args, at - 0.01)[0] < 0  # at the last look


def test_conditional_power_without_a_rest_is_certain():
    assert group_sequential.conditional_power(1.0, 2.1, 2.03, 3.0) == 1
    half = group_sequential.conditional_power(0.5, 0.0, 0.0, 0.0)
    assert half == pytest.approx(0.5)


def test_an_always_valid_interval_holds_on_watched_paths():
    rng = np.random.default_rng(1)
    times = np.arange(1, 201) / 100  # information; planned at 1
    paths = rng.standard_normal((3000, 200)).cumsum(1) / 10
    reach = np.array([always_valid.half_width(t**-0.5, 1.0, 0.05) for t in times])
    covered = (np.abs(paths / times) <= reach).all(1).mean()
    assert 0.95 <= covered < 1
    assert reach[99] > stats.norm.isf(0.025)  # wider than a single look's
