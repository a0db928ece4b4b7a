"""benchmarks.speed.start_up: on a checkout whose programs are stand-ins."""

import json
import sys

import pytest

from benchmarks.speed import start_up

_STAND_IN = """
import sys, time
seconds = {seconds}
out = [a for a in sys.argv if a.startswith(("--out=", "--workdir="))]
assert len(out) == 1, sys.argv
held = b"x" * ({mib} << 20)
end = time.process_time() + seconds
while time.process_time() < end:
    pass
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "emoji_gan").mkdir()
    (tmp_path / "emoji_gan" / "__init__.py").touch()
    (tmp_path / "emoji_gan" / "sample.py").write_text(_STAND_IN.format(seconds=0.1, mib=1))
    (tmp_path / "main.py").write_text(_STAND_IN.format(seconds=0, mib=100))
    return tmp_path


def _main(monkeypatch, checkout, *arguments):
    monkeypatch.setattr(start_up, "ROOT", checkout)
    monkeypatch.setattr(sys, "argv", ["start_up", "--turns=1", *arguments])
    start_up.main()


def test_drawing_is_told_from_the_start_up():
    costs = {"sample16": [(5.0, 400), (4.0, 300)], "sample32": [(6.5, 310)], "train": [(9.0, 900)]}
    figures = start_up.summary({k: [start_up.Cost(*c, 1.0) for c in v] for k, v in costs.items()})
    assert figures["drawing_cpu_s"] == 2.5 and figures["start_up_cpu_s"] == 1.5
    assert figures["sample16_cpu_s"] == 4 and figures["sample16_peak_mib"] == 300


def test_a_peak_is_the_programs_own(monkeypatch, capsys, checkout):
    """Whatever the process that starts it holds."""
    held = b"x" * (200 << 20)
    _main(monkeypatch, checkout, "--command=train")
    del held
    (figures,) = json.loads(capsys.readouterr().out.splitlines()[-1]).values()
    assert 100 < figures["train_peak_mib"] < 160


def test_two_checkouts_are_written_side_by_side(monkeypatch, capsys, checkout):
    out = checkout / "figures.json"
    _main(monkeypatch, checkout, f"--reference={checkout}", f"--json={out}", "--command=sample16")
    figures = json.loads(out.read_text())
    head, first, *_, last = capsys.readouterr().out.splitlines()
    assert head.split() == list(figures) == ["this", "reference"]
    assert first.split()[0] == "sample16_cpu_s" and json.loads(last) == figures


def test_a_program_that_fails_is_named(monkeypatch, checkout):
    (checkout / "main.py").write_text("raise SystemExit('no data set')")
    with pytest.raises(SystemExit, match=r"main.py .* ended: no data set"):
        _main(monkeypatch, checkout, "--command=train")


def test_a_reference_that_is_no_checkout_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["start_up", f"--reference={tmp_path}"])
    with pytest.raises(SystemExit, match=r"no checkout of this project"):
        start_up.main()
