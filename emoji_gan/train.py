"""Trains a model: data, method, checkpoints, and the loop over the steps with its hooks."""

import contextlib
import dataclasses
import functools
import math
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
from absl import logging

from emoji_gan import conditions, methods
from emoji_gan.errors import EXIT_OK, EXIT_PREEMPTED, UserError
from emoji_gan.methods.experiment import Experiment
from emoji_gan.runtime import (
    checkpoint,
    curves,
    description,
    divergence,
    early_stop,
    previews,
    processes,
    profiling,
    workdir,
)
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.runtime import progress as progress_lib
from emoji_gan.trained import next_commands, stored_names, transfer
from emoji_gan.trained.source import open_trained
from input_pipeline import DataError, dataset, degrade, pipeline
from input_pipeline.art import style_palettes

Judge = Callable[[Any], curves.Scalars]  # from a state


@dataclasses.dataclass(frozen=True)
class Options:
    """Holds what a command line says of a run besides the config and the workdir.

    Attributes:
      stop_after_minutes: save and end after so long.
      allow_config_change: go on from a checkpoint made with another config or data set.
      dry_run: print what would run, and its cost; write nothing.
      profile: record a JAX profile of a few steps.
      make_judge: `make_judge(config, data)` returns the function that judges a state on
        `config.eval`.
      embed: needed for the condition 'text' only.
      caption: (data, held out, fields of data.captions) -> both with texts; for captioners only.
    """

    stop_after_minutes: float = math.inf
    allow_config_change: bool = False
    dry_run: bool = False
    profile: bool = False
    make_judge: Callable[[ml_collections.FrozenConfigDict, dataset.EmojiData], Judge] | None = None
    embed: conditions.PhraseEncoder | None = None
    caption: Callable[..., tuple[dataset.EmojiData, dataset.EmojiData | None]] | None = None


def train(config: ml_collections.ConfigDict, directory: str, options: Options) -> int:
    """Trains until `config.total_kimg`, going on from the newest good checkpoint in `directory`.

    Args:
      config: an experiment; its auto fields are resolved here.
      directory: the workdir, for checkpoints, curves, samples, config.json and parameters.txt.
      options: see `Options`.

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
    platform = mesh.devices.flat[0].platform
    logging.info("%d %s devices, batch %d", mesh.size, platform, config.batch_size)
    config, data, held_out = _load_data(config, options)
    spec = conditions.of_data(data, options.embed.sha256 if options.embed else "")
    experiment = Experiment.make(config, spec, mesh)
    parameters = description.parameter_tables(experiment.network_shapes)
    description.print_run(config.to_dict(), parameters)
    if options.dry_run:
        for name, program in experiment.compiled_programs():
            description.print_cost(name, program)
        return EXIT_OK

    with contextlib.ExitStack() as stack:
        root = pathlib.Path(directory).expanduser().absolute()
        processes.on_first(lambda: stack.enter_context(workdir.locked(root)))
        checkpoints = _open_checkpoints(experiment, root, data.content_hash, options)
        stack.callback(checkpoints.close)
        state, first = _restore_or_init(experiment, checkpoints)
        early = _evaluated(experiment, checkpoints).is_over(config.eval.patience)
        if first >= experiment.total_steps or early:
            next_commands.print_nothing_to_do(directory, experiment.kimg(first), early=early)
            return EXIT_OK
        description.write_run(root, experiment.description, parameters)
        loop = _Loop(
            experiment,
            checkpoints,
            root=root,
            data=data,
            held_out=held_out,
            options=options,
            first=first,
            deadline=started + 60 * options.stop_after_minutes,
            stack=stack,
        )
        done, stopped = loop.run(state)
        next_commands.print_them(directory, experiment, done, evaluated=loop.evaluated)
        # Here the others also wait for process 0, which has the most to write, before they leave.
        preempted = stopped and done < experiment.total_steps
        (code,) = processes.from_first(EXIT_PREEMPTED if preempted else EXIT_OK)
        return code


# ---- what is trained -----------------------------------------------------------------------------


def _load_data(
    config: ml_collections.FrozenConfigDict, options: Options
) -> tuple[ml_collections.FrozenConfigDict, dataset.EmojiData, dataset.EmojiData | None]:
    """Loads the emoji to train on and those held out, None where a filter leaves none.

    Returns:
      The config with what follows from the data; both.
    """
    data = dataset.load(config.data, "train", options.embed)
    try:
        held_out = dataset.load(config.data, "validation", options.embed)
    except DataError as e:  # a filter as narrow as a few code points
        held_out = None
        if config.eval.patience and not config.eval.every_kimg:
            raise UserError(f"eval.patience: no held-out emoji, {e}; set eval.every_kimg") from e
        logging.warning("no held-out emoji, so no signs/validation: %s", e)
    if options.caption:
        data, held_out = options.caption(data, held_out, **config.data.captions)
    count = len(held_out.images) if held_out else 0
    logging.info("%d emoji to train on, %d held out", len(data.images), count)
    if not options.dry_run:
        config = style_palettes.with_palettes(config, data)
    return config, data, held_out


def _open_checkpoints(
    experiment: Experiment, root: pathlib.Path, data_hash: str, options: Options
) -> checkpoint.Checkpointer:
    return checkpoint.Checkpointer(
        root,
        config=experiment.description,
        data_hash=data_hash,
        keep=experiment.config.checkpoint.keep,
        allow_config_change=options.allow_config_change,
        renamed=stored_names.RENAMED,
    )


def _restore_or_init(
    experiment: Experiment, checkpoints: checkpoint.Checkpointer
) -> tuple[Any, int]:
    """Returns the state to go on from, and the steps done."""
    config, spec = experiment.config, experiment.spec
    if restored := checkpoints.restore(experiment.shapes):
        state, first = restored
    else:
        state, first = experiment.method.init(config, spec, config.seed), 0
        if config.init_from:
            state = transfer.start(state, config, spec, config.init_from)
            checkpoints.kimg_before = open_trained(config.init_from).kimg
        state = mesh_lib.replicate(experiment.mesh, state)
    total = experiment.total_steps
    if first < total:
        kimg, total_kimg = experiment.kimg(first), experiment.kimg(total)
        logging.info("starting at %.1f of %.1f kimg, step %d", kimg, total_kimg, first)
    return state, first


def _evaluated(experiment: Experiment, checkpoints: checkpoint.Checkpointer) -> early_stop.Record:
    """Returns what the evaluations up to the restored step have said."""
    metric = methods.best_metric(experiment.config)
    return early_stop.Record.restored(metric or "", checkpoints.evaluated)


# ---- the loop ------------------------------------------------------------------------------------


class _Loop:
    """Runs the steps and, on their intervals, the hooks: curves, pictures, judge, checkpoints.

    Attributes:
      evaluated: which step was the best.
    """

    def __init__(
        self,
        experiment: Experiment,
        checkpoints: checkpoint.Checkpointer,
        *,
        root: pathlib.Path,
        data: dataset.EmojiData,
        held_out: dataset.EmojiData | None,
        options: Options,
        first: int,
        deadline: float,
        stack: contextlib.ExitStack,
    ) -> None:
        """Opens the hooks.

        Args:
          experiment: what is trained.
          checkpoints: where the state is saved.
          root: the workdir.
          data: what is trained on.
          held_out: emoji that are not, or None.
          options: uses `make_judge` and `profile`.
          first: steps done before.
          deadline: when to save and end, time.monotonic seconds.
          stack: closes what is opened here.
        """
        config = experiment.config
        self._experiment = experiment
        self._config = config
        self._checkpoints = checkpoints
        self._first = first
        self._total = experiment.total_steps
        self._deadline = deadline
        self._profile_dir = root / "profile" if options.profile else None
        self._judge = None
        if config.eval.every_kimg and options.make_judge:
            self._judge = options.make_judge(config, data)
        self._writer = stack.enter_context(
            contextlib.closing(curves.Writer(root, config, step=first))
        )
        self._previews = _make_previews(experiment, data, held_out=held_out, root=root)
        self._stop = stack.enter_context(processes.stop_on_signals())
        self._batches = _make_batches(experiment, data, first)
        self._progress = progress_lib.Progress(first, self._total, batch_size=config.batch_size)
        self._history: list[curves.Scalars] = []  # metrics of the steps since the last scalars
        self._last_save = time.monotonic()
        self._rolled_back = False
        self.evaluated = _evaluated(experiment, checkpoints)

    def run(self, state: Any) -> tuple[int, bool]:
        """Trains to the end or a stop; returns the steps done, and whether a signal came."""
        if self._first == 0:
            self._previews.write_reals(self._writer, 0)
            self._previews.write(self._writer, 0, state)
        log, saving = self._config.log, self._config.checkpoint
        done = self._first
        for i in range(self._first, self._total):
            with profiling.profiled(self._profile_dir, i - self._first):
                state, metrics = self._experiment.step(state, next(self._batches), i)
            self._history.append(metrics)
            if len(self._history) > 1:  # let the host be one step ahead of the devices, no more
                jax.block_until_ready(self._history[-2])
            done = i + 1
            if self._due(log.scalars_kimg, done):
                bad_in_a_row = self._write_scalars(done, state)
                if bad_in_a_row >= self._config.optim.max_bad_steps:
                    state = self._roll_back(done, state)
            if self._due(log.images_kimg, done):
                self._previews.write(self._writer, done, state)
            improved = self._evaluate(done, state)
            late, out_of_time = self._read_clock(done)
            if improved or self._due(saving.every_kimg, done) or late:
                self._save(done, state)
            early = self.evaluated.is_over(self._config.eval.patience)
            if (self._stop.at(done) or out_of_time or early) and done < self._total:
                break
        self._writer.flush()
        self._checkpoints.save(done, state, wait=True)
        if not self._due(log.images_kimg, done):
            self._previews.write(self._writer, done, state)
        self._writer.flush()
        return done, self._stop.requested

    def _due(self, every_kimg: float, done: int) -> bool:
        return done % self._experiment.interval(every_kimg) == 0 or done == self._total

    def _write_scalars(self, done: int, state: Any) -> float:
        """Writes the curves of the steps since the last call; returns the bad steps in a row."""
        scalars = curves.mean_of(self._history)
        self._history.clear()
        scalars |= {
            "memory/host_mib": progress_lib.host_memory_mib(),
            "memory/device_mib": progress_lib.device_memory_mib(),
            "rollbacks": float(state.counters.rollbacks),
        }
        scalars |= self._progress.scalars(done, self._batches.wait_seconds)
        scalars |= self._previews.held_out_scalars(state)
        self._writer.scalars(done, scalars)
        return scalars["bad_steps/in_a_row"]

    def _evaluate(self, done: int, state: Any) -> bool:
        """Judges the state where that is due; returns whether it is the best so far."""
        record = self.evaluated
        if not self._due(early_stop.every_kimg(self._config), done):
            return False
        if self._judge:
            scalars = self._judge(state)
            self._writer.scalars(done, scalars)
        else:
            scalars = self._previews.held_out_scalars(state) if record.metric else {}
        if record.metric not in scalars or int(state.counters.bad_in_a_row):
            return False
        (better,) = processes.from_first(int(record.is_better(scalars)))
        self.evaluated = record.after(done, scalars, better=bool(better))
        self._checkpoints.evaluated = dataclasses.asdict(self.evaluated)
        return bool(better)

    def _roll_back(self, done: int, state: Any) -> Any:
        state = divergence.roll_back(
            self._checkpoints,
            self._experiment.shapes,
            state,
            step=done,
            kimg=self._experiment.kimg(done),
            again=self._rolled_back,
        )
        self._rolled_back = True
        self.evaluated = _evaluated(self._experiment, self._checkpoints)
        return state

    def _read_clock(self, done: int) -> tuple[bool, ...]:
        """Returns whether a save is due by the clock, and whether the time of the run is over."""
        now = time.monotonic()
        return processes.by_the_clock(
            self._due(self._config.log.scalars_kimg, done),
            now - self._last_save >= self._config.checkpoint.every_minutes * 60,
            now >= self._deadline,
        )

    def _save(self, done: int, state: Any) -> None:
        """Starts to save the state, unless amid bad steps: no rollback must come back to them."""
        if int(state.counters.bad_in_a_row):
            return
        self._writer.flush()  # so that no curve has a gap before a step that a run goes on from
        self._checkpoints.save(done, state)
        self._last_save = time.monotonic()


def _make_previews(
    experiment: Experiment,
    data: dataset.EmojiData,
    *,
    held_out: dataset.EmojiData | None,
    root: pathlib.Path,
) -> previews.Previews:
    config, spec = experiment.config, experiment.spec
    generator = experiment.method.generator(config, spec)

    def sample(
        state: Any, seeds: jax.Array, condition: dict[str, jax.Array], truncation: jax.Array
    ) -> jax.Array:
        return generator.sample(generator.params_of(state), seeds, condition, truncation)

    return previews.Previews(
        config,
        degrade=_degrade_of(config),
        data=data,
        held_out=held_out,
        root=root,
        mesh=experiment.mesh,
        sample=sample if generator.latents else None,
        summaries=experiment.method.summaries(config, spec),
    )


def _degrade_of(config: ml_collections.FrozenConfigDict) -> pipeline.Degrade | None:
    """Returns what damages the pictures of a run, where it learns to restore them."""
    if "degrade" not in config:
        return None
    d = config.degrade
    return functools.partial(degrade.pairs, seed=config.seed, **d)


def _make_batches(experiment: Experiment, data: dataset.EmojiData, first: int) -> mesh_lib.Prefetch:
    config = experiment.config
    batches = pipeline.batches(
        data,
        seed=config.seed,
        batch_size=config.batch_size,
        start_sample=first * config.batch_size,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        degrade=_degrade_of(config),
    )
    return mesh_lib.Prefetch(experiment.mesh, batches)
