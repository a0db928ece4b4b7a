"""Ctrl-C: one line, an exit code, no traceback; a second one in training ends at once."""

import subprocess
import sys
import time

import pytest

from emoji_gan import errors
from tests.support import runs as runs_lib


def test_ctrl_c_ends_a_program_in_one_line(capsys):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as e:
        errors.run(interrupted)
    assert e.value.code == errors.EXIT_INTERRUPTED == 130
    assert capsys.readouterr().err == "error: interrupted; nothing is half written\n"


def test_a_second_ctrl_c_ends_at_once():
    """Though the end of the block would take half a minute."""
    script = """
import contextlib, os, signal, time
from emoji_gan.runtime import processes
with contextlib.ExitStack() as stack:
    stack.callback(time.sleep, 30)
    stop = stack.enter_context(processes.stop_on_signals())
    os.kill(os.getpid(), signal.SIGINT)
    assert stop.requested
    print("asked to stop", flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)
"""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=runs_lib.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 130 and time.monotonic() - start < 25
    assert done.stdout == "asked to stop\n" and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ended at once")
