"""Trains every method on the same emoji for the same time and judges all alike.

    python -m benchmarks.compare --out=FOLDER --minutes=60 --seeds=0,1 \
        --reference=CHECKOUT --reference_r3gan=CHECKOUT --reference_python=PYTHON

CHECKOUT is a copy of stylegan2-ada-pytorch or of R3GAN, PYTHON an interpreter with torch, scipy,
psutil, requests, click, pillow and, for R3GAN, setuptools below 81; without a copy only this
project's methods run. official-auto and official-cifar follow the recipes of the first, at the
width of our laptop variant, official-helped that variant's own recipe, official-r3gan the second's.
`--methods=dcgan,NAME=CONFIG` takes any config under a name, e.g. `wide=configs/my.py:cpu`.

Each run has a core of its own, two at a time. They train on the toneless emoji of the Unicode list;
nothing else in the configs changes, except that no pictures are logged. A run is one process from
start to end. Reading the data and compilation from a warm cache count towards the minutes (a short
run before fills the cache); imports do not. Checkpoints are kept at --points fixed times and judged
afterwards, outside of the minutes, by both emoji encoders and, for who has its weights, by the
network of FID (compare_judge.py). Peak memory is that of the whole training process.

FOLDER holds everything: METHOD/seedS/ of each run, and compare.md, compare.json, compare.png and
compare_samples.png, which are written again after each run. Where it was stopped or killed, the
same command goes on from the last fixed time of each run.
"""

import argparse
import json
import math
import os
import pathlib
import re
import shutil
import signal
import sys
import types

from benchmarks.methods.comparison_schedule import FIXED, REFERENCE, Comparison
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths, workdir

OURS = {
    "stylegan2": "configs/stylegan.py:cpu",
    "r3gan": "configs/r3gan.py:cpu",
    "dcgan": "configs/dcgan.py:cpu",
    "wgan_gp": "configs/wgan_gp.py:cpu",
    "flow": "configs/flow.py:cpu",
    "masked": "configs/masked.py:cpu",
}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads and checks the command line.

    Returns:
      The flags, with `seeds` as a list of numbers, `methods` as a list of (name, config), the
      numbers of the `cores` to use, and the `command` as another machine would give it.

    Raises:
      UserError: what is wrong, in one line.
    """
    a = _parser().parse_args(argv)
    _check_numbers(a)
    for flag, name, file in (
        ("reference", "stylegan2-ada-pytorch", "projector.py"),
        ("reference_r3gan", "R3GAN", "R3GAN/Networks.py"),
    ):
        checkout = getattr(a, flag)
        if checkout and not pathlib.Path(checkout, file).is_file():
            raise UserError(f"--{flag}={checkout}: no checkout of {name}")
    if (a.reference or a.reference_r3gan) and not shutil.which(a.reference_python):
        raise UserError(f"--reference_python={a.reference_python}: no such program")
    a.command = _command(a)
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", a.seeds):
        raise UserError(f"--seeds={a.seeds}: expected numbers such as 0,1")
    a.seeds = list(dict.fromkeys(int(s) for s in a.seeds.split(",")))
    there = [name for name, (flag, _) in REFERENCE.items() if getattr(a, flag)]
    names = a.methods.split(",") if a.methods else [*OURS, *there]
    a.methods = [_method(text, there) for text in dict.fromkeys(names)]
    if len(dict(a.methods)) < len(a.methods):
        raise UserError("--methods: two configs have one name")
    if not pathlib.Path("main.py").is_file():
        raise UserError("main.py is not here: start this in the repository's folder")
    if hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))
    else:
        cores = list(range(os.cpu_count() or 1))
    a.cores = cores[: a.at_once]
    if len(a.cores) < a.at_once:
        raise UserError(f"--at_once={a.at_once}: there are only {len(a.cores)} cores")
    return a


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument(
        "--out",
        type=paths.local,
        required=True,
        help="folder of everything, outside the repository",
    )
    p.add_argument(
        "--methods", help=f"of {', '.join((*OURS, *REFERENCE))}, NAME=CONFIG; default: all"
    )
    p.add_argument("--seeds", default="0,1")
    p.add_argument("--minutes", type=float, default=60.0, help="of training, each run")
    p.add_argument("--points", type=int, default=4, help="fixed times, evenly apart")
    p.add_argument("--n", type=int, default=2000, help="images judged at each of them")
    p.add_argument("--resolution", type=int, default=32, help="px")
    p.add_argument("--at_once", type=int, default=2, help="runs, each on a core of its own")
    p.add_argument("--reference", type=paths.local, help="checkout of stylegan2-ada-pytorch")
    p.add_argument("--reference_r3gan", type=paths.local, help="checkout of R3GAN")
    p.add_argument("--reference_python", default=sys.executable, help="interpreter with torch")
    return p


def _check_numbers(a: argparse.Namespace) -> None:
    if not (math.isfinite(a.minutes) and a.minutes > 0):
        raise UserError(f"--minutes={a.minutes:g}: expected more than 0")
    for name, least in (("points", 1), ("n", 75), ("at_once", 1)):
        if getattr(a, name) < least:
            raise UserError(f"--{name}={getattr(a, name)}: expected at least {least}")


def _command(a: argparse.Namespace) -> str:
    """Returns the command for the tables, as another machine would give it."""
    words = [
        "python -m benchmarks.compare --out=FOLDER",
        f"--minutes={a.minutes:g} --points={a.points} --n={a.n} --seeds={a.seeds}",
    ]
    if a.methods:
        words.append(f"--methods={a.methods}")
    flags = [flag for flag in ("reference", "reference_r3gan") if getattr(a, flag)]
    if flags:
        words += [f"--{flag}=CHECKOUT" for flag in flags]
        words.append("--reference_python=PYTHON")
    return " ".join(words)


def _method(text: str, there: list[str]) -> tuple[str, str]:
    """Returns the name of a method and its config, '' for the official code that is `there`."""
    name, has_config, config = text.partition("=")
    if has_config:
        if not re.fullmatch(r"[\w-]+", name) or name in {*OURS, *REFERENCE}:
            raise UserError(f"--methods: {name!r} is taken or no name of letters, digits, _ and -")
        if not pathlib.Path(config.partition(":")[0]).is_file():
            raise UserError(f"--methods: there is no {config} for {name}")
        return name, config
    if name in REFERENCE:
        if name not in there:
            flag, _ = REFERENCE[name]
            raise UserError(
                f"--methods: {name} needs --{flag}=CHECKOUT and --reference_python=PYTHON"
            )
        return name, ""
    if name not in OURS:
        raise UserError(
            f"--methods: no {name!r}; there are {', '.join((*OURS, *REFERENCE))}, or NAME=CONFIG"
        )
    return name, OURS[name]


def check_folder(out: pathlib.Path, a: argparse.Namespace) -> None:
    """Writes the settings of a new folder; checks those of a folder that has some.

    Raises:
      UserError: its runs were made with other settings.
    """
    path, now = out / "settings.json", {k: getattr(a, k) for k in FIXED}
    if not path.exists():
        workdir.write_atomic(path, json.dumps(now).encode())
        return
    try:
        then = json.loads(path.read_bytes())
    except ValueError:
        raise UserError(f"{path} is damaged: delete the folder, or give another --out") from None
    if then != now:
        flags = " ".join(f"--{k}={v}" for k, v in then.items())
        raise UserError(f"{out} holds a comparison with {flags}: give these, or another --out")


def main() -> int:
    """Runs the command line."""
    a = parse()

    def stop(signum: int, frame: types.FrameType | None) -> None:
        del signum, frame
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with workdir.locked(a.out) as out:
        check_folder(out, a)
        comparison = Comparison(a, out)
        for run in comparison.runs:
            run.check()
        try:
            failures = comparison.run()
        except KeyboardInterrupt:
            print("stopped: the same command goes on", file=sys.stderr)
            return errors.EXIT_PREEMPTED
        print(comparison.report())
        print(f"in {out}: compare.md, compare.json, compare.png, compare_samples.png")
        if failures:
            raise UserError(
                f"{len(failures)} failed ({'; '.join(failures)}); the same command tries again"
            )
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
