"""Confidence intervals: Wilson's, the bootstrap's and the normal one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import resample
from tests.support.metric_inputs import new_rng


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.floats(0, 1))
def test_wilson_intervals_hold_the_fraction(n, fraction):
    low, high = resample.wilson(fraction * n, n)
    assert 0 <= low <= fraction + 1e-9
    assert fraction - 1e-9 <= high <= 1
    assert high - low > 0
    assert high - low <= 2 * resample.Z * 0.5 / np.sqrt(n) + 1e-9


def test_bootstrap_of_a_mean_is_as_wide_as_theory_says():
    values = np.random.default_rng(0).normal(size=400)
    replicates = resample.bootstrap(
        lambda rows: values[rows].mean(), [400], new_rng(), resamples=2000
    )
    low, high = resample.percentile(replicates)
    assert high - low == pytest.approx(2 * resample.Z * values.std() / 20, rel=0.1)
    assert low < values.mean() < high
    assert resample.centred(0.001, replicates)[0] == 0.0


def test_an_interval_never_starts_above_its_value():
    assert resample.normal(-0.5, 0.1, least=0.0) == (-0.5, pytest.approx(-0.304, abs=1e-3))
    assert resample.normal(0.1, 1.0, least=0.0)[0] == 0.0
