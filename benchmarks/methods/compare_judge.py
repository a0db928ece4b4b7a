"""Judges what one run of `benchmarks.methods.comparison` drew at its fixed times; started by it, not by hand.

    python -m benchmarks.methods.compare_judge --run=FOLDER --resolution=32 --n=2000
    (judged-1.json and .png, ...)
    python -m benchmarks.methods.compare_judge --export=FOLDER --resolution=32
    (the training emoji on white)

Twice: as it is, alpha and all (a run of this project only), and on white: both sides are laid over
opaque white and shown to the encoder with an alpha of 255, which is all that a run without alpha
can be asked for.
"""

import argparse
import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import shutil
import time
from importlib import metadata

import jax
import numpy as np

from benchmarks.methods.compare_report import ALPHA, WHITE
from benchmarks.methods.comparison import groups
from configs import default
from emoji_gan import errors, images, methods
from emoji_gan.runtime import host, workdir
from emoji_gan.trained.sampler import Sampler
from emoji_gan.trained.source import open_trained
from eval import generate
from eval.extractors import features, real_cache
from eval.metrics import evaluate, memorisation
from eval.metrics.sets import SampleSet
from eval.report import report_file
from input_pipeline import dataset
from input_pipeline.art import picture_folder

METRICS = {
    name: evaluate.METRICS[name]
    for name in ("frechet", "kid", "precision_recall", "density_coverage", "alpha", "palette")
} | {"memorisation": memorisation.evaluate}  # the real side is the training set here
_GRID = 8  # rows and columns of judged-K.png
_WARM = 16  # images drawn before the time is taken


def data_config(resolution: int):
    """`config.data` of every run: the toneless emoji of the Unicode list in full colour, no condition."""
    data = default.get_config().data
    data.resolution, data.groups = resolution, groups()
    return data


def on_white(pictures: np.ndarray) -> np.ndarray:
    """uint8 `n h w 4` straight alpha, laid over white: the same shape, opaque."""
    rgb = features.over(pictures, "white")
    return np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], -1)


def export(data: dataset.EmojiData, out: pathlib.Path) -> None:
    """Writes RGB PNGs on white; the folder is there when all of them are."""
    part = out.with_name(f".{out.name}")
    shutil.rmtree(part, ignore_errors=True)
    for picture, codepoints in zip(
        features.over(data.images, "white"), data.columns["codepoints"], strict=True
    ):
        images.save_png(part / f"{codepoints}.png", picture)
    os.replace(part, out)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What a run drew at a fixed time."""

    pictures: np.ndarray  # n h w 4 uint8
    has_alpha: bool
    per_second: float  # images, compilation apart
    parameters: dict[str, int]  # drawn: of what one draws with; trained: of all networks
    of: report_file.FakeInfo


def by_checkpoint(run: pathlib.Path, point: dict, n: int, data: dataset.EmojiData) -> Drawn:
    """From a run of main.py."""
    directory, step = run / "workdir", point["step"]
    sampler = Sampler(str(directory), step)
    _, asked = generate.conditions_like(data, n)
    generate.pictures(sampler, _WARM, {k: v[:_WARM] for k, v in asked.items()}, 1.0)  # compiles
    start = time.perf_counter()
    pictures = generate.pictures(sampler, n, asked, 1.0)
    rate = n / (time.perf_counter() - start)
    method = methods.load(sampler.config.method)
    state = open_trained(str(directory), step).fields(tuple(method.NETWORKS))
    counts = {k: sum(np.size(x) for x in jax.tree.leaves(tree)) for k, tree in state.items()}
    drawn = next(iter(counts.values()))  # the network that draws stands first
    of = report_file.FakeInfo(
        str(run),
        n,
        str(directory),
        step,
        point["kimg"],
        sampler.checkpoint_hash,
        f"0-{n - 1}",
        1.0,
        hashlib.sha256(pictures.tobytes()).hexdigest(),
    )
    return Drawn(pictures, True, rate, {"drawn": drawn, "trained": sum(counts.values())}, of)


def by_folder(run: pathlib.Path, point: dict, k: int, n: int) -> Drawn:
    """From the PNGs that compare_reference.py wrote."""
    drawn = picture_folder.read(str(run / f"samples-{k}"))
    pictures, found, digest = drawn.images, drawn.names, drawn.digest
    if len(found) != n:
        raise errors.UserError(f"{run}/samples-{k}: {len(found)} PNGs instead of {n}; delete {run}")
    of = report_file.FakeInfo(
        str(run), n, None, point["step"], point["kimg"], None, None, 1.0, digest
    )
    return Drawn(pictures, False, point["sampled_per_s"], point["parameters"], of)


def side(pictures, digest, extractor, clusters, called) -> SampleSet:
    """One side with its features, from the cache where they are there."""
    found = real_cache.features_of(pictures, digest, extractor)
    return SampleSet(
        pictures, found.features, found.logits, None, clusters, None, extractor, called
    )


def judged(
    drawn: Drawn, data: dataset.EmojiData, extractor: features.Extractor, view: str
) -> report_file.Report:
    """One view's figures as a report of `eval`."""
    lay, mark = (on_white, " on white") if view == WHITE else (np.asarray, "")
    clusters = np.asarray(data.columns["cluster"])
    called = tuple(data.columns["codepoints"].tolist())
    real = side(lay(data.images), data.content_hash + mark, extractor, clusters, called)
    seeds = tuple(f"seed {i}" for i in range(len(drawn.pictures)))
    pictures = lay(drawn.pictures)
    found = extractor(pictures)
    fake = SampleSet(pictures, found.features, found.logits, None, None, None, extractor, seeds)
    metrics = {k: m for k, m in METRICS.items() if view == ALPHA or k != "alpha"}
    figures, missing, seconds, _ = evaluate.evaluate(real, fake, None, 0, metrics)
    missing.pop("memorisation")  # it is among the metrics
    background = "white, opaque" if view == WHITE else extractor.background
    settings = {
        "missing": missing,
        "packages": {name: metadata.version(name) for name in ("jax", "numpy", "scipy")},
    }
    return report_file.Report(
        report_file.ExtractorInfo(
            extractor.name, extractor.weights_hash, extractor.pipeline, background
        ),
        report_file.RealInfo(
            "openmoji train", len(real.images), data.content_hash, {"groups": groups()}
        ),
        drawn.of,
        settings,
        figures,
        seconds,
        datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def judge(run: pathlib.Path, resolution: int, n: int) -> None:
    """Judges every point of a run that has not been judged yet."""
    points = json.loads((run / "points.json").read_bytes())["points"]
    data = dataset.load(data_config(resolution), "train")
    extractor = features.Extractor("emoji-encoder")
    for k, point in enumerate(points, 1):
        path = run / f"judged-{k}.json"
        if path.exists():
            continue
        of_checkpoint = (run / "workdir").is_dir()
        drawn = by_checkpoint(run, point, n, data) if of_checkpoint else by_folder(run, point, k, n)
        views = (ALPHA, WHITE) if drawn.has_alpha else (WHITE,)
        found = {view: report_file.to_json(judged(drawn, data, extractor, view)) for view in views}
        images.save_png(
            run / f"judged-{k}.png", images.grid(drawn.pictures[: _GRID**2], _GRID, _GRID)
        )
        found |= {"sampled_per_s": drawn.per_second, "parameters": drawn.parameters}
        workdir.write_atomic(path, json.dumps(point | found, indent=1, allow_nan=False).encode())


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--run", help="folder of points.json")
    p.add_argument("--export", help="folder to write the training emoji to")
    p.add_argument("--resolution", type=int, required=True)
    p.add_argument("--n", type=int, default=2000)
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    if a.export:
        export(dataset.load(data_config(a.resolution), "train"), pathlib.Path(a.export))
    else:
        judge(pathlib.Path(a.run), a.resolution, a.n)
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
