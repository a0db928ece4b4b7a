"""Transparency: its statistics and their distances."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoji_gan import images as image_lib
from eval.metrics import alpha
from tests.support.metric_inputs import image_set, new_rng, soft_discs


@jax.jit
def _alpha_statistics(images):
    return image_lib.alpha_statistics(image_lib.to_model(images))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_alpha_statistics_are_those_of_training(seed):
    images = np.random.default_rng(seed).integers(0, 256, (3, 9, 9, 4)).astype(np.uint8)
    expected = jax.device_get(_alpha_statistics(images))
    statistics = {
        name: top.sum() / max(bottom.sum(), 1.0)
        for name, (top, bottom) in alpha.statistics(images).items()
    }
    assert statistics == pytest.approx(
        {k: float(v) for k, v in expected.items()}, rel=1e-5, abs=1e-6
    )


def test_alpha_of_the_same_kind_is_near_and_each_fault_is_seen_by_its_own_statistic():
    real = image_set(soft_discs(300))
    same = alpha.evaluate(real, image_set(soft_discs(300, seed=1)), new_rng())
    blurred = alpha.evaluate(real, image_set(soft_discs(300, seed=1, softness=6.0)), new_rng())
    speckled = soft_discs(300, seed=1)
    speckled[:, 2, ::4] = (10, 20, 30, 255)
    speckled = alpha.evaluate(real, image_set(speckled), new_rng())
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
    estimates = alpha.evaluate(image_set(full), image_set(empty), new_rng())
    assert estimates["alpha_coverage"].value == 0
    assert estimates["alpha_coverage_real"].value == 1
    assert estimates["alpha_coverage_distance"].value == pytest.approx(1)
    assert all(np.isfinite([e.value, e.low, e.high]).all() for e in estimates.values())


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
