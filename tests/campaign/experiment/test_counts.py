import numpy as np
import pytest

from campaign.experiment import counts
from campaign.experiment.counts import CountedTest


def _test(impressions, clicks, winner=None):
    arms = tuple("abcde"[: len(clicks)])
    return CountedTest("t", arms, np.array(impressions, float), np.array(clicks, float), winner)


def test_two_proportions_as_statsmodels_compares_them():
    # statsmodels 0.15: proportions_ztest([150, 110], [3000, 3100]) -> 2.80585, 0.0050184
    v = counts.judge(_test([3000, 3100], [150, 110]), control="b")
    z, p = counts.against(_test([3000, 3100], [150, 110]), 1)
    assert (z[0], p[0]) == pytest.approx((2.80585, 0.0050184), rel=1e-4)
    assert v.outcome == "proved" and v.best == 0 and v.low > 0


def test_a_broken_split_is_refused_whatever_the_clicks():
    v = counts.judge(_test([5000, 4000], [500, 100]))
    assert v.outcome == "refused" and v.best is None and v.declared is None


def test_nothing_is_proved_of_too_few_clicks():
    assert counts.judge(_test([100, 100], [0, 0])).outcome == "too_few"
    assert counts.judge(_test([0, 0], [0, 0])).outcome == "too_few"


def test_a_declared_winner_can_be_wrong():
    assert counts.judge(_test([9000, 9000], [300, 500], winner=0)).declared == "wrong"
    assert counts.judge(_test([9000, 9000], [300, 500], winner=1)).declared == "proved"
    assert counts.judge(_test([9000] * 3, [490, 500, 300], winner=1)).declared == "undecided"


@pytest.mark.parametrize("k", [2, 3, 5])
def test_choosing_the_best_from_the_data_raises_no_false_alarms(k):
    rng = np.random.default_rng(k)
    tests = [_test([5000] * k, rng.binomial(5000, 0.05, k)) for _ in range(2000)]
    wrong = np.mean([counts.best_arm(t) is not None for t in tests])
    assert wrong <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)


def test_counts_are_judged_without_a_plan(run, tmp_path):
    (tmp_path / "c.csv").write_text("test,arm,impressions,clicks\n1,a,9000,500\n1,b,9000,300\n")
    code, out, _ = run("analyse", f"--counts={tmp_path}/c.csv", f"--out={tmp_path}/r", "--lang=fr")
    assert code == 0 and "a est prouvé meilleur" in out
