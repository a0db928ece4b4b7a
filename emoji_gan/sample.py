"""Draws emoji from a trained model.

    python -m emoji_gan.sample --text="chat souriant" --style=line
    python -m emoji_gan.sample --workdir=runs/demo --seeds=0-63 --truncation=0.7

The first command draws from the shipped model. Each command writes one straight-alpha RGBA PNG per
seed, whose text chunks say how it was made, and a contact sheet of all of them.
"""

import argparse
import math
import pathlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from emoji_gan import conditions, errors, images
from emoji_gan.conditions import CLASSES
from emoji_gan.encoder import understanding
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler, ask
from emoji_gan.trained.source import is_model_file
from input_pipeline.art import picture_folder

_TEXT_HELP = "ask for this, in English or French: a name, keywords, or a phrase like them"
_SMALL_PX = 64  # smaller images are magnified on the contact sheet
_SHEET = "grid.png"
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

    Returns:
      The number of earlier pictures that were removed.

    Raises:
      UserError: a file cannot be written.
    """
    earlier = _of_another_request(folder, provenance)
    written = set()
    for seed, picture in zip(seeds, pictures, strict=True):
        path = folder / f"seed{seed:010d}.png"
        images.save_png(path, picture, {**provenance, "seed": str(seed)})
        written.add(path)
    texts = {**provenance, "seed": seeds_text, picture_folder.SHEET_KEY: f"{len(seeds)} emoji"}
    images.save_png(folder / _SHEET, _sheet(pictures), texts)
    removed = [path for path in earlier if path not in written]
    for path in removed:
        path.unlink(missing_ok=True)
    return len(removed)


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


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.sample", description=__doc__.partition("\n")[0]
    )
    source = p.add_mutually_exclusive_group()
    source.add_argument("--workdir", type=paths.local, help="of a run, or a model file")
    source.add_argument(
        "--model", type=paths.local, help="the same; default: the shipped model of 32 px"
    )
    p.add_argument("--seeds", default="0-63", help="e.g. 0-63 or 1,5,10-20")
    p.add_argument(
        "--truncation", type=float, default=0.7, help="psi: 0 the mean emoji, 1 the full variety"
    )
    p.add_argument("--step", type=int, help="checkpoint; default: the newest good one")
    p.add_argument(
        "--out", type=paths.local, help="folder; default: WORKDIR/generated, or generated"
    )
    for name in CLASSES:
        p.add_argument(f"--{name}", help=f"ask for this {name}")
    p.add_argument(f"--{conditions.TEXT}", help=_TEXT_HELP)
    p.add_argument("--lang", help="of the text, fr or en; default: the one that knows its words")
    p.add_argument(
        "--guidance", type=float, help="how strictly to follow the condition; 1: as trained"
    )
    p.add_argument("--steps", type=int, help="of the solver, where the method has one")
    p.add_argument("--solver", help="euler or heun, where the method has one")
    return p


def main() -> int:
    """Runs the command line."""
    a = _parser().parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    seeds = parse_seeds(a.seeds)
    if not math.isfinite(a.truncation) or not 0 <= a.truncation <= 2:
        raise UserError(f"--truncation={a.truncation}: expected 0 to 2")
    changes = {k: v for k in ("guidance", "steps", "solver") if (v := getattr(a, k)) is not None}
    request = {k: v for k in (*CLASSES, conditions.TEXT) if (v := getattr(a, k)) is not None}
    source = a.workdir or a.model or str(SHIPPED_MODEL)
    sampler = Sampler(source, a.step, changes)
    condition = ask(sampler.spec, request, len(seeds), language=a.lang)
    provenance = sampler.provenance(seeds[0], a.truncation, request)
    if conditions.TEXT in request:
        understood = understanding.understand(request[conditions.TEXT], a.lang)
        print(f"{request[conditions.TEXT]!r} {understood}", flush=True)
        provenance["understood text"] = understood.phrase
    in_workdir = (a.workdir or a.model) and not is_model_file(source)
    out = pathlib.Path(a.out or (pathlib.Path(source, "generated") if in_workdir else "generated"))
    pictures = sampler(seeds, condition, a.truncation)
    removed = write(out, pictures, seeds, provenance=provenance, seeds_text=a.seeds)
    if removed:
        print(f"replaced {removed} emoji of an earlier request in {out}")
    print(f"{len(seeds)} emoji in {out}, all of them in {out / _SHEET}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
