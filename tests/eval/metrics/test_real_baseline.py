"""Real images against real images: what few of them cost."""

import numpy as np

from eval.metrics import real_baseline
from tests.support.seeded_features import sample_set


def test_real_against_real_says_what_few_images_cost():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(2000, 16)).astype(np.float32)
    few, many = (
        real_baseline.evaluate(sample_set(real), sample_set(real[:n]), rng)["fd_real"].value
        for n in (100, 1000)
    )
    assert few > 5 * many > 0
    clusters = np.repeat(np.arange(1000), 2)
    a, b = real_baseline.halves(sample_set(real, clusters=clusters), 1000, rng)
    assert not set(clusters[a]) & set(clusters[b]) and len(a) == len(b)
