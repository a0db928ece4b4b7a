"""What the tests of a campaign have in common."""

import contextlib
import io
import sys
from unittest import mock

import pytest

from campaign import __main__ as program
from emoji_gan import errors


@pytest.fixture(scope="session")
def run():
    """Runs the program; returns exit code, output and errors."""

    def call(*arguments):
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.object(sys, "argv", ["campaign", *map(str, arguments)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as e,
        ):
            errors.run(program.main)
        return e.value.code, out.getvalue(), err.getvalue()

    return call
