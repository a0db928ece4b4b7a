"""Runs a few cases of `python -m tests.fuzz`, and checks that it sees each kind of finding."""

import os
import pathlib
import socket
import subprocess
import time

import pytest
from hypothesis import strategies as st

from emoji_gan.errors import UserError
from tests.fuzz import fuzz_runner
from tests.fuzz.reader_table import READERS


@pytest.mark.filterwarnings("ignore")  # Pillow and zipfile warn of the damage
@pytest.mark.parametrize("name", READERS)
def test_readers_read_or_refuse(name):
    result = fuzz_runner.run(READERS[name], cases=60, seed=1)
    assert result.cases >= 50 and not result.findings
    assert result.refused < result.cases  # some are good


def _hostile(case, folder):
    if case == 1:
        raise KeyError("a bug")
    if case == 2:
        raise UserError("two\nlines")
    if case == 3:
        (folder.parent / f"{folder.name}.outside").write_text("")
    if case == 4:
        subprocess.run(["true"])
    if case == 5:
        with socket.socket() as s, pytest.raises(OSError):
            s.connect(("127.0.0.1", 9))
    if case == 6:
        time.sleep(0.3)
    if case == 7:
        (folder / "inside").write_text("")  # no finding
    if case == 8:
        os.listdir("/")
        pathlib.Path(__file__).read_text()
    if case == 9:
        raise UserError("as documented")


def test_each_kind_of_finding_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    reader = fuzz_runner.Reader(st.integers(0, 9), _hostile, (UserError,), reads_outside=False)
    result = fuzz_runner.run(reader, cases=200, seed=0, bound_s=0.25)
    assert result.cases == 10 and result.refused == 2
    findings = {what.partition(" at ")[0]: case for what, case in result.findings.items()}
    assert findings.pop("open outside") in ("3", "8")
    assert findings == {
        "KeyError": "1",
        "refused in 2 lines": "2",
        "another process": "4",
        "socket.connect": "5",
        "took too long": "6",
    }
