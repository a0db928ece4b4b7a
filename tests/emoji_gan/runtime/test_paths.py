"""Paths as users write them, through the real programs."""

import sys

import pytest

from emoji_gan import errors, sample
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths
from emoji_gan.trained import model_file
from eval import __main__ as eval_program
from eval import recognise
from tests.support import runs

_TINY = f"--config={runs.CONFIG}"


def test_home_folders_are_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/a home")
    assert paths.local("~/run") == "/a home/run"
    assert paths.local("runs/~x") == "runs/~x"
    assert paths.local("") == ""
    with pytest.raises(UserError, match="write the path out"):
        paths.local("~no-such-user/run")


@pytest.mark.parametrize(
    "argument",
    [
        "--workdir=gs://bucket/run",
        "--workdir=hdfs://host/run",
        "--init_from=s3://bucket/run",
        "--config.init_from=s3://bucket/run",
        "--config.data.dir=gs://bucket/data",
        "--config.data.sources=('mine=gs://bucket/art',)",
    ],
)
def test_training_refuses_remote_paths_before_it_runs(argument, tmp_path):
    more = [] if argument.startswith("--workdir") else [f"--workdir={tmp_path / 'run'}"]
    code, out, err = runs.in_process(_TINY, *more, argument)
    problems = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2 and len(problems) == 1 and "local or mounted folder" in problems[0], err
    assert not out and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (sample.main, ["--workdir=gs://bucket/run"]),
        (sample.main, ["--out=gs://bucket/run"]),
        (sample.main, ["--model=https://host/m.safetensors"]),
        (model_file.main, ["--workdir=gs://bucket/run", "--out=m.safetensors"]),
        (model_file.main, ["--workdir=run", "--out=gs://bucket/m.safetensors"]),
        (eval_program.main, ["--workdir=gs://bucket/run"]),
        (eval_program.main, ["--real=gs://bucket/a", "--fake=b"]),
        (eval_program.main, ["--compare", "a", "gs://bucket/b"]),
        (recognise.main, ["gs://bucket/a"]),
    ],
)
def test_programs_refuse_remote_paths(main, arguments, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    with pytest.raises(SystemExit) as e:
        errors.run(main)
    (line,) = capsys.readouterr().err.splitlines()
    assert e.value.code == 2 and line.startswith("error: ") and "local or mounted folder" in line
    assert not list(tmp_path.iterdir())
