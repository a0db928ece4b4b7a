"""Seals a directory of files: written last, a seal proves that every byte is what was written."""

import hashlib
import json
import os
import pathlib

from emoji_gan.runtime.workdir import fsync_directory, write_atomic

NAME = "seal.json"  # line 1: JSON of sizes and SHA-256s; line 2: the SHA-256 of line 1


def seal(path: pathlib.Path) -> None:
    """Writes the seal of a committed step, once its files are sure to outlast a power cut."""
    files = {}
    for file in _files(path):
        with open(file, "rb") as f:
            os.fsync(f.fileno())
            sha256 = hashlib.file_digest(f, "sha256").hexdigest()
            files[file.relative_to(path).as_posix()] = (os.fstat(f.fileno()).st_size, sha256)
    for directory, _, _ in os.walk(path):
        fsync_directory(directory)
    body = json.dumps({"step": path.name, "files": dict(sorted(files.items()))}).encode()
    # By the second line a damaged seal differs from a damaged file.
    write_atomic(path / NAME, body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n")


def digest(path: pathlib.Path) -> str:
    """Returns the SHA-256 of the seal's first line, which covers every byte of the step."""
    return (path / NAME).read_bytes().splitlines()[1].decode()


def problem_of(path: pathlib.Path) -> str | None:
    """Returns what is wrong with the step in `path`, naming the file; None if its seal holds."""
    if not path.is_dir():
        return "there is no such step"
    try:
        raw = (path / NAME).read_bytes()
    except FileNotFoundError:
        return f"it has no {NAME}, so its save was cut off"
    except OSError as e:
        return f"{NAME} cannot be read: {e.strerror}"
    body, _, second_line = raw.partition(b"\n")
    if second_line != hashlib.sha256(body).hexdigest().encode() + b"\n":
        return f"{NAME} is not what was written"
    try:
        content = json.loads(body.decode())  # as UTF-8: given bytes, json would guess
        if content["step"] != path.name:
            return f"{NAME} is of step {str(content['step'])[:40]}"
        files = {
            str(name): (int(size), str(sha256)) for name, (size, sha256) in content["files"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return f"{NAME} is no seal, though its own hash is right"  # someone made it by hand
    present = {file.relative_to(path).as_posix() for file in _files(path)} - {NAME}
    if unsealed := sorted(present - files.keys()):
        return f"{unsealed[0]} is not in its seal"
    for name, (size, sha256) in files.items():
        if name not in present:  # so no name can lead out of the folder
            return f"{name[:200]} is missing"
        try:
            with open(path / name, "rb") as f:
                actual_size = os.fstat(f.fileno()).st_size
                if actual_size != size:
                    return f"{name} has {actual_size} bytes instead of {size}"
                if hashlib.file_digest(f, "sha256").hexdigest() != sha256:
                    return f"{name} has changed bytes (its SHA-256 differs)"
        except OSError as e:
            return f"{name} cannot be read: {e.strerror}"
    return None


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    """Lists all files below `path` but links: what they point to is not in the folder."""
    files = (
        pathlib.Path(directory, name) for directory, _, names in os.walk(path) for name in names
    )
    return [file for file in files if not file.is_symlink()]
