"""Trains or checks on an accelerator; each command is one call of a few minutes.

    python -m benchmarks.gpu check --data=emoji.npz --out=FOLDER --minutes=8
    python -m benchmarks.gpu train --data=training.npz --out=FOLDER --minutes=9
    python -m benchmarks.gpu finish --data=training.npz --state=FOLDER --out=FOLDER

`benchmarks.gpu_data` makes the files. Without a word in front, the flags are those of `check`.
"""

import sys

from benchmarks.accelerator import gpu_checks, gpu_finish, gpu_train
from emoji_gan import errors

_COMMANDS = {"check": gpu_checks.main, "train": gpu_train.main, "finish": gpu_finish.main}


def main() -> int:
    """Runs the command line; returns its exit code."""
    command, *arguments = sys.argv[1:] or [""]
    if command.startswith("--") or not command:
        command, arguments = "check", sys.argv[1:]
    if command not in _COMMANDS:
        raise errors.UserError(f"no command {command!r}: expected {', '.join(_COMMANDS)}")
    return _COMMANDS[command](arguments)


if __name__ == "__main__":
    errors.run(main)
