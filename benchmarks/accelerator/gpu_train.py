"""Trains a model for some minutes on an accelerator, from one file of images.

    python -m benchmarks.gpu_data --train --out=training.npz       where the data set is
    python -m benchmarks.gpu train --data=training.npz --out=FOLDER --method=flow --minutes=9
    python -m benchmarks.gpu train --data=training.npz --out=OTHER --resume=FOLDER

Needs jax, flax, optax, ml_collections and numpy; for the model file and the pictures at the end
safetensors and Pillow as well. FOLDER/state.npz is written every minute and at the end, whole or
not at all. `--config.model.width=64` and the like change the experiment: `configs/METHOD.py:gpu`,
or `configs/METHOD.py` where that has no such variant, with the data of the file.
"""

import argparse
import dataclasses
import importlib
import json
import math
import pathlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import ml_collections

from benchmarks.accelerator import gpu_checks, gpu_finish, gpu_state, training_file
from emoji_gan import errors, methods
from emoji_gan.errors import UserError
from emoji_gan.methods.experiment import Experiment
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.runtime import paths, processes, workdir

_CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
_SAVE_S = 60.0  # between two saves
_PRINT_S = 10.0  # between two lines
_END_FRACTION = 0.15  # of the minutes, for drawing and judging
_LEAST_MINUTES = 1.0  # compiling alone takes about that long
_LEAST_MINUTES_TINY = 0.05
_SAMPLES, _SAMPLES_TINY = 1000, 256  # that fd_emoji is computed of

Save = Callable[[Any], None]


@dataclasses.dataclass(frozen=True)
class Trained:
    """Says how a training went.

    Attributes:
      step: steps done, those of earlier calls included.
      compile_s: seconds of the first steps, until every program had run once.
      images_per_s: of the steps after these, saves included; nan without any.
      loss: means since the last line, by name.
      stopped: whether a signal ended it.
    """

    step: int
    compile_s: float
    images_per_s: float
    loss: dict[str, float]
    stopped: bool


def read_config(
    method: str,
    overrides: Sequence[str],
    data: dict[str, Any],
    *,
    tiny: bool,
    init_from: str,
    devices: int,
) -> ml_collections.FrozenConfigDict:
    """Returns the resolved config of a training on the data of a file.

    Args:
      method: one of `methods.METHODS`.
      overrides: '--config.model.width=64' and the like.
      data: `config.data` of the file.
      tiny: few channels, batches of 8.
      init_from: a workdir or model file; '': none.
      devices: of the mesh.

    Raises:
      UserError: unknown method, a field that cannot work, or one of the data.
    """
    if method not in methods.METHODS:
        raise UserError(f"--method={method}: expected one of {', '.join(methods.METHODS)}")
    for flag in overrides:
        if not flag.startswith("--config."):
            raise UserError(f"unexpected argument {flag!r}: see --help")
        if flag.startswith("--config.data."):
            raise UserError(f"{flag}: the data are those of --data; write another file")
    name = gpu_checks.CONFIGS.get(method, method)
    try:
        importlib.import_module(f"configs.{name}").get_config("gpu")
        variant = ":gpu"
    except ValueError:
        variant = ""
    config = config_lib.load(f"{_CONFIGS / name}.py{variant}", overrides)
    small = gpu_checks.TINY[method] | {"batch_size": 8 * devices} if tiny else {}
    typed = {flag.removeprefix("--config.").partition("=")[0] for flag in overrides}
    for key, value in ({"dtype": "bfloat16"} | small).items():
        if key not in typed:
            config.update_from_flattened_dict({key: value})
    for field, value in data.items():
        config.data[field] = tuple(value) if isinstance(value, list) else value
    config.init_from = init_from
    return methods.resolve(config, devices)


# ---- the training --------------------------------------------------------------------------------


def train(
    experiment: Experiment,
    data: training_file.TrainingData,
    state: Any,
    *,
    first: int,
    deadline: float,
    save: Save,
) -> Trained:
    """Trains from step `first` until `config.total_kimg`, the deadline or a signal.

    Args:
      experiment: what is trained.
      data: to train on.
      state: on the devices; donated.
      first: steps done before.
      deadline: time.monotonic seconds.
      save: called with the state every minute, and at the end.

    Returns:
      How it went; the state is where it was saved.

    Raises:
      Diverged: too many steps in a row were not finite; what was saved last is good.
    """
    batches = _batches(experiment, data, first)
    # Until then every program has run once.
    warm = first + max(round(1 / p.runs_per_step) for p in experiment.step.programs.values())
    meter = _Meter(experiment, first)
    last_save = time.monotonic()
    with processes.stop_on_signals() as stop:
        done = first
        while done < experiment.total_steps:
            state, metrics = experiment.step(state, next(batches), done)
            done += 1
            meter.add(metrics)
            if done == warm:
                jax.block_until_ready(state)
                meter.start(done)
            now = time.monotonic()
            if meter.is_due(now):
                meter.print_line(done)
            if now - last_save >= _SAVE_S:
                save(state)
                last_save = time.monotonic()
            if stop.requested or now >= deadline:
                break
        jax.block_until_ready(state)
        meter.print_line(done)
        rate = meter.images_per_s(done)
        save(state)  # amid steps that are not finite, too: they changed nothing
    return Trained(done, meter.compile_s, rate, meter.loss, stop.requested)


def _batches(
    experiment: Experiment, data: training_file.TrainingData, first: int
) -> mesh_lib.Prefetch:
    config = experiment.config
    batches = training_file.batches(
        data,
        seed=config.seed,
        batch_size=config.batch_size,
        start_sample=first * config.batch_size,
    )
    return mesh_lib.Prefetch(experiment.mesh, batches)


class _Meter:
    """Measures the rate and the losses of a training, and prints them."""

    def __init__(self, experiment: Experiment, first: int) -> None:
        self._experiment = experiment
        self._began = self._printed = time.monotonic()
        self._started, self._first = math.nan, first
        self._history: list[dict[str, jax.Array]] = []
        self.compile_s = math.nan
        self.loss: dict[str, float] = {}

    def start(self, done: int) -> None:
        """Starts the clock of the rate, after the steps that compiled."""
        self._started, self._first = time.monotonic(), done
        self.compile_s = self._started - self._began

    def add(self, metrics: dict[str, jax.Array]) -> None:
        """Takes the metrics of a step; waits for the step before it."""
        self._history.append(metrics)
        if len(self._history) > 1:  # the host is one step ahead of the devices, no more
            jax.block_until_ready(self._history[-2])

    def is_due(self, now: float) -> bool:
        """Returns whether it is time for another line."""
        return now - self._printed >= _PRINT_S

    def images_per_s(self, done: int) -> float:
        """Returns the images per second since `start`; nan before."""
        seconds = time.monotonic() - self._started
        steps = done - self._first
        return steps * self._experiment.config.batch_size / seconds if steps else math.nan

    def print_line(self, done: int) -> None:
        """Prints kimg, rate and losses since the last line.

        Raises:
          Diverged: the last steps in a row were not finite.
        """
        self._printed = time.monotonic()
        if not self._history:
            return
        history = jax.device_get(self._history)
        self._history.clear()
        names = dict.fromkeys(k for step in history for k in step if k.startswith("loss/"))
        # A loss need not be in every step, as one of a lazy regulariser is.
        self.loss = {k: _mean([float(step[k]) for step in history if k in step]) for k in names}
        losses = " ".join(f"{k} {v:g}" for k, v in self.loss.items())
        kimg, rate = self._experiment.kimg(done), self.images_per_s(done)
        print(f"kimg {kimg:.3f}  images/s {rate:.1f}  {losses}", flush=True)
        bad = float(history[-1]["bad_steps/in_a_row"])
        if bad >= self._experiment.config.optim.max_bad_steps:
            raise errors.Diverged(
                f"{bad:.0f} steps in a row were not finite at {kimg:.1f} kimg; go on from what was "
                "saved with a lower learning rate, or with --config.dtype=float32"
            )


def _mean(values: Sequence[float]) -> float:
    finite = [v for v in values if math.isfinite(v)]
    return round(statistics.fmean(finite), 5) if finite else math.nan


# ---- the command ---------------------------------------------------------------------------------


def _start(experiment: Experiment, stored: gpu_state.Stored | None) -> tuple[Any, float]:
    """Returns the state to go on from, on the devices, and the kimg of runs before this one."""
    config = experiment.config
    if stored:
        return mesh_lib.replicate(experiment.mesh, stored.tree(experiment.shapes)), (
            stored.kimg_before
        )
    state, before = experiment.method.init(config, experiment.spec, config.seed), 0.0
    if config.init_from:
        if missing := gpu_finish.missing_packages():
            raise UserError(f"--init_from: reading a model needs {' and '.join(missing)}")
        from emoji_gan.trained import source, transfer  # bring safetensors

        state = transfer.start(state, config, experiment.spec, config.init_from)
        before = source.open_trained(config.init_from).kimg
    return mesh_lib.replicate(experiment.mesh, state), before


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu train",
        description=__doc__.partition("\n")[0],
        allow_abbrev=False,
    )
    p.add_argument(
        "--data", type=paths.local, required=True, help="npz of benchmarks.gpu_data --train"
    )
    p.add_argument("--out", type=paths.local, required=True, help="folder for state and results")
    p.add_argument("--method", help="one of emoji_gan.methods; default: as resumed, or flow")
    p.add_argument("--resume", type=paths.local, help="folder of a training, or its state")
    p.add_argument(
        "--init_from", type=paths.local, default="", help="workdir or model file to start from"
    )
    p.add_argument("--minutes", type=float, default=9.0, help="for everything")
    p.add_argument("--half_state", action="store_true", help="store 16 bits in place of 32")
    p.add_argument("--tiny", action="store_true", help="few channels, batches of 8")
    return p.parse_known_args(arguments)


def _check(a: argparse.Namespace) -> None:
    """Refuses flags that cannot work, before anything is read."""
    least = _LEAST_MINUTES_TINY if a.tiny else _LEAST_MINUTES
    if not least <= a.minutes:
        raise UserError(
            f"--minutes={a.minutes:g}: too short to compile and train; {least:g} at least"
        )
    if a.resume and a.init_from:
        raise UserError("--init_from: what is resumed has started already; leave one of them out")
    there = pathlib.Path(a.out, gpu_state.NAME)
    resumed = a.resume and gpu_state.file_of(a.resume).resolve()
    if there.exists() and there.resolve() != resumed:
        raise UserError(
            f"{there} is of an earlier training: --resume={a.out} goes on from it, or choose "
            "another --out"
        )


def _prepare(
    a: argparse.Namespace, overrides: Sequence[str]
) -> tuple[Experiment, training_file.TrainingData, gpu_state.Stored | None]:
    """Reads the files and builds what is trained; returns None without `--resume`.

    Raises:
      UserError: a file cannot be read, the config cannot work, or they do not fit one another.
    """
    data = training_file.read(a.data)
    stored = gpu_state.load(a.resume) if a.resume else None
    mesh = mesh_lib.make_mesh()
    config = read_config(
        a.method or (stored.config["method"] if stored else "flow"),
        overrides,
        data.config,
        tiny=a.tiny,
        init_from=stored.config["init_from"] if stored else a.init_from,
        devices=mesh.size,
    )
    if stored:
        gpu_state.check(
            stored,
            config.to_dict(),
            data.spec,
            data_hash=data.content_hash,
            data_px=config.data.resolution,
        )
    experiment = Experiment.make(config, data.spec, mesh)
    if stored and stored.step >= experiment.total_steps:
        raise UserError(
            f"--resume={a.resume}: it is trained to config.total_kimg={config.total_kimg:g}; "
            "raise that to go on"
        )
    return experiment, data, stored


def main(arguments: Sequence[str]) -> int:
    """Runs the command line."""
    began = time.monotonic()
    a, overrides = _parse(arguments)
    _check(a)
    experiment, data, stored = _prepare(a, overrides)
    missing = gpu_finish.missing_packages()
    if not missing:
        gpu_finish.check_encoder(data)
    out = gpu_finish.make_folder(a.out)
    first, batch = stored.step if stored else 0, experiment.config.batch_size
    state, before = _start(experiment, stored)
    device = f"{experiment.mesh.size} x {jax.devices()[0].device_kind}"
    method = experiment.config.method
    print(f"{method}, {device}, batch {batch}, from step {first}", flush=True)
    sizes: list[int] = []

    def save(state: Any) -> None:
        path = out / gpu_state.NAME
        options = {"data_hash": data.content_hash, "kimg_before": before, "half": a.half_state}
        sizes.append(gpu_state.save(path, state, experiment, **options))

    until = began + 60 * a.minutes * (1 - _END_FRACTION)
    how = train(experiment, data, state, first=first, deadline=until, save=save)
    result = {"method": method, "device": device, "batch": batch, "step": how.step}
    result |= {
        "kimg": round(before + experiment.kimg(how.step), 3),
        "images_per_s": _rounded(how.images_per_s),
        "compile_s": _rounded(how.compile_s),
        "state_mb": round(sizes[-1] / 1e6, 1) if sizes else None,
    }
    result |= {name: _rounded(value) for name, value in how.loss.items()}
    if missing or how.stopped:
        why = "stopped by a signal" if how.stopped else f"{' and '.join(missing)} not installed"
        print(f"{why}: python -m benchmarks.gpu finish --state={a.out} makes the rest", flush=True)
    else:
        samples, end = _SAMPLES_TINY if a.tiny else _SAMPLES, began + 60 * a.minutes
        stored = gpu_state.load(out)
        result |= gpu_finish.finish(data, stored, out, samples=samples, deadline=end)
    result["seconds"] = round(time.monotonic() - began, 1)
    workdir.write_atomic(out / "train.json", (json.dumps(result) + "\n").encode())
    print(json.dumps(result), flush=True)
    return errors.EXIT_PREEMPTED if how.stopped else errors.EXIT_OK


def _rounded(x: float) -> float | None:
    """Rounds a figure; None, which JSON can hold, where there is none."""
    return round(x, 5) if math.isfinite(x) else None
