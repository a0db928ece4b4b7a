"""Judges what one run of `benchmarks.methods.comparison` drew at its fixed times.

    python -m benchmarks.methods.compare_judge --run=FOLDER --resolution=32 --n=2000
    (judged-1.json and .png, ...)
    python -m benchmarks.methods.compare_judge --export=FOLDER --resolution=32
    (the training emoji on white)

The comparison starts this program; it is not for use by hand. Each point is judged in two views.
With alpha, as drawn: only runs of this project. On white: both sides are laid over opaque white and
given to the encoder with an alpha of 255, so that runs without alpha can be compared. Both views
are judged by both emoji encoders; white also by the 2015 network of FID, where its weights are.
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
from collections.abc import Collection
from importlib import metadata
from typing import Any

import jax
import ml_collections
import numpy as np

from benchmarks.methods.compare_report import ALPHA, FID, NO_FID, WHITE, second
from benchmarks.methods.comparison_runs import groups
from configs import default
from emoji_gan import errors, images, methods
from emoji_gan.runtime import host, paths, workdir
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
} | {"memorisation": memorisation.evaluate}  # here the real side is the training set
_OF_ALPHA = ("alpha", "palette")  # which no encoder changes
_GRID = 8  # rows and columns of judged-K.png
_WARM = 16  # images drawn before the clock starts


def data_config(resolution: int) -> ml_collections.ConfigDict:
    """Returns `config.data` of every run.

    The data are the toneless emoji of the Unicode list, in full colour and without a condition.
    """
    data = default.get_config().data
    data.resolution, data.groups = resolution, groups()
    return data


def on_white(pictures: np.ndarray) -> np.ndarray:
    """Lays uint8 [n h w 4] of straight alpha over white: the same shape, opaque."""
    rgb = features.over(pictures, "white")
    return np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], -1)


def export(data: dataset.EmojiData, out: pathlib.Path) -> None:
    """Writes the emoji as RGB PNGs on white; `out` exists only once all of them do."""
    part = out.with_name(f".{out.name}")
    shutil.rmtree(part, ignore_errors=True)
    for picture, codepoints in zip(
        features.over(data.images, "white"), data.columns["codepoints"], strict=True
    ):
        images.save_png(part / f"{codepoints}.png", picture)
    os.replace(part, out)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Holds what a run drew at a fixed time.

    Attributes:
      pictures: uint8 [n h w 4], straight alpha.
      has_alpha: whether the run draws alpha.
      per_second: images drawn, without compilation.
      parameters: drawn: of the network that draws; trained: of all networks.
      info: the fake side of a report.
    """

    pictures: np.ndarray
    has_alpha: bool
    per_second: float
    parameters: dict[str, int]
    info: report_file.FakeInfo


def by_checkpoint(
    run: pathlib.Path, point: dict[str, Any], n: int, data: dataset.EmojiData
) -> Drawn:
    """Draws `n` images from the checkpoint of a run of main.py."""
    directory, step = run / "workdir", point["step"]
    sampler = Sampler(str(directory), step)
    _, condition = generate.conditions_like(data, n)
    warm_condition = {k: v[:_WARM] for k, v in condition.items()}
    generate.pictures(sampler, _WARM, warm_condition, 1.0)  # compiles
    start = time.perf_counter()
    pictures = generate.pictures(sampler, n, condition, 1.0)
    rate = n / (time.perf_counter() - start)
    method = methods.load(sampler.config.method)
    state = open_trained(str(directory), step).fields(tuple(method.NETWORKS))
    counts = {k: sum(np.size(x) for x in jax.tree.leaves(tree)) for k, tree in state.items()}
    drawn = next(iter(counts.values()))  # the network that draws comes first
    info = report_file.FakeInfo(
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
    return Drawn(pictures, True, rate, {"drawn": drawn, "trained": sum(counts.values())}, info)


def by_folder(run: pathlib.Path, point: dict[str, Any], k: int, n: int) -> Drawn:
    """Reads the PNGs that compare_reference.py wrote at the k-th point.

    Raises:
      UserError: there are not `n` of them.
    """
    drawn = picture_folder.read(str(run / f"samples-{k}"))
    count = len(drawn.names)
    if count != n:
        raise errors.UserError(f"{run}/samples-{k}: {count} PNGs instead of {n}; delete {run}")
    info = report_file.FakeInfo(
        str(run), n, None, point["step"], point["kimg"], None, None, 1.0, drawn.digest
    )
    return Drawn(drawn.images, False, point["sampled_per_s"], point["parameters"], info)


def real_side(
    pictures: np.ndarray,
    digest: str,
    *,
    extractor: features.Extractor,
    clusters: np.ndarray,
    names: tuple[str, ...],
) -> SampleSet:
    """Returns real emoji with their features, which are cached by `digest`.

    Args:
      pictures: uint8 [n h w 4], straight alpha.
      digest: hash of the pictures.
      extractor: of the features.
      clusters: int64 [n], near-duplicate cluster of each picture.
      names: n code points.
    """
    extracted = real_cache.features_of(pictures, digest, extractor)
    return SampleSet(
        pictures, extracted.features, extracted.logits, None, clusters, None, extractor, names
    )


def judged(
    drawn: Drawn,
    data: dataset.EmojiData,
    extractor: features.Extractor,
    view: str,
    names: Collection[str] = tuple(METRICS),
) -> report_file.Report:
    """Judges one view, ALPHA or WHITE, by some of METRICS; returns a report of `eval`."""
    lay, mark = (on_white, " on white") if view == WHITE else (np.asarray, "")
    real = real_side(
        lay(data.images),
        data.content_hash + mark,
        extractor=extractor,
        clusters=np.asarray(data.columns["cluster"]),
        names=tuple(data.columns["codepoints"].tolist()),
    )
    seeds = tuple(f"seed {i}" for i in range(len(drawn.pictures)))
    pictures = lay(drawn.pictures)
    extracted = extractor(pictures)
    fake = SampleSet(
        pictures, extracted.features, extracted.logits, None, None, None, extractor, seeds
    )
    metrics = {k: METRICS[k] for k in names if view == ALPHA or k != "alpha"}
    figures, missing, seconds, _ = evaluate.evaluate(real, fake, None, 0, metrics)
    missing.pop("memorisation", None)  # it is among the metrics
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
        drawn.info,
        settings,
        figures,
        seconds,
        datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def fid_extractor() -> tuple[features.Extractor | None, str]:
    """Returns the 2015 network where its weights are, else None and why there is no FID."""
    try:
        return features.Extractor("inception-2015"), ""
    except errors.UserError as e:
        return None, str(e)


def judge(run: pathlib.Path, resolution: int, n: int) -> None:
    """Judges every point of a run that has not been judged yet."""
    points = json.loads((run / "points.json").read_bytes())["points"]
    data = dataset.load(data_config(resolution), "train")
    first, other = (features.Extractor(name) for name in ("emoji-encoder", "emoji-encoder-2"))
    of_fid, no_fid = fid_extractor()
    by_features = [name for name in METRICS if name not in _OF_ALPHA]
    for k, point in enumerate(points, 1):
        path = run / f"judged-{k}.json"
        if path.exists():
            continue
        of_checkpoint = (run / "workdir").is_dir()
        drawn = by_checkpoint(run, point, n, data) if of_checkpoint else by_folder(run, point, k, n)
        views = (ALPHA, WHITE) if drawn.has_alpha else (WHITE,)
        reports = {view: judged(drawn, data, first, view) for view in views}
        reports |= {second(view): judged(drawn, data, other, view, by_features) for view in views}
        if of_fid is not None:
            reports[FID] = judged(drawn, data, of_fid, WHITE, by_features)
        figures = {name: report_file.to_json(report) for name, report in reports.items()}
        images.save_png(
            run / f"judged-{k}.png", images.grid(drawn.pictures[: _GRID**2], _GRID, _GRID)
        )
        figures |= {"sampled_per_s": drawn.per_second, "parameters": drawn.parameters}
        figures |= {NO_FID: no_fid} if no_fid else {}
        workdir.write_atomic(path, json.dumps(point | figures, indent=1, allow_nan=False).encode())


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--run", type=paths.local, help="folder of points.json")
    p.add_argument("--export", type=paths.local, help="folder to write the training emoji to")
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
