"""Reports: JSON there and back, names, pages that need nothing else, TensorBoard's axis."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing import event_accumulator

from emoji_gan.errors import UserError
from eval.metrics import realism
from eval.metrics.sets import Estimate, SampleSet
from eval.report import metric_names, report_file, write_report
from eval.report import report_page as html_lib
from tests.support.reports import FAKE, MEMORISED, REAL, a_report, a_set, check_page, decode

# ---- JSON ----------------------------------------------------------------------------------------

numbers = st.floats(allow_nan=True, allow_infinity=True)
optional = st.none() | numbers
counts = st.integers(0, 10**9)
estimates = st.builds(Estimate, numbers, optional, optional, counts, counts, st.text(max_size=20))
words = st.text(max_size=20)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
reports = st.builds(
    report_file.Report,
    extractor=st.builds(report_file.ExtractorInfo, words, words, words, words),
    real=st.builds(
        report_file.RealInfo, words, counts, words, st.dictionaries(words, jsons, max_size=3)
    ),
    fake=st.builds(
        report_file.FakeInfo,
        words,
        counts,
        st.none() | words,
        st.none() | counts,
        optional,
        st.none() | words,
        st.none() | words,
        optional,
        st.none() | words,
    ),
    settings=st.dictionaries(words, jsons, max_size=3),
    metrics=st.dictionaries(words, estimates, max_size=4),
    timings=st.dictionaries(words, numbers, max_size=3),
    created=words,
    schema_version=st.just(report_file.SCHEMA_VERSION),
)


def as_kept(value, missing=None):
    """What the schema says becomes of a value: numbers that are not finite are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else missing
    if isinstance(value, dict):
        return {
            k: as_kept(v, math.nan if k == "value" and "n_real" in value else None)
            for k, v in value.items()
        }
    return [as_kept(v) for v in value] if isinstance(value, list) else value


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@given(reports)
def test_json_there_and_back(r):
    text = json.dumps(report_file.to_json(r), allow_nan=False)
    back = report_file.from_json(json.loads(text))
    expected = dataclasses.asdict(r)
    metrics = expected.pop("metrics")
    timings = expected.pop("timings")
    loaded = dataclasses.asdict(back)
    assert same(loaded.pop("metrics"), {k: as_kept(v) for k, v in metrics.items()})
    assert same(loaded.pop("timings"), {k: as_kept(v, math.nan) for k, v in timings.items()})
    assert same(loaded, as_kept(expected))
    assert same(report_file.to_json(back), report_file.to_json(r))


@given(
    jsons,
    st.sampled_from(["extractor", "real", "fake", "settings", "metrics", "timings", "created"]),
)
def test_any_json_is_a_report_or_refused_in_a_line(value, field):
    data = report_file.to_json(a_report()) | {field: value}
    try:
        r = report_file.from_json(json.loads(json.dumps(data)))
    except UserError as e:
        assert field in str(e) and "\n" not in str(e)
    else:
        assert report_file.markdown(r).endswith("|\n")


def test_numpy_and_tuples_become_json():
    r = a_report(
        settings={"a": np.float32(0.5), "b": (1, np.int64(2)), "c": np.array([True, False]), 3: "x"}
    )
    assert report_file.to_json(r)["settings"] == {
        "a": 0.5,
        "b": [1, 2],
        "c": [True, False],
        "3": "x",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("real"), "real is missing"),
        (lambda d: d.update(schema_version=2), "schema version 2, this program reads 1"),
        (lambda d: d["metrics"]["fd"].pop("low"), "metrics.fd.low is missing"),
        (lambda d: d["metrics"]["fd"].update(value="12"), 'metrics.fd.value is "12", not float'),
        (lambda d: d["fake"].update(n=True), "fake.n is true, not int"),
        (lambda d: d["fake"].update(kimg=10**400), "fake.kimg is 1000"),
    ],
)
def test_damaged_reports_are_refused_by_field(tmp_path, change, message):
    data = report_file.to_json(a_report())
    change(data)
    (tmp_path / "report.json").write_text(json.dumps(data))
    with pytest.raises(UserError, match=re.escape(message)):
        report_file.load(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b'{"schema_version": 1, "extr', b"\xff\xfe", b"[" * 100_000, b"[]"]
)
def test_files_that_are_no_report(tmp_path, content):
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(UserError, match=r"report\.json") as e:
        report_file.load(tmp_path / "report.json")
    assert "\n" not in str(e.value)


def test_missing_report(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*report\.json: No such file"):
        report_file.load(tmp_path / "report.json")


# ---- names ---------------------------------------------------------------------------------------


def test_only_the_2015_network_gives_fid():
    assert metric_names.display_name("fd", "inception-2015") == "FID"
    assert metric_names.display_name("fd", "emoji-encoder") == "fd_emoji"
    assert metric_names.display_name("fd_infinity", "emoji-encoder") == "fd_infinity_emoji"
    assert metric_names.display_name("recall", "emoji-encoder") == "recall_emoji"
    assert metric_names.display_name("fd", "emoji-encoder-2") == "fd_emoji_2"
    assert metric_names.display_name("alpha_binary", "emoji-encoder-2") == "alpha_binary"
    assert metric_names.display_name("alpha_binary", "emoji-encoder") == "alpha_binary"
    assert metric_names.display_name("legibility_16_real", "inception-2015") == "legibility_16_real"
    for metric in ("fd", "fd_infinity", "kid", "intra_class_fd", "unheard_of"):
        for extractor in (
            "emoji-encoder",
            "emoji-encoder-2",
            "clip",
            "inception-2016",
            "INCEPTION-2015",
        ):
            assert "fid" not in metric_names.display_name(metric, extractor).lower()


def test_every_metric_is_explained_and_in_its_place():
    names = [
        "palette",
        "alpha_stray_distance",
        "alpha_stray_real",
        "alpha_stray",
        "legibility_22",
        "agreement_top5",
        "unheard_of",
        "memorisation_rate",
        "recall",
        "kid_standard_error",
        "fd_infinity",
        "inception_score_real",
        "fd",
    ]
    assert sorted(names, key=metric_names.order) == [
        "fd",
        "fd_infinity",
        "kid_standard_error",
        "inception_score_real",
        "recall",
        "agreement_top5",
        "memorisation_rate",
        "legibility_22",
        "alpha_stray",
        "alpha_stray_distance",
        "alpha_stray_real",
        "palette",
        "unheard_of",
    ]
    assert all(metric_names.about(metric).text for metric in names if metric != "unheard_of")
    assert metric_names.about("alpha_stray_distance").better == "lower"
    assert not metric_names.about("alpha_stray_real").better


@pytest.mark.parametrize(
    ("estimate", "value", "interval"),
    [
        (Estimate(12.3456, 11.91, 13.02, 1, 1), "12.3", "11.9 to 13.0"),
        (Estimate(0.912347, 0.9121, 0.9126, 1, 1), "0.91235", "0.91210 to 0.91260"),
        (Estimate(1234567.0, 1200000.0, 1300000.0, 1, 1), "1,234,567", "1,200,000 to 1,300,000"),
        (Estimate(0.25, None, None, 1, 1), "0.25", "none"),
        (Estimate(math.nan, None, None, 1, 1), "not finite", "none"),
        (Estimate(1.0, 1.0, 1.0, 1, 1), "1", "1 to 1"),
    ],
)
def test_digits_follow_the_interval(estimate, value, interval):
    assert (metric_names.value_text(estimate), metric_names.interval_text(estimate)) == (
        value,
        interval,
    )


# ---- files ---------------------------------------------------------------------------------------


def test_save_writes_all_three_and_load_reads_back(tmp_path):
    path = write_report.save(a_report(), tmp_path / "a" / "b", REAL, FAKE, MEMORISED)
    assert report_file.load(path) == a_report() == report_file.load(path.parent)
    assert {p.name for p in path.parent.iterdir()} == {"report.json", "report.md", "report.html"}
    table = (path.parent / "report.md").read_text()
    assert "| fd_emoji | 12.3 | 11.9 to 13.0 | lower | 20 | 12 |  |" in table
    assert "| recall_emoji | 0.25 | none | higher | 20 | 12 | too few samples |" in table
    for fact in (
        "emoji-encoder",
        "ab" * 32,
        "cd" * 32,
        "ef" * 32,
        "0-11",
        "Food & Drink",
        "batch_size: 32",
    ):
        assert fact in table


def test_the_page_needs_nothing_else(tmp_path):
    folder = write_report.save(a_report(), tmp_path, REAL, FAKE, MEMORISED).parent
    page = check_page((folder / "report.html").read_text())
    for words in (
        "fd_emoji",
        "12.3",
        "11.9 to 13.0",
        "too few samples",
        "ab" * 32,
        "Nearest to a training image",
    ):
        assert words in page.text
    assert 'seed <b>&"3' in page.text  # escaped, so shown
    pictures = [decode(p) for p in page.pictures()]
    # Two sheets, then pairs: 12 most memorised, 12 best, 12 worst.
    assert len(pictures) == 2 + 2 * 3 * 12
    assert [p.shape[2] for p in pictures] == [4] * len(pictures)  # transparent, for any background
    np.testing.assert_array_equal(pictures[2], FAKE.images[11])  # of the lowest percentile
    np.testing.assert_array_equal(pictures[3], REAL.images[11])


def test_copies_stand_beside_training_images_when_the_real_ones_are_held_out(tmp_path):
    train = a_set(20, 2, "trained on ")
    folder = write_report.save(a_report(), tmp_path, REAL, FAKE, MEMORISED, train=train).parent
    page = check_page((folder / "report.html").read_text())
    np.testing.assert_array_equal(decode(page.pictures()[3]), train.images[11])
    assert "trained on 11" in page.text and "trained on 12" not in page.text
    np.testing.assert_array_equal(decode(page.pictures()[1])[2:18, 2:18], REAL.images[0])


def test_what_could_not_be_computed_says_why(tmp_path):
    r = a_report(settings={"missing": {"kid": "too few | images", "ppl": "no model"}, "n": 3})
    folder = write_report.save(r, tmp_path, REAL, FAKE).parent
    assert "| kid | too few \\| images |" in (folder / "report.md").read_text()
    assert "too few | images" in check_page((folder / "report.html").read_text()).text
    assert report_file.missing(a_report()) == {}


def test_best_stand_before_worst():
    fake = dataclasses.replace(FAKE, features=FAKE.features.copy())
    between = np.linalg.norm(REAL.features[:, None] - REAL.features[None], axis=2)
    row = int(np.sort(between, axis=1)[:, realism.K].argmin())  # one in company
    fake.features[7] = REAL.features[row]  # a copy
    fake.features[2] = 100.0  # far from all
    page = check_page(html_lib.report_page(a_report(), REAL, fake))
    pictures = [decode(p) for p in page.pictures()]
    np.testing.assert_array_equal(pictures[2], fake.images[7])
    np.testing.assert_array_equal(pictures[3], REAL.images[row])
    np.testing.assert_array_equal(pictures[2 + 2 * 12], fake.images[2])


def test_large_images_are_scaled_down_premultiplied():
    images = np.zeros((1, 192, 192, 4), np.uint8)
    images[:, :, ::2] = (255, 0, 0, 255)  # red stripes; black would bleed from between if straight
    fake = SampleSet(images, np.zeros((1, 5), np.float32), None, None, None, None, None, ("x",))
    page = check_page(html_lib.report_page(a_report(), REAL, fake))
    small = decode(page.pictures()[2])
    assert small.shape == (96, 96, 4)
    assert small[..., 0].min() >= 254
    assert 126 <= small[..., 3].min() <= 129


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write_report.save(a_report(), tmp_path / "file" / "x", REAL, FAKE)
    with pytest.raises(UserError, match="cannot write"):
        report_file.write_tensorboard(a_report(), tmp_path / "file")


def test_tensorboard_counts_images_shown(tmp_path):
    report_file.write_tensorboard(a_report(), tmp_path)
    bad = a_report(fake__kimg=40.0).metrics | {"fd": Estimate(math.nan, None, None, 20, 12)}
    report_file.write_tensorboard(a_report(fake__kimg=40.0, metrics=bad), tmp_path)
    (folder,) = (tmp_path / "eval" / "tensorboard").iterdir()
    events = event_accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    assert [p.step for p in events.Tensors("eval/recall_emoji")] == [30672, 40000]
    assert [p.step for p in events.Tensors("eval/fd_emoji")] == [30672]
    (low,) = events.Tensors("eval_interval/fd_emoji_low")
    assert float(tf.make_ndarray(low.tensor_proto)) == pytest.approx(11.91)


def test_series_part_what_is_not_comparable():
    slugs = {
        report_file.series_slug(r)
        for r in (
            a_report(),
            a_report(real__hash="99" * 32),
            a_report(fake__n=13),
            a_report(fake__truncation=0.7),
            a_report(extractor__background="black"),
            a_report(extractor__pipeline="tf1"),
            a_report(extractor__weights_hash="99" * 32),
            a_report(real__what="x" * 300),
        )
    }
    assert len(slugs) == 8 and all(re.fullmatch(r"[\w.\-]{,200}", s) for s in slugs)
    assert report_file.series(a_report(fake__kimg=1.0, created="later")) == report_file.series(
        a_report()
    )
    folder = report_file.folder_of("runs/demo", a_report())
    assert folder.parts[:4] == ("runs", "demo", "eval", "kimg000030.672")


# ---- realism -------------------------------------------------------------------------------------


def test_realism_is_the_papers_formula():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(40, 4)), rng.normal(size=(9, 4)) * 2
    between = np.linalg.norm(real[:, None] - real[None], axis=2)
    radius = np.sort(between, axis=1)[:, 3]
    to_real = np.linalg.norm(fake[:, None] - real[None], axis=2)
    kept = radius <= np.median(radius)
    score, nearest = realism.realism(real.astype(np.float32), fake.astype(np.float32), k=3)
    np.testing.assert_allclose(score, (radius[kept] / to_real[:, kept]).max(axis=1), rtol=1e-4)
    np.testing.assert_array_equal(nearest, to_real.argmin(axis=1))
    with pytest.raises(ValueError, match="more than 3"):
        realism.realism(real[:3], fake)
