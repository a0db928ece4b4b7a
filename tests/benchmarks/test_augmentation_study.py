"""The study of drawn emoji as training pictures: what is chosen, its table, the whole program."""

import json
import sys

import numpy as np
import pytest

from benchmarks.tasks import augmentation_study, group_classifier
from benchmarks.tasks.group_classifier import Labelled
from emoji_gan import errors
from emoji_gan.trained import sampler as sampler_lib


def _numbered(count, first):
    images = np.zeros((count, 32, 32, 4), np.uint8)
    images[:, 0, 0, 0] = first + np.arange(count)
    return Labelled(images, np.arange(count) % 2)


def test_parts_are_of_their_sizes_and_within_one_another():
    study = augmentation_study.Study(("a", "b"), _numbered(40, 0), _numbered(100, 100), {})

    def chosen(*arguments):
        images = study.training_pictures(*arguments).images[:, 0, 0, 0].tolist()
        real = {x for x in images if x < 40}
        assert len(set(images)) == len(images)
        return real, set(images) - real

    few, none = chosen(0.1, 0.0, 3)
    again, some = chosen(0.1, 1.0, 3)
    more, many = chosen(0.5, 4.0, 3)
    assert (len(few), len(none), len(some), len(more), len(many)) == (4, 0, 4, 20, 80)
    assert few == again < more and some < many
    assert chosen(0.1, 0.0, 4)[0] != few
    assert [len(x) for x in chosen(0.0, 1.0, 3)] == [0, 100]


def test_rare_groups_have_a_tenth_of_the_emoji():
    labels = ["a"] * 80 + ["b"] * 12 + ["c"] * 5 + ["d"] * 3
    assert augmentation_study.rare_groups(labels) == ("d", "c", "b")
    assert augmentation_study.rare_groups(["a", "b"] * 5) == ("a",)


def test_the_table_compares_runs_of_one_seed():
    runs = [
        {"size": size, "ratio": ratio, "seed": seed, "pictures": 10, "openmoji": value + seed / 10}
        for size, ratio, value in (
            (0.5, 0.0, 0.2),
            (0.5, 1.0, 0.3),
            (1.0, 0.0, 0.5),
            (0.0, 1.0, 0.4),
        )
        for seed in (0, 1)
    ]
    lines = augmentation_study.table(runs, ["openmoji"]).splitlines()
    assert lines[2:] == [
        "| 50% | 0 | 10 | 25.0 |",
        "| 50% | 1 | 10 | 35.0 (+10.0 ± 0.0) |",
        "| 100% | 0 | 10 | 55.0 |",
        "| none | all | 10 | 45.0 (-10.0 ± 0.0) |",
    ]
    mean, half = augmentation_study.interval([1.0, 2.0, 3.0])
    assert mean == 2 and half == pytest.approx(2.484, abs=0.001)  # 4.303 / sqrt(3)


def _discs_and_rings(count, seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    images, labels = np.zeros((count, 32, 32, 4), np.uint8), np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        distance = np.hypot(y - rng.uniform(14, 18), x - rng.uniform(14, 18))
        drawn = abs(distance - 8) < 2 if label else distance < 9
        image[drawn] = (*rng.integers(0, 256, 3), 255)
    return Labelled(images, labels)


@pytest.mark.slow
def test_a_classifier_learns_and_repeats_itself():
    train, unseen = _discs_and_rings(200, 0), _discs_and_rings(100, 1)
    first, second = (group_classifier.trained(train, 2, steps=60, seed=5) for _ in range(2))
    assert group_classifier.right(first, unseen).mean() > 0.85
    assert all(np.array_equal(first[name], second[name]) for name in first)


def _run(monkeypatch, capsys, *flags):
    monkeypatch.setattr(sys, "argv", ["augmentation_study", *flags])
    with pytest.raises(SystemExit) as e:
        errors.run(augmentation_study.main)
    return e.value.code, capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_program(monkeypatch, capsys, tmp_path):
    flags = [
        "--groups=Activities,Food & Drink",
        "--sizes=0.2,1",
        "--ratios=0,0.1",
        "--seeds=2",
        "--steps=2",
    ]
    flags += ["--per_emoji=1", "--steps_to_draw=2", f"--out={tmp_path / 'a'}"]
    code, message = _run(monkeypatch, capsys, *flags)
    assert code == 0, message
    whole = json.loads((tmp_path / "a" / "augmentation_study.json").read_text())
    assert len(whole["runs"]) == 10 and whole["drawn"] > 20
    kept = (tmp_path / "a" / "runs.jsonl").read_bytes()
    code, message = _run(monkeypatch, capsys, *flags)
    assert code == 0 and (tmp_path / "a" / "runs.jsonl").read_bytes() == kept, message
    assert (tmp_path / "a" / "augmentation_study.md").read_text().count("\n") == 7
    code, message = _run(monkeypatch, capsys, *flags, "--steps=3")
    assert code == 2 and "is of --steps=2: give a new --out" in message
    code, message = _run(monkeypatch, capsys, *flags, "--ratios=0,9")
    assert code == 2 and "passed the gates; give smaller ratios" in message


def test_what_cannot_be_is_one_line(monkeypatch, capsys, tmp_path):
    for flags, reason in (
        (["--sizes=0.1"], "--sizes are in (0, 1], 1 among them"),
        (["--ratios=1,2"], "--ratios begin with 0"),
        (["--seeds=0"], "--seeds and --steps: 1 or more"),
        ([f"--model={sampler_lib.SHIPPED_MODEL}"], "it was trained on the held-out emoji"),
        (["--sizes=0.001,1"], "2 emoji are fewer than the 10 groups; give larger sizes"),
    ):
        out = tmp_path / reason[:9].replace("/", "_")
        code, message = _run(monkeypatch, capsys, *flags, f"--out={out}")
        assert code == 2 and message.count("\n") == 1 and reason in message, message
