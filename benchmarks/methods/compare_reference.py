"""Trains the official PyTorch code for `benchmarks.methods.comparison`; draws at fixed times.

Needs torch, scipy and a checkout of stylegan2-ada-pytorch or of R3GAN; started by
`benchmarks.methods.comparison`, not by hand. reference_stylegan2.py and reference_r3gan.py follow
the checkouts' training loops. The data stay in memory, and nothing else is written while it trains.
The clock starts after the imports and stands still while images are drawn and the state is saved.
"""

import argparse
import importlib
import json
import os
import pathlib
import shutil
import sys
import time
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BATCH_DRAWN = 50
# Of each recipe, the module that trains by it.
_TRAINED_BY = {
    **dict.fromkeys(("auto", "cifar", "helped"), "stylegan2"),
    "r3gan": "r3gan",
}


class Clock:
    """Counts minutes of training, wall and CPU, without what happens inside `with clock:`."""

    def __init__(self, minutes: float, cpu_minutes: float) -> None:
        wall, cpu = self._now()
        self._start = (wall - minutes, cpu - cpu_minutes)

    def minutes(self) -> tuple[float, float]:
        """Returns the minutes so far: wall, CPU."""
        return tuple(now - start for now, start in zip(self._now(), self._start, strict=True))

    def _now(self) -> tuple[float, float]:
        return time.perf_counter() / 60, time.process_time() / 60

    def __enter__(self) -> None:
        self._stopped = self._now()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        gone = [now - stopped for now, stopped in zip(self._now(), self._stopped, strict=True)]
        self._start = tuple(start + g for start, g in zip(self._start, gone, strict=True))


def write(path: pathlib.Path, data: bytes) -> None:
    """Writes a file at once: a reader sees the old one or the new one."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def import_official(checkout: str, recipe: str) -> types.ModuleType:
    """Imports a checkout's modules and their needs, before the clock starts.

    Returns:
      The module whose `Training` follows the recipe.
    """
    sys.path.insert(0, checkout)
    by = importlib.import_module(f"benchmarks.methods.reference_{_TRAINED_BY[recipe]}")
    for name in ("numpy", "PIL.Image", "torch", *by.MODULES):
        importlib.import_module(name)
    return by


def draw(g_ema: "torch.nn.Module", z_dim: int, folder: pathlib.Path, n: int) -> float:
    """Writes `n` PNGs of the moving average; returns images/s, of drawing alone."""
    import PIL.Image
    import torch

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    seconds = 0.0
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        g_ema(torch.randn(BATCH_DRAWN, z_dim), None)  # the first call is slower
        for first in range(0, n, BATCH_DRAWN):
            start = time.perf_counter()
            x = g_ema(torch.randn(BATCH_DRAWN, z_dim), None)
            x = (x.permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8).numpy()
            seconds += time.perf_counter() - start
            for i, image in enumerate(x[: n - first], first):
                PIL.Image.fromarray(image).save(folder / f"{i:06d}.png")
    return -(-n // BATCH_DRAWN) * BATCH_DRAWN / seconds


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--checkout", required=True)
    p.add_argument("--data", required=True, help="folder of RGB PNGs")
    p.add_argument("--out", required=True, help="folder of points.json, samples-1, samples-2, ...")
    p.add_argument("--recipe", choices=tuple(_TRAINED_BY), required=True)
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--points", type=int, required=True)
    p.add_argument("--n", type=int, required=True, help="images drawn at each point")
    return p


def main() -> None:
    """Runs the command line: trains to each fixed time, draws and saves there."""
    a = _parser().parse_args()
    by = import_official(a.checkout, a.recipe)
    import torch

    out = pathlib.Path(a.out)
    state = out / "state.pt"
    saved = torch.load(state, weights_only=False) if state.exists() else None
    points = saved["points"] if saved else []
    clock = Clock(a.minutes * len(points) / a.points, points[-1]["cpu_minutes"] if points else 0.0)
    # A resumption draws other noise and another order of the data.
    training = by.Training(a.data, a.recipe, a.seed * 1000 + len(points))
    if saved:
        training.load_state_dict(saved)
    while len(points) < a.points:
        training.iteration()
        if clock.minutes()[0] < a.minutes * (len(points) + 1) / a.points:
            continue
        minutes, cpu_minutes = clock.minutes()
        with clock:
            rate = draw(training.g_ema, by.Z_DIM, out / f"samples-{len(points) + 1}", a.n)
            point = {
                "minutes": minutes,
                "cpu_minutes": cpu_minutes,
                "kimg": training.step * training.batch / 1000,
                "step": training.step,
                "sampled_per_s": rate,
                "parameters": training.parameters(),
                "augment_p": float(training.pipe.p),
            }
            points.append(point)
            torch.save(training.state_dict() | {"points": points}, state.with_name(".state.pt"))
            os.replace(state.with_name(".state.pt"), state)
            write(out / "points.json", json.dumps({"points": points}, indent=1).encode())
            print(json.dumps(point), flush=True)
    write(out / "points.json", json.dumps({"points": points}, indent=1).encode())


if __name__ == "__main__":
    main()
