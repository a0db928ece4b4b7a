"""Hashes what a checkout trains and draws, so that two commits can be held against each other.

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

import numpy as np
from PIL import Image

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_STEPS = 10
_SMALL = ("--config.data.resolution=32", "--config.log.grid=2")
# Name -> config, batch, what else is set. Three methods see conditions, text among them.
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
    env = dict(
        os.environ, JAX_NUM_CPU_DEVICES="1", NPROC="2"
    )  # how work is cut up decides rounding
    subprocess.run(
        [python, *arguments], cwd=checkout, env=env, check=True, stdout=subprocess.DEVNULL
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


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("--out", required=True, help="folder for the runs, the samples and the result")
    p.add_argument("--checkout", default=str(_ROOT), help="of the commit that is run")
    p.add_argument("--python", default=sys.executable, help="of its environment")
    p.add_argument("--runs", help="draw from these workdirs instead of training")
    a = p.parse_args()
    checkout, out = pathlib.Path(a.checkout).resolve(), pathlib.Path(a.out).resolve()
    runs = pathlib.Path(a.runs).resolve() if a.runs else out / "runs"
    result: dict[str, dict] = {"losses": {}, "samples": {}}
    for name, (config, batch, more) in _RUNS.items():
        workdir = runs / name
        if not a.runs:
            every = batch / 1000
            clock = (f"--config.total_kimg={_STEPS * every}", f"--config.log.scalars_kimg={every}")
            _run(
                a.python, checkout, "main.py", f"--config={config}", f"--workdir={workdir}",
                f"--config.batch_size={batch}", *_SMALL, *clock, *more,
            )  # fmt: skip
            result["losses"][name] = _losses(workdir)
        source, asked = f"--workdir={workdir}", ()
        if name.endswith("_conditions"):
            asked = ("--text=red apple", "--group=food")
        for psi in (0.7, 1.0):
            where = out / "samples" / name / f"{psi}"
            _run(
                a.python, checkout, "-m", "emoji_gan.sample", source, "--seeds=0-7", f"--out={where}",
                f"--truncation={psi}", *asked,
            )  # fmt: skip
            result["samples"][f"{name} truncation {psi}"] = _pixels(where)
        print(name, flush=True)
    for model in _MODELS:
        where = out / "samples" / pathlib.Path(model).stem
        _run(
            a.python, checkout, "-m", "emoji_gan.sample", f"--model={model}", "--seeds=0-7",
            "--text=chat souriant", "--style=line", f"--out={where}",
        )  # fmt: skip
        result["samples"][model] = _pixels(where)
        print(model, flush=True)
    (out / "fingerprint.json").write_text(json.dumps(result, indent=1, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
