"""Reads folders of pictures, by one rule for all programs that read or write one.

Every PNG below the folder counts, with two exceptions: what is hidden (`set_files.is_hidden`), and
contact sheets that this project drew itself.
"""

import collections
import dataclasses
import hashlib
import pathlib
from collections.abc import Collection, Iterator

import numpy as np
from absl import logging
from PIL import Image

from input_pipeline import DataError
from input_pipeline.art import set_files
from input_pipeline.art.rasterise import BadImage, read_png

_OTHER_SUFFIXES = frozenset(
    (".apng", ".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".tif", ".tiff", ".webp")
)
SHEET_KEY = "contact sheet of"  # text chunk of a PNG that shows many pictures at once
_MAX_BAD_FRACTION = 0.01
_HEAD_BYTES = 4096  # text chunks of ours stand before the pixels


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Holds the pictures of a folder.

    Attributes:
      images: uint8 [n h w 4], straight alpha, RGB = 0 where alpha = 0.
      names: n paths in the folder.
      digest: SHA-256 of names and pixels.
    """

    images: np.ndarray
    names: tuple[str, ...]
    digest: str


def files(directory: str, suffixes: tuple[str, ...] = (".png",)) -> list[pathlib.Path]:
    """Lists the pictures of a folder, sorted; sheets, and copies in other formats, do not count.

    Args:
      directory: the folder.
      suffixes: of the files that count, in lower case.

    Raises:
      DataError: no such folder, or nothing in it that counts.
    """
    root = pathlib.Path(directory).expanduser()
    if not root.is_dir():
        raise DataError(f"{directory}: no such folder")
    visible = sorted(_visible(root, suffixes))
    counted = [path for path in visible if not is_sheet(path) and not _is_copy(path)]
    if not counted:
        kinds = " or ".join(suffix[1:].upper() for suffix in suffixes)
        raise DataError(f"{directory}: no {kinds} in it")
    return counted


def others(directory: str) -> list[pathlib.Path]:
    """Lists the pictures of a folder that are neither PNGs nor SVGs by their names, sorted."""
    visible = _visible(pathlib.Path(directory).expanduser(), _OTHER_SUFFIXES)
    return sorted(path for path in visible if not _is_copy(path))


def _is_copy(path: pathlib.Path) -> bool:
    """Returns whether this project wrote the file beside a PNG: the same in another format."""
    return path.suffix.lower() != ".png" and bool(own_texts(path.with_suffix(".png")))


def _visible(root: pathlib.Path, suffixes: Collection[str]) -> Iterator[pathlib.Path]:
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        hidden = any(set_files.is_hidden(part) for part in parts)
        if not hidden and path.suffix.lower() in suffixes and path.is_file():
            yield path


def is_sheet(path: pathlib.Path) -> bool:
    """Returns whether a PNG is a contact sheet that this project drew."""
    texts = own_texts(path)
    # Older versions marked sheets by their name alone; pictures are called by their seed.
    return SHEET_KEY in texts or (path.name == "grid.png" and bool(texts))


def own_texts(path: pathlib.Path) -> dict[str, str]:
    """Returns the text chunks of a PNG that this project wrote; {} of any other file."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return {}
    named = texts(path) if b"emoji_gan" in head else {}
    return named if named.get("Software") == "emoji_gan" else {}


def texts(path: pathlib.Path) -> dict[str, str]:
    """Returns the text chunks of a PNG before its pixels; {} of any other file."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return {k: v for k, v in picture.info.items() if isinstance(v, str)}
    except Exception:  # a damaged file is met again, and reported, where it is read
        return {}


def read(directory: str) -> Pictures:
    """Reads the pictures of a folder, which must be of one size.

    Raises:
      DataError: no such folder, no PNG, several sizes, or more than 1 % unreadable.
    """
    paths, root = files(directory), pathlib.Path(directory).expanduser()
    images, names, bad = [], [], []
    for path in paths:
        try:
            images.append(read_png(path.read_bytes()))
            names.append(str(path.relative_to(root)))
        except (BadImage, OSError) as e:
            bad.append(f"{path.name} ({e})")
    if len(bad) > _MAX_BAD_FRACTION * len(paths):
        raise DataError(
            f"{directory}: {len(bad)} of {len(paths)} pictures cannot be read: {bad[0]}"
        )
    for line in bad:
        logging.warning("%s: left out %s", directory, line)
    sizes = collections.Counter(f"{i.shape[1]}x{i.shape[0]}" for i in images)
    if len(sizes) > 1:
        listed = ", ".join(f"{n} of {size}" for size, n in sizes.most_common(4))
        raise DataError(
            f"{directory}: pictures of several sizes ({listed}); scale them to one first"
        )
    stack = np.stack(images)
    digest = hashlib.sha256("\n".join(names).encode() + stack.tobytes()).hexdigest()
    return Pictures(stack, tuple(names), digest)
