"""The command line: one clear line where it cannot start."""

import sys

import pytest

from emoji_gan import errors
from explore import __main__ as program


def test_a_taken_port_is_refused_in_one_line(monkeypatch, capsys):
    with program._bound(0) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(sys, "argv", ["explore", "--no-browser", f"--port={port}"])
        with pytest.raises(SystemExit) as e:
            errors.run(program.main)
    assert e.value.code == errors.EXIT_USER_ERROR
    error = capsys.readouterr().err
    assert error.startswith(f"error: --port={port}: ") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("--port=70000", "expected 0 to 65535"),
        ("--model=gone.safetensors", "no model at gone.safetensors"),
        ("--model=models/restorer.safetensors", "draws nothing by itself"),
        ("--replay=gone.json", "No such file"),
    ],
)
def test_what_it_cannot_use_is_said_in_one_line(monkeypatch, capsys, flag, why):
    monkeypatch.setattr(sys, "argv", ["explore", "--no-browser", flag])
    with pytest.raises(SystemExit) as e:
        errors.run(program.main)
    error = capsys.readouterr().err
    assert e.value.code == errors.EXIT_USER_ERROR and why in error and error.count("\n") == 1
