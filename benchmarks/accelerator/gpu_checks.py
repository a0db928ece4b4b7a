"""Runs all checks that need an accelerator: parity, step times, memory, resuming.

    python -m benchmarks.gpu_data --out=emoji.npz          where the data set can be drawn
    python -m benchmarks.gpu check --data=emoji.npz --out=FOLDER --minutes=8

Needs jax, flax, optax, ml_collections and numpy only. A check that fails is a row with its error;
the others go on, and the program ends with code 1. FOLDER/gpu.json is written after every row, so
that an interrupted run keeps its results. `--tiny` does the same in small, on any machine.
"""

import argparse
import dataclasses
import importlib
import io
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan import conditions, methods
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.runtime import paths

CONFIGS = {"stylegan2": "stylegan"}  # other configs have the name of their method
_PARITY_FIXTURES = (
    "stylegan2_16_rgb_orig_cond.npz",
    "stylegan2_32_rgba_resnet.npz",
    "r3gan_16_cond.npz",
    "r3gan_32.npz",
)
_STEPS = 20  # timed, of a row
_LEAST_STEPS = 3  # where time is short
_ROOT = pathlib.Path(__file__).parents[2]
TINY = {
    "stylegan2": {
        "model.channel_base": 128,
        "model.channel_max": 8,
        "model.z_dim": 8,
        "model.w_dim": 8,
    },
    "dcgan": {"model.width": 4, "model.z_dim": 8},
    "wgan_gp": {"model.width": 4, "model.z_dim": 8},
    "r3gan": {"model.width": 8, "model.groups": 2, "model.z_dim": 8},
    "flow": {"model.width": 16, "model.multipliers": (1, 2), "model.heads": 2},
    "consistency": {"model.width": 16, "model.multipliers": (1, 2), "model.heads": 2},
    "onestep": {"model.width": 16, "model.multipliers": (1, 2), "model.heads": 2},
    "masked": {"model.width": 16, "model.depth": 2, "model.heads": 2},
}


@dataclasses.dataclass(frozen=True)
class Case:
    """Names one method at one resolution and dtype.

    Attributes:
      method: one of `methods.METHODS`.
      px: resolution.
      dtype: of the config.
    """

    method: str
    px: int
    dtype: str

    def config(self, tiny: bool, devices: int) -> ml_collections.FrozenConfigDict:
        """Returns the resolved config: the experiment's own, or a tiny one."""
        file = importlib.import_module(f"configs.{CONFIGS.get(self.method, self.method)}")
        config = file.get_config()
        config.data.resolution, config.dtype = self.px, self.dtype
        if tiny:
            config.batch_size = 8 * devices
            for key, value in TINY[self.method].items():
                config.update_from_flattened_dict({key: value})
        return methods.resolve(config, devices)


def batches(
    data: dict[str, np.ndarray],
    config: ml_collections.FrozenConfigDict,
    mesh: jax.sharding.Mesh,
) -> Iterator[dict[str, Any]]:
    """Yields global batches of the npz's images, reduced to the config's resolution."""
    px, b = config.data.resolution, config.batch_size
    step = data["images"].shape[1] // px
    images = data["images"][:, step // 2 :: step, step // 2 :: step]
    first = 0
    while True:
        rows = np.arange(first, first + b)
        batch = {
            "image": np.ascontiguousarray(images[rows % len(images)]),
            "condition": {},
            "sample": rows.astype(np.uint32),
        }
        yield mesh_lib.global_batch(mesh, batch)
        first += b


def device_facts() -> dict[str, Any]:
    """Returns what ran: devices, versions, memory."""
    device = jax.devices()[0]
    limit = (device.memory_stats() or {}).get("bytes_limit", 0)
    return {
        "device": f"{jax.device_count()} x {device.device_kind}",
        "backend": getattr(device.client, "platform_version", "").splitlines()[:1],
        "memory_gib": round(limit / 2**30, 1),
        "jax": jax.__version__,
        "python": sys.version.split()[0],
    }


def parity(fixture: str) -> dict[str, Any]:
    """Computes the largest deviations from the official networks, at full float32 precision.

    Raises:
      ValueError: one of them is beyond its limit.
    """
    from tests.parity import networks_parity, r3gan_parity

    with np.load(_ROOT / "tests" / "fixtures" / fixture, allow_pickle=False) as file:
        tensors = {name: file[name] for name in file.files}
    module = r3gan_parity if r3gan_parity.is_fixture(tensors) else networks_parity
    with jax.default_matmul_precision("highest"):
        values = module.deviations(tensors)
    worst = {
        kind: max(v for k, v in values.items() if k.startswith(f"{kind}."))
        for kind in ("out", "grad")
    }
    limits = (networks_parity.OUTPUT_LIMIT, networks_parity.GRADIENT_LIMIT)
    if worst["out"] > limits[0] or worst["grad"] > limits[1]:
        raise ValueError(f"deviations {worst} are beyond {limits}")
    return {"outputs": worst["out"], "gradients": worst["grad"]}


def step_time(
    case: Case, data: dict[str, np.ndarray], tiny: bool, seconds: float
) -> dict[str, Any]:
    """Times the steps of a case, for at most about so many seconds.

    Raises:
      ValueError: a loss is not finite.
    """
    mesh = mesh_lib.make_mesh()
    config = case.config(tiny, mesh.size)
    method = methods.load(case.method)
    state = mesh_lib.replicate(mesh, method.init(config, conditions.NONE, 0))
    step, source = method.train_step(config, conditions.NONE, mesh), batches(data, config, mesh)
    interval = max(round(1 / p.runs_per_step) for p in step.programs.values())
    began = time.perf_counter()
    for i in range(interval):  # every program compiles
        state, metrics = jax.block_until_ready(step(state, next(source), i))
    compiled = time.perf_counter() - began
    times: list[float] = []
    while len(times) < (_LEAST_STEPS if tiny else _STEPS) or len(times) % interval:
        batch = jax.block_until_ready(next(source))
        start = time.perf_counter()
        state, metrics = jax.block_until_ready(step(state, batch, interval + len(times)))
        times.append(time.perf_counter() - start)
        if time.perf_counter() - began > seconds and len(times) >= _LEAST_STEPS:
            break
    losses = {k: float(v) for k, v in metrics.items() if k.startswith("loss/")}
    if not all(np.isfinite(v) for v in losses.values()):
        raise ValueError(f"losses are not finite: {losses}")
    mean = statistics.fmean(times)
    peak = max((d.memory_stats() or {}).get("peak_bytes_in_use", 0) for d in jax.local_devices())
    return {
        "batch": config.batch_size,
        "first_steps_s": round(compiled, 1),
        "median_ms": round(1e3 * statistics.median(times), 2),
        "images_per_s": round(config.batch_size / mean, 1),
        "peak_gib": round(peak / 2**30, 2),  # of the process so far: cases run from small to large
        "steps": len(times),
    }


def resume(case: Case, data: dict[str, np.ndarray], tiny: bool) -> dict[str, Any]:
    """Compares six steps with six between which the state is saved and loaded as npz."""
    mesh = mesh_lib.make_mesh()
    config = case.config(tiny, mesh.size)
    method = methods.load(case.method)
    step = method.train_step(config, conditions.NONE, mesh)

    def run(saved: bool) -> list[np.ndarray]:
        state = mesh_lib.replicate(mesh, method.init(config, conditions.NONE, 0))
        source = batches(data, config, mesh)
        for i in range(6):
            if saved and i == 3:
                state = mesh_lib.replicate(mesh, _through_npz(state))
            state, _ = step(state, next(source), i)
        return [np.asarray(leaf) for leaf in jax.tree.leaves(jax.device_get(state))]

    whole, resumed = run(False), run(True)
    different = sum(a.tobytes() != b.tobytes() for a, b in zip(whole, resumed, strict=True))
    largest = max(
        float(np.max(np.abs(a.astype(np.float64) - b), initial=0.0))
        for a, b in zip(whole, resumed, strict=True)
    )
    return {"arrays": len(whole), "different": different, "largest_difference": largest}


def _through_npz(state: Any) -> Any:
    leaves, structure = jax.tree.flatten(jax.device_get(state))
    file = io.BytesIO()
    np.savez(file, *leaves)
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        return jax.tree.unflatten(structure, [stored[name] for name in stored.files])


def cases(tiny: bool, names: Sequence[str]) -> list[Case]:
    """Lists the cases of some methods from small to large."""
    sizes, dtypes = ((16,), ("float32",)) if tiny else ((64, 128), ("bfloat16", "float32"))
    return [Case(name, px, dtype) for px in sizes for name in names for dtype in dtypes]


def run(a: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs every check; returns a row for each, with its error where it failed."""
    began, rows = time.monotonic(), []
    with np.load(a.data, allow_pickle=False) as file:
        data = {"images": file["images"]}
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)

    def row(what: str, compute: Callable[[], dict[str, Any]]) -> None:
        start = time.monotonic()
        try:
            result = compute()
        except Exception as e:  # a failed check must not end the others
            result = {"error": " ".join(f"{type(e).__name__}: {e}".split())[:300]}
        rows.append({"check": what, **result, "seconds": round(time.monotonic() - start, 1)})
        (out / "gpu.json").write_text(json.dumps(rows, indent=1))
        print(f"| {what} | {_cells(rows[-1])} |", flush=True)

    names = tuple(a.methods.split(",")) if a.methods else methods.METHODS
    print("| check | result |\n|---|---|", flush=True)
    row("device", device_facts)
    for fixture in _PARITY_FIXTURES[2:3] if a.tiny else _PARITY_FIXTURES:
        row(f"parity {fixture}", lambda fixture=fixture: parity(fixture))
    for name in names:
        case = Case(name, 16 if a.tiny else 64, "float32")
        row(f"resume {name} {case.px} px", lambda case=case: resume(case, data, a.tiny))
    todo = cases(a.tiny, names)
    for i, case in enumerate(todo):
        left = a.minutes * 60 - (time.monotonic() - began)
        what = f"step {case.method} {case.px} px {case.dtype}"
        if left <= 0:
            rows.append({"check": what, "error": f"no time left of --minutes={a.minutes:g}"})
            print(f"| {what} | {rows[-1]['error']} |", flush=True)
            continue
        seconds = left / (len(todo) - i)
        row(what, lambda case=case, seconds=seconds: step_time(case, data, a.tiny, seconds))
    (out / "gpu.json").write_text(json.dumps(rows, indent=1))
    return rows


def _cells(result: dict[str, Any]) -> str:
    return ", ".join(f"{k} {v}" for k, v in result.items() if k != "check")


def main(arguments: Sequence[str]) -> int:
    """Runs the command line; returns 1 where a check failed."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu check", description=__doc__.partition("\n")[0]
    )
    p.add_argument("--data", type=paths.local, required=True, help="npz of benchmarks.gpu_data")
    p.add_argument("--out", type=paths.local, required=True, help="folder for gpu.json")
    p.add_argument("--minutes", type=float, default=8.0, help="for everything")
    p.add_argument("--methods", help="some, with commas; default: all")
    p.add_argument("--tiny", action="store_true", help="16 px, few channels, few steps")
    a = p.parse_args(arguments)
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    jnp.zeros(()).block_until_ready()  # a missing driver is met here, before any check
    failed = [r["check"] for r in run(a) if "error" in r]
    print(f"{len(failed)} checks failed: {', '.join(failed)}" if failed else "every check passed")
    return int(bool(failed))
