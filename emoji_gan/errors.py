"""A user's mistake is one line and an exit code, never a traceback."""

import contextlib
import sys
from collections.abc import Callable

# Exit codes of every program of the project.
EXIT_OK = 0
EXIT_USER_ERROR = 2
EXIT_DIVERGED = 3
EXIT_NOT_SAVED = (
    74  # sysexits' EX_IOERR: older checkpoints are intact; run the command again once there is room
)
EXIT_INTERRUPTED = 130  # Ctrl-C, as shells count it
EXIT_PREEMPTED = 75  # sysexits' EX_TEMPFAIL: the state is saved, run the same command again


class UserError(Exception):
    """What was wrong, where, and what to do, in one line."""

    exit_code = EXIT_USER_ERROR


class Diverged(UserError):
    """Training met non-finite numbers again after rolling back."""

    exit_code = EXIT_DIVERGED


class NotSaved(UserError):
    """The state could not be written: at the end of a run, or too often in a row."""

    exit_code = EXIT_NOT_SAVED


def run(main: Callable[[], int | None]) -> None:
    """Calls `main` and exits with its code; a `UserError`, `DataError` or Ctrl-C is one line."""
    from input_pipeline import DataError

    try:
        sys.exit(main() or EXIT_OK)
    except (UserError, DataError) as e:
        with contextlib.suppress(OSError):  # a log on the full disk must not change the exit code
            print(f"error: {e}", file=sys.stderr)
        sys.exit(getattr(e, "exit_code", EXIT_USER_ERROR))
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            print("error: interrupted; nothing is half written", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
