"""Turns pictures into SVGs of few shapes, and into a colour font."""

import argparse
import pathlib
import re

import numpy as np

from emoji_gan import errors
from emoji_gan.edit import restoration
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths, workdir
from emoji_gan.trained import finishing, vectoriser
from emoji_gan.trained.restorer import MAX_RESULT_PX
from emoji_gan.vector import drawing, font, specimen
from input_pipeline.art import picture_folder

_SOFTWARE = "emoji_gan"


def add_arguments(p: argparse.ArgumentParser) -> None:
    """Adds the flags of this verb."""
    p.add_argument("paths", nargs="+", type=paths.local, metavar="PATH", help="PNGs, or folders")
    p.add_argument(
        "--style",
        choices=vectoriser.STYLES,
        default=vectoriser.STYLES[0],
        help="openmoji: its colours and lines; flat: the picture's own colours, no lines",
    )
    p.add_argument("--font", metavar="NAME", help="also a colour font of all of them")
    p.add_argument("--model", type=paths.local, help="of configs/restore.py; default: shipped")
    p.add_argument("--out", type=paths.local, default="vectors", help="folder; default: vectors")


def run(a: argparse.Namespace) -> int:
    """Runs the verb by its flags: every picture that can be is traced, the others are counted."""
    if a.font is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,30}", a.font):
        raise UserError(
            f"--font={a.font}: expected a name of at most 31 letters, digits and spaces"
        )
    out, files = pathlib.Path(a.out), restoration.files_of(a.paths)
    if len({file.stem for file in files}) < len(files):
        raise UserError("two pictures have the same name: vectorise their folders one by one")
    if a.font is not None and len(files) > font.MOST_DRAWINGS:
        raise UserError(f"--font: {len(files)} pictures, a font takes {font.MOST_DRAWINGS}")
    for file in files:
        _refuse_foreign(out / f"{file.stem}.svg")
    workdir.make_folder(out)  # before anything is traced
    restorer = finishing.restorer_of(a.style, a.model)
    pictures, read = restoration.read_all(files, 1, most_px=MAX_RESULT_PX)
    drawings = vectoriser.trace_all(pictures, restorer, style=a.style)
    sizes = []
    for file, picture, shapes in zip(read, pictures, drawings, strict=True):
        texts = {"Software": _SOFTWARE, "restorer_sha256": restorer.digest_of(picture)}
        svg = drawing.to_svg(shapes, metadata=picture_folder.own_texts(file) | texts).encode()
        workdir.write_atomic(out / f"{file.stem}.svg", svg)
        sizes.append(len(svg))
    bad = len(files) - len(read)
    left_out = f"; {bad} left out" if bad else ""
    if read:
        shapes = np.median([len(d) for d in drawings])
        print(
            f"{len(read)} SVGs in {out}, of {shapes:.0f} shapes and {np.median(sizes):.0f} bytes "
            f"in the median{left_out}"
        )
    if a.font is not None and read:
        print(f"font  {_write_font(a.font, out, read, drawings)}")
    return errors.EXIT_USER_ERROR if bad else errors.EXIT_OK


def _refuse_foreign(path: pathlib.Path) -> None:
    """Raises `UserError` if an SVG is there that this program did not write."""
    if path.is_file() and f"Software: {_SOFTWARE}" not in path.read_text(errors="replace"):
        raise UserError(f"{path} is not from here and would be lost: give another --out")


def _write_font(
    name: str, out: pathlib.Path, files: list[pathlib.Path], drawings: list[list[drawing.Shape]]
) -> pathlib.Path:
    """Writes NAME.ttf, .woff2, .css and .html in `out`; returns the page that shows it."""
    stems = [file.stem for file in files]
    characters = font.characters(stems)
    licences = sorted({t for f in files if (t := picture_folder.own_texts(f).get("Copyright"))})
    built = font.build(
        dict(zip(characters, drawings, strict=True)), name, licence="; ".join(licences)
    )
    stem = name.replace(" ", "-")
    for suffix in (".ttf", ".woff2"):
        font.write(built, out / f"{stem}{suffix}")
    workdir.write_atomic(out / f"{stem}.css", specimen.css(name, stem).encode())
    page = out / f"{stem}.html"
    workdir.write_atomic(
        page,
        specimen.page(name, stem, dict(zip(characters, stems, strict=True)), licences).encode(),
    )
    return page
