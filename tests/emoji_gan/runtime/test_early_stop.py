"""Early stop and the best checkpoint, through main.py: what a kill between changes is nothing."""

import json
import shutil

import pytest

from configs import dcgan, flow, restore
from emoji_gan import methods
from emoji_gan.errors import UserError
from emoji_gan.runtime import checkpoint, early_stop
from emoji_gan.trained import source
from emoji_gan.trained.sampler import Sampler
from tests.support import runs as runs_lib

STEP = 0.032  # kimg, of 32 images
PATIENCE = 2
RUN = ["--config=configs/dcgan.py:cpu", "--config.data.resolution=16", "--config.batch_size=32"]
RUN += ["--config.model.width=4", "--config.model.z_dim=8", "--config.log.scalars_kimg=0.064"]
RUN += ["--config.eval.every_kimg=0.064", "--config.eval.samples=100"]
RUN += [f"--config.eval.patience={PATIENCE}", "--config.checkpoint.keep=1"]
RUN += ["--config.optim.g_lr=0.02", "--config.ema.half_life_kimg=0.01"]


def train(workdir, steps):
    code, out, err = runs_lib.in_process(
        *RUN, f"--config.total_kimg={steps * STEP}", f"--workdir={workdir}"
    )
    assert code == 0, err
    return out


def distances(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    points = [json.loads(line) for line in lines]
    return {p["step"]: p[early_stop.DISTANCE] for p in points if early_stop.DISTANCE in p}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("early") / "run"
    return workdir, train(workdir, 100)


def test_a_run_ends_where_it_no_longer_improves(ended):
    workdir, out = ended
    values = distances(workdir)
    last, best = max(values), min(values, key=values.get)
    assert last < 100 and "ended early" in out and "--step=best" in out
    assert list(values).index(last) - list(values).index(best) == PATIENCE
    assert checkpoint.sealed_steps(workdir) == [best, last]  # of one that is kept, and the best
    assert "ended early: nothing to do" in train(workdir, 100)


def test_a_run_that_was_cut_ends_the_same(ended, tmp_path):
    workdir, _ = ended
    values = distances(workdir)
    cut = sorted(values)[-2]  # amid the evaluations that bring nothing
    train(tmp_path / "cut", cut)
    assert max(distances(tmp_path / "cut")) == cut
    train(tmp_path / "cut", 100)
    assert distances(tmp_path / "cut") == values
    assert checkpoint.sealed_steps(tmp_path / "cut") == checkpoint.sealed_steps(workdir)


def test_programs_take_the_best_step(ended, tmp_path):
    workdir, _ = ended
    values = distances(workdir)
    best = min(values, key=values.get)
    assert Sampler(str(workdir), "best").step == best
    assert source.parse_step("best") == "best" and source.parse_step("7") == 7
    copy = tmp_path / "copy"
    shutil.copytree(workdir, copy)
    (copy / "checkpoints" / "best").unlink()
    with pytest.raises(UserError, match=r"no best checkpoint in .*: the run had no evaluation"):
        Sampler(str(copy), "best")


def test_what_a_run_is_ended_by():
    config = dcgan.get_config()
    assert methods.best_metric(methods.resolve(config, 1)) is None
    config.eval.patience = 3
    with pytest.raises(UserError, match=r"'dcgan' has no held-out loss; set eval\.every_kimg"):
        methods.resolve(config, 1)
    config.eval.every_kimg = 10.0
    assert methods.best_metric(methods.resolve(config, 1)) == "eval/fd_emoji"
    for config, metric in (
        (flow.get_config(), "loss/validation"),
        (restore.get_config(), "error/validation"),
    ):
        config.eval.patience = 3
        resolved = methods.resolve(config, 1)
        assert methods.best_metric(resolved) == metric
        assert early_stop.every_kimg(resolved) == config.checkpoint.every_kimg


def test_a_record_counts_what_is_no_better():
    record = early_stop.Record("loss")
    for step, (value, better) in enumerate([(2, True), (3, False), (float("nan"), False)], 1):
        assert record.is_better({"loss": value}) is better
        record = record.after(step, {"loss": value}, better=better)
    assert (record.step, record.value, record.since) == (1, 2, 2)
    assert record.is_over(2) and not record.is_over(3) and not record.is_over(0)
    assert early_stop.Record.restored("other", {"metric": "loss"}) == early_stop.Record("other")
