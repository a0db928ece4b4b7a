"""Replaces what orbax prints and raises where a save fails, hundreds of lines, by one line."""

import errno
import functools
import logging
import os
import re
import sys
from typing import Any

from emoji_gan.errors import UserError


@functools.cache
def silence() -> None:
    """Drops what orbax prints of a failed save; once per process, however often it is called."""
    logging.getLogger("absl").addFilter(_is_not_from_orbax)
    previous_hook = sys.unraisablehook

    # Writes of tensorstore may end after orbax has given up and closed its event loop.
    def drop_closed_event_loops(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            previous_hook(unraisable)

    sys.unraisablehook = drop_closed_event_loops


def reason_of(error: Exception) -> str:
    """Returns the operating system's words for an error of `write_atomic`, orbax or tensorstore."""
    if isinstance(error, UserError):  # of `write_atomic`
        error = error.__cause__ or error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if code := re.search(r"os_error_code='(\d+)'", str(error)):
        return os.strerror(int(code.group(1)))
    if "RESOURCE_EXHAUSTED" in str(error):
        return os.strerror(errno.ENOSPC)
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _is_not_from_orbax(record: logging.LogRecord) -> bool:
    return f"{os.sep}orbax{os.sep}" not in record.pathname
