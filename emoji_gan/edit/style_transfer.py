"""Draws emoji in the style of another emoji set."""

import argparse
import dataclasses
import pathlib
import sys

import numpy as np

from emoji_gan import errors, images
from emoji_gan.edit import parents, restoration
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths, workdir
from emoji_gan.trained import finishing
from emoji_gan.trained.restyler import Restyler
from input_pipeline import DataError
from input_pipeline.art import licences, picture_folder

_READ_PX = 4  # times the model's resolution, at which a picture is read before it is cropped


def add_arguments(p: argparse.ArgumentParser) -> None:
    """Adds the flags of this verb."""
    p.add_argument(
        "paths", nargs="*", type=paths.local, metavar="PATH", help="PNGs, SVGs, or folders of them"
    )
    p.add_argument("--emoji", action="append", default=[], help="as in vary; may be repeated")
    p.add_argument("--line", action="store_true", help="of --emoji take OpenMoji's line art")
    p.add_argument("--to", required=True, help="style of the model, e.g. noto, or a part of it")
    p.add_argument("--licence", help="of the files, e.g. CC-BY-4.0; default: as they say, or own")
    p.add_argument("--model", type=paths.local, help="of configs/restyle.py; default: shipped")
    finishing.add_arguments(p)
    p.add_argument("--out", type=paths.local, default="restyled", help="folder")


@dataclasses.dataclass(frozen=True)
class _Picture:
    """Holds a picture to be restyled.

    Attributes:
      image: as the restyler reads it.
      large: the same at the finisher's size; None where that wants none.
      name: in the folder.
      source: where it is from.
      work: its licence.
    """

    image: np.ndarray
    large: np.ndarray | None
    name: str
    source: str
    work: licences.Work


def run(a: argparse.Namespace) -> int:
    """Runs the verb by its flags: every picture that can be is restyled, the others are counted."""
    files = _files(a)
    restyler = Restyler(a.model)
    style = restyler.style_named(a.to)
    stated = licences.parse(a.licence) if a.licence else None
    traced = finishing.traced_style([style])  # line art too
    finisher = finishing.Finisher(restyler.px, a.size, a.format, a.finish, traced, has_guides=True)
    pictures, bad = [], 0
    for text in (*map(str, files), *a.emoji):
        try:
            given = _open(text, restyler, finisher, a, stated)
            work = licences.adapted(given.work, restyler.art_of(style))
            pictures.append(dataclasses.replace(given, work=work))
        except (UserError, DataError) as e:
            print(f"{text}: {str(e).removeprefix(f'{text}: ')}; left out", file=sys.stderr)
            bad += 1
    if pictures:
        workdir.make_folder(a.out)  # before anything is drawn
        _write(a, restyler, finisher, pictures, style)
    left_out = f"; {bad} left out" if bad else ""
    noun = "picture" if len(pictures) == 1 else "pictures"
    print(f"{len(pictures)} {noun} restyled to {style} in {a.out}{left_out}")
    for expression in sorted({picture.work.expression for picture in pictures}):
        of_these = [p.work for p in pictures if p.work.expression == expression]
        terms = of_these[0].texts()["Terms"]
        print(f"licence of {len(of_these)}: {expression}: {terms}")
    return errors.EXIT_USER_ERROR if bad else errors.EXIT_OK


def _files(a: argparse.Namespace) -> list[pathlib.Path]:
    """Lists the pictures of the flags, whose results have names of their own."""
    files, out = restoration.files_of(a.paths, (".png", ".svg")), pathlib.Path(a.out)
    if not files and not a.emoji:
        raise UserError("nothing to restyle: give PNGs, SVGs or folders, or --emoji")
    if len({file.stem for file in files}) < len(files):
        raise UserError("two pictures have the same name: restyle their folders one by one")
    if any((out / f"{file.stem}.png").resolve() == file.resolve() for file in files):
        raise UserError(f"--out={a.out}: would overwrite the originals; choose another folder")
    return files


def _open(
    text: str,
    restyler: Restyler,
    finisher: finishing.Finisher,
    a: argparse.Namespace,
    stated: licences.Licence | None,
) -> _Picture:
    """Opens one picture, or an emoji of OpenMoji.

    Raises:
      UserError: it cannot be read, or nothing is drawn in it.
    """
    path = pathlib.Path(text)
    is_emoji = text in a.emoji and not path.is_file()

    def read(px: int) -> tuple[np.ndarray, int | None]:
        """Returns the picture as a square of `px`, and its own side, None of drawings."""
        if is_emoji:
            return parents.open_parent(text, px, line=a.line).image, None
        image, sides = parents.read_picture(path, px)
        return image, max(sides) if sides else None

    image, own_px = read(_READ_PX * restyler.px)
    if is_emoji:
        name, work = parents.codepoints_of(text), licences.of_style("openmoji")
    else:
        name, work = path.stem, licences.of_texts(picture_folder.texts(path), path.name)
        if stated:
            work = licences.work(f"picture {path.name}", stated)
    if not finisher.guide_px:
        return _Picture(restyler.prepared(image), None, name, path.name, work)
    whole, _ = read(min(own_px or 2 * finisher.guide_px, 4 * finisher.guide_px))
    if own_px and own_px < finisher.guide_px:  # it would be blurred
        whole = finisher.guide(whole)
    # Both of one picture: in a box of its own a smaller one would lie otherwise.
    small, large = restyler.prepared(whole), restyler.prepared(whole, finisher.guide_px)
    return _Picture(small, large, name, path.name, work)


def _write(
    a: argparse.Namespace,
    restyler: Restyler,
    finisher: finishing.Finisher,
    pictures: list[_Picture],
    style: str,
) -> None:
    """Restyles the pictures and writes them, each with its parent and its licence."""
    small = np.stack([p.image for p in pictures])
    drawn = restyler(small, style)
    common = {
        **restyler.provenance(style),
        **finisher.texts(),
        "Changes": f"drawn anew in the style of {style} by emoji_gan",
    }
    texts = [common | p.work.texts() | {"parent": p.source} for p in pictures]
    out = pathlib.Path(a.out)
    if finisher.guide_px:
        large = np.stack([p.large for p in pictures])
        finished = finisher.finished_by(restyler.enlarged(drawn, small, large, style), drawn)
    else:
        finished = finisher.finished(drawn)
    for suffix, files in finisher.others(finished, texts).items():
        for picture, file in zip(pictures, files, strict=True):
            workdir.write_atomic(out / f"{picture.name}{suffix}", file)
    for picture, image, own in zip(pictures, finished.large, texts, strict=True):
        images.save_png(out / f"{picture.name}.png", image, own)
