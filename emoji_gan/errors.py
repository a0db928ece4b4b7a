"""Turns a user's mistake into one line and an exit code instead of a traceback."""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import NoReturn

# Exit codes of every program of the project.
EXIT_OK = 0
EXIT_USER_ERROR = 2
EXIT_DIVERGED = 3
# sysexits' EX_IOERR: older checkpoints are intact; run the command again once there is room.
EXIT_NOT_SAVED = 74
EXIT_PREEMPTED = 75  # sysexits' EX_TEMPFAIL: the state is saved, run the same command again
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report Ctrl-C
EXIT_NOT_READ = 141  # 128 + SIGPIPE: `head` had enough


class UserError(Exception):
    """States in one line what is wrong, where, and what to do."""

    exit_code = EXIT_USER_ERROR


class Diverged(UserError):
    """Reports that training met non-finite numbers again after it rolled back."""

    exit_code = EXIT_DIVERGED


class NotSaved(UserError):
    """Reports that the state cannot be written, at the end of a run or too often in a row."""

    exit_code = EXIT_NOT_SAVED


def run(main: Callable[[], int | None]) -> None:
    """Calls `main` and exits with its code; prints a mistake or Ctrl-C as one line.

    Nothing is printed where nobody reads on, as behind a pipe to `head`.

    Args:
      main: a program; it returns its exit code, or None for 0.

    Raises:
      SystemExit: always.
    """
    try:
        from input_pipeline import DataError

        try:
            sys.exit(main() or EXIT_OK)
        except (UserError, DataError) as e:
            _exit(f"error: {e}", getattr(e, "exit_code", EXIT_USER_ERROR))
    except KeyboardInterrupt:
        _exit("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Python flushes at its end, and would say so there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_NOT_READ)


def _exit(line: str, code: int) -> NoReturn:
    with contextlib.suppress(OSError):  # a log on the full disk must not change the exit code
        print(line, file=sys.stderr)
    sys.exit(code)
