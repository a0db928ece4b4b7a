"""Saves and restores the whole state of one run."""

import contextlib
import copy
import os
import shutil
import threading
from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

from emoji_gan.errors import NotSaved, UserError
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import learning_rate, processes, seal
from emoji_gan.runtime.checkpoint import orbax_messages, retention, stored_state
from emoji_gan.runtime.workdir import write_atomic

State = TypeVar("State")  # a frozen dataclass of arrays, registered as a pytree

# Fields that may change when a run goes on from a checkpoint: none of them changes what a step
# computes.
_FREE_FIELDS = (
    "log.",  # what is displayed
    "checkpoint.",  # what is kept
    "eval.",  # what is judged
    "sample.",  # how images are drawn
    "total_kimg",  # where the run ends, unless a decay ends with it
    "data.dir",  # where the data set lies; the data hash says what is in it
    "data.pairs.palettes",  # colours to which results are snapped, as this scipy fits them
    "data.max_bad_share",  # decides whether a build is refused, not what is in it
    "optim.max_bad_steps",  # when to give up
)
_MAX_FAILURES = 5  # saves in a row; then a training whose state cannot be kept ends


class Checkpointer:
    """Saves and restores the whole state of one run; every process of the job makes one.

    Every process has the whole state, and process 0 alone writes it: of several writers, those that
    do not fail when a disk fills would wait for the others for minutes.
    The caller holds the lock of the workdir (`emoji_gan.runtime.workdir.locked`).
    """

    def __init__(
        self,
        workdir: str | os.PathLike,
        *,
        config: Mapping[str, Any],
        data_hash: str,
        keep: int,
        allow_config_change: bool = False,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        """Opens `workdir/checkpoints`, removing what a killed save left there.

        Args:
          workdir: existing, writable.
          config: the resolved config as a dict; stored with each step and compared at restore.
          data_hash: of the training set; stored and compared likewise.
          keep: how many of the newest sealed steps stay besides pinned ones, at least 1.
          allow_config_change: only warn where config or data differ.
          renamed: fields of a state that older commits saved -> what they are called today; a dot
            leads into a field.

        Raises:
          UserError: the directory cannot be written.
        """
        orbax_messages.silence()
        self._directory = retention.directory_of(workdir)
        self._config = dict(config)
        self._data_hash = data_hash
        self._keep = keep
        self._allow_config_change = allow_config_change
        self._renamed = dict(renamed or {})
        self.kimg_before = 0.0  # of the runs that this one started from; restored with a step
        self.evaluated: dict[str, Any] = {}  # fields of an `early_stop.Record`; likewise
        self._thread: threading.Thread | None = None
        self._failure: NotSaved | None = None  # of the last save, on process 0
        self._failures = 0  # in a row
        processes.on_first(self._make_directory)
        me = jax.process_index()
        alone = ocp.options.MultiprocessingOptions(primary_host=me, active_processes={me})
        options = ocp.CheckpointManagerOptions(create=False, multiprocessing_options=alone)
        self._manager = ocp.CheckpointManager(
            self._directory, item_names=("state", "meta"), options=options
        )

    # ---- saving ----------------------------------------------------------------------------------

    def save(self, step: int, state: State, *, wait: bool = False) -> None:
        """Starts writing a step; the caller may donate `state` at once.

        Blocks for the copy to the host (and for a save still under way); writing, sealing and
        deleting the surplus go on in the background. A step that is already there is left as it is.

        Raises:
          NotSaved: with `wait`, if the step could not be written (disk full, read-only, ...).
            Without it a failure is one warning: older steps are intact, and the next save tries
            again. The save after `_MAX_FAILURES` failures in a row raises, too. Processes other
            than the first exit with its code.
        """
        self._join()
        processes.on_first(self._raise_if_too_many_failed)
        # Process 0 writes the seal, so the others may not see it yet.
        if _agree(retention.is_sealed(self._directory, step)):
            logging.info("checkpoint %d is already there", step)
        elif processes.is_first():
            self._write(step, state)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Returns when the last save is sealed.

        Raises:
          NotSaved: it could not be written; older steps are intact. See `save`.
        """
        self._join()
        processes.on_first(self._raise_failure)

    def close(self) -> None:
        """Waits for the last save and lets go of the directory; raises nothing.

        A save that failed was a warning already.
        """
        self._join()
        with contextlib.suppress(OSError, ValueError):  # orbax raises a failed save again
            self._manager.close()
        self._remove_parts()

    def _write(self, step: int, state: State) -> None:
        """Copies the state to the host and starts to write it, on process 0."""
        if jax.process_count() > 1:
            # Of arrays that lie on all devices, orbax would leave a part to the other processes.
            state = jax.tree.map(lambda x: np.array(x.addressable_data(0)), state)
        if self._failure is not None:
            self._remove_parts()  # orbax's other threads may have written on after the failure
            self._failure = None
        try:
            if (path := self._directory / str(step)).exists():
                retention.set_aside(self._directory, step, seal.problem_of(path))
            write_atomic(self._directory / retention.SAVING, f"{step}\n".encode())
            self._manager.reload()  # forget steps that were deleted or set aside
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state),
                    meta=ocp.args.JsonSave(
                        {
                            "config": self._config,
                            "data_hash": self._data_hash,
                            "kimg_before": self.kimg_before,
                            "evaluated": self.evaluated,
                        }
                    ),
                ),
                force=True,
            )
        # Tensorstore reports a full disk as a ValueError.
        except (UserError, OSError, ValueError) as e:
            self._fail(step, e)
        else:
            self._thread = threading.Thread(
                target=self._finish, args=(step, self.evaluated.get("step")), name="seal"
            )
            self._thread.start()

    def _finish(self, step: int, best: int | None) -> None:
        """Waits for orbax's commit, seals, deletes the surplus; runs in the background."""
        try:
            self._manager.wait_until_finished()
            seal.seal(self._directory / str(step))
            (self._directory / retention.SAVING).unlink(missing_ok=True)
            retention.keep_best(self._directory, best)
            retention.delete_surplus(self._directory, self._keep)
            self._failures = 0
        except Exception as e:  # a thread's exception would be lost; `wait` raises it
            self._fail(step, e)

    def _fail(self, step: int, error: Exception) -> None:
        self._remove_parts()
        if not retention.is_sealed(self._directory, step):
            # It may be committed where the disk had no room left for the seal.
            shutil.rmtree(self._directory / str(step), ignore_errors=True)
        self._failures += 1
        reason = orbax_messages.reason_of(error)
        self._failure = NotSaved(
            f"checkpoint {step} could not be written to {self._directory}: {reason}; "
            "older checkpoints are intact"
        )
        logging.warning("%s", self._failure)

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _raise_if_too_many_failed(self) -> None:
        if self._failures >= _MAX_FAILURES:
            raise NotSaved(f"{self._failures} saves in a row failed, the last: {self._failure}")

    def _make_directory(self) -> None:
        try:
            self._remove_parts()
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise UserError(
                f"cannot write {self._directory}: {e.strerror}; choose another --workdir"
            ) from e

    def _remove_parts(self) -> None:
        if processes.is_first():
            retention.remove_parts(self._directory)

    # ---- restoring -------------------------------------------------------------------------------

    def restore(self, abstract_state: State) -> tuple[State, int] | None:
        """Returns the newest good step as (state, step); None in a workdir without checkpoints.

        Steps that are not sealed or whose files changed are set aside, with one line saying why.

        Args:
          abstract_state: `jax.eval_shape(jax.jit(init, out_shardings=...), key)`: shapes, dtypes
            and shardings, which may be on another number of devices than at the save.

        Raises:
          UserError: there are checkpoints but none is good, or config or data differ.
        """
        self._join()
        step = retention.NO_STEP
        if processes.is_first():
            step = retention.newest_good_or_set_aside(self._directory)
        step = _agree(step)
        self._manager.reload()
        if step == retention.NO_STEP:
            return None
        if step == retention.NO_GOOD_STEP:
            raise UserError(
                f"{self._directory} has checkpoints but none is good (see damaged-*); "
                "start again in another --workdir"
            )
        return self._read(step, abstract_state), step

    def restore_step(self, step: int, abstract_state: State) -> State:
        """Returns the state of one step, which must be good; see `restore`.

        For looking at an older step: a run that goes on from it would meet its own newer steps
        later.

        Raises:
          UserError: the step is not good, or config or data differ.
        """
        self._join()
        if problem := seal.problem_of(self._directory / str(step)):
            raise UserError(f"checkpoint {step} in {self._directory} cannot be used: {problem}")
        return self._read(step, abstract_state)

    def newest_good_step(self) -> int | None:
        """Returns the newest step whose seal holds, or None; changes nothing on disk."""
        self._join()
        step = retention.NO_STEP
        if processes.is_first():
            step = retention.newest_good(self._directory)
        step = _agree(step)
        return None if step == retention.NO_STEP else step

    def _read(self, step: int, abstract_state: State) -> State:
        path = self._directory / str(step)
        meta = stored_state.read_meta(path)
        self.kimg_before = meta.get("kimg_before", 0.0)
        self.evaluated = meta.get("evaluated", {})
        processes.on_first(lambda: retention.keep_best(self._directory, self.evaluated.get("step")))
        self._check_setup(step, meta)
        tree = stored_state.read_tree(path)
        self._check_shapes(step, tree, abstract_state)
        if self._renamed.keys() & tree.keys():
            return self._restore_renamed(step, tree, abstract_state)
        return self._restore_arrays(step, abstract_state)

    def _check_setup(self, step: int, meta: Mapping[str, Any]) -> None:
        """Refuses a step that was made with another config or data set, or warns of it.

        Raises:
          UserError: the step was, and `allow_config_change` is not set.
        """
        stored = copy.deepcopy(meta["config"])
        config_lib.rename_fields(stored)
        learning_rate.add_fields(stored)
        ends_freely = self._config.get("optim", {}).get("decay", "constant") == "constant"
        changed = {
            key: pair
            for key, pair in config_lib.diff(stored, self._config).items()
            if not (key.startswith(_FREE_FIELDS) and (key != "total_kimg" or ends_freely))
            and pair != (config_lib.ABSENT, config_lib.ADDED_FIELDS.get(key))
        }
        if meta["data_hash"] != self._data_hash:
            changed["data set (hash)"] = (meta["data_hash"][:12], self._data_hash[:12])
        if not changed:
            return
        differences = ", ".join(f"{k} was {old!r}, is {new!r}" for k, (old, new) in changed.items())
        line = f"checkpoint {step} in {self._directory} was made with another setup: {differences}"
        if not self._allow_config_change:
            raise UserError(f"{line}; use another --workdir, or --allow_config_change to go on")
        logging.warning("%s; going on, as --allow_config_change says", line)

    def _check_shapes(self, step: int, tree: dict[str, Any], abstract_state: State) -> None:
        """Refuses a step whose arrays are not those of the model.

        Orbax would say it in many lines, and casts other dtypes in silence.

        Raises:
          UserError: names the first array that differs.
        """
        saved = {
            stored_state.todays_name(name, self._renamed): shape
            for name, shape in stored_state.leaf_shapes(tree).items()
        }
        expected = stored_state.leaf_shapes(abstract_state)
        for name in sorted(saved.keys() | expected.keys()):
            was, now = saved.get(name, "absent"), expected.get(name, "absent")
            if was != now:
                raise UserError(
                    f"checkpoint {step} in {self._directory} does not fit this model: {name} was "
                    f"{was}, is {now}; use another --workdir"
                )

    def _restore_arrays(self, step: int, item: Any) -> Any:
        restore_args = ocp.args.Composite(state=ocp.args.StandardRestore(item))
        return self._manager.restore(step, args=restore_args)["state"]

    def _restore_renamed(self, step: int, tree: dict[str, Any], abstract_state: State) -> State:
        """Restores a state that was saved under older names."""
        leaves, structure = jax.tree.flatten(abstract_state)
        today = dict(zip(stored_state.leaf_names(abstract_state), leaves, strict=True))
        names = [
            stored_state.todays_name(name, self._renamed) for name in stored_state.leaf_names(tree)
        ]
        item = jax.tree.unflatten(jax.tree.structure(tree), [today[name] for name in names])
        restored = jax.tree.leaves(self._restore_arrays(step, item))
        by_name = dict(zip(names, restored, strict=True))
        return jax.tree.unflatten(structure, [by_name[name] for name in today])


def _agree(step: int) -> int:
    """Returns process 0's answer, on every process."""
    (answer,) = processes.from_first(step)
    return answer
