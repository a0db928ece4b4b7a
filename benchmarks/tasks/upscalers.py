"""Compares restorers and upscalers on held-out emoji, in one table: a row a damage.

    python -m benchmarks.tasks.upscalers --out=FOLDER --model=models/restorer.safetensors --n=200

The whole pictures are OpenMoji at 128 px, and at 256 px for the scale 8; held-out emoji only, or
those of --source=STYLE=PATH, a style that no model has seen. All restore the same damaged pictures
in one run. `error` is the mean absolute error of premultiplied RGBA in levels of 255, `edge` that
of alpha where the whole picture's alpha has an edge. Each method's images/s are its own, one after
the other on the machine as it is. FOLDER gets upscalers.md, upscalers.json and upscalers.png, the
first pictures of every row at scale 4: damaged, by each method, whole.
"""

import argparse
import json
import pathlib
import time
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

from configs import default
from emoji_gan import errors
from emoji_gan import images as images_lib
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained.restorer import Restorer
from input_pipeline import dataset, degrade

Upscaler = Callable[[list[np.ndarray], int], Sequence[np.ndarray]]
_SMALL_PX = 32  # of every damaged picture
_SEED = 20261129
_IN_PICTURE, _PICTURED_SCALE = 2, 4  # emoji of each row
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
    """Formats rows of {method: figures}: error / edge of each, ours to the best of the rest."""
    methods = list(next(iter(results.values())))
    lines = [f"| damage | {' | '.join(methods)} | ratio of errors | of edges |"]
    lines.append("|---|" + "---:|" * (len(methods) + 2))
    for name, row in results.items():
        cells = [f"{row[m]['error']:.2f} / {row[m]['edge']:.1f}" for m in methods]
        for figure in ("error", "edge"):
            best = min(row[m][figure] for m in methods[1:])
            cells.append(f"{row[methods[0]][figure] / best:.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    rates = [f"{np.mean([r[m]['images_per_s'] for r in results.values()]):.0f}" for m in methods]
    lines.append(f"| images/s | {' | '.join(rates)} | | |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, help="of configs/restore.py; default: shipped")
    p.add_argument("--source", help="STYLE=PATH of another set; default: held-out OpenMoji")
    p.add_argument("--n", type=int, default=200, help="pictures, at most")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    restorer = Restorer(a.model)
    upscalers: dict[str, Upscaler] = {
        "ours": restorer,
        "bicubic": resampled(Image.Resampling.BICUBIC),
        "Lanczos": resampled(Image.Resampling.LANCZOS),
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
    summary = {"n": len(whole), "restorer": restorer.checkpoint_hash, "rows": results}
    workdir.write_atomic(out / "upscalers.md", text.encode())
    columns = _IN_PICTURE * (len(upscalers) + 2)
    board = images_lib.grid(np.stack(strips), len(strips) // columns, columns)
    images_lib.save_png(out / "upscalers.png", board)
    workdir.write_atomic(out / "upscalers.json", json.dumps(summary, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
