"""Draws emoji from a trained run.

    python -m emoji_gan.sample --workdir=runs/demo --seeds=0-63 --truncation=0.7
    python -m emoji_gan.sample --text="chat souriant" --style=line

The second asks the model in the box. Each writes a straight-alpha RGBA PNG a seed, and all on one
grid.
"""

import argparse
import math
import pathlib
import re

from emoji_gan import conditions, errors, images
from emoji_gan.conditions import CLASSES
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths
from emoji_gan.trained.sampler import IN_THE_BOX, Sampler, ask

_TEXT_HELP = "ask for this, in English or French: a name, keywords, or a phrase like them"
_TINY_PX = 64  # smaller images are magnified on the grid


def parse_seeds(text: str) -> list[int]:
    """'0-3,7' -> [0, 1, 2, 3, 7].

    Raises:
      UserError: anything but numbers and ranges of them in [0, 2^32), or more than a million.
    """
    seeds: list[int] = []
    for part in text.split(","):
        m = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part)
        first, last = (int(m[1]), int(m[2] or m[1])) if m else (1, 0)
        if first > last or last >= 2**32 or len(seeds) + last - first >= 1_000_000:
            raise UserError(
                f"--seeds={text}: expected numbers and ranges such as 0-63 or 1,5,10-20"
            )
        seeds += range(first, last + 1)
    return seeds


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.sample", description=__doc__.partition("\n")[0]
    )
    where = p.add_mutually_exclusive_group()
    where.add_argument("--workdir", type=paths.local, help="of a run")
    where.add_argument(
        "--model",
        type=paths.local,
        help="a model file; default, without --workdir: the one in the box",
    )
    p.add_argument("--seeds", default="0-63", help="e.g. 0-63 or 1,5,10-20")
    p.add_argument(
        "--truncation", type=float, default=0.7, help="psi: 0 the mean emoji, 1 the full variety"
    )
    p.add_argument("--step", type=int, help="checkpoint; default: the newest good one")
    p.add_argument(
        "--out", type=paths.local, help="folder; default: WORKDIR/generated, or generated"
    )
    for name in (*CLASSES, conditions.TEXT):
        p.add_argument(
            f"--{name}", help=f"ask for this {name}" if name != conditions.TEXT else _TEXT_HELP
        )
    p.add_argument(
        "--guidance", type=float, help="how strictly to follow what is asked; 1: as trained"
    )
    p.add_argument("--steps", type=int, help="of the solver, where the method has one")
    p.add_argument("--solver", help="euler or heun, where the method has one")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    seeds = parse_seeds(a.seeds)
    if not math.isfinite(a.truncation) or not 0 <= a.truncation <= 2:
        raise UserError(f"--truncation={a.truncation}: expected 0 to 2")
    changes = {k: v for k in ("guidance", "steps", "solver") if (v := getattr(a, k)) is not None}
    asked = {k: v for k in (*CLASSES, conditions.TEXT) if (v := getattr(a, k)) is not None}
    sampler = Sampler(a.workdir or a.model or str(IN_THE_BOX), a.step, changes)
    condition = ask(sampler.spec, asked, len(seeds))
    out = pathlib.Path(
        a.out or (pathlib.Path(a.workdir, "generated") if a.workdir else "generated")
    )
    pictures = sampler(seeds, condition, a.truncation)
    for seed, picture in zip(seeds, pictures, strict=True):
        path = out / f"seed{seed:010d}.png"
        images.save_png(path, picture, sampler.provenance(seed, a.truncation, asked))
    side = math.ceil(math.sqrt(len(seeds)))
    magnify = max(1, _TINY_PX // pictures.shape[1])
    shown = (
        images.grid(pictures, math.ceil(len(seeds) / side), side)
        .repeat(magnify, 0)
        .repeat(magnify, 1)
    )
    grid = out / "grid.png"
    images.save_png(
        grid, shown, sampler.provenance(seeds[0], a.truncation, asked) | {"seed": a.seeds}
    )
    print(f"{len(seeds)} emoji in {out}, all of them in {grid}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
