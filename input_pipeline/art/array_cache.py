"""Keeps decoded art as arrays between starts; each file carries a hash of its content."""

import hashlib
import os
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np

Columns = dict[str, np.ndarray]  # of n rows each

_VERSION = 1  # of what a cached array holds; raise it when reading changes
FROM_S = 1.0  # what takes less to read is not cached


def cached(
    directory: pathlib.Path, name: str, key: str, read: Callable[[], tuple[np.ndarray, Columns]]
) -> tuple[np.ndarray, Columns]:
    """Returns what `read` returns, from a file if there is one; writes it if reading takes long.

    Args:
      directory: of the files; made if missing.
      name: of the source; its files of other keys are removed.
      key: what the arrays depend on, e.g. a hash of the source's content.
      read: makes the images and their columns, where no whole file has them.

    Returns:
      Images and columns. A damaged file is reported and replaced.
    """
    key = hashlib.sha256(f"{_VERSION} {key}".encode()).hexdigest()
    path = directory / f"{name}-{key[:12]}.npz"
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {k: file[k] for k in file.files}
            digest = str(arrays.pop("sha256"))
            if digest != _digest(arrays, key):
                raise ValueError("its hash is wrong")
            return arrays.pop("images"), arrays
        except Exception as e:  # numpy raises many kinds on a damaged file
            print(f"{path}: a damaged cache ({e}); reading the data set again", file=sys.stderr)
    began = time.monotonic()
    images, columns = read()
    if time.monotonic() - began < FROM_S:
        return images, columns
    arrays = columns | {"images": images}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as f:
            np.savez(f, sha256=np.array(_digest(arrays, key)), **arrays)
        temporary.replace(path)
        for other in directory.glob(f"{name}-{'[0-9a-f]' * 12}.npz"):
            if other != path:
                other.unlink(missing_ok=True)  # of an older state of the same source
    except OSError as e:
        temporary.unlink(missing_ok=True)
        print(
            f"{path}: not cached ({e.strerror}); the next start reads everything again",
            file=sys.stderr,
        )
    return images, columns


def size_name(size_px: int, boxed: bool) -> str:
    """Names the size of cached pictures, and whether they are in the common box."""
    return f"{size_px}px" + ("-box" if boxed else "")


def _digest(arrays: Columns, key: str) -> str:
    """Returns the SHA-256 of the key and of all arrays, with their names, dtypes and shapes."""
    digest = hashlib.sha256(key.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
