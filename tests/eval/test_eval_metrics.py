"""Metrics of features, against the values of public implementations and against what they must do."""

import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoji_gan.errors import UserError
from eval.metrics import (
    density_coverage,
    distances,
    distinct,
    frechet,
    inception_score,
    kid,
    path_length,
    precision_recall,
    real_baseline,
    resample,
)
from tests.support.seeded_features import make_features, make_logits, sample_set

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
# Of pytorch-fid, torch-fidelity and prdc on seeded features.
REFERENCE = json.loads((FIXTURES / "metrics.json").read_text())
REFERENCE_2048 = json.loads((FIXTURES / "metrics_2048.json").read_text())["cases"]
FEATURE_METRICS = [frechet, kid, precision_recall, density_coverage]


def _rng():
    return np.random.default_rng(0)


def _normal(n, d, seed, shift=0.0, scale=1.0):
    return (np.random.default_rng(seed).normal(size=(n, d)) * scale + shift).astype(np.float32)


@pytest.mark.parametrize("case", REFERENCE["fid"], ids=lambda c: f"{c['a']['n']}x{c['a']['d']}")
def test_fd_is_that_of_the_references(case):
    a, b = make_features(**case["a"]), make_features(**case["b"])
    singular = max(len(a), len(b)) <= a.shape[1]  # then they carry noise of the null space
    for name in ("pytorch_fid", "torch_fidelity"):
        assert frechet.fd(a, b) == pytest.approx(
            case[name], rel=1e-7 if singular else 1e-11, abs=1e-11
        )
    value, _, _ = frechet.distance_and_influences(frechet.fit(a), frechet.fit(b), a, b)
    assert value == pytest.approx(frechet.fd(a, b), rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("case", REFERENCE_2048, ids=["full_rank", "few"])
def test_fd_is_that_of_the_references_in_2048_dimensions(case):
    a, b = make_features(**case["a"]), make_features(**case["b"])
    exact = case["results"]["svd"]["fid"]
    assert frechet.fd(a, b) == pytest.approx(exact, rel=2e-9 if len(a) < 2048 else 5e-13)


@pytest.mark.parametrize("n", [100, 12])  # more and fewer than dimensions
def test_fd_of_a_set_and_itself_is_zero_and_of_a_moved_set_the_squared_way(n):
    a = _normal(n, 20, 0)
    assert frechet.fd(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet.fd(a, a + np.float32(0.5)) == pytest.approx(20 * 0.25, rel=1e-4)
    assert frechet.fd(a, a * np.float32(3)) == pytest.approx(
        4 * (np.trace(frechet.covariance(a)) + np.sum(a.mean(0, dtype=np.float64) ** 2)), rel=1e-4
    )


def test_fd_of_sides_of_different_rank_is_symmetric():
    few, many = _normal(12, 20, 0), _normal(300, 20, 1, 0.3)
    by_moments = [
        frechet.from_moments(x.mean(0, dtype=np.float64), frechet.covariance(x))
        for x in (few, many)
    ]
    assert frechet.fd(few, many) == pytest.approx(frechet.fd(many, few), rel=1e-12)
    assert frechet.fd(few, many) == pytest.approx(frechet.distance(*by_moments), rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(60, 50), (7, 50), (7, 6)])
def test_influences_are_the_derivative_by_the_weight_of_an_image(n, m):
    a, b = _normal(n, 8, 0, scale=np.arange(1, 9) / 4), _normal(m, 8, 1, 0.4)
    step = 1e-4

    def weighted(side, i, h):
        features = [a.astype(np.float64), b.astype(np.float64)]
        weights = np.ones(len(features[side]))
        weights[i] += h
        mean = weights @ features[side] / weights.sum()
        x = (features[side] - mean) * np.sqrt(weights[:, None] * len(weights) / weights.sum())
        changed = frechet.Gaussian(mean, x / np.sqrt(len(weights) - 1))
        gaussians = [frechet.fit(a), frechet.fit(b)]
        gaussians[side] = changed
        return frechet.distance(*gaussians)

    _, *influences = frechet.distance_and_influences(frechet.fit(a), frechet.fit(b), a, b)
    for side, influence in enumerate(influences):
        k = len(influence)
        numeric = [
            (weighted(side, i, step) - weighted(side, i, -step)) / (2 * step) * k for i in range(k)
        ]
        scale = k / (k - 1)  # of the quadratic part
        np.testing.assert_allclose(
            numeric - np.mean(numeric),
            influence - influence.mean(),
            atol=(scale - 1) * np.abs(influence).max() * 1.5 + 1e-3,
        )


@pytest.mark.parametrize(("n", "d", "shift"), [(400, 6, 0.3), (60, 40, 0.3), (30, 60, 0.5)])
def test_fd_standard_error_is_the_spread_over_repetitions(n, d, shift):
    scale = np.linspace(0.5, 2, d)
    values, errors = [], []
    for seed in range(100):
        a, b = _normal(n, d, 2 * seed), _normal(n, d, 2 * seed + 1, shift, scale)
        value, of_a, of_b = frechet.distance_and_influences(frechet.fit(a), frechet.fit(b), a, b)
        values.append(value)
        errors.append(np.sqrt(of_a.var() / n + of_b.var() / n))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


def test_fd_infinity_is_nearer_to_the_truth_than_fd():
    d, truth = 16, 16 * 0.2**2  # means 0.2 apart in 16 dimensions
    real = _normal(20_000, d, 0)
    fds, limits, errors = [], [], []
    for seed in range(1, 21):
        fake = _normal(500, d, seed, 0.2)
        found = frechet.evaluate(sample_set(real), sample_set(fake), _rng())
        fds.append(found["fd"].value)
        limits.append(found["fd_infinity"].value)
        errors.append((found["fd_infinity"].high - found["fd_infinity"].low) / (2 * resample.Z))
    assert np.mean(fds) - truth > 0.12
    assert abs(np.mean(limits) - truth) < 0.25 * (np.mean(fds) - truth)
    assert np.mean(errors) == pytest.approx(np.std(limits), rel=0.5)


@pytest.mark.parametrize("case", REFERENCE["kid"], ids=lambda c: f"{c['a']['n']}x{c['a']['d']}")
def test_kid_is_that_of_torch_fidelity(case):
    a, b = make_features(**case["a"]), make_features(**case["b"])
    found = kid.kid(a, b, case["kid_subsets"], case["kid_subset_size"], case["rng_seed"])
    expected = case["float64"]
    assert found.mean == pytest.approx(
        expected["kernel_inception_distance_mean"], rel=1e-9, abs=1e-13
    )
    assert found.std == pytest.approx(expected["kernel_inception_distance_std"], rel=1e-9)
    block = case["one_block_first_n"]
    value, _, _ = kid.mmd2(a[: block["n"]], b[: block["n"]])
    assert value == pytest.approx(block["mmd2_unbiased"], rel=1e-9, abs=1e-13)


def test_kid_standard_error_is_the_spread_over_repetitions():
    found = [
        kid.kid(_normal(120, 6, 2 * s), _normal(150, 6, 2 * s + 1, 0.2), 20, 60) for s in range(100)
    ]
    assert np.mean([f.standard_error for f in found]) == pytest.approx(
        np.std([f.mean for f in found]), rel=0.3
    )


def test_kid_is_unbiased():
    found = [
        kid.kid(_normal(60, 4, 2 * s), _normal(60, 4, 2 * s + 1), 1, 60).mean for s in range(200)
    ]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


@pytest.mark.parametrize(
    "case", REFERENCE["isc"], ids=lambda c: f"{c['n']}x{c['c']}, {c['splits']} splits"
)
def test_inception_score_is_that_of_torch_fidelity(case):
    logits = make_logits(case["n"], case["c"], case["seed"], case["scale"])
    mean, std = inception_score.inception_score(logits, case["splits"], case["shuffle"])
    assert mean == pytest.approx(case["inception_score_mean"], rel=1e-9)
    assert std == pytest.approx(case["inception_score_std"], rel=1e-7, abs=1e-12)


def test_inception_score_is_the_number_of_classes_where_each_image_is_of_one():
    logits = np.eye(7, dtype=np.float32)[np.arange(700) % 7] * 100
    assert inception_score.inception_score(logits, splits=1)[0] == pytest.approx(7, rel=1e-6)
    assert (
        inception_score.inception_score(logits)[0] < 7
    )  # splits of 70 do not hold equally many of each
    assert inception_score.inception_score(np.zeros((700, 7), np.float32))[0] == pytest.approx(1)
    found = inception_score.evaluate(
        sample_set(np.zeros((200, 2))), sample_set(np.zeros((700, 2)), logits=logits), _rng()
    )
    assert list(found) == ["inception_score"]
    assert (found["inception_score"].n_real, found["inception_score"].n_fake) == (200, 700)
    assert "splits of 70" in found["inception_score"].note


@pytest.mark.parametrize("case", REFERENCE["prdc"], ids=lambda c: f"{c['real']['d']}, k={c['k']}")
def test_precision_recall_density_coverage_are_those_of_prdc(case):
    real, fake = make_features(**case["real"]), make_features(**case["fake"])
    of_fake, of_real = precision_recall.inside(real, fake, case["k"])
    counts, covered = density_coverage.reach(real, fake, case["k"])
    found = {
        "precision": of_fake.mean(),
        "recall": of_real.mean(),
        "density": counts.mean() / case["k"],
        "coverage": covered.mean(),
    }
    assert found == pytest.approx(case["prdc"], rel=1e-12)
    for name, value in case["torch_fidelity"].items():
        assert found[name] == pytest.approx(value, rel=1e-6)


def test_precision_and_recall_tell_poor_images_from_missing_ones():
    real = _normal(400, 4, 0)
    found = {}
    for name, fake in {
        "as real": _normal(400, 4, 1),
        "far": _normal(400, 4, 2, 20.0),
        "narrow": _normal(400, 4, 3, scale=0.1),
    }.items():
        sides = sample_set(real), sample_set(fake)
        found[name] = precision_recall.evaluate(*sides, _rng()) | density_coverage.evaluate(
            *sides, _rng()
        )
    value = {name: {k: e.value for k, e in f.items()} for name, f in found.items()}
    assert all(value["as real"][k] > 0.8 for k in ("precision", "recall", "density", "coverage"))
    assert all(value["far"][k] == 0 for k in ("precision", "recall", "density", "coverage"))
    assert value["narrow"]["precision"] > 0.95
    assert value["narrow"]["recall"] < 0.1
    assert value["narrow"]["coverage"] < 0.5
    for estimates in found.values():
        for estimate in estimates.values():
            assert estimate.low <= estimate.value <= estimate.high
    assert found["far"]["precision"].high > 0  # 400 images cannot prove that there are none


def test_clusters_widen_the_intervals_over_real_images():
    real, fake = _normal(400, 4, 0), sample_set(_normal(400, 4, 1, 0.5))
    alone = sample_set(real, clusters=np.arange(400))
    tens = sample_set(real, clusters=np.arange(400) // 10)
    for metric, name in ((precision_recall, "recall"), (density_coverage, "coverage")):
        narrow, wide = (metric.evaluate(side, fake, _rng())[name] for side in (alone, tens))
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
        assert wide.value == narrow.value


@pytest.mark.parametrize("metric", FEATURE_METRICS, ids=lambda m: m.__name__)
def test_a_growing_shift_is_seen(metric):
    real = sample_set(_normal(300, 6, 0))
    values = {}
    for shift in (0.0, 0.5, 1.0, 2.0):
        for name, e in metric.evaluate(real, sample_set(_normal(300, 6, 1, shift)), _rng()).items():
            values.setdefault(name, []).append(e.value)
    values.pop("kid_standard_error", None)
    for name, found in values.items():
        rising = name in ("fd", "fd_infinity", "kid")
        assert found == sorted(found, reverse=not rising), name
        assert abs(found[-1] - found[0]) > 0.3 * max(np.abs(found)), name


@pytest.mark.parametrize("d", [6, 400])  # fewer and more than images
def test_a_model_that_draws_one_image_only_is_judged(d):
    real, one = sample_set(_normal(300, d, 0)), sample_set(np.repeat(_normal(1, d, 1), 200, axis=0))
    found = {}
    for metric in FEATURE_METRICS:
        found |= metric.evaluate(real, one, _rng())
        if metric is not density_coverage:
            found |= {f"{k} swapped": e for k, e in metric.evaluate(one, real, _rng()).items()}
    with pytest.raises(UserError, match="more than 5 distinct real images"):
        density_coverage.evaluate(one, real, _rng())
    assert all(np.isfinite([e.value, e.low or 0, e.high or 0]).all() for e in found.values())
    spread = np.trace(frechet.covariance(real.features))
    way = np.sum(np.square(real.features.mean(0, dtype=np.float64) - one.features[0]))
    assert found["fd"].value == found["fd swapped"].value == pytest.approx(spread + way, rel=1e-6)
    assert found["recall"].value == 0
    assert found["coverage"].value < 0.3  # not 0: in many dimensions one point is near to many


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_images_does_not_matter(seed):
    real, fake = _normal(120, 5, 0), _normal(90, 5, 1, 0.3)
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(real), rng.permutation(fake)
    assert frechet.fd(*mixed) == pytest.approx(frechet.fd(real, fake), rel=1e-9)
    for shares in (precision_recall.inside, density_coverage.reach):
        before, after = shares(real, fake), shares(*mixed)
        assert [x.sum() for x in before] == [x.sum() for x in after]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 8), st.integers(0, 1000))
def test_blocks_of_distances_are_those_of_the_definition(n, m, d, seed):
    a, b = _normal(n, d, seed, 3.0), _normal(m, d, seed + 1, 3.0)
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
    a = _normal(70, 3, 0)
    sizes = [len(squared) for _, squared in distances.blocks(a, a)]
    assert sum(sizes) == 70
    assert max(sizes) * 70 * 4 <= 1000
    expected = np.sort(np.square(a[:, None] - a[None]).sum(-1), axis=1)[:, 3]  # the first is itself
    np.testing.assert_allclose(distances.kth_nearest(a, 3), expected, rtol=1e-4)


def test_path_length_is_the_squared_slope():
    # Features that grow by (3, 4) a unit of W: every step has length 5.
    first = np.random.default_rng(0).random((500, 2)).astype(np.float64)
    second = first + np.array([3.0, 4.0]) * path_length.EPSILON
    assert path_length.trimmed_mean(path_length.lengths(first, second)) == pytest.approx(
        25, rel=1e-6
    )
    found = path_length.evaluate(
        sample_set(np.zeros((30, 2))),
        sample_set(np.zeros((40, 2)), path_pairs=(first, second)),
        _rng(),
    )["ppl"]
    assert (found.n_real, found.n_fake) == (30, 500)
    assert found.low <= found.value <= found.high


def test_path_length_is_trimmed_at_both_ends():
    values = np.arange(1000.0)
    values[-5:] = 1e9
    assert path_length.trimmed_mean(values) == pytest.approx(values[9:991].mean(), abs=1.0)


def test_path_length_flags_steps_lost_in_rounding():
    first = np.random.default_rng(0).random((2000, 2)).astype(np.float32)
    second = first + np.where(np.arange(2000)[:, None] % 2, np.float32(1e-4), np.float32(0))
    fake = sample_set(np.zeros((40, 2)), path_pairs=(first, second))
    assert "50% of the pairs" in path_length.evaluate(fake, fake, _rng())["ppl"].note


@pytest.mark.parametrize(
    "metric", [*FEATURE_METRICS, inception_score, path_length], ids=lambda m: m.__name__
)
def test_too_few_images_are_refused_in_a_line_and_few_are_noted(metric):
    def side(n):
        features = _normal(n, 300, 3)
        return sample_set(features, logits=features, path_pairs=(features, features + 1))

    with pytest.raises(UserError, match=r"\d+ .*at least \d+"):
        metric.evaluate(side(5), side(5), _rng())
    for estimate in metric.evaluate(side(200), side(200), _rng()).values():
        assert estimate.note
        assert estimate.n_fake == 200


@pytest.mark.parametrize("metric", [inception_score, path_length], ids=lambda m: m.__name__)
def test_a_metric_that_lacks_what_it_needs_says_so(metric):
    side = sample_set(_normal(300, 4, 0))
    with pytest.raises(UserError, match=r"logits|model"):
        metric.evaluate(side, side, _rng())


def test_features_of_two_networks_are_refused():
    with pytest.raises(UserError, match="one extractor"):
        frechet.evaluate(sample_set(_normal(300, 4, 0)), sample_set(_normal(300, 5, 0)), _rng())


def test_features_that_are_not_finite_are_refused():
    features = _normal(30, 4, 0)
    features[7, 2] = np.nan
    with pytest.raises(
        UserError, match="1 of 30 images have features that are not finite, first 7"
    ):
        sample_set(features)


def test_many_images_carry_no_note():
    real, fake = sample_set(_normal(1200, 4, 0)), sample_set(_normal(1100, 4, 1))
    for metric in FEATURE_METRICS:
        for name, estimate in metric.evaluate(real, fake, _rng()).items():
            assert estimate.note == "", name
            assert (estimate.n_real, estimate.n_fake) == (1200, 1100)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.floats(0, 1))
def test_wilson_intervals_hold_the_share(n, share):
    low, high = resample.wilson(share * n, n)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1
    assert high - low > 0
    assert high - low <= 2 * resample.Z * 0.5 / np.sqrt(n) + 1e-9


def test_bootstrap_of_a_mean_is_as_wide_as_theory_says():
    values = np.random.default_rng(0).normal(size=400)
    replicates = resample.bootstrap(lambda rows: values[rows].mean(), [400], _rng(), resamples=2000)
    low, high = resample.percentile(replicates)
    assert high - low == pytest.approx(2 * resample.Z * values.std() / 20, rel=0.1)
    assert low < values.mean() < high
    assert resample.centred(0.001, replicates)[0] == 0.0


def test_one_picture_drawn_a_thousand_times_gets_no_full_marks():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(300, 8)).astype(np.float32)
    same = np.repeat(real[:1], 1000, axis=0)
    found = density_coverage.evaluate(sample_set(real), sample_set(same), rng)
    assert found["coverage"].value < 0.1 and found["coverage"].n_fake == 1
    assert "999 exact copies among the generated" in found["density"].note
    shares = distinct.evaluate(sample_set(real), sample_set(same), rng)
    assert shares["distinct"].value == 0.001 and shares["distinct_real"].value == 1.0


def test_duplicates_of_real_images_do_not_hide_exact_copies():
    """A tone that does not show: each real image stands there six times, more often than k."""
    rng = np.random.default_rng(0)
    once = rng.normal(size=(100, 8)).astype(np.float32)
    real = np.repeat(once, 6, axis=0)
    found = density_coverage.evaluate(sample_set(real), sample_set(once), rng)
    assert found["coverage"].value == 1.0 and found["density"].value > 0.5
    alone = density_coverage.evaluate(sample_set(once), sample_set(once), rng)
    assert alone["coverage"].value == found["coverage"].value


@pytest.mark.parametrize("seed", range(5))
def test_intervals_hold_their_value(seed):
    """Also of two halves of one law, where an extrapolated distance falls below 0."""
    rng = np.random.default_rng(seed)
    sides = [sample_set(rng.normal(size=(160, 16)).astype(np.float32)) for _ in range(2)]
    values = {}
    for metric in (*FEATURE_METRICS, real_baseline):
        values |= metric.evaluate(*sides, rng)
    for name, e in values.items():
        if e.low is not None:
            assert e.low <= e.value <= e.high, name


def test_an_interval_never_starts_above_its_value():
    assert resample.normal(-0.5, 0.1, least=0.0) == (-0.5, pytest.approx(-0.304, abs=1e-3))
    assert resample.normal(0.1, 1.0, least=0.0)[0] == 0.0


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
