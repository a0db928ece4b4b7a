"""Locks a working directory for one job, and writes files that are either whole or absent."""

import contextlib
import errno
import fcntl
import os
import pathlib
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

from absl import logging

from emoji_gan.errors import EXIT_NOT_SAVED, UserError

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
BEAT_S = 5.0  # between two signs of life where the file system has no locks
DEAD_AFTER_S = 30.0  # without a sign of life


@contextlib.contextmanager
def locked(workdir: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Makes `workdir` and holds its lock while the block runs.

    The lock is a flock on `workdir/lock`, so it ends with the process that holds it, kill -9
    included. The file names the owner: `pid 1234 on host`. One process of a job takes it, the
    others need not. On a file system without locks, as some network mounts are, the lock is a file
    `lease` that its owner keeps changing.

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
    with contextlib.ExitStack() as stack:
        # Closing gives the lock back; the file stays, as removing it would race a new owner.
        stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise _in_use(directory, os.read(descriptor, 200).decode(errors="replace")) from e
        except OSError as e:
            if e.errno not in _NO_LOCKS:
                raise UserError(
                    f"cannot lock the workdir {directory}: {e.strerror}; use a local disk"
                ) from e
            stack.enter_context(_leased(directory))
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{_me()}\n".encode(), 0)
        except OSError as e:
            raise UserError(f"cannot write the workdir {directory}: {e.strerror}") from e
        yield directory


def _me() -> str:
    return f"pid {os.getpid()} on {socket.gethostname()}"


def _in_use(directory: pathlib.Path, owner: str) -> UserError:
    owner = owner.strip() or "another process"
    return UserError(
        f"workdir {directory} is in use by {owner}; stop that job or choose another --workdir"
    )


@contextlib.contextmanager
def _leased(directory: pathlib.Path) -> Iterator[None]:
    """Holds `directory/lease` while the block runs: its owner and a number that goes up.

    The owner is a process and a random token of this job. No clock is compared between hosts:
    whoever wants a lease that is taken watches whether it changes. A job that finds another's token
    in it, after a pause of its host, ends at once without writing.
    """
    path = directory / "lease"
    owner = f"{_me()} ({secrets.token_hex(8)})"
    _take(path, owner)
    stop = threading.Event()

    def beat() -> None:
        beats = 0
        while not stop.wait(BEAT_S):
            lease = _read_lease(path)
            if lease is not None and not lease.startswith(owner):
                print(
                    f"error: another job has taken the workdir {directory}; ended without saving",
                    file=sys.stderr,
                )
                sys.stderr.flush()
                os._exit(EXIT_NOT_SAVED)  # as after kill -9: what is written is whole
            beats += 1
            with contextlib.suppress(UserError):  # a full disk: the next beat tries again
                write_atomic(path, f"{owner} {beats}\n".encode())

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        if (_read_lease(path) or "").startswith(owner):
            path.unlink(missing_ok=True)


def _take(path: pathlib.Path, owner: str) -> None:
    """Writes the lease for a new owner, once the old one shows no life.

    Raises:
      UserError: the old owner is alive, or another new one was faster.
    """
    try:
        with open(path, "x") as f:  # succeeds for one of several jobs
            f.write(f"{owner} 0\n")
        return
    except FileExistsError:
        lease = _read_lease(path)
    except OSError as e:
        raise UserError(f"cannot write the workdir {path.parent}: {e.strerror}") from e
    logging.info(
        "watching for %g s whether the owner of %s is alive: %s", DEAD_AFTER_S, path, lease
    )
    end = time.monotonic() + DEAD_AFTER_S
    while time.monotonic() < end:
        time.sleep(BEAT_S / 5)
        if _read_lease(path) not in (lease, None):
            raise _in_use(path.parent, (lease or "").partition(" (")[0])
    write_atomic(path, f"{owner} 0\n".encode())
    time.sleep(2 * BEAT_S)  # of several jobs that take it, the last one has it
    if (lease := _read_lease(path)) != f"{owner} 0\n":
        raise _in_use(path.parent, (lease or "").partition(" (")[0])
    logging.warning("took the workdir %s over from a job that shows no life", path.parent)


def _read_lease(path: pathlib.Path) -> str | None:
    """Returns the text of the lease, '' if there is none, None if the file system fails."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError:
        return None


def make_folder(path: str | os.PathLike) -> None:
    """Makes a folder, and those above it, where they are missing.

    Raises:
      UserError: it cannot be made (permission, a file where a folder belongs).
    """
    try:
        pathlib.Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot write to the folder {path}: {e.strerror}") from e


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
    except BaseException as e:  # also of Ctrl-C, which must leave no part of a file
        if temporary:
            pathlib.Path(temporary).unlink(missing_ok=True)
        if isinstance(e, OSError):
            raise UserError(f"cannot write {path}: {e.strerror}") from e
        raise


def fsync_directory(path: str | os.PathLike) -> None:
    """Makes the names in a directory (created, renamed, removed) last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
