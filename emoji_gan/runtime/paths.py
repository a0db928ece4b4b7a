"""Turns what a user types as a path into one: `~` is the home folder, other machines are refused."""

import argparse
import pathlib
import re

from emoji_gan.errors import UserError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # gs://, s3://, file:/; not C:/


def local(text: str, flag: str) -> str:
    """Returns a path on this machine, `~` expanded.

    Args:
      text: as it was typed.
      flag: that it was given to, for the message.

    Raises:
      UserError: it names another machine or an unknown user's home.
    """
    if _SCHEME.match(text):
        raise UserError(
            f"{flag}={text}: only folders of this machine can be read and written; mount the bucket, "
            "or use a local folder and copy it afterwards"
        )
    try:
        return str(pathlib.Path(text).expanduser())
    except RuntimeError as e:
        raise UserError(f"{flag}={text}: no such user's home folder") from e


def make_local(arguments: argparse.Namespace, *names: str) -> None:
    """Replaces some arguments of a command line by paths on this machine, where they were given.

    Raises:
      UserError: as `local`.
    """
    for name in names:
        value = getattr(arguments, name)
        flag = f"--{name}"
        if isinstance(value, str):
            setattr(arguments, name, local(value, flag))
        elif isinstance(value, list):
            setattr(arguments, name, [local(v, flag) for v in value])
