"""Draws emoji of names at random on a numbered contact sheet, for somebody to name them blind.

    python -m benchmarks.tasks.blind_look --out=FOLDER --n=64 --seed=0 --size=128

FOLDER gets blind_look.png and, apart, blind_look_key.txt: a line a number, the name that was asked
for and its code points. Look at the sheet, write down what each number shows, and open the key only
then. The names are drawn from all of Unicode's, without skin tones; another seed asks for others.
"""

import argparse
import math
import pathlib

import numpy as np
from PIL import Image, ImageDraw

from emoji_gan import conditions, errors, images
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import finishing, vectoriser
from emoji_gan.trained import sampler as sampler_lib
from input_pipeline.unicode import emoji_names
from input_pipeline.unicode.emoji_names import Meta

SHEET, KEY = "blind_look.png", "blind_look_key.txt"
_TRUNCATION = 0.7
_STYLE = "openmoji"  # coloured
_COLUMNS, _PAD_PX = 8, 2
_INK = (0, 0, 200)


def choose(n: int, seed: int) -> list[Meta]:
    """Draws different emoji from all of Unicode's, without skin tones and without parts of emoji.

    Raises:
      UserError: there are fewer.
    """
    metas = [emoji_names.lookup(key) for key in emoji_names.every()]
    metas = [meta for meta in metas if not meta.tones and meta.group != "Component"]
    if not 0 < n <= len(metas):
        raise UserError(f"--n={n}: expected 1 to {len(metas)}")
    rows = np.random.default_rng(seed).choice(len(metas), n, replace=False)
    return [metas[i] for i in rows]


def draw(sampler: sampler_lib.Sampler, asked_for: list[Meta]) -> np.ndarray:
    """Draws an image of each name: uint8 [n h w 4].

    Raises:
      UserError: the model takes no phrases, or was trained with another encoder.
    """
    spec, count = sampler.spec, len(asked_for)
    if conditions.TEXT not in spec.names:
        raise UserError("--model: it takes no phrases; give one trained with data.conditions text")
    request = {"style": _STYLE} if _STYLE in dict(spec.classes).get("style", ()) else {}
    condition = sampler_lib.ask(spec, request, count)
    for i, meta in enumerate(asked_for):
        condition[conditions.TEXT][i] = sampler_lib.embed_phrase(spec, _name(meta))
    return sampler(list(range(count)), condition, _TRUNCATION)


def _name(meta: Meta) -> str:
    return meta.name_en or meta.name


def sheet(pictures: np.ndarray) -> np.ndarray:
    """Lays pictures out with their numbers: uint8 [h w 3]."""
    px = pictures.shape[1] + _PAD_PX
    columns = min(_COLUMNS, len(pictures))
    board = images.grid(pictures, math.ceil(len(pictures) / columns), columns, pad=_PAD_PX)
    page = Image.fromarray(board)
    pen = ImageDraw.Draw(page)
    for i in range(len(pictures)):
        pen.text((2 * _PAD_PX + i % columns * px, _PAD_PX + i // columns * px), str(i), _INK)
    return np.asarray(page)


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--n", type=int, default=64, help="emoji")
    p.add_argument("--seed", type=int, default=0, help="of the names")
    p.add_argument("--model", type=paths.local, default=str(sampler_lib.SHIPPED_MODEL))
    p.add_argument("--size", type=int, help="px, by the shipped restorer; default: the model's")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    asked_for = choose(a.n, a.seed)
    pictures = draw(sampler_lib.Sampler(a.model), asked_for)
    if a.size is not None:
        pictures = finishing.restorer_of(vectoriser.STYLES[0]).to_size(pictures, a.size)
    out = pathlib.Path(a.out)
    images.save_png(out / SHEET, sheet(pictures))
    lines = [f"{i} {_name(meta)} ({meta.codepoints})" for i, meta in enumerate(asked_for)]
    workdir.write_atomic(out / KEY, "".join(f"{line}\n" for line in lines).encode())
    print(f"{a.n} emoji in {out / SHEET}; what was asked for in {out / KEY}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
