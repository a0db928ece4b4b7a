"""A few emoji learned from a trained model and from nothing, as many images shown, judged alike.

    python -m benchmarks.methods.fine_tune --out=FOLDER --kimg=8 --groups="Food & Drink"
    python -m benchmarks.methods.fine_tune --out=FOLDER --config=configs/dcgan.py:cpu \\
      --init_from=WORKDIR --freeze_d 1

Runs of `main.py` with one seed, `--init_from` apart; with --freeze_d also from the model with so
many maps of D frozen (2002.10964). At --points fixed kimg each draws --n images, asked as often as
the emoji it learns are, judged by the emoji encoder against these emoji. FOLDER/fine_tune.md has
the table, FOLDER/fine_tune.png the last pictures of each, from left to right. Runs that are whole
are not trained again.
"""

import argparse
import os
import pathlib
import subprocess
import sys

import numpy as np

from benchmarks.methods import compare_judge
from emoji_gan import errors, images
from emoji_gan.errors import UserError
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import host, workdir
from emoji_gan.runtime.checkpoint import sealed_steps
from emoji_gan.trained import sampler as sampler_lib
from eval import generate
from eval.extractors import features
from eval.metrics import evaluate
from eval.metrics.sets import SampleSet
from eval.report import metric_names
from input_pipeline import dataset

SHOWN = ("fd", "kid", "precision", "recall", "density", "coverage", "memorisation_rate")
_GRID = 8  # rows and columns of each part of the picture
_MAGNIFY = 2


def train(a: argparse.Namespace, run: pathlib.Path, init_from: str, freeze_d: int) -> None:
    """Runs main.py to its end, or on to it."""
    command = [sys.executable, "main.py", f"--config={a.config}", f"--workdir={run}"]
    command += [
        f"--config.init_from={init_from}",
        f"--config.seed={a.seed}",
        f"--config.total_kimg={a.kimg}",
    ]
    command += [f"--config.data.{k}={v!r}" for k, v in fields(a).items()]
    command += [
        f"--config.checkpoint.every_kimg={a.kimg / a.points}",
        f"--config.checkpoint.keep={a.points + 1}",
    ]
    command += [f"--config.optim.freeze_d={freeze_d}"] if freeze_d else []
    command += ["--config.checkpoint.every_minutes=1e6", "--config.log.images_kimg=1e6"]
    if code := subprocess.run(command).returncode:
        sys.exit(code)  # it has said why


def fields(a: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """Those of config.data that choose the emoji."""
    return {"groups": tuple(a.groups), "subgroups": tuple(a.subgroups), "domains": ("full",)}


def figures(
    run: pathlib.Path, step: int, data: dataset.EmojiData, real: SampleSet, a: argparse.Namespace
):
    """Kimg, the judge's figures and the first pictures of a checkpoint."""
    sampler = sampler_lib.Sampler(str(run), step)
    _, asked = generate.conditions_like(data, a.n)
    drawn = generate.pictures(sampler, a.n, asked, 1.0)
    found, seeds = real.extract(drawn), tuple(f"seed {i}" for i in range(a.n))
    fake = SampleSet(drawn, found.features, found.logits, None, None, None, real.extract, seeds)
    estimates, missing, *_ = evaluate.evaluate(real, fake, None, 0, compare_judge.METRICS)
    if unsaid := {k: v for k, v in missing.items() if k != "memorisation"}:
        raise UserError("; ".join(unsaid.values()))
    return (
        step * sampler.config.batch_size / 1000,
        estimates,
        images.grid(drawn[: _GRID**2], _GRID, _GRID),
    )


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--out", required=True, type=pathlib.Path)
    p.add_argument("--config", default="configs/flow.py:box")
    p.add_argument(
        "--init_from", default=str(sampler_lib.SHIPPED_MODEL), help="a workdir or model file"
    )
    p.add_argument("--groups", nargs="*", default=["Food & Drink"])
    p.add_argument("--subgroups", nargs="*", default=[])
    p.add_argument("--freeze_d", type=int, nargs="*", default=[], help="maps of D")
    p.add_argument("--kimg", type=float, default=8.0, help="of images shown, each run")
    p.add_argument("--points", type=int, default=2, help="at which both are judged, evenly apart")
    p.add_argument("--n", type=int, default=200, help="images drawn at each")
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    model = os.path.abspath(a.init_from)
    starts = {"from the model": (model, 0), "from nothing": ("", 0)}
    starts |= {f"from the model, {maps} of D frozen": (model, maps) for maps in a.freeze_d}
    runs = {start: a.out / start.replace(" ", "_").replace(",", "") for start in starts}
    for start, run in runs.items():
        train(a, run, *starts[start])
    config = config_lib.load(a.config)
    config.data.update(fields(a))
    data = dataset.load(config.data, "train")
    real = compare_judge.side(
        data.images,
        data.content_hash,
        features.Extractor("emoji-encoder"),
        np.asarray(data.columns["cluster"]),
        tuple(data.columns["codepoints"].tolist()),
    )
    head = [metric_names.display_name(m, "emoji-encoder") for m in SHOWN]
    lines = [f"{len(data.images)} emoji: {fields(a)}", "", f"| start | kimg | {' | '.join(head)} |"]
    lines.append(f"|---|---:|{'---|' * len(head)}")
    grids = []
    for start, run in runs.items():
        for step in sealed_steps(run):
            kimg, estimates, grid = figures(run, step, data, real, a)
            cells = [metric_names.value_text(estimates[m]) for m in SHOWN]
            lines.append(f"| {start} | {kimg:.1f} | {' | '.join(cells)} |")
        grids.append(grid)
    board = np.concatenate(grids, 1).repeat(_MAGNIFY, 0).repeat(_MAGNIFY, 1)
    images.save_png(a.out / "fine_tune.png", board)
    workdir.write_atomic(a.out / "fine_tune.md", ("\n".join(lines) + "\n").encode())
    print("\n".join(lines))
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
