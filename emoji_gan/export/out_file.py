"""Checks and writes the one file that a target is."""

import pathlib

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir


def check(out: str, suffix: str) -> None:
    """Checks the name of a file before anything is computed.

    Raises:
      UserError: it ends in something else, it exists, or its folder does not.
    """
    path = pathlib.Path(out)
    if path.suffix != suffix:
        raise UserError(f"--out={out}: must end in {suffix}")
    if path.exists():
        raise UserError(f"--out={out} exists: remove it or give another name")
    if not path.parent.is_dir():
        raise UserError(f"--out={out}: there is no folder {path.parent}")


def write(out: str, data: bytes) -> int:
    """Writes a file and says how large it is.

    Raises:
      UserError: the path is not writable.
    """
    workdir.write_atomic(out, data)
    print(f"{out}: {len(data) / 1e6:.2f} MB")
    return errors.EXIT_OK
