"""Compares optimisers of the restorer from nothing, on clean pictures, in one table.

    python -m benchmarks.methods.optimisers --out=FOLDER --kimg=10

Each optimiser, by its learning rate, trains the network of configs/restore.py from the same weights
on the same batches: OpenMoji at 128 px, made small to 32 px and nothing else, so that a short run
says something; the loss is the absolute error, the rate falls as a cosine. They take turns of a
tenth of the way. `error` is that of held-out emoji, of the average over training, in levels of 255;
`s/kimg` is CPU time. FOLDER gets optimisers.md and optimisers.json.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from configs import restore as restore_config
from emoji_gan import errors, images, methods
from emoji_gan.methods import restore, step
from emoji_gan.runtime import host, paths, workdir
from input_pipeline import dataset

_ROWS = (("adam", 0.0008), ("adam", 0.002), ("muon", 0.001), ("muon", 0.002), ("muon", 0.004))
_OPTIMISERS = {"adam": step.adam, "muon": step.muon}
_OPTIONS = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
_PX, _SCALE, _BATCH, _TURNS = 128, 4, 16, 10
_HELD_OUT = 96
_AVERAGED = 0.995  # of the average, the part that stays a step


@dataclasses.dataclass
class Run:
    """Holds what one optimiser has reached.

    Attributes:
      train: (state, batch, rate) -> state, jitted.
      state: parameters, their average, state of the optimiser.
      cpu_s: of training.
      error: after each turn, in levels of 255.
    """

    train: Callable[..., Any]
    state: Any
    cpu_s: float
    error: list[float]


def clean(whole: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns whole pictures, premultiplied in [0, 1], and those made small from them."""
    x = (images.to_model(whole) + 1) / 2
    b, h, w, c = x.shape
    return x, x.reshape(b, h // _SCALE, _SCALE, w // _SCALE, _SCALE, c).mean((2, 4))


def _run(graph: nnx.GraphDef, params: Any, name: str) -> Run:
    def optimiser(rate: Any) -> Any:
        return _OPTIMISERS[name](rate, **_OPTIONS)

    @jax.jit
    def train(state: Any, batch: jax.Array, rate: jax.Array) -> Any:
        params, average, opt_state = state
        whole, small = clean(batch)

        def loss(params: Any) -> jax.Array:
            restored = nnx.merge(graph, params)(small, jnp.zeros(len(small)))
            return restore.absolute_error(restored, whole).mean()

        update = step.apply_gradients(params, optimiser(rate), opt_state, jax.grad(loss)(params))
        average = jax.tree.map(
            lambda a, p: _AVERAGED * a + (1 - _AVERAGED) * p, average, update.params
        )
        return update.params, average, update.opt_state

    return Run(train, (params, params, optimiser(1.0).init(params)), 0.0, [])


def batch_of(trained_on: np.ndarray, number: int) -> np.ndarray:
    """Returns a batch by its number: any emoji, mirrored or not, in colours of any order."""
    rng = np.random.default_rng(number)
    batch = trained_on[rng.integers(0, len(trained_on), _BATCH)]
    batch = batch[:, :, ::-1] if rng.random() < 0.5 else batch
    return np.concatenate([batch[..., rng.permutation(3)], batch[..., 3:]], -1)


def compared(
    trained_on: np.ndarray, held_out: np.ndarray, kimg: float
) -> dict[str, dict[str, Any]]:
    """Trains all rows by turns; returns the figures of each."""
    config = methods.resolve(restore_config.get_config(), 1)
    network, _ = restore.make_networks(config, 0)
    graph, state = nnx.split(network)
    params = nnx.to_pure_dict(state)
    runs = {row: _run(graph, params, row[0]) for row in _ROWS}

    @jax.jit
    def error(params: Any, batch: jax.Array) -> jax.Array:
        whole, small = clean(batch)
        restored = nnx.merge(graph, params)(small, jnp.zeros(len(small)))
        return 255 * restore.absolute_error(jnp.clip(restored, 0, 1), whole)

    count = max(_TURNS, round(1000 * kimg / _BATCH))
    for turn in range(_TURNS):
        for (name, rate), run in runs.items():
            run.train(run.state, batch_of(trained_on, 0), jnp.float32(0))  # compiles
            start = time.process_time()
            for i in range(turn * count // _TURNS, (turn + 1) * count // _TURNS):
                falling = 0.5 * (1 + math.cos(math.pi * i / count))
                run.state = run.train(
                    run.state, batch_of(trained_on, i), jnp.float32(rate * falling)
                )
            jax.block_until_ready(run.state)
            run.cpu_s += time.process_time() - start
            parts = [error(run.state[1], x) for x in np.split(held_out, len(held_out) // _BATCH)]
            run.error.append(float(np.mean(jax.device_get(parts))))
            print(f"{name} {rate:g}, {turn + 1} of {_TURNS}: {run.error[-1]:.2f}", flush=True)
    seen_kimg = count * _BATCH / 1000
    return {
        f"{name}, {rate:g}": {"error": run.error, "s_per_kimg": run.cpu_s / seen_kimg}
        for (name, rate), run in runs.items()
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Formats the rows: the error halfway and at the end, and the time."""
    lines = ["| optimiser, rate | error halfway | error | s/kimg |", "|---|---:|---:|---:|"]
    for name, row in rows.items():
        halfway, last = row["error"][_TURNS // 2 - 1], row["error"][-1]
        lines.append(f"| {name} | {halfway:.2f} | {last:.2f} | {row['s_per_kimg']:.0f} |")
    return "\n".join(lines) + "\n"


def art() -> tuple[np.ndarray, np.ndarray]:
    """Returns OpenMoji's coloured art at 128 px, to train on and held out: uint8 [n h w 4]."""
    data = restore_config.get_config().data
    data.resolution, data.domains = _PX, ("full",)
    held_out = dataset.load(data, "validation").images[:_HELD_OUT]
    return dataset.load(data, "train").images, held_out


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--kimg", type=float, default=10.0, help="of each row")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    rows = compared(*art(), a.kimg)
    text = table(rows)
    print(text)
    out = pathlib.Path(a.out)
    workdir.make_folder(out)
    workdir.write_atomic(out / "optimisers.md", text.encode())
    workdir.write_atomic(out / "optimisers.json", json.dumps(rows, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
