"""Restores damaged and small pictures, colour and alpha together."""

import argparse
import pathlib
import sys

import numpy as np

from emoji_gan import errors, images
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths
from emoji_gan.trained.even_colours import COLOURS
from emoji_gan.trained.restorer import MAX_PX, MAX_RESULT_PX, SCALES, Restorer
from input_pipeline.art import picture_folder, rasterise

_LEAST_PX = 8  # a side; less shows nothing to restore


def add_arguments(p: argparse.ArgumentParser) -> None:
    """Adds the flags of this verb."""
    p.add_argument("paths", nargs="+", type=paths.local, metavar="PATH", help="PNGs, or folders")
    p.add_argument("--scale", type=int, default=4, help=f"{SCALES}; 1: mends; default: 4")
    p.add_argument("--opaque", action="store_true", help="also remove a background of one colour")
    p.add_argument(
        "--colours",
        default=COLOURS[0],
        help=f"of {', '.join(COLOURS)}: fills get the main ones of each picture, but for "
        "its gradients; or those of OpenMoji; or stay as the restorer has them; default: own",
    )
    p.add_argument("--model", type=paths.local, help="of configs/restore.py; default: shipped")
    p.add_argument("--out", type=paths.local, default="restored", help="folder")


def run(a: argparse.Namespace) -> int:
    """Runs the verb by its flags: every picture that can be is restored, the others are counted."""
    if a.scale not in SCALES:
        raise UserError(f"--scale={a.scale}: choose from {', '.join(map(str, SCALES))}")
    out, files = pathlib.Path(a.out), files_of(a.paths)
    if len({file.name for file in files}) < len(files):
        raise UserError("two pictures have the same name: restore their folders one by one")
    if any((out / file.name).resolve() == file.resolve() for file in files):
        raise UserError(f"--out={a.out}: would overwrite the originals; choose another folder")
    restorer = Restorer(a.model, colours=a.colours)
    pictures, read = read_all(files, a.scale, opaque=a.opaque)
    bad = len(files) - len(read)
    texts = {
        "Software": "emoji_gan",
        "restored at scale": str(a.scale),
        "colours": a.colours,
    }
    restored = restorer(pictures, a.scale, remove_background=a.opaque)
    for file, given, picture in zip(read, pictures, restored, strict=True):
        digest = restorer.digest_of(given, remove_background=a.opaque)
        own = picture_folder.own_texts(file) | texts | {"restorer_sha256": digest}
        images.save_png(out / file.name, picture, own)
    left_out = f"; {bad} left out" if bad else ""
    noun = "picture" if len(read) == 1 else "pictures"
    print(f"{len(read)} {noun} restored at scale {a.scale} in {out}{left_out}")
    return errors.EXIT_USER_ERROR if bad else errors.EXIT_OK


def files_of(given: list[str], suffixes: tuple[str, ...] = (".png",)) -> list[pathlib.Path]:
    """Lists the pictures of paths and folders, in their order; those of other formats too.

    So that none is left out without a word.

    Args:
      given: paths of files of any name, and folders.
      suffixes: of the files that a folder must have.

    Raises:
      UserError: a path is neither, or there is none.
      DataError: a folder has no such file.
    """
    files: list[pathlib.Path] = []
    for path in map(pathlib.Path, given):
        if path.is_dir():
            files += picture_folder.files(str(path), suffixes) + picture_folder.others(str(path))
        elif path.is_file():
            files.append(path)
        else:
            raise UserError(f"{path}: no such file or folder")
    return files


def read_all(
    files: list[pathlib.Path], scale: int, *, most_px: int = MAX_PX, opaque: bool = False
) -> tuple[list[np.ndarray], list[pathlib.Path]]:
    """Reads pictures, uint8 [h w 4] each; those that cannot be restored are named and left out.

    Args:
      files: PNGs.
      scale: at which they are to be restored.
      most_px: a side.
      opaque: whether a background is to be removed, which they then must have.

    Returns:
      The pictures, and the files that they are of.
    """
    pictures, read = [], []
    for file in files:
        try:
            pictures.append(_read(file, scale, most_px, opaque=opaque))
            read.append(file)
        except rasterise.BadImage as e:
            print(f"{file}: {e}; left out", file=sys.stderr)
    return pictures, read


def _read(path: pathlib.Path, scale: int, most_px: int, *, opaque: bool) -> np.ndarray:
    """Reads one picture.

    Raises:
      rasterise.BadImage: it cannot be read, is animated, has a size that cannot be restored, or
        has no background to remove.
    """
    try:
        png = path.read_bytes()
    except OSError as e:
        raise rasterise.BadImage(e.strerror) from e
    picture = rasterise.read_png(png)
    if (count := rasterise.frames(png)) > 1:
        raise rasterise.BadImage(f"animated, {count} frames: give one frame as a PNG")
    h, w = picture.shape[:2]
    if min(h, w) < _LEAST_PX or max(h, w) > most_px or max(h, w) * scale > MAX_RESULT_PX:
        raise rasterise.BadImage(
            f"{w} x {h} px; taken are {_LEAST_PX} to {most_px} px a side, to {MAX_RESULT_PX} px"
        )
    if not picture[..., 3].any():
        raise rasterise.BadImage("nothing is drawn in it")
    if opaque and picture[..., 3].min() < 255:
        raise rasterise.BadImage("it has transparent pixels, so no background: leave --opaque out")
    return picture
