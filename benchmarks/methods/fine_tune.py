"""Compares fine-tuning on a few emoji with training on them from scratch.

    python -m benchmarks.methods.fine_tune --out=FOLDER --kimg=8 --groups="Food & Drink"
    python -m benchmarks.methods.fine_tune --out=FOLDER --config=configs/dcgan.py:cpu \\
      --init_from=WORKDIR --freeze_d 1

Each training is a run of `main.py` with the same seed, kimg and data; only `--init_from` differs.
With --freeze_d there are also runs from the model with so many maps of D frozen (2002.10964). At
--points fixed kimg each run draws --n images, with conditions as often as the emoji have them, and
the emoji encoder judges them against these emoji. FOLDER/fine_tune.md has the table,
FOLDER/fine_tune.png the last pictures of each run, from left to right. Runs that are complete are
not trained again.
"""

import argparse
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping

import numpy as np

from benchmarks.methods import compare_judge
from emoji_gan import errors, images
from emoji_gan.errors import UserError
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.runtime.checkpoint import sealed_steps
from emoji_gan.trained import sampler as sampler_lib
from eval import generate
from eval.extractors import features
from eval.metrics import evaluate
from eval.metrics.sets import Estimate, SampleSet
from eval.report import metric_names
from input_pipeline import dataset

FIGURES = ("fd", "kid", "precision", "recall", "density", "coverage", "memorisation_rate")
_GRID = 8  # rows and columns of each part of the picture
_MAGNIFY = 2


def train(a: argparse.Namespace, run: pathlib.Path, *, init_from: str, freeze_d: int) -> None:
    """Runs main.py to its end, or continues a run to it.

    Args:
      a: the command line.
      run: workdir.
      init_from: a workdir or model file; '': from scratch.
      freeze_d: maps of D that are frozen.

    Raises:
      SystemExit: main.py failed; its message stands above.
    """
    command = [
        sys.executable,
        "main.py",
        f"--config={a.config}",
        f"--workdir={run}",
        f"--config.init_from={init_from}",
        f"--config.seed={a.seed}",
        f"--config.total_kimg={a.kimg}",
        *(f"--config.data.{k}={v!r}" for k, v in data_fields(a).items()),
        f"--config.checkpoint.every_kimg={a.kimg / a.points}",
        f"--config.checkpoint.keep={a.points + 1}",
        *([f"--config.optim.freeze_d={freeze_d}"] if freeze_d else []),
        "--config.checkpoint.every_minutes=1e6",
        "--config.log.images_kimg=1e6",
    ]
    if code := subprocess.run(command).returncode:
        sys.exit(code)


def data_fields(a: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """Returns the fields of config.data that choose the emoji."""
    return {"groups": tuple(a.groups), "subgroups": tuple(a.subgroups), "domains": ("full",)}


def judge_checkpoint(
    sampler: sampler_lib.Sampler, data: dataset.EmojiData, real: SampleSet, n: int
) -> tuple[dict[str, Estimate], np.ndarray]:
    """Draws from a checkpoint and judges.

    Args:
      sampler: of the checkpoint.
      data: emoji whose conditions are drawn for.
      real: the same emoji, to judge against.
      n: images to draw.

    Returns:
      The figures, and a grid of the first pictures, uint8 [h w 4].

    Raises:
      UserError: a figure could not be computed; why.
    """
    _, condition = generate.conditions_like(data, n)
    drawn = generate.pictures(sampler, n, condition, 1.0)
    extracted, seeds = real.extract(drawn), tuple(f"seed {i}" for i in range(n))
    fake = SampleSet(
        drawn, extracted.features, extracted.logits, None, None, None, real.extract, seeds
    )
    estimates, missing, *_ = evaluate.evaluate(real, fake, None, 0, compare_judge.METRICS)
    if reasons := [v for k, v in missing.items() if k != "memorisation"]:
        raise UserError("; ".join(reasons))
    return estimates, images.grid(drawn[: _GRID**2], _GRID, _GRID)


def judge_runs(
    runs: Mapping[str, pathlib.Path], data: dataset.EmojiData, n: int
) -> tuple[list[str], np.ndarray]:
    """Judges every checkpoint of every run.

    Args:
      runs: workdirs by the names of their starts.
      data: the emoji that they were trained on.
      n: images to draw from each checkpoint.

    Returns:
      The lines of a table, and the last pictures of the runs side by side, uint8 [h w 4].
    """
    real = compare_judge.real_side(
        data.images,
        data.content_hash,
        extractor=features.Extractor("emoji-encoder"),
        clusters=np.asarray(data.columns["cluster"]),
        names=tuple(data.columns["codepoints"].tolist()),
    )
    head = [metric_names.display_name(m, "emoji-encoder") for m in FIGURES]
    lines = [f"| start | kimg | {' | '.join(head)} |", f"|---|---:|{'---|' * len(head)}"]
    grids = []
    for start, run in runs.items():
        for step in sealed_steps(run):
            sampler = sampler_lib.Sampler(str(run), step)
            kimg = step * sampler.config.batch_size / 1000
            estimates, grid = judge_checkpoint(sampler, data, real, n)
            cells = [metric_names.value_text(estimates[m]) for m in FIGURES]
            lines.append(f"| {start} | {kimg:.1f} | {' | '.join(cells)} |")
        grids.append(grid)
    return lines, np.concatenate(grids, 1)


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--out", required=True, type=paths.local)
    p.add_argument("--config", default="configs/flow.py:box")
    p.add_argument(
        "--init_from",
        type=paths.local,
        default=str(sampler_lib.SHIPPED_FLOW),
        help="a workdir or model file",
    )
    p.add_argument("--groups", nargs="*", default=["Food & Drink"])
    p.add_argument("--subgroups", nargs="*", default=[])
    p.add_argument("--freeze_d", type=int, nargs="*", default=[], help="maps of D")
    p.add_argument("--kimg", type=float, default=8.0, help="of images shown, each run")
    p.add_argument("--points", type=int, default=2, help="at which both are judged, evenly apart")
    p.add_argument("--n", type=int, default=200, help="images drawn at each")
    p.add_argument("--seed", type=int, default=0)
    return p


def main() -> int:
    """Runs the command line."""
    a = _parser().parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    out, model = pathlib.Path(a.out), os.path.abspath(a.init_from)
    starts = {"from the model": (model, 0), "from nothing": ("", 0)}
    starts |= {f"from the model, {maps} of D frozen": (model, maps) for maps in a.freeze_d}
    runs = {start: out / start.replace(" ", "_").replace(",", "") for start in starts}
    for start, run in runs.items():
        init_from, freeze_d = starts[start]
        train(a, run, init_from=init_from, freeze_d=freeze_d)
    config = config_lib.load(a.config)
    config.data.update(data_fields(a))
    data = dataset.load(config.data, "train")
    table, board = judge_runs(runs, data, a.n)
    lines = [f"{len(data.images)} emoji: {data_fields(a)}", "", *table]
    board = board.repeat(_MAGNIFY, 0).repeat(_MAGNIFY, 1)
    images.save_png(out / "fine_tune.png", board)
    workdir.write_atomic(out / "fine_tune.md", ("\n".join(lines) + "\n").encode())
    print("\n".join(lines))
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
