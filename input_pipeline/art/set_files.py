"""Lists the files of a set of emoji: of a folder, of a zip, or beside an icon JSON."""

import contextlib
import os
import pathlib
import re
import zipfile

from input_pipeline import DataError
from input_pipeline.art.picture import Files, Reader, Skipped

_MAX_FILES = 100_000
_MAX_ARCHIVE_BYTES = 4 << 30  # of all files of a zip, unpacked
_HIDDEN = "hidden: a resource fork or a copy"


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder is no content: a Mac's resource fork, a notebook's copy."""
    return name.startswith(".") or name == "__MACOSX"


def of_path(path: pathlib.Path) -> Reader:
    """Returns what reads the first bytes of one file."""

    def get(limit: int) -> bytes:
        with open(path, "rb") as f:
            return f.read(limit)

    return get


def beside(path: pathlib.Path) -> Files:
    """Lists the files that Iconify's packages keep beside icons.json: code points and author."""
    names = ("chars.json", "info.json") if path.name == "icons.json" else ()
    return {name: of_path(path.with_name(name)) for name in names if path.with_name(name).is_file()}


def of_folder(root: pathlib.Path, skipped: Skipped) -> Files:
    """Lists the files of a folder, all folders in it included, in the order of their names.

    Args:
      root: the folder. Links that leave it are not followed.
      skipped: receives hidden files and links, and why.

    Raises:
      DataError: too many files.
    """
    files: Files = {}
    inside = root.resolve()
    for folder, folder_names, file_names in os.walk(root):
        linked = sorted(f for f in folder_names if pathlib.Path(folder, f).is_symlink())
        for folder_name in linked:
            link = pathlib.Path(folder, folder_name)
            target = (
                "a folder that is read anyway"
                if link.resolve().is_relative_to(inside)
                else "a folder elsewhere: name that as a source of its own"
            )
            skipped.append((link.relative_to(root).as_posix(), f"a link to {target}"))
        for folder_name in sorted(f for f in folder_names if is_hidden(f)):
            hidden = pathlib.Path(folder, folder_name)
            skipped.append((hidden.relative_to(root).as_posix(), _HIDDEN))
        # What os.walk visits next.
        folder_names[:] = sorted(f for f in folder_names if not is_hidden(f) and f not in linked)
        for file_name in sorted(file_names):
            file = pathlib.Path(folder, file_name)
            name = file.relative_to(root).as_posix()
            if is_hidden(file_name):
                skipped.append((name, _HIDDEN))
            elif file.is_symlink() and not file.resolve().is_relative_to(inside):
                skipped.append((name, "a link that leaves the folder"))
            elif file.is_file():
                files[name] = of_path(file)
            if len(files) > _MAX_FILES:
                raise DataError(
                    f"{root}: more than {_MAX_FILES} files; name the folder of one emoji set"
                )
    return files


def of_zip(path: pathlib.Path, skipped: Skipped, stack: contextlib.ExitStack) -> Files:
    """Lists the files of a zip in the order of their names; nothing is unpacked to disk.

    Args:
      path: the zip.
      skipped: receives hidden files and names that leave the zip, and why.
      stack: keeps the zip open; the files are read before it closes.

    Raises:
      DataError: no such file, not a zip, too many or too large files.
    """
    if not path.exists():
        raise DataError(f"{path}: no such folder or file; data.sources takes STYLE=PATH")
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as e:
        raise DataError(f"{path}: neither a folder, a readable zip nor a .json ({e})") from e
    members = [m for m in archive.infolist() if m.filename and not m.is_dir()]
    total = sum(m.file_size for m in members)
    if len(members) > _MAX_FILES or total > _MAX_ARCHIVE_BYTES:
        raise DataError(
            f"{path}: {len(members)} files of {total >> 20} MiB unpacked; "
            f"at most {_MAX_FILES} and {_MAX_ARCHIVE_BYTES >> 20} MiB are read"
        )
    files: Files = {}
    for member in sorted(members, key=lambda m: m.filename):
        parts = re.split(r"[/\\]", member.filename)
        if ".." in parts or not parts[0] or ":" in parts[0]:
            skipped.append((member.filename, "its name leaves the archive"))
        elif any(is_hidden(part) for part in parts):
            skipped.append((member.filename, _HIDDEN))
        else:
            files["/".join(parts)] = _of_member(archive, member)
    return files


def _of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Reader:
    def get(limit: int) -> bytes:
        with archive.open(member) as f:  # never more than `limit` in memory
            return f.read(limit)

    return get
