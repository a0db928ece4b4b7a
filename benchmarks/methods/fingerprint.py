"""Hashes what a checkout trains and draws, so that two commits can be compared.

    python -m benchmarks.methods.fingerprint --out=FOLDER [--checkout=DIR] [--runs=OTHER/runs]

Trains ten steps of every method through main.py, draws from each run and from the shipped models,
and writes FOLDER/fingerprint.json: the losses in full, and a SHA-256 of the pixels of each set of
samples. With --runs the samples are drawn from workdirs that another checkout has trained.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from emoji_gan import errors
from emoji_gan.runtime import paths

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_STEPS = 10
_SMALL = ("--config.data.resolution=32", "--config.log.grid=2")
# Name -> config, batch size, other flags. Three methods see conditions, text among them.
_RUNS = {
    "stylegan2": ("configs/stylegan.py:cpu", 16, ("--config.loss.pl_weight=2.0",)),
    "stylegan2_conditions": (
        "configs/stylegan.py:cpu",
        16,
        (
            "--config.loss.style_mixing=0.9",
            "--config.data.groups=()",
            "--config.data.conditions=('group','text')",
        ),
    ),
    "r3gan": ("configs/r3gan.py:cpu", 16, ()),
    "dcgan": ("configs/dcgan.py:cpu", 32, ("--config.augment.target=0.6",)),
    "dcgan_conditions": (
        "configs/dcgan.py:cpu",
        32,
        ("--config.data.groups=()", "--config.data.conditions=('group','text')"),
    ),
    "wgan_gp": ("configs/wgan_gp.py:cpu", 32, ("--config.augment.p_init=0.2",)),
    "flow": ("configs/flow.py:cpu", 32, ()),
    "flow_conditions": ("configs/flow.py:box", 32, ()),
}
_MODELS = ("models/openmoji_32.safetensors", "models/openmoji_64.safetensors")
_CLOCKS = ("progress/", "memory/")  # values that no two runs share


def _run(python: str, checkout: pathlib.Path, *arguments: str) -> None:
    # How XLA divides the work decides how sums are rounded.
    env = dict(os.environ, JAX_NUM_CPU_DEVICES="1", NPROC="2")
    subprocess.run(
        [python, *arguments], cwd=checkout, env=env, check=True, stdout=subprocess.DEVNULL
    )


def _train(
    python: str,
    checkout: pathlib.Path,
    config: str,
    workdir: pathlib.Path,
    *,
    batch: int,
    flags: Sequence[str],
) -> None:
    every_kimg = batch / 1000  # a step
    _run(
        python,
        checkout,
        "main.py",
        f"--config={config}",
        f"--workdir={workdir}",
        f"--config.batch_size={batch}",
        *_SMALL,
        f"--config.total_kimg={_STEPS * every_kimg}",
        f"--config.log.scalars_kimg={every_kimg}",
        *flags,
    )


def _losses(workdir: pathlib.Path) -> list[dict[str, float]]:
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.startswith(_CLOCKS)} for line in lines
    ]


def _pixels(folder: pathlib.Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("seed*.png")):
        with Image.open(path) as picture:
            digest.update(f"{path.name} {picture.mode} {picture.size}".encode())
            digest.update(np.asarray(picture).tobytes())
    return digest.hexdigest()


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument(
        "--out",
        type=paths.local,
        required=True,
        help="folder for the runs, the samples and the result",
    )
    p.add_argument(
        "--checkout", type=paths.local, default=str(_ROOT), help="of the commit that is run"
    )
    p.add_argument("--python", default=sys.executable, help="of its environment")
    p.add_argument("--runs", type=paths.local, help="draw from these workdirs instead of training")
    return p


def main() -> int:
    """Runs the command line."""
    a = _parser().parse_args()
    checkout, out = pathlib.Path(a.checkout).resolve(), pathlib.Path(a.out).resolve()
    runs = pathlib.Path(a.runs).resolve() if a.runs else out / "runs"
    result: dict[str, dict[str, Any]] = {"losses": {}, "samples": {}}

    def draw(folder: pathlib.Path, *flags: str) -> str:
        command = ("-m", "emoji_gan.sample", "--seeds=0-7", f"--out={folder}", *flags)
        _run(a.python, checkout, *command)
        return _pixels(folder)

    for name, (config, batch, flags) in _RUNS.items():
        workdir = runs / name
        if not a.runs:
            _train(a.python, checkout, config, workdir, batch=batch, flags=flags)
            result["losses"][name] = _losses(workdir)
        request = ("--text=red apple", "--group=food") if name.endswith("_conditions") else ()
        for psi in (0.7, 1.0):
            folder = out / "samples" / name / f"{psi}"
            digest = draw(folder, f"--workdir={workdir}", f"--truncation={psi}", *request)
            result["samples"][f"{name} truncation {psi}"] = digest
        print(name, flush=True)
    for model in _MODELS:
        folder = out / "samples" / pathlib.Path(model).stem
        request = ("--text=chat souriant", "--style=line")
        result["samples"][model] = draw(folder, f"--model={model}", *request)
        print(model, flush=True)
    (out / "fingerprint.json").write_text(json.dumps(result, indent=1, sort_keys=True))
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
