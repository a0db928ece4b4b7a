"""One job per working directory, and files that are either whole or absent."""

import contextlib
import fcntl
import os
import pathlib
import socket
import tempfile
from collections.abc import Iterator

from emoji_gan.errors import UserError


@contextlib.contextmanager
def locked(workdir: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Makes `workdir` and holds its lock while the block runs.

    The lock is a flock on `workdir/lock`, so it goes with the process that holds it, kill -9 included.
    The file says who: `pid 1234 on host`. One process of a job takes it, the others need not.

    Yields:
      The directory as an absolute path.

    Raises:
      UserError: another job holds the lock, or the directory cannot be written.
    """
    directory = pathlib.Path(workdir).expanduser().absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as e:
        raise UserError(
            f"cannot write the workdir {directory}: {e.strerror}; choose another --workdir"
        ) from e
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            owner = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            raise UserError(
                f"workdir {directory} is in use by {owner}; stop that job or choose another --workdir"
            ) from e
        except OSError as e:
            raise UserError(f"cannot lock the workdir {directory}: {e.strerror}; use a local disk") from e
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError as e:
            raise UserError(f"cannot write the workdir {directory}: {e.strerror}") from e
        yield directory
    finally:
        os.close(descriptor)  # gives the lock back; the file stays, as removing it would race a new owner


def write_atomic(path: str | os.PathLike, data: bytes) -> None:
    """Writes `data` so that a reader or a power cut sees the old file or the new one, never a part.

    Raises:
      UserError: the disk is full, read-only or not permitted; the old file is then still there.
    """
    path = pathlib.Path(path)
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(descriptor, "wb") as f:
            os.fchmod(f.fileno(), 0o644)  # mkstemp's 0600 would hide the file from the user's group
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
        fsync_directory(path.parent)
    except OSError as e:
        if temporary:
            pathlib.Path(temporary).unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {e.strerror}") from e


def fsync_directory(path: str | os.PathLike) -> None:
    """Makes the names in a directory (created, renamed, removed) last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
