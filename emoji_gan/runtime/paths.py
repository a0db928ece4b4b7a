"""Reads paths as users write them on a command line or in a config."""

import os
import re

from emoji_gan.errors import UserError


def local(path: str | os.PathLike) -> str:
    """Expands a leading `~` of a path and refuses addresses of remote storage.

    Shells expand `--workdir ~/run` but not `--workdir=~/run`. Fits argparse's `type=`.

    Args:
      path: of a file or folder, which need not exist.

    Raises:
      UserError: a path with a scheme (gs://, s3://, file://, ...), or `~` of an unknown user.
    """
    text = os.fspath(path)
    if re.match(r"\s*[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise UserError(
            f"{text}: not a local path; give a local or mounted folder and copy it afterwards"
        )
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        raise UserError(f"{text}: there is no such user's home folder; write the path out")
    return expanded
