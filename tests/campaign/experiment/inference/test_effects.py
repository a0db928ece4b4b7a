import numpy as np
import pytest
from scipy import stats

from campaign.experiment.inference import (
    effects,
    multiplicity,
    policy,
    sample_ratio,
    shrinkage,
)
from campaign.experiment.inference.effects import Moments, Sums


def moments(y, x, segment, arm, p, arms=("control", "new")):
    """Sums customers one by one, as the SQL does."""
    names = tuple(sorted(set(segment)))
    shape = len(names), len(arms)

    def total(values):
        out = np.zeros(shape)
        np.add.at(out, ([names.index(s) for s in segment], arm), values)
        return out

    w = 1 / p
    sums = Sums(
        total(y), total(y * y), total(x * y), total(y * w), total(y * w**2), total(y * y * w**2)
    )
    return Moments(
        names,
        arms,
        total(np.ones(len(y))),
        total(x),
        total(x * x),
        total(w),
        total(w**2),
        {"spend": sums},
    )


def customers(n, *, effect, seed=0):
    rng = np.random.default_rng(seed)
    segment = rng.choice(["a", "b"], n)
    treated = np.where(segment == "a", 0.8, 0.3)  # of the new arm: confounds plain means
    arm = (rng.random(n) < treated).astype(int)
    x = rng.standard_normal(n)
    y = 5 * (segment == "a") + 2 * x + effect * arm + rng.standard_normal(n)
    return y, x, segment, arm, np.where(arm == 1, treated, 1 - treated)


def test_strata_take_the_bias_of_unequal_shares_away():
    m = moments(*customers(40_000, effect=0.5))
    e = effects.difference(m, "spend", "new", control="control")
    assert abs(m.mean("spend", "new") - m.mean("spend", "control")) > 2
    assert abs(e.estimate - 0.5) < 3 * e.se


def test_cuped_saves_what_the_covariate_explains():
    m = moments(*customers(40_000, effect=0.5))
    plain = effects.difference(m, "spend", "new", control="control")
    e = effects.difference(m, "spend", "new", control="control", adjust=True)
    assert e.variance_saved == pytest.approx(0.8, abs=0.02)  # 4 of 5
    assert e.theta == pytest.approx(2, abs=0.02) and e.se < 0.5 * plain.se
    assert abs(e.estimate - 0.5) < 3 * e.se


def of_counts(control, treated, n):
    m = effects.from_counts(np.array([control, treated]), np.array([n, n]), ("control", "new"))
    return effects.difference(m, "rate", "new", control="control")


@pytest.mark.parametrize("adjust", [False, True])
def test_a_relative_interval_knows_that_the_control_is_measured_too(adjust):
    inside = divided = 0
    rng = np.random.default_rng(5)
    for _ in range(400):
        x = rng.standard_normal(200)
        arm = np.arange(200) % 2
        y = (1 + x / 2 + rng.standard_normal(200)) + 1.5 * arm
        m = moments(y, x, ["-"] * 200, arm, np.full(200, 0.5))
        e = effects.difference(m, "spend", "new", control="control", adjust=adjust)
        ends = e.estimate - 1.96 * e.se, e.estimate + 1.96 * e.se
        inside += e.relative_end(ends[0]) <= 1.5 <= e.relative_end(ends[1])
        divided += ends[0] <= 1.5 * e.control <= ends[1]
    assert 0.92 <= inside / 400 <= 0.98 and divided / 400 < 0.9


@pytest.mark.parametrize("treated", [31, 44, 45, 46, 47, 90])
def test_a_relative_interval_proves_what_the_difference_proves(treated):
    e = of_counts(30, treated, 1000)
    low, high = e.estimate - 1.96 * e.se, e.estimate + 1.96 * e.se
    assert (e.relative_end(low) > 0) == (low > 0)
    assert e.relative_end(low) < e.relative < e.relative_end(high)
    assert e.relative_end(high) > high / e.control  # upwards it is wider
    assert e.relative_end(e.estimate) == pytest.approx(e.relative)


def test_a_relative_interval_has_no_end_where_the_control_may_be_zero():
    e = of_counts(3, 9, 1000)
    assert e.relative_end(e.estimate + 1.96 * e.se) == np.inf
    assert e.relative_end(e.estimate - 1.96 * e.se) == -1  # nothing less than 0 is sold
    assert np.isnan(of_counts(0, 9, 1000).relative_end(0.1))


def test_a_covariate_from_after_the_start_is_seen():
    y, x, segment, arm, p = customers(20_000, effect=0.5)
    assert abs(effects.covariate_imbalance(moments(y, x, segment, arm, p), "new", "control")) < 4
    late = moments(y, x + 0.3 * arm, segment, arm, p)
    assert abs(effects.covariate_imbalance(late, "new", "control")) > 4


def test_one_stratum_is_welchs_test():
    y, x, _, arm, p = customers(500, effect=0.3)
    m = moments(y, x, ["-"] * 500, arm, p)
    e = effects.difference(m, "spend", "new", control="control")
    t = stats.ttest_ind(y[arm == 1], y[arm == 0], equal_var=False)
    assert e.z == pytest.approx(t.statistic, rel=1e-9)


def test_parts_add_up():
    columns = customers(2000, effect=0.3)
    whole = moments(*columns)
    parts = [moments(*(c[i::3] for c in columns)) for i in range(3)]
    merged = effects.merge(parts)
    np.testing.assert_allclose(merged.n, whole.n)
    np.testing.assert_allclose(merged.outcomes["spend"].yyw2, whole.outcomes["spend"].yyw2)


def test_policies_are_valued_as_they_would_have_done():
    m = moments(*customers(60_000, effect=0.5))
    shares = np.tile([0.0, 1.0], (2, 1))
    truth = 2.5 + 0.5
    for estimator in (policy.ips, policy.snips, policy.doubly_robust):
        value = estimator(m, "spend", shares)
        assert abs(value.estimate - truth) < 3.5 * value.se, estimator
        assert 0 < value.effective_n < m.n.sum()


def test_thompson_favours_the_best_and_keeps_a_floor():
    m = moments(*customers(20_000, effect=0.5))
    shares = policy.thompson(m, "spend", floor=0.02, seed=0)
    np.testing.assert_allclose(shares.sum(1), 1)
    assert shares.min() == pytest.approx(0.02) and shares[:, 1].min() > 0.9
    none = policy.thompson(moments(*customers(20_000, effect=0.0)), "spend", floor=0.02, seed=0)
    assert none[:, 1].min() > 0.02 and none[:, 1].max() < 0.98


def test_holm_is_the_published_example_and_that_of_statsmodels():
    np.testing.assert_allclose(
        multiplicity.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]
    )
    p = [0.004, 0.02, 0.3]
    crossed = [lambda level, p=x: p <= level for x in p]
    assert multiplicity.holm_by_level(crossed, 0.05) == [True, True, False]


def test_a_split_of_50520_to_49480_is_broken():
    assert sample_ratio.p_value([50_520, 49_480], [1, 1]) == pytest.approx(0.001, abs=1e-4)
    assert sample_ratio.p_value([5, 0], [0, 1]) == 0
    assert sample_ratio.p_value([70, 30], [7, 3]) == 1


def test_segments_are_drawn_together_as_far_as_chance_goes():
    rng = np.random.default_rng(2)
    truth, se = rng.normal(1, 0.5, 400), np.full(400, 0.5)
    seen = truth + se * rng.standard_normal(400)
    s = shrinkage.shrink(seen, se)
    assert s.tau == pytest.approx(0.5, abs=0.08) and s.mean == pytest.approx(1, abs=0.1)
    assert ((s.estimates - truth) ** 2).mean() < 0.6 * ((seen - truth) ** 2).mean()
    same = shrinkage.shrink(1 + 0.1 * se * rng.standard_normal(400), se)
    assert same.tau == 0 and np.ptp(same.estimates) < 1e-9
