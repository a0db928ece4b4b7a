"""benchmarks.speed.start_up: on a checkout whose programs are stand-ins."""

import json
import sys

import pytest

from benchmarks.speed import start_up

_STAND_IN = """
import pathlib, sys, time
seconds = {seconds}
out = [a for a in sys.argv if a.startswith(("--out=", "--workdir="))]
assert len(out) == 1, sys.argv
held = bytearray({mib} << 20)
end = time.process_time() + seconds
while time.process_time() < end:
    pass
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "emoji_gan").mkdir()
    (tmp_path / "emoji_gan" / "__init__.py").touch()
    drawing = "0.1 + 0.4 * ('--seeds=0-31' in sys.argv)"
    (tmp_path / "emoji_gan" / "sample.py").write_text(_STAND_IN.format(seconds=drawing, mib=1))
    (tmp_path / "main.py").write_text(_STAND_IN.format(seconds=0, mib=100))
    return tmp_path


def test_figures_of_two_checkouts(monkeypatch, capsys, checkout):
    monkeypatch.setattr(start_up, "ROOT", checkout)
    out = checkout / "figures.json"
    arguments = ["start_up", f"--reference={checkout}", "--turns=1", f"--json={out}"]
    monkeypatch.setattr(sys, "argv", arguments)
    start_up.main()
    figures = json.loads(out.read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == figures
    assert figures.keys() == {"this", "reference"}
    for each in figures.values():
        assert each["drawing_cpu_s"] > 0 and each["train_peak_mib"] > 0


def test_a_program_that_fails_is_named(monkeypatch, checkout):
    (checkout / "main.py").write_text("raise SystemExit('no data set')")
    monkeypatch.setattr(start_up, "ROOT", checkout)
    monkeypatch.setattr(sys, "argv", ["start_up", "--command=train"])
    with pytest.raises(SystemExit, match=r"train in .* ended: no data set"):
        start_up.main()


def test_a_reference_that_is_no_checkout_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["start_up", f"--reference={tmp_path}"])
    with pytest.raises(SystemExit, match=r"no checkout of this project"):
        start_up.main()
