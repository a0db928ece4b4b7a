"""`python -m benchmarks.gpu` in small, on the CPU: the command that a lent accelerator runs."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.accelerator import gpu_checks
from emoji_gan import methods
from tests.support import runs as runs_lib


@pytest.fixture
def data(tmp_path):
    """Discs in place of emoji."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    radius = rng.uniform(10, 30, 12)
    inside = np.hypot(y - 32, x - 32)[None] < radius[:, None, None]
    images = np.where(inside[..., None], [255, 200, 0, 255], 0).astype(np.uint8)
    np.savez(tmp_path / "emoji.npz", images=images)
    return tmp_path / "emoji.npz"


@pytest.mark.slow
def test_tiny_checks_pass_without_tensorflow(data, tmp_path):
    script = """
import sys
from benchmarks import gpu
code = gpu.main()
heavy = {"tensorflow", "clu", "orbax", "tensorstore"} & sys.modules.keys()
assert not heavy, heavy
sys.exit(code)
"""
    flags = [f"--data={data}", f"--out={tmp_path}", "--tiny", "--methods=dcgan"]
    done = subprocess.run(
        [sys.executable, "-c", script, *flags], cwd=runs_lib.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    rows = {row["check"]: row for row in json.loads((tmp_path / "gpu.json").read_text())}
    assert rows["resume dcgan 16 px"]["different"] == 0
    assert rows["step dcgan 16 px float32"]["median_ms"] > 0
    assert rows["parity r3gan_16_cond.npz"]["outputs"] < 1e-4
    assert "every check passed" in done.stdout


def test_a_failing_check_is_a_row_and_the_rest_goes_on(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu_checks, "parity", lambda fixture: 1 / 0)
    monkeypatch.setattr(gpu_checks, "resume", lambda *_: {"different": 0})
    monkeypatch.setattr(gpu_checks, "step_time", lambda *_: {"median_ms": 1.0})
    flags = [f"--data={data}", f"--out={tmp_path}", "--tiny", "--methods=flow"]
    monkeypatch.setattr(sys, "argv", ["gpu", *flags])
    assert gpu.main() == 1
    rows = json.loads((tmp_path / "gpu.json").read_text())
    assert ["error" in row for row in rows] == [False, True, False, False]
    assert "ZeroDivisionError" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["gpu", *flags, "--minutes=0"])
    assert gpu.main() == 1 and "no time left" in (tmp_path / "gpu.json").read_text()


def test_every_method_has_its_cases():
    assert {case.method for case in gpu_checks.cases(False, methods.METHODS)} == set(
        gpu_checks.TINY
    )
    assert len(gpu_checks.cases(False, methods.METHODS)) == 4 * len(methods.METHODS)
