"""Trains the emoji encoder on openly licensed art; after any end the same command resumes.

    python -m eval.train_encoder --art=openmoji --art=noto=PATH --art=twemoji=PATH \\
        --hold_out=fluent=PATH --workdir=runs/encoder \\
        --out=emoji_gan/encoder/weights/emoji_encoder.safetensors

PATH is a folder, zip or icon JSON as `python -m input_pipeline.sources` reads. Styles given by
--hold_out, or single drawings set aside by --hold_out_one_in, are judged and never trained on.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from emoji_gan import errors
from emoji_gan.encoder import (
    encoder,
    training_art,
    training_batches,
    training_checkpoint,
    training_report,
    training_step,
)
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, processes, workdir
from emoji_gan.runtime import mesh as mesh_lib
from input_pipeline.unicode import emoji_names

_SAVE_EVERY_S = 120
_LOG_EVERY_S = 20
# The first steps see smaller drawings: less than half the work.
_SMALL_PX = 32
_SMALL_FRACTION = 0.6


def size_px(step: int, steps: int) -> int:
    """Returns the side of the drawings at a step."""
    return _SMALL_PX if step < _SMALL_FRACTION * steps else encoder.INPUT_PX


@dataclasses.dataclass(frozen=True)
class _Setup:
    """Holds what stays the same during a training.

    Attributes:
      args: the flags of `main`.
      root: the workdir.
      art: the drawings to train on.
      held_out: the drawings to judge on, if any.
      codepoints: the classes.
      batches: of the training.
      size: of the network.
    """

    args: argparse.Namespace
    root: pathlib.Path
    art: training_art.Art
    held_out: training_art.Art | None
    codepoints: list[str]
    batches: training_batches.Batches
    size: encoder.Size

    @property
    def checkpoint(self) -> pathlib.Path:
        return self.root / "checkpoint.safetensors"


def train(args: argparse.Namespace) -> int:
    """Trains the encoder, judges it and writes its weights.

    Args:
      args: the flags of `main`.

    Returns:
      The exit code: 0, or EXIT_PREEMPTED after SIGTERM or Ctrl-C.

    Raises:
      UserError or DataError: the flags, the art, the workdir or the checkpoint cannot be used.
      Diverged: the loss is not finite.
    """
    started = time.monotonic()
    size = _checked_size(args)
    with contextlib.ExitStack() as stack:
        setup = _prepare(args, stack.enter_context(workdir.locked(args.workdir)), size)
        mesh = mesh_lib.make_mesh()
        optimizer = training_step.make_optimizer(args.steps, args.learning_rate)
        train_step = training_step.make_step(
            mesh, optimizer, ema_decay=min(0.998, 1 - 10 / args.steps)
        )
        state, run = _initial_state(setup, optimizer)
        state = jax.device_put(state, mesh_lib.replicated(mesh))
        stop = stack.enter_context(processes.stop_on_signals())
        state = _run_steps(
            setup, state, run, train_step=train_step, mesh=mesh, stop=stop, started=started
        )
        done = int(state["step"])
        if done < args.steps:
            print(
                f"stopped at step {done:,} of {args.steps:,}: the same command goes on from there"
            )
            return errors.EXIT_PREEMPTED if stop.requested else errors.EXIT_OK
        report = training_report.write(
            args.out,
            setup.root,
            ema=jax.device_get(state["ema"]),
            codepoints=setup.codepoints,
            art=setup.art,
            held_out=setup.held_out,
            run=run,
            seconds=_seconds_before(setup.root, args.steps),
        )
    print(json.dumps(report, indent=1))
    print(f"weights {args.out}")
    return errors.EXIT_OK


def _checked_size(args: argparse.Namespace) -> encoder.Size:
    """Returns the size of the network after a check of the flags.

    Raises:
      UserError: a flag has a value that cannot work.
    """
    multiple = 2 * mesh_lib.make_mesh().size
    if args.batch_size % multiple or args.batch_size < 4:
        raise UserError(f"--batch_size={args.batch_size} is not divisible by {multiple}")
    if args.steps < 1:
        raise UserError(f"--steps={args.steps}: expected at least 1")
    if args.hold_out and args.hold_out_one_in:
        raise UserError("--hold_out and --hold_out_one_in: give one of them")
    size = encoder.SIZE.scaled(args.width)
    return size if args.phrases else dataclasses.replace(size, text_buckets=0)


def _prepare(args: argparse.Namespace, root: pathlib.Path, size: encoder.Size) -> _Setup:
    """Reads the art and prepares the batches."""
    art = training_art.read_art(args.art, root / "art")
    held_out = training_art.read_art(args.hold_out, root / "art") if args.hold_out else None
    if held_out and (both := art.hashes.keys() & held_out.hashes.keys()):
        raise UserError(f"--hold_out={both.pop()}: it is also given by --art")
    if args.hold_out_one_in:
        art, held_out = training_art.split(art, args.hold_out_one_in)
    present = set(art.codepoints.tolist())
    codepoints = [c for c in emoji_names.every() if c in present]
    return _Setup(
        args=args,
        root=root,
        art=art,
        held_out=held_out,
        codepoints=codepoints,
        batches=training_batches.Batches(art, codepoints, args.seed, args.batch_size),
        size=size,
    )


def _initial_state(
    setup: _Setup, optimizer: optax.GradientTransformation
) -> tuple[training_step.State, dict[str, Any]]:
    """Returns the state, new or of the checkpoint, and the settings of the run."""
    args = setup.args
    run = {
        "art": setup.art.hashes,
        "steps": [args.steps],
        "batch_size": args.batch_size,
        "seed": args.seed,
        "learning_rate": args.learning_rate,
        "size": dataclasses.asdict(setup.size),
        "hold_out_one_in": args.hold_out_one_in,
    }
    params = encoder.init(
        np.random.default_rng(args.seed),
        len(setup.codepoints),
        setup.batches.subgroup_count,
        setup.size,
    )
    state = training_step.init_state(params, optimizer)
    if restored := training_checkpoint.load(setup.checkpoint, like=state, run=run):
        state, run = restored
    count = sum(x.size for x in state["params"].values())
    print(
        f"{len(setup.codepoints):,} emoji, {len(setup.art.images):,} drawings, "
        f"{count / 1e6:.2f} M parameters; step {int(state['step']):,} of {args.steps:,}",
        flush=True,
    )
    return state, run


def _run_steps(
    setup: _Setup,
    state: training_step.State,
    run: dict[str, Any],
    *,
    train_step: training_step.Step,
    mesh: Mesh,
    stop: processes.Stop,
    started: float,
) -> training_step.State:
    """Trains to the last step, or until the run must stop; the state is then saved.

    Args:
      setup: as `_prepare` returns it.
      state: to start from; it is donated.
      run: the settings, for the checkpoint.
      train_step: as `training_step.make_step` returns it.
      mesh: of the devices.
      stop: whether a signal asks to stop.
      started: when the program started, by the monotonic clock.

    Returns:
      The state after the last step done.
    """
    args, first = setup.args, int(state["step"])
    limit_s = 60 * args.stop_after_minutes if args.stop_after_minutes else math.inf

    def make_batch(step: int) -> dict[str, np.ndarray]:
        return setup.batches(step, size_px(step, args.steps), setup.size.text_buckets)

    with (
        open(setup.root / "metrics.jsonl", "a", encoding="utf-8") as file,
        contextlib.closing(_prefetch(make_batch, range(first, args.steps))) as batches,
    ):
        log = _MetricsLog(file, first, _seconds_before(setup.root, first), args.batch_size)
        last_save = time.monotonic()
        for done, batch in enumerate(batches, first + 1):
            state, metrics = train_step(state, mesh_lib.global_batch(mesh, batch))
            jax.block_until_ready(metrics)
            now, is_last = time.monotonic(), done == args.steps
            if is_last or log.is_due(now):
                log.write(done, metrics, now)
            must_stop = stop.requested or now - started > limit_s
            if is_last or must_stop or now - last_save > _SAVE_EVERY_S:
                training_checkpoint.save(setup.checkpoint, jax.device_get(state), run)
                last_save = time.monotonic()
            if must_stop:
                break
    return state


def _prefetch(
    make_batch: Callable[[int], dict[str, np.ndarray]], steps: range
) -> Iterator[dict[str, np.ndarray]]:
    """Yields the batch of each step; a thread makes the next one meanwhile."""
    if not steps:
        return
    with concurrent.futures.ThreadPoolExecutor(1) as worker:
        future = worker.submit(make_batch, steps[0])
        for next_step in steps[1:]:
            batch = future.result()
            future = worker.submit(make_batch, next_step)
            yield batch
        yield future.result()


class _MetricsLog:
    """Writes rows of metrics.jsonl and prints them.

    Args:
      file: to append to.
      first: number of steps done before.
      seconds_before: how long these took.
      batch_size: images per step.
    """

    def __init__(self, file: TextIO, first: int, seconds_before: float, batch_size: int) -> None:
        self._file = file
        self._seconds_before = seconds_before
        self._batch_size = batch_size
        self._began = self._last_time = time.monotonic()
        self._last_step = first

    def is_due(self, now: float) -> bool:
        """Returns whether the last row is old enough for a new one."""
        return now - self._last_time > _LOG_EVERY_S

    def write(self, step: int, metrics: dict[str, jax.Array], now: float) -> None:
        """Writes a row.

        Raises:
          Diverged: the loss is not finite.
        """
        images = (step - self._last_step) * self._batch_size
        row = {
            "step": step,
            "images": step * self._batch_size,
            "seconds": round(self._seconds_before + now - self._began, 1),
            "images_per_s": round(images / (now - self._last_time), 1),
        }
        row |= {name: float(f"{float(value):.4g}") for name, value in metrics.items()}
        if not math.isfinite(row["loss"]):
            raise errors.Diverged(f"step {step}: the loss is not finite; lower --learning_rate")
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        print(" ".join(f"{name} {value:g}" for name, value in row.items()), flush=True)
        self._last_time, self._last_step = now, step


def _seconds_before(root: pathlib.Path, step: int) -> float:
    """Returns how many seconds the steps before this one took, by the log of the run."""
    if not step or not (root / "metrics.jsonl").exists():
        return 0.0
    rows = [json.loads(line) for line in (root / "metrics.jsonl").read_text().splitlines()]
    return max((row["seconds"] for row in rows if row["step"] <= step), default=0.0)


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.train_encoder", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--art", action="append", default=[], help="openmoji or STYLE=PATH; may be repeated"
    )
    parser.add_argument(
        "--hold_out", action="append", default=[], help="STYLE=PATH, judged only; may be repeated"
    )
    parser.add_argument(
        "--hold_out_one_in",
        type=int,
        help="instead: of each style but OpenMoji one drawing in so many is judged only",
    )
    parser.add_argument(
        "--workdir",
        type=paths.local,
        default="runs/encoder",
        help="checkpoint, curves, drawn art, report.json",
    )
    parser.add_argument(
        "--out", type=paths.local, required=True, help="the weights, a .safetensors file"
    )
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument(
        "--batch_size", type=int, default=128, help="drawings a step; a multiple of 4"
    )
    parser.add_argument("--learning_rate", type=float, default=1.5e-3, help="at its height")
    parser.add_argument(
        "--width", type=float, default=1.0, help="of the network; 0.5: half the channels"
    )
    parser.add_argument(
        "--phrases",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="train the side of phrases; --no-phrases: pictures only",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stop_after_minutes", type=float, help="save and end after so long")
    args = parser.parse_args()
    if not args.art:
        raise UserError("no art: --art=openmoji, --art=STYLE=PATH")
    if not pathlib.Path(args.out).absolute().parent.is_dir():
        raise UserError(f"--out={args.out}: no such folder")
    host.setup_host_devices(args.batch_size)
    host.setup_host_memory()
    host.setup_compilation_cache()
    return train(args)


if __name__ == "__main__":
    errors.run(main)
