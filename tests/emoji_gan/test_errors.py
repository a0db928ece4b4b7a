"""A user's mistakes: main.py prints one line, `error: ...`, no traceback, and exits with 2."""

import contextlib
import pathlib
import subprocess
import sys

import pytest

from emoji_gan import errors
from emoji_gan.errors import NotSaved
from tests.support import runs

TINY = f"--config={runs.CONFIG}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--config=configs/stylegan.py:laptop"],
            "variant 'laptop': the variants are '' and 'cpu'",
        ),
        (["--config=configs/stlegan.py"], "did you mean configs/stylegan.py?"),
        ([TINY, "--config.model.z_dmi=3"], "the nearest is 'model.z_dim'"),
        ([TINY, "--config.optim.g_lr=fast"], "(expected: float)"),
        (
            [TINY, "--config.batch_size=21"],
            "batch_size=21 does not divide over 2 devices; nearest: ",
        ),
        ([TINY, "--config.data.resolution=24"], "data.resolution=24: must be a power of two"),
        ([TINY, "--config.data.groups=('Smileys',)"], "data.groups: no emoji has group 'Smileys'"),
        ([TINY, "--config.data.subgroups=('flag',)"], "leaves no emoji"),
        ([TINY, "--config.data.sources=('mine=/no/such/folder',)"], "/no/such/folder"),
        ([TINY, "--wrkdir=x"], "wrkdir"),
    ],
)
def test_one_line(arguments, message, tmp_path):
    code, _, err = runs.in_process(*arguments, f"--workdir={tmp_path / 'run'}")
    assert code == 2, err
    problems = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(problems) == 1 and message in problems[0], err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())  # nothing half made


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="no /dev/full")
def test_a_log_that_cannot_be_written_keeps_the_exit_code(monkeypatch):
    def fails():
        raise NotSaved("no room")

    with open("/dev/full", "w", buffering=1) as full, pytest.raises(SystemExit) as e:
        monkeypatch.setattr(sys, "stderr", full)
        try:
            errors.run(fails)
        finally:
            monkeypatch.undo()
            with contextlib.suppress(OSError):  # what could not be written is still buffered
                full.close()
    assert e.value.code == errors.EXIT_NOT_SAVED


def test_unwritable_workdir(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = runs.in_process(TINY, f"--workdir={tmp_path / 'file' / 'run'}")
    assert code == 2
    assert err.splitlines()[-1].startswith("error: cannot write the workdir ")
    assert "Traceback" not in err


def test_damaged_workdir_is_refused_not_overwritten(tmp_path):
    (tmp_path / "checkpoints" / "10" / "state").mkdir(parents=True)
    (tmp_path / "checkpoints" / "10" / "state" / "x").write_text("half of something")
    code, _, err = runs.in_process(TINY, f"--workdir={tmp_path}")
    assert code == 2
    assert "error: " in err.splitlines()[-1] and "Traceback" not in err
    assert (tmp_path / "checkpoints" / "damaged-10-0" / "state" / "x").exists()


def test_a_reader_that_has_enough_ends_the_program_without_a_word():
    main = "lambda: [print(99 * 'x') for _ in [0] * 9999][:0]"
    script = f"from emoji_gan import errors; errors.run({main})"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=runs.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith(b"xxx")
    process.stdout.close()
    assert process.wait(60) == errors.EXIT_NOT_READ
    assert process.stderr.read() == b""
    process.stderr.close()
