"""What the tests of a campaign have in common."""

import sys

import pytest

from campaign import __main__ as program
from emoji_gan import errors


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the program; returns exit code, output and errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["campaign", *map(str, arguments)])
        with pytest.raises(SystemExit) as e:
            errors.run(program.main)
        out = capsys.readouterr()
        return e.value.code, out.out, out.err

    return call
