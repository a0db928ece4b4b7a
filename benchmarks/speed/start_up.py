"""Measures CPU seconds and peak memory of a sample and of a short training.

    python -m benchmarks.speed.start_up
    python -m benchmarks.speed.start_up --reference=CHECKOUT --turns=5 --json=start_up.json

Runs the commands that a user types, in this checkout and in another one by turns, and takes the
least of the turns. The first turn fills a compilation cache for each checkout and is not counted.
Drawing twice as many images takes twice as long; the rest of the time is the start-up. Training
needs the data set of 32 px: `python -m input_pipeline.openmoji --resolution=32`.
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from emoji_gan import errors
from emoji_gan.runtime import paths

ROOT = pathlib.Path(__file__).parents[2]
_DRAW = ("-m", "emoji_gan.sample", "--text=coeur")
# 20 steps of batch 32: one is like the next.
_TRAIN = ("main.py", "--config=configs/flow.py:demo", "--config.total_kimg=0.64")
COMMANDS = {
    "sample16": (*_DRAW, "--seeds=0-15", "--out={out}"),
    "sample32": (*_DRAW, "--seeds=0-31", "--out={out}"),
    "train": (*_TRAIN, "--workdir={out}"),
}

# Starts a program and prints what it took. The peak that the kernel reports of a program is never
# below the memory of the process that started it; this launcher is small.
_LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall_s = time.perf_counter() - start
code = os.waitstatus_to_exitcode(status)
print("\\n" + json.dumps([code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, wall_s]))
"""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Holds what one run of a program took.

    Attributes:
      cpu_s: CPU seconds, user and system.
      peak_mib: peak resident memory.
      wall_s: seconds from its start to its end.
    """

    cpu_s: float
    peak_mib: float
    wall_s: float


def run_once(checkout: pathlib.Path, words: Sequence[str], cache: pathlib.Path) -> Cost:
    """Runs a program in a checkout, as a user starts it.

    Args:
      checkout: the working folder.
      words: what follows the name of Python; {out} stands for a new folder.
      cache: of compiled programs.

    Raises:
      SystemExit: the program failed; with the last line that it wrote.
    """
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    with tempfile.TemporaryDirectory() as out:
        filled = [word.format(out=pathlib.Path(out, "out")) for word in words]
        done = subprocess.run(
            [sys.executable, "-S", "-c", _LAUNCHER, sys.executable, *filled],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
        )
    *output, usage = done.stdout.splitlines()
    code, cpu_s, peak, wall_s = json.loads(usage)
    if code:
        last = [*output, *done.stderr.splitlines()][-1:]
        raise SystemExit(f"error: {' '.join(words)} in {checkout} ended: {' '.join(last)}")
    return Cost(cpu_s, peak / 2**20 if sys.platform == "darwin" else peak / 2**10, wall_s)


def summary(costs: Mapping[str, Sequence[Cost]]) -> dict[str, float]:
    """Returns the least CPU seconds and MiB of each command's turns, and those of the start-up."""
    figures = {}
    for command, turns in costs.items():
        figures[f"{command}_cpu_s"] = round(min(c.cpu_s for c in turns), 2)
        figures[f"{command}_peak_mib"] = round(min(c.peak_mib for c in turns))
    if {"sample16", "sample32"} <= costs.keys():
        drawing = figures["sample32_cpu_s"] - figures["sample16_cpu_s"]
        figures["drawing_cpu_s"] = round(drawing, 2)
        figures["start_up_cpu_s"] = round(figures["sample16_cpu_s"] - drawing, 2)
    return figures


def measure(
    checkouts: Mapping[str, pathlib.Path], commands: Sequence[str], turns: int
) -> dict[str, dict[str, float]]:
    """Returns the figures of each checkout, by its label, after interleaved turns."""
    costs = {label: collections.defaultdict(list) for label in checkouts}
    with tempfile.TemporaryDirectory() as caches:
        for turn in range(turns + 1):
            for command in commands:
                for label, checkout in checkouts.items():
                    words = COMMANDS[command]
                    cost = run_once(checkout, words, pathlib.Path(caches, label))
                    if turn:  # the first fills the cache
                        costs[label][command].append(cost)
    return {label: summary(by_command) for label, by_command in costs.items()}


def table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the figures as text, a line each, a column a checkout."""
    rows = ["".join([f"{'':20}", *(f"{label:>12}" for label in figures)])]
    for name in next(iter(figures.values())):
        rows.append("".join([f"{name:20}", *(f"{f[name]:12g}" for f in figures.values())]))
    return "\n".join(rows)


def main() -> None:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--reference", type=paths.local, help="another checkout, run by this Python")
    p.add_argument("--turns", type=int, default=3)
    p.add_argument("--command", choices=COMMANDS, action="append", help="only these; repeatable")
    p.add_argument("--json", type=paths.local, help="write the figures here as well")
    args = p.parse_args()
    if args.turns < 1:
        sys.exit(f"error: --turns={args.turns}: expected 1 or more")
    checkouts = {"this": ROOT}
    if args.reference:
        reference = pathlib.Path(args.reference)
        if not (reference / "main.py").is_file():
            sys.exit(f"error: --reference={reference}: no checkout of this project there")
        checkouts["reference"] = reference.resolve()
    figures = measure(checkouts, args.command or list(COMMANDS), args.turns)
    print(table(figures))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures))


if __name__ == "__main__":
    errors.run(main)
