"""Trains `make demo`'s model and shows its samples after 1, 4 and 10 minutes beside each other.

    python -m benchmarks.methods.training_pictures --workdir=WORKDIR --out=docs/demo_training.png

The minutes are those of the training command, start and compilation included, in three goes: each
goes on where the one before it ended. An interrupted benchmark starts anew in another workdir.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emoji_gan import errors, images
from emoji_gan.runtime import paths

MINUTES = (1, 4, 10)
_CONFIG = "configs/flow.py:demo"
_LICENCE = "CC BY-SA 4.0, learned from OpenMoji"
_PANEL_PX = 280
_GAP_PX = 12
_LABEL_PX = 30


def train(workdir: pathlib.Path, minutes: float) -> float:
    """Trains for some more minutes; returns the thousands of images seen so far."""
    command = [sys.executable, "main.py", f"--config={_CONFIG}", f"--workdir={workdir}"]
    done = subprocess.run([*command, f"--stop_after_minutes={minutes}"], check=False)
    if done.returncode not in (errors.EXIT_OK, errors.EXIT_PREEMPTED):
        raise errors.UserError(f"the training ended with {done.returncode}; its message is above")
    lines = (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads(lines[-1])["kimg"]


def panel(samples: pathlib.Path, label: str) -> Image.Image:
    """Reduces a grid of samples and writes a label above it."""
    with Image.open(samples) as file:
        grid = file.convert("RGBA").resize((_PANEL_PX, _PANEL_PX), Image.Resampling.LANCZOS)
    board = Image.new("RGB", (_PANEL_PX, _PANEL_PX + _LABEL_PX), "white")
    board.paste(grid, (0, _LABEL_PX), grid)
    where = (_PANEL_PX // 2, _LABEL_PX // 2)
    font = ImageFont.load_default(17)
    ImageDraw.Draw(board).text(where, label, fill="black", font=font, anchor="mm")
    return board


def side_by_side(panels: list[Image.Image]) -> np.ndarray:
    """Joins panels by white gaps: uint8 [h w 3]."""
    gap = np.full((_PANEL_PX + _LABEL_PX, _GAP_PX, 3), 255, np.uint8)
    columns = [column for each in panels for column in (gap, np.asarray(each))]
    return np.concatenate(columns[1:], axis=1)


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.methods.training_pictures",
        description=__doc__.partition("\n")[0],
    )
    p.add_argument("--workdir", type=paths.local, required=True, help="a new folder for the run")
    p.add_argument("--out", type=paths.local, required=True, help="a PNG")
    a = p.parse_args()
    workdir = pathlib.Path(a.workdir)
    if workdir.exists():
        raise errors.UserError(f"--workdir={workdir} is there already; name a new folder")
    panels, before = [], 0
    for minutes in MINUTES:
        kimg = train(workdir, minutes - before)
        panels.append(panel(workdir / "samples.png", f"{minutes} min, {kimg:.1f} kimg"))
        before = minutes
    images.save_png(a.out, side_by_side(panels), {"config": _CONFIG, "licence": _LICENCE})
    print(f"samples after {', '.join(map(str, MINUTES))} minutes: {a.out}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
