"""The training loop, top to bottom: mesh, data, state, step, hooks."""

import contextlib
import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
from absl import logging
from clu import parameter_overview

from emoji_gan import conditions, methods
from emoji_gan.errors import EXIT_OK, EXIT_PREEMPTED, Diverged
from emoji_gan.methods import step as step_lib
from emoji_gan.runtime import checkpoint, curves, previews, processes, workdir
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.runtime import progress as progress_lib
from emoji_gan.trained import transfer
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
      embed: makes vectors of phrases, f32 m d, for the condition 'text'; its `sha256` is that of
        its weights.

    Returns:
      The process's exit code: 0, or EXIT_PREEMPTED after SIGTERM or Ctrl-C.

    Raises:
      UserError: config, workdir or checkpoint cannot be used; Diverged: non-finite steps after a
        rollback.
      NotSaved: the end, or several steps in a row, could not be saved. DataError: the data cannot
        be used.
    """
    started = time.monotonic()
    first_process = jax.process_index() == 0

    # ---- mesh
    # ----------------------------------------------------------------------------------------------
    mesh = mesh_lib.make_mesh()
    config = config_lib.resolve(config, mesh.size)
    b = config.batch_size
    logging.info("%d %s devices, batch %d", mesh.size, mesh.devices.flat[0].platform, b)

    # ---- data
    # ----------------------------------------------------------------------------------------------
    data = dataset.load(config.data, "train", embed)
    try:
        held_out = dataset.load(config.data, "validation", embed)
    except DataError as e:  # a filter as narrow as a few code points
        held_out = None
        logging.warning("no held-out emoji, so no signs/validation: %s", e)
    count = len(held_out.images) if held_out else 0
    logging.info("%d emoji to train on, %d held out", len(data.images), count)

    # ---- programs and the shapes of the state
    # --------------------------------------------------------------
    spec = conditions.of_data(data, embed.sha256 if embed else "")
    method = methods.load(config.method)
    step_fn = method.make_train_step(config, spec, mesh)
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=mesh_lib.replicated(mesh)),
        jax.eval_shape(lambda: method.init(config, spec, config.seed)),
    )
    description = config.to_dict() | {"spec": spec.to_json()}
    overview = "\n".join(
        f"{name}\n{parameter_overview.get_parameter_overview(getattr(shapes, field), include_stats=False)}"
        for field, name in method.NETWORKS.items()
    )
    if first_process:
        print(json.dumps(config.to_dict(), indent=1), overview, sep="\n", flush=True)
    if dry_run:
        _print_cost(step_fn, shapes, spec, config, mesh)
        return EXIT_OK

    with contextlib.ExitStack() as stack:
        # ---- workdir and state
        # -----------------------------------------------------------------------------
        root = pathlib.Path(directory).expanduser().absolute()
        processes.on_first(lambda: stack.enter_context(workdir.locked(root)))
        checkpoints = checkpoint.Checkpointer(
            root,
            config=description,
            data_hash=data.content_hash,
            keep=config.checkpoint.keep,
            allow_config_change=allow_config_change,
        )
        stack.callback(checkpoints.close)
        if restored := checkpoints.restore(shapes):
            state, first = restored
        else:
            state = method.init(config, spec, config.seed)
            if config.init_from:
                state = transfer.start(state, config, spec, config.init_from)
            state = mesh_lib.replicate(mesh, state)
            first = 0
        total = math.ceil(config.total_kimg * 1000 / b)
        if first >= total:
            print(f"{directory} is already trained to {first * b / 1000:.1f} kimg: nothing to do")
            return EXIT_OK
        logging.info(
            "starting at %.1f of %.1f kimg, step %d", first * b / 1000, total * b / 1000, first
        )
        if first_process:
            workdir.write_atomic(root / "config.json", json.dumps(description, indent=1).encode())
            workdir.write_atomic(root / "parameters.txt", overview.encode())

        # ---- hooks
        # -----------------------------------------------------------------------------------------
        writer = stack.enter_context(contextlib.closing(curves.Writer(root, config, first)))
        shown = previews.Pictures(config, spec, data, held_out, root, mesh)
        stop = stack.enter_context(processes.stop_on_signals())
        if first == 0:
            shown.write_reals(writer, first)
            shown.write(writer, first, state)
        judge = make_judge(config, data) if config.eval.every_kimg and make_judge else None
        last_save = time.monotonic()
        history: list[curves.Scalars] = []
        rolled_back = False

        # ---- loop
        # ------------------------------------------------------------------------------------------
        batches = mesh_lib.Prefetch(
            mesh,
            pipeline.batches(
                data,
                seed=config.seed,
                batch_size=b,
                start_sample=first * b,
                process_index=jax.process_index(),
                process_count=jax.process_count(),
            ),
        )
        progress = progress_lib.Progress(first, total, b)
        for step in range(first, total):
            with _profile_of(root, profile, step - first):
                state, now = step_fn(state, next(batches), step)
            history.append(now)
            if len(history) > 1:  # let the host be one step ahead of the devices, and no more
                jax.block_until_ready(history[-2])
            done = step + 1

            def due(every_kimg, done=done):
                every = max(1, round(every_kimg * 1000 / b))
                return done % every == 0 or done == total

            if due(config.log.scalars_kimg):
                scalars = curves.mean_of(history)
                history.clear()
                scalars |= _schedules(config, state) | progress.scalars(done, batches.wait_seconds)
                scalars |= shown.held_out_scalars(state)
                writer.scalars(done, scalars)
                if scalars["bad_steps/in_a_row"] >= config.optim.max_bad_steps:
                    state = _roll_back(checkpoints, shapes, state, rolled_back, config, done)
                    rolled_back = True
            if due(config.log.images_kimg):
                shown.write(writer, done, state)
            if judge and due(config.eval.every_kimg):
                writer.scalars(done, judge(state))
            clock = time.monotonic()
            late, out_of_time = processes.by_the_clock(
                due(config.log.scalars_kimg),
                clock - last_save >= config.checkpoint.every_minutes * 60,
                stop_after_minutes is not None and clock - started >= stop_after_minutes * 60,
            )
            to_save = due(config.checkpoint.every_kimg) or late
            # A rollback must not come back to where it was needed.
            if to_save and not int(state.bad_in_a_row):
                writer.flush()  # so that no curve has a gap before a step that is gone on from
                checkpoints.save(done, state)
                last_save = time.monotonic()
            if (stop.at(done) or out_of_time) and done < total:
                break

        # ---- end
        # -------------------------------------------------------------------------------------------
        writer.flush()
        checkpoints.save(done, state, wait=True)
        if not due(config.log.images_kimg):
            shown.write(writer, done, state)
        writer.flush()
        if first_process:
            _say_where(directory, root, done * b / 1000, total * b / 1000)
        # Also where the others wait for process 0, which has the most to write, before they leave.
        (code,) = processes.from_first(
            EXIT_PREEMPTED if stop.requested and done < total else EXIT_OK
        )
        return code


@contextlib.contextmanager
def _profile_of(root: pathlib.Path, wanted: bool, step: int):
    if wanted and step == _PROFILE_STEPS.start:
        jax.profiler.start_trace(str(root / "profile"))
    yield
    if wanted and step == _PROFILE_STEPS.stop - 1:
        jax.profiler.stop_trace()
        logging.info("profile of steps %s written to %s", _PROFILE_STEPS, root / "profile")


def _roll_back(checkpoints, shapes, state, again: bool, config, step: int):
    """The newest good checkpoint's state at the current step, with new randomness."""
    what = (
        f"{int(state.bad_in_a_row)} non-finite steps in a row at {step * config.batch_size / 1000:.1f} kimg "
        f"({int(state.bad_total)} in all)"
    )
    restored = None if again else checkpoints.restore(shapes)
    if restored is None:
        why = "again after rolling back" if again else "before the first checkpoint"
        raise Diverged(
            f"{what}, {why}: lower optim.*_lr or raise loss.r1_gamma; the checkpoints are intact"
        )
    old, from_step = restored
    logging.warning("%s: rolling back to the state of step %d", what, from_step)
    return dataclasses.replace(
        old,
        step=jnp.full_like(old.step, step),
        rollbacks=state.rollbacks + 1,
        bad_total=state.bad_total,
    )


def _schedules(config, state) -> curves.Scalars:
    """What the config or the controller sets, on the same axis as what follows from it."""
    return {
        "memory/host_mib": progress_lib.host_memory_mib(),
        "memory/device_mib": progress_lib.device_memory_mib(),
        "rollbacks": float(state.rollbacks),
    }


def _print_cost(step_fn, shapes, spec, config, mesh) -> None:
    """FLOPs and memory of the compiled programs of a step, per device."""
    batch = step_lib.batch_shapes(config, spec, mesh)
    for name, program in step_fn.programs.items():
        compiled = program.lower(shapes, batch).compile()
        cost, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
        mib = (
            (memory.temp_size_in_bytes + memory.argument_size_in_bytes) / 2**20
            if memory
            else math.nan
        )
        print(f"{name:12s} {cost.get('flops', math.nan) / 1e9:8.2f} GFLOP {mib:8.0f} MiB a device")


def _say_where(directory: str, root: pathlib.Path, kimg: float, total_kimg: float) -> None:
    print(f"trained to {kimg:.1f} of {total_kimg:.1f} kimg")
    print(f"open    {root / 'samples.png'}")
    print(f"curves  tensorboard --logdir={directory}")
    print(f"sample  python -m emoji_gan.sample --workdir={directory} --seeds=0-63")
