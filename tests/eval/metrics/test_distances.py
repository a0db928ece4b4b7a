"""Distances in blocks, against their definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import distances
from tests.support.metric_inputs import normal


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 8), st.integers(0, 1000))
def test_blocks_of_distances_are_those_of_the_definition(n, m, d, seed):
    a, b = normal(n, d, seed, 3.0), normal(m, d, seed + 1, 3.0)
    expected = np.square(a[:, None].astype(np.float64) - b[None]).sum(-1)
    whole = np.full((n, m), np.nan)
    for rows, squared in distances.blocks(a, b):
        whole[rows] = squared
    np.testing.assert_allclose(whole, expected, rtol=1e-4, atol=1e-4)
    index, distance = distances.nearest(a, b)
    np.testing.assert_allclose(distance, np.sqrt(expected.min(1)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        np.square(distance), expected[np.arange(n), index], rtol=1e-4, atol=1e-5
    )


def test_blocks_are_small_and_whole(monkeypatch):
    monkeypatch.setattr(distances, "_BLOCK_BYTES", 1000)
    a = normal(70, 3, 0)
    sizes = [len(squared) for _, squared in distances.blocks(a, a)]
    assert sum(sizes) == 70
    assert max(sizes) * 70 * 4 <= 1000
    expected = np.sort(np.square(a[:, None] - a[None]).sum(-1), axis=1)[:, 3]  # the first is itself
    np.testing.assert_allclose(distances.kth_nearest(a, 3), expected, rtol=1e-4)
