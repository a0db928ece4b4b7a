"""Writes drawn emoji as a folder: a PNG of each seed and a contact sheet."""

import math
import pathlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from emoji_gan import images
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir
from input_pipeline.art import picture_folder

SHEET = "grid.png"
_SMALL_PX = 64  # smaller images are magnified on the contact sheet
_OTHER_SUFFIXES = (".svg", ".webp")  # of files that a picture may have beside it
_PER_IMAGE = ("seed", picture_folder.SHEET_KEY)  # text chunks that differ within one request


def parse_seeds(text: str) -> list[int]:
    """Reads seeds: '0-3,7' -> [0, 1, 2, 3, 7].

    Raises:
      UserError: the text holds anything but numbers in [0, 2^32) and ranges of them, or more than a
        million seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last >= 2**32 or len(seeds) + last - first >= 1_000_000:
            raise UserError(
                f"--seeds={text}: expected numbers and ranges such as 0-63 or 1,5,10-20"
            )
        seeds += range(first, last + 1)
    return seeds


def write(
    folder: pathlib.Path,
    pictures: np.ndarray,
    seeds: Sequence[int],
    *,
    provenance: Mapping[str, str],
    seeds_text: str,
    beside: np.ndarray | None = None,
    more: Mapping[str, Sequence[bytes]] | None = None,
) -> int:
    """Writes one picture per seed and a contact sheet; a folder holds pictures of one request.

    Pictures that this program drew there for another request are removed once the new ones are
    written: each can be drawn again from its text chunks. Other files are left alone.

    Args:
      folder: created if it does not exist.
      pictures: uint8 [n h w 4], straight alpha.
      seeds: n integers.
      provenance: text chunks of every picture.
      seeds_text: the seeds as the user typed them.
      beside: uint8 [m h w 4], shown first on the contact sheet and written nowhere else.
      more: suffix -> n files of other formats, which get the names of the PNGs.

    Returns:
      The number of earlier pictures that were removed.

    Raises:
      UserError: a file cannot be written.
    """
    earlier = _of_another_request(folder, provenance)
    written = set()
    for i, (seed, picture) in enumerate(zip(seeds, pictures, strict=True)):
        path = folder / f"seed{seed:010d}.png"
        images.save_png(path, picture, texts_of(provenance, seed))
        written.add(path)
        for suffix, contents in (more or {}).items():
            workdir.write_atomic(path.with_suffix(suffix), contents[i])
    texts = {**provenance, "seed": seeds_text, picture_folder.SHEET_KEY: f"{len(seeds)} emoji"}
    on_sheet = pictures if beside is None else np.concatenate([beside, pictures])
    images.save_png(folder / SHEET, _sheet(on_sheet), texts)
    removed = [path for path in earlier if path not in written]
    for path in removed:
        path.unlink(missing_ok=True)
    for path in earlier:
        for suffix in _OTHER_SUFFIXES:
            if path not in written or suffix not in (more or {}):
                path.with_suffix(suffix).unlink(missing_ok=True)
    return len(removed)


def texts_of(provenance: Mapping[str, str], seed: int) -> dict[str, str]:
    """Returns the text chunks of one picture of a request."""
    return {**provenance, "seed": str(seed)}


def _of_another_request(folder: pathlib.Path, provenance: Mapping[str, str]) -> list[pathlib.Path]:
    """Returns the pictures in a folder that this program drew for another request."""

    def request(texts: Mapping[str, str]) -> dict[str, str]:
        return {k: v for k, v in texts.items() if k not in _PER_IMAGE}

    earlier = []
    for path in sorted(folder.glob("seed*.png")):
        texts = picture_folder.own_texts(path)
        if texts and request(texts) != request(provenance):
            earlier.append(path)
    return earlier


def _sheet(pictures: np.ndarray) -> np.ndarray:
    """Returns the contact sheet, uint8 [h w 3]."""
    columns = math.ceil(math.sqrt(len(pictures)))
    board = images.grid(pictures, math.ceil(len(pictures) / columns), columns)
    magnify = max(1, _SMALL_PX // pictures.shape[1])
    return board.repeat(magnify, 0).repeat(magnify, 1)
