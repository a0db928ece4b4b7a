"""Measures how many images per second one core draws from two models, by turns.

    python -m benchmarks.speed.sampling --json
    python -m benchmarks.speed.sampling --onestep=runs/onestep --flow=models/openmoji_32.safetensors

Both draw as `emoji_gan.sample` does, in batches of 16, the flow with its own steps and guidance,
the other by one call of its network; every image is asked by a group. The first batch, which
compiles, is not counted; the figure is the median over the turns, the ratio the median of each
turn's ratio.
"""

import argparse
import json
import os
import statistics
import time

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths

_BATCH = 16  # what the sampler draws at once
_FLOW = "models/openmoji_32.safetensors"
_ONESTEP = "models/onestep_32.safetensors"


def use_one_core() -> None:
    """Lets this process run on one core; call it before JAX is imported.

    Where the system has no such call, XLA's pool of threads stays as it is, and the figures are
    those of the machine: main says so.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measure(flow: str, onestep: str, turns: int) -> dict[str, float]:
    """Returns images per second of both models, and how many times as fast the second is.

    Args:
      flow: a workdir or model file, drawn from as its config says.
      onestep: another one, of a method that draws in one call.
      turns: of both.

    Raises:
      UserError: a model cannot be read.
    """
    from emoji_gan.trained.sampler import Sampler, ask  # after the core is chosen

    rates: dict[str, list[float]] = {"flow": [], "onestep": []}
    samplers = {"flow": Sampler(flow), "onestep": Sampler(onestep, changes={"steps": 1})}
    for turn in range(turns + 1):
        for name, sampler in samplers.items():
            count = _BATCH if name == "flow" else 16 * _BATCH
            requests = {c: names[0] for c, names in sampler.spec.classes if c == "group"}
            condition = ask(sampler.spec, requests, count)
            start = time.perf_counter()
            sampler(range(count), condition)
            if turn:  # the first compiles
                rates[name].append(count / (time.perf_counter() - start))
    ratios = [b / a for a, b in zip(rates["flow"], rates["onestep"], strict=True)]
    figures = {name: round(statistics.median(values), 2) for name, values in rates.items()}
    return figures | {"ratio": round(statistics.median(ratios), 1)}


def main() -> None:
    """Runs the command line."""
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("--flow", type=paths.local, default=_FLOW, help=f"default: {_FLOW}")
    p.add_argument("--onestep", type=paths.local, default=_ONESTEP, help=f"default: {_ONESTEP}")
    p.add_argument("--turns", type=int, default=9)
    p.add_argument("--json", action="store_true", help="print the figures as one line of JSON")
    a = p.parse_args()
    if a.turns < 1:
        raise UserError(f"--turns={a.turns}: at least 1")
    use_one_core()
    figures = measure(a.flow, a.onestep, a.turns)
    if a.json:
        print(json.dumps(figures))
    else:
        print(
            f"one core, batches of {_BATCH}: {a.flow} {figures['flow']} images/s, {a.onestep} "
            f"{figures['onestep']} images/s, {figures['ratio']} times as many"
        )


if __name__ == "__main__":
    errors.run(main)
