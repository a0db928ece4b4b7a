"""Memorisation: copies of training images are counted, near-duplicates do not excuse them."""

import numpy as np
import pytest

from emoji_gan.errors import UserError
from eval.metrics import memorisation
from tests.support.metric_inputs import new_rng, normal
from tests.support.seeded_features import sample_set


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 1.0])
def test_memorisation_rate_is_the_fraction_of_copies(fraction):
    real, fake = normal(1000, 12, 0), normal(600, 12, 1)
    copies = int(fraction * 600)
    fake[:copies] = real[np.random.default_rng(2).integers(0, 1000, copies)]
    real_set = sample_set(real, clusters=np.arange(1000))
    estimates = memorisation.evaluate(real_set, sample_set(fake), new_rng())
    rate = estimates["memorisation_rate"]
    # Of the others, one in a hundred by chance.
    assert rate.value == pytest.approx(fraction + (1 - fraction) * 0.01, abs=0.012)
    assert rate.low <= rate.value <= rate.high
    assert rate.note == ""
    if fraction == 0:
        assert estimates["memorisation_percentile"].value == pytest.approx(50, abs=8)


def test_neighbours_of_copies_are_their_originals():
    real = normal(300, 12, 0)
    rows = np.random.default_rng(1).permutation(300)[:50]
    neighbours = memorisation.neighbours(real, np.arange(300), real[rows])
    np.testing.assert_array_equal(neighbours.index, rows)
    assert not neighbours.distance.any()  # exactly: rounding must not hide a copy
    assert not neighbours.percentile.any()
    index, distance, percentile = neighbours
    assert index.shape == distance.shape == percentile.shape == (50,)


def test_a_worse_copy_ranks_higher():
    real, noise = normal(300, 12, 0), normal(300, 12, 1)
    medians = []
    for scale in (0.0, 0.2, 0.5, 1.0, 3.0):
        fake = real + np.float32(scale) * noise
        medians.append(np.median(memorisation.neighbours(real, np.arange(300), fake).percentile))
    assert medians == sorted(medians)
    assert medians[0] == 0
    assert medians[-1] > 90


def test_near_duplicates_among_the_real_do_not_excuse_copies():
    # Every real image has a twin; judged by the distance to it, a near copy would look ordinary.
    base = normal(500, 12, 0)
    real = np.concatenate([base, base + normal(500, 12, 1, scale=0.01)])
    fake = sample_set(base[:200] + normal(200, 12, 2, scale=0.02))
    clustered = sample_set(real, clusters=np.arange(1000) % 500)
    with_clusters = memorisation.evaluate(clustered, fake, new_rng())["memorisation_rate"]
    without = memorisation.evaluate(sample_set(real), fake, new_rng())["memorisation_rate"]
    assert with_clusters.value == 1.0
    assert without.value < 0.2
    assert "near-duplicates are not known" in without.note


def test_the_same_drawing_in_two_clusters_does_not_excuse_near_copies():
    """The line art of hearts of two colours is one drawing: nothing is nearer to another than 0."""
    real = normal(500, 12, 0)
    real[:40] = real[40:80]
    near = sample_set(real[100:200] + normal(100, 12, 1, scale=0.01))
    clustered = sample_set(real, clusters=np.arange(500))
    assert memorisation.evaluate(clustered, near, new_rng())["memorisation_rate"].value == 1.0
    twice = np.concatenate([real[40:240], real[40:240]])
    with pytest.raises(UserError, match="every real image is drawn twice"):
        memorisation.neighbours(twice, np.arange(400), twice)


def test_memorisation_refuses_and_notes_small_sets():
    fake = sample_set(normal(50, 4, 1))
    with pytest.raises(UserError, match="99 real images"):
        memorisation.evaluate(sample_set(normal(99, 4, 0)), fake, new_rng())
    real = sample_set(normal(250, 4, 0), clusters=np.arange(250))
    rate = memorisation.evaluate(real, fake, new_rng())["memorisation_rate"]
    assert "rests on 3 of 250" in rate.note
    one_cluster = sample_set(real.features, clusters=np.zeros(250, int))
    with pytest.raises(UserError, match="one cluster"):
        memorisation.evaluate(one_cluster, fake, new_rng())
