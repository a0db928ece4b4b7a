"""Measures what generated emoji lose or gain on their way to 128 px, in one table: a row a way.

    python -m benchmarks.tasks.delivery_size --out=FOLDER --n=1000

The shipped model of 32 px draws emoji of the training set's conditions, and emoji asked by phrases
alone. Each way enlarges the same ones: `nearest` repeats pixels, `bicubic` interpolates, `ours` is
the restorer of --model, and `traced` the SVG that is made of its picture, rendered; `real art, ...`
is training art, made small to 32 px, by the same ways.
Columns:

  fd       Frechet distance to the real art at 128 px, by the emoji encoder
  of parts the same of parts of 48 px, four of each picture: the encoder makes whole pictures as
           small as that, so that it does not see how they were enlarged
  of nearest  both as a fraction of nearest's
  group, emoji  fraction of those asked by phrase whose group, or code point among five, the
           recogniser sees at 128 px, and as they were drawn
  binary   fraction of pixels whose alpha is nearly 0 or 1, as almost all are in art of 128 px

FOLDER gets delivery_size.md, delivery_size.json and delivery_size.png, the first emoji by each way.
"""

import argparse
import json
import pathlib
from collections.abc import Callable

import ml_collections
import numpy as np
from PIL import Image

from benchmarks.tasks import upscalers
from emoji_gan import conditions, errors
from emoji_gan import images as images_lib
from emoji_gan.encoder import encoder
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import finishing, vectoriser
from emoji_gan.trained.restorer import Restorer
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler
from eval import generate
from eval.extractors import features
from eval.metrics import frechet
from eval.report import condition_agreement
from input_pipeline import dataset, degrade

_PX = 128
_DISTANCES = ("fd", "fd_parts")
_PARTS = ((16, 16), (16, 64), (64, 16), (64, 64))  # first row and column of each, px
_BINARY = 0.05  # of an alpha of 0 or 1
_AGREEMENT = ("group_top1", "codepoint_top5")
_IN_PICTURE = 8

Enlarge = Callable[[np.ndarray], np.ndarray]


def ways(restorer: Restorer, drawn_px: int) -> dict[str, Enlarge]:
    """Returns the ways to `_PX`: each maps uint8 [n h h 4] to uint8 [n _PX _PX 4]."""
    scale = _PX // drawn_px
    bicubic = upscalers.resampled(Image.Resampling.BICUBIC)
    return {
        "nearest": lambda x: x.repeat(scale, 1).repeat(scale, 2),
        "bicubic": lambda x: np.stack(bicubic(list(x), scale)),
        "ours": lambda x: restorer.to_size(x, _PX),
        "traced": lambda x: traced(x, restorer),
    }


def traced(pictures: np.ndarray, restorer: Restorer) -> np.ndarray:
    """Traces pictures uint8 [n h h 4] and renders the SVGs: uint8 [n _PX _PX 4]."""
    shapes = vectoriser.trace_all(list(pictures), restorer, quick=True)
    return vectoriser.rendered(shapes, _PX)


def parts(images: np.ndarray) -> np.ndarray:
    """Cuts parts out of images uint8 [n _PX _PX 4], where anything is drawn: uint8 [m p p 4]."""
    px = encoder.INPUT_PX
    cut = np.concatenate([images[:, y : y + px, x : x + px] for y, x in _PARTS])
    return cut[cut[..., 3].any((1, 2))]


def gaussians(extract: features.Extractor, images: np.ndarray) -> list[frechet.Gaussian]:
    """Fits the features of images uint8 [n _PX _PX 4] and of their parts, as `_DISTANCES` lists."""
    return [frechet.fit(extract(x).features) for x in (images, parts(images))]


def figures(
    extract: features.Extractor, art: list[frechet.Gaussian], images: np.ndarray
) -> dict[str, float]:
    """Returns the figures of images uint8 [n _PX _PX 4], beside real art."""
    alpha = images[..., 3] / 255
    distances = map(frechet.distance, gaussians(extract, images), art)
    return dict(zip(_DISTANCES, distances, strict=True)) | {
        "binary": float(((alpha < _BINARY) | (alpha > 1 - _BINARY)).mean())
    }


def recognised(
    extract: features.Extractor, images: np.ndarray, codepoints: list[str]
) -> dict[str, float]:
    """Returns how often the recogniser sees what was asked, in images uint8 [n h h 4]."""
    _, meta = encoder.load()
    seen = condition_agreement.recognised(extract(images).logits, codepoints, meta)
    return {name: seen[name][0] for name in _AGREEMENT if name in seen}


def table(rows: dict[str, dict[str, float]]) -> str:
    """Formats {way: figures}, `nearest` among the ways."""
    heads = ["fd", "of nearest", "fd of parts", "of nearest", "group", "emoji", "binary"]
    lines = [f"| way | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for way, row in rows.items():
        cells = []
        for name in _DISTANCES:
            ratio = row.get(name, np.nan) / rows["nearest"][name]
            cells += [f"{row[name]:.4f}", f"{ratio:.2f}"] if name in row else ["", ""]
        cells += [f"{row[k]:.1%}" if k in row else "" for k in (*_AGREEMENT, "binary")]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, help="of configs/restore.py; default: shipped")
    p.add_argument("--n", type=int, default=1000, help="emoji drawn, and half as many by phrases")
    p.add_argument("--truncation", type=float, default=0.7)
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    sampler = Sampler(str(SHIPPED_MODEL))
    restorer = finishing.restorer_of(vectoriser.STYLES[0], a.model)
    config = ml_collections.ConfigDict(sampler.config.data.to_dict())
    data = dataset.load(config, "train", encoder.PhraseEncoder())
    config.resolution = _PX
    real = dataset.load(config, "train").images
    _, condition = generate.conditions_like(data, a.n)
    drawn = sampler(list(range(a.n)), condition, a.truncation)
    chosen, text = conditions.rows_like(data, a.n // 2, seed=1)
    text = {conditions.TEXT: text[conditions.TEXT]}
    by_text = sampler(list(range(a.n // 2)), text, a.truncation)
    codepoints = data.columns["base"][chosen].tolist()

    extract = features.Extractor("emoji-encoder")
    art = gaussians(extract, real)
    rows = {"as drawn": recognised(extract, by_text, codepoints)}
    by_way, strips = ways(restorer, drawn.shape[1]), []
    for way, enlarge in by_way.items():
        large = enlarge(drawn)
        seen = recognised(extract, enlarge(by_text), codepoints)
        rows[way] = figures(extract, art, large) | seen
        strips += list(large[:_IN_PICTURE])
        print(way, {k: round(v, 4) for k, v in rows[way].items()}, flush=True)
    some = np.random.default_rng(0).permutation(len(real))[: a.n]
    small = np.stack([degrade.shrink(x, _PX // drawn.shape[1]) for x in real[some]])
    for way, enlarge in by_way.items():
        rows[f"real art, {way}"] = figures(extract, art, enlarge(small))
    rows["real art"] = figures(extract, art, real[some])
    text_table = table(rows)
    print(text_table)
    out = pathlib.Path(a.out)
    workdir.make_folder(out)
    board = images_lib.grid(np.stack(strips), len(strips) // _IN_PICTURE, _IN_PICTURE)
    images_lib.save_png(out / "delivery_size.png", board)
    workdir.write_atomic(out / "delivery_size.md", text_table.encode())
    summary = {"n": a.n, "restorer": restorer.checkpoint_hash, "rows": rows}
    workdir.write_atomic(out / "delivery_size.json", json.dumps(summary, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
