"""The training loop, top to bottom: mesh, data, programs, state, hooks, steps."""

import contextlib
import dataclasses
import json
import math
import pathlib
import shlex
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from absl import logging
from clu import parameter_overview
from jax.sharding import Mesh

from emoji_gan import conditions, methods
from emoji_gan.errors import EXIT_OK, EXIT_PREEMPTED, Diverged
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.base import Method, Step
from emoji_gan.runtime import checkpoint, curves, previews, processes, workdir
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.runtime import progress as progress_lib
from emoji_gan.trained import stored_names, transfer
from emoji_gan.trained.source import open_trained
from input_pipeline import DataError, dataset, pipeline

_PROFILE_STEPS = range(20, 25)  # after compilation and the first lazy regularisers


def train(
    config: ml_collections.ConfigDict,
    directory: str,
    *,
    stop_after_minutes: float | None = None,
    allow_config_change: bool = False,
    dry_run: bool = False,
    profile: bool = False,
    make_judge: Callable[..., Callable[..., curves.Scalars]] | None = None,
    embed: Callable | None = None,
) -> int:
    """Trains until `config.total_kimg`, going on from the newest good checkpoint in `directory`.

    Args:
      config: an experiment; its auto fields are resolved here.
      directory: the workdir: checkpoints, TensorBoard events, metrics.jsonl, samples, config.json,
        parameters.txt.
      stop_after_minutes: save and end after so long.
      allow_config_change: go on from a checkpoint made with another config or data set.
      dry_run: print what would run, and its cost; writes nothing.
      profile: record a JAX profile of a few steps.
      make_judge: `make_judge(config, data)` gives the function that judges a state on
        `config.eval`.
      embed: makes vectors of phrases, f32 [m d], for the condition 'text'; its `sha256` is that of
        its weights.

    Returns:
      The process's exit code: 0, or EXIT_PREEMPTED after SIGTERM or Ctrl-C.

    Raises:
      UserError: config, workdir or checkpoint cannot be used.
      Diverged: non-finite steps after a rollback.
      NotSaved: the end, or several steps in a row, could not be saved.
      DataError: the data cannot be used.
    """
    started = time.monotonic()
    mesh = mesh_lib.make_mesh()
    config = methods.resolve(config, mesh.size)
    logging.info(
        "%d %s devices, batch %d", mesh.size, mesh.devices.flat[0].platform, config.batch_size
    )
    data, held_out = _load_data(config, embed)
    spec = conditions.of_data(data, embed.sha256 if embed else "")
    experiment = _Experiment.make(config, spec, mesh)
    experiment.describe()
    if dry_run:
        experiment.print_cost()
        return EXIT_OK

    with contextlib.ExitStack() as stack:
        root = pathlib.Path(directory).expanduser().absolute()
        processes.on_first(lambda: stack.enter_context(workdir.locked(root)))
        checkpoints = checkpoint.Checkpointer(
            root,
            config=experiment.description,
            data_hash=data.content_hash,
            keep=config.checkpoint.keep,
            allow_config_change=allow_config_change,
            renamed=stored_names.RENAMED,
        )
        stack.callback(checkpoints.close)
        state, first = experiment.start(checkpoints)
        total = experiment.total_steps
        if first >= total:
            kimg = experiment.kimg(first)
            print(f"{directory} is already trained to {kimg:.1f} kimg: nothing to do")
            return EXIT_OK
        experiment.write_description(root)
        loop = _Loop(
            experiment,
            root=root,
            first=first,
            data=data,
            held_out=held_out,
            checkpoints=checkpoints,
            judge=make_judge(config, data) if config.eval.every_kimg and make_judge else None,
            profile=profile,
            deadline=math.inf if stop_after_minutes is None else started + 60 * stop_after_minutes,
            stack=stack,
        )
        done, stopped = loop.run(state)
        if processes.is_first():
            _print_where(directory, root, experiment.kimg(done), experiment.kimg(total))
        # Also where the others wait for process 0, which has the most to write, before they leave.
        (code,) = processes.from_first(EXIT_PREEMPTED if stopped and done < total else EXIT_OK)
        return code


# ---- what is trained ---------------------------------------------------------------------------------


def _load_data(
    config: ml_collections.FrozenConfigDict, embed: Callable | None
) -> tuple[dataset.EmojiData, dataset.EmojiData | None]:
    """Loads the emoji to train on and those held out; None of these where a filter leaves none."""
    data = dataset.load(config.data, "train", embed)
    try:
        held_out = dataset.load(config.data, "validation", embed)
    except DataError as e:  # a filter as narrow as a few code points
        held_out = None
        logging.warning("no held-out emoji, so no signs/validation: %s", e)
    count = len(held_out.images) if held_out else 0
    logging.info("%d emoji to train on, %d held out", len(data.images), count)
    return data, held_out


@dataclasses.dataclass(frozen=True)
class _Experiment:
    """A resolved experiment: its method, the programs of its step, the shapes of its state."""

    config: ml_collections.FrozenConfigDict
    spec: conditions.Spec
    mesh: Mesh
    method: Method
    step: Step
    shapes: Any  # of the state, with shardings

    @classmethod
    def make(
        cls, config: ml_collections.FrozenConfigDict, spec: conditions.Spec, mesh: Mesh
    ) -> "_Experiment":
        method = methods.load(config.method)
        step = method.train_step(config, spec, mesh)
        shapes = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=mesh_lib.replicated(mesh)),
            jax.eval_shape(lambda: method.init(config, spec, config.seed)),
        )
        return cls(config, spec, mesh, method, step, shapes)

    @property
    def total_steps(self) -> int:
        return math.ceil(self.config.total_kimg * 1000 / self.config.batch_size)

    @property
    def description(self) -> dict[str, Any]:
        """Config and spec, as they are stored with every checkpoint."""
        return self.config.to_dict() | {"spec": self.spec.to_json()}

    @property
    def parameters(self) -> str:
        """A table of every array of the networks."""
        tables = []
        for field, name in self.method.NETWORKS.items():
            arrays = getattr(self.shapes, field)
            table = parameter_overview.get_parameter_overview(arrays, include_stats=False)
            tables.append(f"{name}\n{table}")
        return "\n".join(tables)

    def kimg(self, step: int) -> float:
        return step * self.config.batch_size / 1000

    def describe(self) -> None:
        """Prints config and parameters, on the first process."""
        if processes.is_first():
            text = json.dumps(self.config.to_dict(), indent=1)
            print(text, self.parameters, sep="\n", flush=True)

    def write_description(self, root: pathlib.Path) -> None:
        """Writes the same to config.json and parameters.txt."""
        if processes.is_first():
            text = json.dumps(self.description, indent=1)
            workdir.write_atomic(root / "config.json", text.encode())
            workdir.write_atomic(root / "parameters.txt", self.parameters.encode())

    def print_cost(self) -> None:
        """Prints FLOPs and memory of the compiled programs of a step, of one device."""
        batch = step_lib.batch_shapes(self.config, self.spec, self.mesh)
        for name, program in self.step.programs.items():
            compiled = program.run.lower(self.shapes, batch).compile()
            cost, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
            gflop = cost.get("flops", math.nan) / 1e9
            mib = math.nan
            if memory:
                mib = (memory.temp_size_in_bytes + memory.argument_size_in_bytes) / 2**20
            print(f"{name:12s} {gflop:8.2f} GFLOP {mib:8.0f} MiB a device")

    def start(self, checkpoints: checkpoint.Checkpointer) -> tuple[Any, int]:
        """Returns the state to go on from, and its step."""
        if restored := checkpoints.restore(self.shapes):
            state, first = restored
        else:
            state, first = self.method.init(self.config, self.spec, self.config.seed), 0
            if self.config.init_from:
                state = transfer.start(state, self.config, self.spec, self.config.init_from)
                checkpoints.kimg_before = open_trained(self.config.init_from).kimg
            state = mesh_lib.replicate(self.mesh, state)
        if first < self.total_steps:
            logging.info(
                "starting at %.1f of %.1f kimg, step %d",
                self.kimg(first),
                self.kimg(self.total_steps),
                first,
            )
        return state, first


# ---- the loop ----------------------------------------------------------------------------------------


class _Loop:
    """Runs the steps and, on their intervals, what hangs on them: curves, pictures, checkpoints."""

    def __init__(
        self,
        experiment: _Experiment,
        *,
        root: pathlib.Path,
        first: int,
        data: dataset.EmojiData,
        held_out: dataset.EmojiData | None,
        checkpoints: checkpoint.Checkpointer,
        judge: Callable[[Any], curves.Scalars] | None,
        profile: bool,
        deadline: float,
        stack: contextlib.ExitStack,
    ):
        config, spec, mesh = experiment.config, experiment.spec, experiment.mesh
        self._experiment, self._config, self._root, self._first = experiment, config, root, first
        self._total, self._checkpoints, self._judge = experiment.total_steps, checkpoints, judge
        self._profile, self._deadline = profile, deadline  # time.monotonic seconds
        self._writer = stack.enter_context(contextlib.closing(curves.Writer(root, config, first)))
        generator = experiment.method.generator(config, spec)

        def sample(
            state: Any, seeds: jax.Array, condition: dict[str, jax.Array], truncation: jax.Array
        ) -> jax.Array:
            return generator.sample(generator.params_of(state), seeds, condition, truncation)

        self._previews = previews.Previews(
            config,
            data=data,
            held_out=held_out,
            root=root,
            mesh=mesh,
            sample=sample,
            summaries=experiment.method.summaries(config, spec),
        )
        self._stop = stack.enter_context(processes.stop_on_signals())
        self._batches = mesh_lib.Prefetch(
            mesh,
            pipeline.batches(
                data,
                seed=config.seed,
                batch_size=config.batch_size,
                start_sample=first * config.batch_size,
                process_index=jax.process_index(),
                process_count=jax.process_count(),
            ),
        )
        self._progress = progress_lib.Progress(first, self._total, config.batch_size)
        self._history: list[curves.Scalars] = []
        self._last_save = time.monotonic()
        self._rolled_back = False

    def run(self, state: Any) -> tuple[int, bool]:
        """Trains to the end or a stop; returns the steps done, and whether a signal asked to stop."""
        if self._first == 0:
            self._previews.write_reals(self._writer, 0)
            self._previews.write(self._writer, 0, state)
        done = self._first
        for i in range(self._first, self._total):
            with self._profiled(i - self._first):
                state, metrics = self._experiment.step(state, next(self._batches), i)
            self._history.append(metrics)
            if len(self._history) > 1:  # let the host be one step ahead of the devices, no more
                jax.block_until_ready(self._history[-2])
            done = i + 1
            state = self._after(done, state)
            if self._must_end(done, state):
                break
        self._writer.flush()
        self._checkpoints.save(done, state, wait=True)
        if not self._due(self._config.log.images_kimg, done):
            self._previews.write(self._writer, done, state)
        self._writer.flush()
        return done, self._stop.requested

    def _due(self, every_kimg: float, done: int) -> bool:
        interval = max(1, round(every_kimg * 1000 / self._config.batch_size))
        return done % interval == 0 or done == self._total

    def _after(self, done: int, state: Any) -> Any:
        """Writes what is due after a step; returns the state, rolled back where it must be."""
        log = self._config.log
        if self._due(log.scalars_kimg, done):
            scalars = curves.mean_of(self._history)
            self._history.clear()
            scalars |= _machine_scalars(state)
            scalars |= self._progress.scalars(done, self._batches.wait_seconds)
            scalars |= self._previews.held_out_scalars(state)
            self._writer.scalars(done, scalars)
            if scalars["bad_steps/in_a_row"] >= self._config.optim.max_bad_steps:
                shapes, again = self._experiment.shapes, self._rolled_back
                kimg = self._experiment.kimg(done)
                state = _roll_back(
                    self._checkpoints, shapes, state, step=done, kimg=kimg, again=again
                )
                self._rolled_back = True
        if self._due(log.images_kimg, done):
            self._previews.write(self._writer, done, state)
        if self._judge and self._due(self._config.eval.every_kimg, done):
            self._writer.scalars(done, self._judge(state))
        return state

    def _must_end(self, done: int, state: Any) -> bool:
        """Saves where it is due; returns whether a signal or the clock ends the run here."""
        clock, options = time.monotonic(), self._config.checkpoint
        late, out_of_time = processes.by_the_clock(
            self._due(self._config.log.scalars_kimg, done),
            clock - self._last_save >= options.every_minutes * 60,
            clock >= self._deadline,
        )
        to_save = self._due(options.every_kimg, done) or late
        # A rollback must not come back to where it was needed.
        if to_save and not int(state.counters.bad_in_a_row):
            self._writer.flush()  # so that no curve has a gap before a step that is gone on from
            self._checkpoints.save(done, state)
            self._last_save = time.monotonic()
        return (self._stop.at(done) or out_of_time) and done < self._total

    @contextlib.contextmanager
    def _profiled(self, step: int) -> Iterator[None]:
        path = self._root / "profile"
        if self._profile and step == _PROFILE_STEPS.start:
            jax.profiler.start_trace(str(path))
        yield
        if self._profile and step == _PROFILE_STEPS.stop - 1:
            jax.profiler.stop_trace()
            logging.info("profile of steps %s written to %s", _PROFILE_STEPS, path)


def _roll_back(
    checkpoints: checkpoint.Checkpointer,
    shapes: Any,
    state: Any,
    *,
    step: int,
    kimg: float,
    again: bool,
) -> Any:
    """Returns the newest good checkpoint's state at the current step, with new randomness.

    Raises:
      Diverged: there is none, or this is the second time.
    """
    counters = state.counters
    what = (
        f"{int(counters.bad_in_a_row)} non-finite steps in a row at {kimg:.1f} kimg "
        f"({int(counters.bad_total)} in all)"
    )
    restored = None if again else checkpoints.restore(shapes)
    if restored is None:
        why = "again after rolling back" if again else "before the first checkpoint"
        raise Diverged(
            f"{what}, {why}: lower optim.*_lr or raise loss.r1_gamma; the checkpoints are intact"
        )
    old, from_step = restored
    logging.warning("%s: rolling back to the state of step %d", what, from_step)
    counters = dataclasses.replace(
        old.counters,
        step=jnp.full_like(old.counters.step, step),
        rollbacks=counters.rollbacks + 1,
        bad_total=counters.bad_total,
    )
    return dataclasses.replace(old, counters=counters)


def _machine_scalars(state: Any) -> curves.Scalars:
    """Returns what is shown of the machine and of rollbacks, on the axis of the losses."""
    return {
        "memory/host_mib": progress_lib.host_memory_mib(),
        "memory/device_mib": progress_lib.device_memory_mib(),
        "rollbacks": float(state.counters.rollbacks),
    }


def _print_where(directory: str, root: pathlib.Path, kimg: float, total_kimg: float) -> None:
    where = shlex.quote(directory)
    print(f"trained to {kimg:.1f} of {total_kimg:.1f} kimg")
    print(f"open    {shlex.quote(str(root / 'samples.png'))}")
    print(f"curves  tensorboard --logdir={where}")
    print(f"sample  python -m emoji_gan.sample --workdir={where} --seeds=0-63")
