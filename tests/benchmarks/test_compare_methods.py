"""`python -m benchmarks.compare`: bookkeeping, tables and verdict from files; a small comparison for real."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import PIL.Image
import pytest

from benchmarks.methods import compare_judge, compare_reference, compare_report, comparison_runs
from benchmarks.methods import comparison as comparison_lib
from benchmarks.methods import comparison_schedule as schedule_lib
from benchmarks.methods.compare_report import ALPHA, WHITE
from emoji_gan import errors, images
from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from emoji_gan.runtime import checkpoint, seal
from eval.metrics.sets import Estimate
from eval.report import report_file
from input_pipeline import dataset
from tests.support import runs as runs_lib
from tests.support.reports import a_report

CONFIG = "configs/dcgan.py:cpu"  # the fastest to compile
BATCH = 32  # images, of CONFIG
SETTINGS = {"minutes": 20.0, "points": 2, "n": 75, "resolution": 32, "command": "the command"}


def figures(fd, **more):
    found = {
        "fd": Estimate(fd, fd - 0.02, fd + 0.02, 20, 75),
        "recall": Estimate(0.3, 0.2, 0.4, 20, 75),
    }
    return report_file.to_json(
        a_report(metrics=found | more, settings={"packages": {"jax": "0.10.2"}})
    )


def a_row(tmp_path, method, seed, fds, has_alpha=True, diverged=False):
    """A run whose distances at its fixed times are `fds` on white, and 0.1 more with alpha."""
    path = tmp_path / method / f"seed{seed}"
    path.mkdir(parents=True)
    points = []
    for k, fd in enumerate(fds, 1):
        point = {
            "minutes": 10.0 * k + 0.1,
            "cpu_minutes": 9.0 * k,
            "kimg": 6.0 * k,
            WHITE: figures(fd),
        }
        point |= {
            "step": 300 * k,
            "sampled_per_s": 50.0,
            "parameters": {"drawn": 1000, "trained": 1500},
        }
        if has_alpha:
            real = {
                "alpha_binary": Estimate(0.9, 0.88, 0.92, 20, 75),
                "alpha_binary_real": Estimate(0.94, None, None, 20, 75),
            }
            point[ALPHA] = figures(fd + 0.1, **real)
        points.append(point)
        grid = images.grid(np.full((64, 8, 8, 4), 40 * seed + k, np.uint8), 8, 8)
        images.save_png(path / f"judged-{k}.png", grid)
    return compare_report.Row(method, seed, "", diverged, tuple(points), str(path))


@pytest.fixture
def rows(tmp_path):
    return [
        a_row(tmp_path, "dcgan", 0, (0.5, 0.20)),
        a_row(tmp_path, "flow", 0, (0.6, 0.30)),
        a_row(tmp_path, "official-auto", 0, (0.8, 0.60), has_alpha=False),
        a_row(tmp_path, "dcgan", 1, (0.5, 0.24)),
        a_row(tmp_path, "flow", 1, (0.7, 0.40)),
        a_row(tmp_path, "official-auto", 1, (0.9, 0.50), has_alpha=False),
    ]


def test_tables_have_every_run_with_its_interval(tmp_path, rows):
    text = compare_report.write(tmp_path, SETTINGS, rows)
    assert (tmp_path / "compare.md").read_text() == text
    alpha, white = text.split("**On white**")
    white, cost = white.split("**Cost**")
    assert (
        "alpha_binary (real 0.94)" in alpha and "official" not in alpha.split("**With alpha**")[1]
    )
    assert "| dcgan, seed 1 | 12.0 | 0.340 (0.320 to 0.360) |" in alpha
    assert "| official-auto, seed 0 | 12.0 | 0.600 (0.580 to 0.620) |" in white
    # From 6 kimg at 10.1 minutes to 12 kimg at 20.1.
    assert "| flow, seed 0 | 1,000 | 1,500 | 10 | 50 | 20.1 | 18.0 | 12.0 |" in cost
    for table in text.split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_json_holds_every_figure_at_every_time(tmp_path, rows):
    compare_report.write(tmp_path, SETTINGS, rows)
    data = json.loads((tmp_path / "compare.json").read_text())
    assert (
        data["settings"] == SETTINGS
        and data["extractor"] == "emoji-encoder"
        and data["real"]["n"] == 20
    )
    assert [(r["method"], r["seed"], len(r["points"])) for r in data["rows"]][:2] == [
        ("dcgan", 0, 2),
        ("flow", 0, 2),
    ]
    assert data["rows"][0]["points"][0][WHITE]["fd"] == [0.5, 0.48, 0.52]
    assert data["rows"][0]["points"][0][ALPHA]["fd"] == [0.6, 0.58, 0.62]
    assert ALPHA not in data["rows"][2]["points"][0]


def test_verdict_is_of_means_over_the_same_seeds(tmp_path, rows):
    found = compare_report.verdict(SETTINGS, rows)
    assert (found["ours"], found["official"], found["reached"]) == ("dcgan", "official-auto", True)
    assert found["ratio"] == pytest.approx(0.22 / 0.55) and found[
        "ratio_worst_to_best"
    ] == pytest.approx(0.24 / 0.5)
    better = [
        a_row(tmp_path, "official-cifar", seed, (0.5, 0.4), has_alpha=False) for seed in (0, 1)
    ]
    found = compare_report.verdict(SETTINGS, rows + better)  # their best counts
    assert (
        found["official"] == "official-cifar"
        and found["ratio"] == pytest.approx(0.55)
        and not found["reached"]
    )
    assert "not reached" in found["text"]


def test_unfinished_runs_have_no_part_in_the_verdict(tmp_path, rows):
    lucky = a_row(tmp_path, "stylegan2", 0, (0.1, 0.01))  # its other seed is missing
    early = [a_row(tmp_path, "r3gan", seed, (0.01,), diverged=seed == 0) for seed in (0, 1)]
    found = compare_report.verdict(SETTINGS, [*rows, lucky, *early])
    assert found["ours"] == "dcgan" and "r3gan, stylegan2" in found["text"]
    never = compare_report.Row("wgan_gp", 0, "", True, (), str(tmp_path))
    text = compare_report.markdown(SETTINGS, [*rows, *early, never])
    assert "| r3gan, seed 0, point 1 (diverged) |" in text and "| r3gan, seed 1, point 1 |" in text
    assert "Without any figure yet: wgan_gp, seed 0 (diverged)." in text
    assert "No verdict" in compare_report.verdict(SETTINGS, rows[:2])["text"]
    assert "Nothing" in compare_report.write(tmp_path, SETTINGS, [])


def test_pictures_follow_the_figures(tmp_path, rows):
    for name, some in (("a", rows), ("b", rows[:3]), ("c", rows)):
        (tmp_path / name).mkdir()
        compare_report.write(tmp_path / name, SETTINGS, some)
    a, b, c = ((tmp_path / name / "compare.png").read_bytes() for name in "abc")
    assert a == c != b
    board = np.asarray(PIL.Image.open(tmp_path / "a" / "compare_samples.png"))
    grid = np.asarray(PIL.Image.open(tmp_path / "dcgan" / "seed0" / "judged-2.png"))
    rows_shown = grid.shape[0] * 4 // 8
    np.testing.assert_array_equal(
        board[16 : 16 + 2 * rows_shown : 2, : 2 * grid.shape[1] : 2], grid[:rows_shown]
    )


def a_run(tmp_path, steps=()):
    run = comparison_runs.Run("dcgan", "configs/dcgan.py:cpu", 0, tmp_path / "dcgan" / "seed0")
    for step in steps:
        directory = run.path / "workdir" / "checkpoints" / str(step)
        directory.mkdir(parents=True)
        (directory / seal.NAME).write_text("{}")
    return run


def test_what_is_of_no_fixed_time_is_forgotten(tmp_path):
    run = a_run(tmp_path, (10, 20, 25))
    assert run.points() == [] and run.judged() == []
    run.record([{"minutes": 1.0, "step": 10}, {"minutes": 2.0, "step": 20}])
    comparison_runs.forget_unrecorded(run)
    assert (
        sorted(comparison_runs.sealed(run))
        == checkpoint.sealed_steps(run.path / "workdir")
        == [10, 20]
    )
    (run.path / "judged-1.json").write_text('{"minutes": 1.0}')
    assert run.judged() == [{"minutes": 1.0}] and not run.diverged
    run.record(run.points(), diverged=True)
    assert run.diverged and len(run.points()) == 2
    run.check()
    with pytest.raises(UserError, match=r"is of configs/dcgan\.py:cpu, not configs/flow\.py"):
        dataclasses.replace(run, config="configs/flow.py").check()


def arguments(tmp_path, *more):
    return [f"--out={tmp_path / 'out'}", "--minutes=1", "--at_once=1", *more]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--minutes=0"], "--minutes=0: expected more than 0"),
        (["--minutes=nan"], "--minutes=nan"),
        (["--points=0"], "--points=0: expected at least 1"),
        (["--n=10"], "--n=10: expected at least 75"),
        (["--seeds=a"], "--seeds=a: expected numbers"),
        (["--at_once=10000"], "--at_once=10000: there are only"),
        (["--methods=dcgam"], "no 'dcgam'; there are stylegan2, r3gan"),
        (["--methods=official-auto"], "official-auto needs --reference=CHECKOUT"),
        (["--methods=stylegan2=configs/flow.py"], "'stylegan2' is taken"),
        (["--methods=mine=configs/none.py"], "there is no configs/none.py for mine"),
        (["--methods=mine=configs/flow.py,mine=configs/dcgan.py"], "two configs have one name"),
        (["--reference=configs"], "no checkout of stylegan2-ada-pytorch"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(runs_lib.ROOT)
    with pytest.raises(UserError, match=message) as e:
        comparison_lib.parse(arguments(tmp_path, *flags))
    assert "\n" not in str(e.value)


def test_a_folder_keeps_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(runs_lib.ROOT)
    comparison_lib.check_folder(tmp_path, comparison_lib.parse(arguments(tmp_path)))
    comparison_lib.check_folder(
        tmp_path, comparison_lib.parse(arguments(tmp_path, "--methods=flow", "--seeds=7"))
    )
    with pytest.raises(UserError, match=r"holds a comparison with --minutes=1\.0 --points=4"):
        comparison_lib.check_folder(
            tmp_path, comparison_lib.parse(arguments(tmp_path, "--minutes=2"))
        )
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        comparison_lib.check_folder(tmp_path, comparison_lib.parse(arguments(tmp_path)))


def test_the_data_set_has_no_extras():
    assert (
        "Smileys & Emotion" in comparison_runs.groups() and "Extras" not in comparison_runs.groups()
    )
    assert len(comparison_runs.groups()) == 10


def test_the_official_clock_stands_still_while_it_draws(monkeypatch):
    now = [100.0, 50.0]
    monkeypatch.setattr(compare_reference.Clock, "_now", lambda self: tuple(now))
    clock = compare_reference.Clock(5.0, 4.0)
    now[:] = 101.0, 50.5
    with clock:
        now[:] = 201.0, 150.5
    now[:] = 202.0, 151.0
    assert clock.minutes() == (7.0, 5.0)


def test_official_recipes():
    auto, cifar = (compare_reference.recipe(name, 32) for name in ("auto", "cifar"))
    assert (auto["batch"], auto["mbstd"], auto["ema_kimg"]) == (32, 4, 10.0)
    assert auto["gamma"] == pytest.approx(0.0064) and auto["loss"] == auto["d"] == {}
    assert (cifar["batch"], cifar["mbstd"], cifar["gamma"], cifar["ema_kimg"]) == (
        64,
        32,
        0.01,
        500,
    )


@pytest.mark.slow
def test_two_programs_are_compared_and_go_on(tmp_path):
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "benchmarks.compare",
        f"--out={out}",
        f"--methods=tiny={CONFIG}",
        "--seeds=3",
        "--minutes=0.02",
        "--points=1",
        "--n=80",
        "--resolution=16",
        "--at_once=1",
    ]
    env = os.environ | {"PYTHONPATH": str(runs_lib.ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def started():
        return subprocess.Popen(
            command,
            cwd=runs_lib.ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    run = comparison_runs.Run("tiny", CONFIG, 3, out / "tiny" / "seed3")
    first = started()  # killed when all is trained and nothing is judged
    deadline = time.monotonic() + 400
    while not run.points():
        assert first.poll() is None and time.monotonic() < deadline, first.communicate()
        time.sleep(0.05)
    first.kill()
    first.communicate()
    trained = run.points()
    assert run.judged() == [] and list(comparison_runs.sealed(run)) == [trained[0]["step"]]
    second = started()
    said, complaint = second.communicate(timeout=400)
    assert second.returncode == errors.EXIT_OK, complaint
    assert "judging tiny, seed 3" in said and "from point" not in said  # not trained again
    assert run.points() == trained and "**On white**" in said and "No verdict" in said
    (row,) = json.loads((out / "compare.json").read_text())["rows"]
    assert row["config"] == CONFIG and row["parameters"]["trained"] > row["parameters"]["drawn"] > 0
    assert (
        row["sampled_per_s"] > 0 and row["points"][0]["kimg"] == trained[0]["step"] * BATCH / 1000
    )
    for view in (ALPHA, WHITE):
        assert {"fd", "kid", "recall", "memorisation_rate"} <= set(row["points"][0][view])
    assert "alpha_stray" in row["points"][0][ALPHA] and "alpha_stray" not in row["points"][0][WHITE]
    assert (out / "compare.png").exists() and (out / "compare_samples.png").exists()


@pytest.fixture
def tiny_encoder(monkeypatch, tmp_path):
    """A network that is fast to compile, and a cache of its own."""
    params = encoder.init(
        np.random.default_rng(0), 10, 3, encoder.Size((8, 8), (1, 1), 12, 64, 8, 8)
    )
    monkeypatch.setattr(encoder, "load", lambda: (params, {"weights_sha256": "of the tests"}))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_pngs_of_the_official_code_are_judged_on_white(tmp_path, tiny_encoder):
    data = dataset.load(compare_judge.data_config(16), "train")
    run = comparison_runs.Run("official-auto", "", 0, tmp_path / "official")
    compare_judge.export(data, run.path / "samples-1")  # the training emoji themselves
    point = {"minutes": 1.0, "cpu_minutes": 1.0, "kimg": 1.0, "step": 1, "sampled_per_s": 9.0}
    run.record([point | {"parameters": {"drawn": 1, "trained": 2}}])
    compare_judge.judge(run.path, 16, len(data.images))
    (judged,) = run.judged()
    assert ALPHA not in judged and judged[WHITE]["extractor"]["background"] == "white, opaque"
    assert judged["sampled_per_s"] == 9.0 and judged["parameters"] == {"drawn": 1, "trained": 2}
    assert judged[WHITE]["metrics"]["fd"]["value"] == pytest.approx(0, abs=1e-4)
    assert judged[WHITE]["metrics"]["memorisation_rate"]["value"] > 0.9
    (run.path / "judged-1.json").unlink()
    with pytest.raises(UserError, match="PNGs instead of 9999"):
        compare_judge.judge(run.path, 16, 9999)


# In the place of main.py: saves when it is told to, each step 10 more; `behaviour` says how it
# ends.
STAND_IN = """
import json, pathlib, signal, sys, time
flags = dict(a[2:].split("=", 1) for a in sys.argv[1:])
root = pathlib.Path(flags["workdir"])
root.mkdir(parents=True, exist_ok=True)
(root / "config.json").write_text(json.dumps({"batch_size": 32}))
if root.name == "warm":
    sys.exit()
behaviour = pathlib.Path("behaviour").read_text()
def save():
    steps = [int(p.parent.name) for p in root.glob("checkpoints/*/seal.json")]
    folder = root / "checkpoints" / str(max(steps, default=0) + 10)
    folder.mkdir(parents=True)
    (folder / "seal.json").write_text("{}")
every = 60 * float(flags["config.checkpoint.every_minutes"])
for i in range(round(60 * float(flags["stop_after_minutes"]) / every)):
    if i == 1 and behaviour == "signalled":
        save()  # at once, before its time
        sys.exit(75)
    time.sleep(1.1 * every)
    save()
    if i == 0 and behaviour == "diverges":
        print("error: 10 non-finite steps", file=sys.stderr)
        sys.exit(3)
"""


def test_training_goes_on_from_the_last_fixed_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("main.py").write_text(STAND_IN)
    pathlib.Path("some.py").write_text("")
    flags = [
        "--out=out",
        "--minutes=0.03",
        "--points=3",
        "--seeds=0,1",
        "--methods=a=some.py",
        "--at_once=1",
    ]
    comparison = schedule_lib.Comparison(comparison_lib.parse(flags), tmp_path / "out")

    def train(run, behaviour):
        pathlib.Path("behaviour").write_text(behaviour)
        run.path.mkdir(parents=True, exist_ok=True)
        for _ in comparison._train(run, comparison.a.cores[0]):
            time.sleep(0.01)

    first, second = comparison.runs
    with pytest.raises(schedule_lib.Failed, match="code 75"):
        train(first, "signalled")
    assert [p["step"] for p in first.points()] == [10] and sorted(
        comparison_runs.sealed(first)
    ) == [
        10,
        20,
    ]
    train(first, "ends")  # 20 is forgotten, and made anew at its time
    points = first.points()
    assert [p["step"] for p in points] == [10, 20, 30] and [p["kimg"] for p in points] == [
        0.32,
        0.64,
        0.96,
    ]
    assert all(p["minutes"] >= 0.01 * k for k, p in enumerate(points, 1)) and not first.diverged
    train(second, "diverges")
    assert second.diverged and [p["step"] for p in second.points()] == [10]


def test_white_is_opaque_and_the_same_for_both_sides():
    picture = np.full((1, 8, 8, 4), (200, 100, 0, 128), np.uint8)
    picture[0, 0, 0] = 0
    laid = compare_judge.on_white(picture)
    assert laid.shape == picture.shape and (laid[..., 3] == 255).all()
    assert laid[0, 0, 0, :3].tolist() == [255, 255, 255] and laid[0, 1, 1, :3].tolist() == [
        227,
        177,
        127,
    ]
    np.testing.assert_array_equal(compare_judge.on_white(laid), laid)
