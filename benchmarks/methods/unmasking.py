"""Compares ways to draw of one masked transformer: steps, orders and truncations, in one table.

    python -m benchmarks.methods.unmasking --model=RUN --out=FOLDER --n=300
    python -m benchmarks.methods.unmasking --model=RUN --beside=RUN_OF_ANOTHER_METHOD --out=FOLDER

fd_emoji is the Frechet distance to the training emoji by the emoji encoder; it is higher of few
images than of many. images/s are of one call after another on
this machine, compiled before. `--beside` is drawn as it is, at truncation 1, in the last row.
FOLDER gets unmasking.md, unmasking.json and unmasking.png, a row of it for each of the table.
"""

import argparse
import dataclasses
import itertools
import json
import pathlib
import time

import numpy as np

from emoji_gan import errors
from emoji_gan import images as images_lib
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained.sampler import Sampler
from eval.extractors.features import Extractor
from eval.metrics import frechet
from input_pipeline import dataset

STEPS = (4, 8, 16)
ORDERS = ("halton", "confidence")
TRUNCATIONS = (0.7, 1.0)
_IN_PICTURE = 16


@dataclasses.dataclass(frozen=True)
class Way:
    """Says how a model draws.

    Attributes:
      model: its path.
      changes: of `config.sample`.
      truncation: psi.
    """

    model: str
    changes: dict[str, int | str]
    truncation: float

    def named(self) -> str:
        """Returns the cells of the table that say which way it is."""
        steps, order = self.changes.get("steps", ""), self.changes.get("order", "as it is")
        return f"{steps} | {order} | {self.truncation:g}"


def drawn(way: Way, n: int) -> tuple[np.ndarray, float]:
    """Draws the images of seeds 0 to n - 1, uint8 [n h w 4]; returns images/s as well."""
    sampler = Sampler(way.model, changes=way.changes)
    sampler([0], truncation=way.truncation)  # compiles
    start = time.perf_counter()
    images = sampler(range(n), truncation=way.truncation)
    return images, n / (time.perf_counter() - start)


def table(rows: list[dict[str, object]]) -> str:
    """Formats the figures as a Markdown table."""
    lines = ["| steps | order | truncation | fd_emoji | images/s |", "|---:|---|---:|---:|---:|"]
    lines += [f"| {r['way']} | {r['fd']:.3f} | {r['images_per_second']:.1f} |" for r in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, required=True, help="of configs/masked.py")
    p.add_argument("--beside", type=paths.local, help="of any method, of the same resolution")
    p.add_argument("--n", type=int, default=300, help="images of each way")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    if a.n < 2:
        raise UserError(f"--n={a.n}: expected 2 or more")
    host.setup_host_memory()
    host.setup_compilation_cache()
    out = pathlib.Path(a.out)
    workdir.make_folder(out)
    config = Sampler(a.model).config
    if config.method != "masked":
        raise UserError(f"--model={a.model}: it is of method {config.method!r}; give a masked one")
    extract = Extractor("emoji-encoder")
    real = frechet.fit(extract(dataset.load(config.data).images).features)
    ways = [
        Way(a.model, {"steps": steps, "order": order}, truncation)
        for steps, order, truncation in itertools.product(STEPS, ORDERS, TRUNCATIONS)
    ]
    ways += [Way(a.beside, {}, 1.0)] if a.beside else []
    rows, strips = [], []
    for way in ways:
        images, speed = drawn(way, a.n)
        distance = frechet.distance(frechet.fit(extract(images).features), real)
        rows.append({"way": way.named(), "fd": float(distance), "images_per_second": speed})
        strips += list(images[np.resize(np.arange(len(images)), _IN_PICTURE)])
        print(rows[-1], flush=True)
    text = table(rows)
    print(text)
    board = images_lib.grid(np.stack(strips), len(ways), _IN_PICTURE)
    images_lib.save_png(out / "unmasking.png", board)
    workdir.write_atomic(out / "unmasking.md", text.encode())
    whole = json.dumps({"n": a.n, "rows": rows}, indent=1)
    workdir.write_atomic(out / "unmasking.json", whole.encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
