"""`python -m benchmarks.compare`: its arguments, its bookkeeping, and a small comparison."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from benchmarks.methods import comparison as comparison_lib
from benchmarks.methods import comparison_runs
from benchmarks.methods import comparison_schedule as schedule_lib
from benchmarks.methods.compare_report import ALPHA, WHITE, second
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import checkpoint, seal
from tests.support import runs as runs_lib

CONFIG = "configs/dcgan.py:cpu"  # the fastest to compile
BATCH = 32  # images, of CONFIG


def make_run(tmp_path, steps=()):
    run = comparison_runs.Run("dcgan", "configs/dcgan.py:cpu", 0, tmp_path / "dcgan" / "seed0")
    for step in steps:
        directory = run.path / "workdir" / "checkpoints" / str(step)
        directory.mkdir(parents=True)
        (directory / seal.NAME).write_text("{}")
    return run


def test_checkpoints_of_no_fixed_time_are_forgotten(tmp_path):
    run = make_run(tmp_path, (10, 20, 25))
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
        (["--methods=official-r3gan"], "official-r3gan needs --reference_r3gan=CHECKOUT"),
        (["--reference_r3gan=configs"], "no checkout of R3GAN"),
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
    assert "Smileys & Emotion" in comparison_runs.groups()
    assert "Extras" not in comparison_runs.groups()
    assert len(comparison_runs.groups()) == 10


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

    def start():
        return subprocess.Popen(
            command,
            cwd=runs_lib.ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    run = comparison_runs.Run("tiny", CONFIG, 3, out / "tiny" / "seed3")
    earlier = start()  # killed when all is trained and nothing is judged
    deadline = time.monotonic() + 400
    while not run.points():
        assert earlier.poll() is None and time.monotonic() < deadline, earlier.communicate()
        time.sleep(0.05)
    earlier.kill()
    earlier.communicate()
    trained = run.points()
    assert run.judged() == [] and list(comparison_runs.sealed(run)) == [trained[0]["step"]]
    later = start()
    output, error_output = later.communicate(timeout=400)
    assert later.returncode == errors.EXIT_OK, error_output
    assert "judging tiny, seed 3" in output and "from point" not in output  # not trained again
    assert run.points() == trained and "**On white**" in output and "No verdict" in output
    (row,) = json.loads((out / "compare.json").read_text())["rows"]
    assert row["config"] == CONFIG and row["parameters"]["trained"] > row["parameters"]["drawn"] > 0
    assert row["sampled_per_s"] > 0 and 100 < row["peak_mib"] < 10_000
    assert row["points"][0]["kimg"] == trained[0]["step"] * BATCH / 1000
    for view in (ALPHA, WHITE, second(ALPHA), second(WHITE)):
        assert {"fd", "kid", "recall", "memorisation_rate"} <= set(row["points"][0][view])
    assert "alpha_stray" in row["points"][0][ALPHA] and "alpha_stray" not in row["points"][0][WHITE]
    assert (out / "compare.png").exists() and (out / "compare_samples.png").exists()


# Stands in for main.py: saves at the requested times, each time 10 steps further; the file
# `behaviour` decides how it ends.
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
    assert [p["step"] for p in first.points()] == [10]
    assert sorted(comparison_runs.sealed(first)) == [10, 20]
    train(first, "ends")  # 20 is forgotten, and saved anew at its time
    points = first.points()
    assert [p["step"] for p in points] == [10, 20, 30]
    assert [p["kimg"] for p in points] == [0.32, 0.64, 0.96]
    assert all(p["minutes"] >= 0.01 * k for k, p in enumerate(points, 1)) and not first.diverged
    train(second, "diverges")
    assert second.diverged and [p["step"] for p in second.points()] == [10]
