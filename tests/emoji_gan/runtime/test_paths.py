"""Paths as people type them, through every program that takes one."""

import sys

import pytest

from emoji_gan import errors, sample
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths
from emoji_gan.trained import model_file
from eval import __main__ as eval_program
from eval import recognise
from eval.report import condition_agreement
from tests.support import runs as runs_lib

REMOTE = ("gs://bucket/run", "s3://bucket/run", "file:///tmp/run", "https://host/run", "hdfs://n/r")


@pytest.mark.parametrize("text", REMOTE)
def test_other_machines_are_refused(text):
    with pytest.raises(UserError, match=f"^--out={text}: only folders of this machine"):
        paths.local(text, "--out")


def test_home_is_expanded_and_the_rest_stays(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert paths.local("~/run", "--out") == "/home/someone/run"
    for text in ("runs/a b", "/x/y", "a:b", "C:x", "2026-11-27T10:00/run"):
        assert paths.local(text, "--out") == text
    with pytest.raises(UserError, match="no such user's home"):
        paths.local("~nobody-of-this-name/x", "--out")


def test_training_refuses_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = str(runs_lib.ROOT / runs_lib.CONFIG)
    for flags in (("--workdir=gs://bucket/run",), ("--workdir=x", "--init_from=s3://bucket/run")):
        code, _, err = runs_lib.in_process(f"--config={config}", *flags)
        assert code == 2 and "only folders of this machine" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (sample.main, ["--workdir=gs://b/run"]),
        (sample.main, ["--model=gs://b/m.safetensors"]),
        (sample.main, ["--out=gs://b/pictures"]),
        (model_file.main, ["--workdir=runs/x", "--out=gs://b/m.safetensors"]),
        (eval_program.main, ["--workdir=gs://b/run"]),
        (eval_program.main, ["--compare", "runs/a", "gs://b/run"]),
        (eval_program.main, ["--real=gs://b/r", "--fake=gs://b/f"]),
        (condition_agreement.main, ["--model=gs://b/run"]),
        (recognise.main, ["gs://b/pictures"]),
    ],
)
def test_every_program_refuses(program, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    with pytest.raises(SystemExit) as e:
        errors.run(program)
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.count("\n") == 1 and "only folders of this machine" in err
