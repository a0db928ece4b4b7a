"""Trains the one-step generator by several recipes, briefly, and compares them in one table.

    python -m benchmarks.methods.onestep_search --out=FOLDER --kimg=16 --rows=now,transport,batch

Every row trains from the same flow with the flags in `ROWS`, and is judged at half of the time and
at its end, in training: 1,000 samples at truncation 1 against the training emoji. CPU minutes are
those of the training, its judging included. A row that FOLDER has already is not trained again.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths, workdir

ROWS: dict[str, tuple[str, ...]] = {
    "now": (),  # as configs/onestep.py has it
    "scratch": ("--config.model.critic=scratch",),
    "nonsaturating": ("--config.loss.kind=nonsaturating",),
    "transport": ("--config.loss.transport=0.05",),
    "no_guidance": ("--config.loss.guidance=1.0",),
    "more_guidance": ("--config.loss.guidance=4.0",),
    "low_penalty": ("--config.loss.gamma=0.004",),
    "high_penalty": ("--config.loss.gamma=0.1",),
    "no_augmentation": ("--config.augment.p_init=0.0",),
    "large_batch": ("--config.batch_size=64",),
    "slower": ("--config.optim.g_lr=0.0001", "--config.optim.d_lr=0.0004"),
    "short_average": ("--config.ema.half_life_kimg=5.0",),
    "two_calls": ("--config.model.steps=2",),
}
_FIGURES = {
    "fd_emoji": "eval/fd_emoji",
    "recall": "eval/recall_emoji",
    "coverage": "eval/coverage_emoji",
}


def train(name: str, out: pathlib.Path, flow: str, kimg: float) -> None:
    """Trains one row in out/NAME and records its CPU minutes beside.

    Raises:
      UserError: the training failed.
    """
    command = [
        *(sys.executable, "main.py", "--config=configs/onestep.py:shipped"),
        *(f"--init_from={flow}", f"--workdir={out / name}", f"--config.total_kimg={kimg}"),
        *(f"--config.eval.every_kimg={kimg / 2}", "--config.eval.samples=1000"),
        *ROWS[name],
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(out / f"{name}.log", "a") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise UserError(f"the row {name} ended with exit code {code}: see {out / name}.log")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result = {"kimg": kimg, "flags": ROWS[name], "cpu_minutes": seconds / 60}
    workdir.write_atomic(out / f"{name}.json", json.dumps(result, indent=1).encode())


def judged(run: pathlib.Path) -> list[dict[str, float]]:
    """Reads the figures of every judgement of a run, with its kimg."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    points = [line for line in lines if _FIGURES["fd_emoji"] in line]
    return [{"kimg": x["kimg"]} | {name: x[key] for name, key in _FIGURES.items()} for x in points]


def table(out: pathlib.Path, rows: list[str]) -> str:
    """Formats the judgements of the rows that are there."""
    lines = [f"| row | flags | kimg | {' | '.join(_FIGURES)} | CPU minutes |"]
    lines += ["|---|---|---:|" + "---:|" * (len(_FIGURES) + 1)]
    for name in rows:
        result = json.loads((out / f"{name}.json").read_bytes())
        points = judged(out / name)
        flags = " ".join(f"`{flag.removeprefix('--config.')}`" for flag in ROWS[name])
        for point in points:
            cells = [name, flags, f"{point['kimg']:.1f}"]
            cells += [f"{point[figure]:.3f}" for figure in _FIGURES]
            cells.append(f"{result['cpu_minutes']:.0f}" if point is points[-1] else "")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--flow", type=paths.local, default="models/openmoji_32.safetensors")
    p.add_argument("--rows", default=",".join(ROWS), help="default: all")
    p.add_argument("--kimg", type=float, default=16.0, help="of each training")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    rows = a.rows.split(",")
    if unknown := [name for name in rows if name not in ROWS]:
        raise UserError(f"--rows={','.join(unknown)}: the rows are {', '.join(ROWS)}")
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    for name in rows:
        path = out / f"{name}.json"
        if not path.exists():
            print(f"training {name}", flush=True)
            train(name, out, a.flow, a.kimg)
        elif (was := json.loads(path.read_bytes())["kimg"]) != a.kimg:
            raise UserError(f"{path} is of {was} kimg, not {a.kimg}: give another folder")
    text = table(out, rows)
    print(text)
    workdir.write_atomic(out / "onestep_search.md", text.encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
