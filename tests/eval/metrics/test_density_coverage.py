"""Density and coverage of sets that hold an image more than once."""

import numpy as np

from eval.metrics import density_coverage, distinct
from tests.support.seeded_features import sample_set


def test_one_picture_drawn_a_thousand_times_gets_no_full_marks():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(300, 8)).astype(np.float32)
    same = np.repeat(real[:1], 1000, axis=0)
    estimates = density_coverage.evaluate(sample_set(real), sample_set(same), rng)
    assert estimates["coverage"].value < 0.1 and estimates["coverage"].n_fake == 1
    assert "999 exact copies among the generated" in estimates["density"].note
    fractions = distinct.evaluate(sample_set(real), sample_set(same), rng)
    assert fractions["distinct"].value == 0.001 and fractions["distinct_real"].value == 1.0


def test_duplicates_of_real_images_do_not_hide_exact_copies():
    """A skin tone that does not show leaves six copies of a real image, which is more than k."""
    rng = np.random.default_rng(0)
    once = rng.normal(size=(100, 8)).astype(np.float32)
    real = np.repeat(once, 6, axis=0)
    estimates = density_coverage.evaluate(sample_set(real), sample_set(once), rng)
    assert estimates["coverage"].value == 1.0 and estimates["density"].value > 0.5
    alone = density_coverage.evaluate(sample_set(once), sample_set(once), rng)
    assert alone["coverage"].value == estimates["coverage"].value
