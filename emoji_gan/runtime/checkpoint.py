"""Sealed checkpoints: a step counts only if every byte of it is what was written.

    workdir/checkpoints/<step>/            what orbax wrote: `state` and `meta` (config, data hash)
    workdir/checkpoints/<step>/seal.json   size and SHA-256 of every file above, written after the commit
    workdir/checkpoints/saving             the step being written, while it is
    workdir/checkpoints/damaged-<step>-<n> set aside by `restore`; safe to delete
    workdir/checkpoints/pins/<step>        an empty file: never delete this step

Orbax survives a kill at any moment, but restores a flipped byte silently and fails obscurely on a
missing or truncated file; the seal turns all of these into "use the one before".
"""

import contextlib
import dataclasses
import errno
import functools
import logging as python_logging
import os
import pathlib
import re
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

from emoji_gan.errors import NotSaved, UserError
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import processes, seal
from emoji_gan.runtime.workdir import write_atomic

State = TypeVar("State")  # a frozen dataclass of arrays, registered as a pytree

# Fields a run may change when it goes on from a checkpoint: none of them changes what a step
# computes.
_FREE_FIELDS = (
    "log.",  # what is shown
    "checkpoint.",  # what is kept
    "eval.",  # what is judged
    "sample.",  # how it is drawn
    "total_kimg",  # where it ends; no schedule depends on it
    "data.dir",  # where the data set lies; the data hash says what is in it
    "data.max_bad_share",  # decides whether a build is refused, not what is in it
    "optim.max_bad_steps",  # when to give up
)
_SAVING = "saving"
_MAX_FAILURES = 5  # saves in a row; then training that nothing can be kept of ends
_NONE, _NONE_GOOD = -1, -2  # stand for "no step" where processes agree on one


class Checkpointer:
    """Saves and restores the whole state of one run; every process of the job makes one.

    Process 0 writes, as every process has the whole state: of several writers those that do not
    fail, as a disk fills, would wait for the others for minutes.
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
    ):
        """Opens `workdir/checkpoints`, removing what a killed save left there.

        Args:
          workdir: existing, writable.
          config: the resolved config as a dict; stored with each step and compared at restore.
          data_hash: of the training set; stored and compared likewise.
          keep: newest sealed steps to keep besides pinned ones, at least 1.
          allow_config_change: only warn where config or data differ.
          renamed: fields of a state that older commits saved -> what they are called today; a dot
            leads into a field.
        """
        _silence_orbax()
        self._directory = _checkpoints(workdir)
        self._config = dict(config)
        self._data_hash = data_hash
        self._keep = keep
        self._allow_config_change = allow_config_change
        self._renamed = dict(renamed or {})
        self.kimg_before = 0.0  # of the runs that this one started from; restored with a step
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

    def save(self, step: int, state: State, *, wait: bool = False) -> None:
        """Starts writing a step; the caller may donate `state` at once.

        Blocks for the copy to the host (and for a save still under way); writing, sealing and
        deleting the surplus go on in the background. A step that is already there is left as it is.

        Raises:
          NotSaved: with `wait`, if the step could not be written (disk full, read-only, ...).
            Without it a failure is one warning: older steps are intact, and the next save tries
            again. The one after `_MAX_FAILURES` failures in a row raises, too. Processes other than
            the first exit with its code.
        """
        self._join()
        processes.on_first(self._raise_if_too_many_failed)
        path = self._directory / str(step)
        if _agree(
            (path / seal.NAME).exists()
        ):  # process 0 writes it, so the others may not see it yet
            logging.info("checkpoint %d is already there", step)
        elif jax.process_index() == 0:
            self._write(step, state)
        if wait:
            self.wait()

    def _write(self, step: int, state: State) -> None:
        """Copies the state to the host and starts to write it, on process 0."""
        if (
            jax.process_count() > 1
        ):  # of arrays on all devices orbax would leave a share to the others
            state = jax.tree.map(lambda x: np.array(x.addressable_data(0)), state)
        if self._failure is not None:
            self._remove_parts()  # orbax's other threads may have written on after the failure
            self._failure = None
        try:
            if (path := self._directory / str(step)).exists():
                self._set_aside(step, seal.problem_of(path))
            write_atomic(self._directory / _SAVING, f"{step}\n".encode())
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
                        }
                    ),
                ),
                force=True,
            )
        except (
            UserError,
            OSError,
            ValueError,
        ) as e:  # tensorstore reports a full disk as a ValueError
            self._fail(step, e)
        else:
            self._thread = threading.Thread(target=self._finish, args=(step,), name="seal")
            self._thread.start()

    def restore(self, abstract_state: State) -> tuple[State, int] | None:
        """The newest good step as (state, step); None in a workdir without checkpoints.

        Steps that are not sealed or whose files changed are set aside, with one line saying why.

        Args:
          abstract_state: `jax.eval_shape(jax.jit(init, out_shardings=...), key)`: shapes, dtypes
            and shardings, which may be on another number of devices than at the save.

        Raises:
          UserError: there are checkpoints but none is good, or config or data differ.
        """
        self._join()
        step = _agree(self._newest_good_or_set_aside() if jax.process_index() == 0 else _NONE)
        self._manager.reload()
        if step == _NONE:
            return None
        if step == _NONE_GOOD:
            raise UserError(
                f"{self._directory} has checkpoints but none is good (see damaged-*); "
                "start again in another --workdir"
            )
        return self._read(step, abstract_state), step

    def restore_step(self, step: int, abstract_state: State) -> State:
        """The state of one step, which must be good; see `restore`.

        For looking at an older step: a run that goes on from it would meet its own newer steps
        later.
        """
        self._join()
        if problem := seal.problem_of(self._directory / str(step)):
            raise UserError(f"checkpoint {step} in {self._directory} cannot be used: {problem}")
        return self._read(step, abstract_state)

    def newest_good_step(self) -> int | None:
        """The newest step whose seal holds, or None; changes nothing on disk."""
        self._join()
        step = _agree(_newest_good(self._directory) if jax.process_index() == 0 else _NONE)
        return None if step == _NONE else step

    def pin(self, step: int) -> None:
        """Keeps a step beyond keep-N; see the function `pin`."""
        pin(self._directory.parent, step)

    def wait(self) -> None:
        """Returns when the last save is sealed.

        Raises:
          NotSaved: it could not be written; older steps are intact. See `save`.
        """
        self._join()
        processes.on_first(self._raise_failure)

    def close(self) -> None:
        """Waits, then lets go of the directory; a failed save was a warning already, so it raises nothing."""
        self._join()
        with contextlib.suppress(OSError, ValueError):  # orbax raises a failed save again
            self._manager.close()
        self._remove_parts()

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

    def _finish(self, step: int) -> None:
        """In the background: wait for orbax's commit, seal, delete what keep-N no longer covers."""
        try:
            self._manager.wait_until_finished()
            seal.seal(self._directory / str(step))
            (self._directory / _SAVING).unlink(missing_ok=True)
            self._prune()
            self._failures = 0
        except Exception as e:  # a thread's exception would be lost; `wait` raises it
            self._fail(step, e)

    def _fail(self, step: int, error: Exception) -> None:
        self._remove_parts()
        path = self._directory / str(step)
        if not (path / seal.NAME).exists():
            shutil.rmtree(
                path, ignore_errors=True
            )  # committed, but the disk had no room for the seal
        self._failures += 1
        self._failure = NotSaved(
            f"checkpoint {step} could not be written to {self._directory}: {_reason(error)}; "
            "older checkpoints are intact"
        )
        logging.warning("%s", self._failure)

    def _remove_parts(self) -> None:
        """Removes what saves and deletions that failed or were cut off left: it only fills the disk."""
        if jax.process_index() == 0:
            for pattern in ("*.orbax-checkpoint-tmp*", "deleted-*"):
                for path in self._directory.glob(pattern):
                    shutil.rmtree(path, ignore_errors=True)

    def _prune(self) -> None:
        sealed = [
            s for s in _steps(self._directory) if (self._directory / str(s) / seal.NAME).exists()
        ]
        for step in sealed[: -self._keep]:
            if (self._directory / "pins" / str(step)).exists():
                continue
            doomed = _free_name(
                self._directory, f"deleted-{step}"
            )  # a step goes at once, its files do not
            try:
                (self._directory / str(step)).rename(doomed)
                shutil.rmtree(doomed)
            except OSError as e:
                logging.warning("old checkpoint %d could not be deleted: %s", step, e.strerror)

    def _set_aside(self, step: int, problem: str | None) -> None:
        path = self._directory / str(step)
        aside = _free_name(self._directory, f"damaged-{step}")
        try:
            path.rename(aside)
        except OSError as e:
            raise UserError(f"cannot set aside the damaged checkpoint {path}: {e.strerror}") from e
        logging.warning("checkpoint %d is damaged: %s; set aside as %s", step, problem, aside)

    def _newest_good_or_set_aside(self) -> int:
        try:
            saving = (self._directory / _SAVING).read_text().strip()
        except OSError:
            saving = ""
        # One that was once whole: a first save cut off by a kill is no checkpoint, and the run
        # starts anew.
        any_whole = any(self._directory.glob(f"damaged-*/{seal.NAME}"))
        for step in reversed(_steps(self._directory)):
            path = self._directory / str(step)
            problem = seal.problem_of(path)
            if problem is None:
                return step
            any_whole |= str(step) != saving or (path / seal.NAME).exists()
            self._set_aside(step, problem)
        return _NONE_GOOD if any_whole else _NONE

    def _read(self, step: int, abstract_state: State) -> State:
        path = self._directory / str(step)
        meta = _read_meta(path)
        self.kimg_before = meta.get("kimg_before", 0.0)
        if differences := self._differences(meta):
            line = (
                f"checkpoint {step} in {self._directory} was made with another setup: {differences}"
            )
            if not self._allow_config_change:
                raise UserError(f"{line}; use another --workdir, or --allow_config_change to go on")
            logging.warning("%s; going on, as --allow_config_change says", line)
        tree = _read_tree(path)
        saved = {_today(name, self._renamed): s for name, s in _shapes(tree).items()}
        wanted = _shapes(abstract_state)
        for name in sorted(saved.keys() | wanted.keys()):
            was, now = saved.get(name, "absent"), wanted.get(name, "absent")
            if was != now:  # orbax says it in many lines, and casts other dtypes in silence
                raise UserError(
                    f"checkpoint {step} in {self._directory} does not fit this model: {name} was "
                    f"{was}, is {now}; use another --workdir"
                )
        if not self._renamed.keys() & tree.keys():
            return self._restore_arrays(step, abstract_state)
        return self._restore_renamed(step, tree, abstract_state)

    def _restore_arrays(self, step: int, item: Any) -> Any:
        restore_args = ocp.args.Composite(state=ocp.args.StandardRestore(item))
        return self._manager.restore(step, args=restore_args)["state"]

    def _restore_renamed(self, step: int, tree: dict[str, Any], abstract_state: State) -> State:
        """Restores a state that was saved under older names."""
        today = dict(zip(_names(abstract_state), jax.tree.leaves(abstract_state), strict=True))
        names = [_today(name, self._renamed) for name in _names(tree)]
        item = jax.tree.unflatten(jax.tree.structure(tree), [today[name] for name in names])
        leaves = jax.tree.leaves(self._restore_arrays(step, item))
        by_name = dict(zip(names, leaves, strict=True))
        return jax.tree.unflatten(
            jax.tree.structure(abstract_state), [by_name[name] for name in today]
        )

    def _differences(self, meta: Mapping[str, Any]) -> str:
        changed = {
            key: pair
            for key, pair in config_lib.diff(meta["config"], self._config).items()
            if not key.startswith(_FREE_FIELDS)
            and pair != (config_lib.ABSENT, config_lib.ADDED_FIELDS.get(key))
        }
        if meta["data_hash"] != self._data_hash:
            changed["data set (hash)"] = (meta["data_hash"][:12], self._data_hash[:12])
        return ", ".join(f"{key} was {old!r}, is {new!r}" for key, (old, new) in changed.items())


def pin(workdir: str | os.PathLike, step: int) -> None:
    """Keeps a step until `unpin`, whichever program asks: the best so far, or one being read.

    Raises:
      UserError: the workdir cannot be written.
    """
    path = _checkpoints(workdir) / "pins" / str(step)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as e:
        raise UserError(f"cannot write {path}: {e.strerror}") from e


def unpin(workdir: str | os.PathLike, step: int) -> None:
    """Gives a step back to keep-N, which deletes it after the next save."""
    (_checkpoints(workdir) / "pins" / str(step)).unlink(missing_ok=True)


def sealed_steps(workdir: str | os.PathLike) -> list[int]:
    """The steps that a run has finished saving, oldest first; whether they are whole is found on loading."""
    directory = _checkpoints(workdir)
    return [step for step in _steps(directory) if (directory / str(step) / seal.NAME).exists()]


@dataclasses.dataclass(frozen=True)
class Stored:
    """What `load_for_inference` has read of a checkpoint.

    Attributes:
      config: the resolved config of the run, as a dict.
      data_hash: of the emoji it was trained on.
      kimg_before: thousands of images that its networks had seen before this run.
      step: training steps done.
      digest: SHA-256 of the seal, which covers every byte of the step.
      state: field -> numpy array or nested dict of them; dict keys that are all digits are ints, as
        in the pure state of an `nnx.List`.
    """

    config: dict[str, Any]
    data_hash: str
    kimg_before: float
    step: int
    digest: str
    state: dict[str, Any]


def load_for_inference(
    workdir: str | os.PathLike,
    step: int | None,
    fields: Sequence[str],
    *,
    renamed: Mapping[str, str] | None = None,
) -> Stored:
    """Reads some fields of the state, to sample with, beside a running job or from a copy.

    Changes nothing on disk and needs neither the lock nor the model.

    Args:
      workdir: of the run.
      step: which; None: the newest good one.
      fields: of the state's dataclass, by today's names.
      renamed: as in `Checkpointer`.

    Raises:
      UserError: no good checkpoint, this step is not good, or it lacks a field.
    """
    _silence_orbax()
    directory = _checkpoints(workdir)
    if step is None:
        step = _newest_good(directory)
        if step == _NONE:
            raise UserError(
                f"no good checkpoint in {directory}: give the --workdir of a run that saved one"
            )
    elif problem := seal.problem_of(directory / str(step)):
        there = ", ".join(map(str, _steps(directory))) or "none"
        raise UserError(
            f"checkpoint {step} in {directory} cannot be used: {problem}; there are: {there}"
        )
    path = directory / str(step)
    try:
        digest = seal.digest(path)
        state = _read_fields(path, fields, renamed or {}) if fields else {}
        meta = _read_meta(path)
        before = meta.get("kimg_before", 0.0)
        return Stored(meta["config"], meta["data_hash"], before, step, digest, state)
    except Exception as e:  # orbax meets a missing file in many ways
        if (path / seal.NAME).exists():
            raise
        raise UserError(
            f"checkpoint {step} in {directory} was deleted while it was read: run it again"
        ) from e


def _checkpoints(workdir: str | os.PathLike) -> pathlib.Path:
    return pathlib.Path(workdir).expanduser().absolute() / "checkpoints"


def _steps(directory: pathlib.Path) -> list[int]:
    if not directory.is_dir():
        return []
    return sorted(int(p.name) for p in directory.iterdir() if p.name.isdecimal() and p.is_dir())


def _newest_good(directory: pathlib.Path) -> int:
    for step in reversed(_steps(directory)):
        path = directory / str(step)
        if not (path / seal.NAME).exists():
            continue  # as likely being written as damaged
        problem = seal.problem_of(path)
        if problem is None:
            return step
        logging.warning("checkpoint %d is passed over: %s", step, problem)
    return _NONE


def _agree(step: int) -> int:
    """Process 0's answer, on every process."""
    (answer,) = processes.from_first(step)
    return answer


def _read_meta(path: pathlib.Path) -> dict[str, Any]:
    with ocp.Checkpointer(ocp.JsonCheckpointHandler()) as reader:
        return reader.restore(path / "meta")


def _read_fields(
    path: pathlib.Path, fields: Sequence[str], renamed: Mapping[str, str]
) -> dict[str, Any]:
    tree = _read_tree(path)
    wanted = {name: v for name, v in tree.items() if _today(name, renamed).split(".")[0] in fields}
    there = {_today(name, renamed).split(".")[0] for name in tree}
    if missing := [name for name in fields if name not in there]:
        raise UserError(f"checkpoint {path} has no {missing[0]}, only {', '.join(sorted(there))}")
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        state = reader.restore(
            path / "state",
            args=ocp.args.PyTreeRestore(
                item=wanted,
                restore_args=jax.tree.map(
                    lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted
                ),
                partial_restore=True,
            ),
        )
    today: dict[str, Any] = {}
    for name, value in _int_keys(state).items():
        *sections, last = _today(name, renamed).split(".")
        holder = today
        for section in sections:
            holder = holder.setdefault(section, {})
        holder[last] = value
    return today


def _read_tree(path: pathlib.Path) -> dict[str, Any]:
    """Names, shapes and dtypes of the saved state, as nested dicts and lists."""
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        return reader.metadata(path / "state").item_metadata.tree


def _names(tree: Any) -> list[str]:
    """Returns 'g.blocks.0.w' for each leaf, the same for a state and for what orbax tells of one."""
    return [
        ".".join(str(getattr(k, "name", getattr(k, "key", getattr(k, "idx", "")))) for k in path)
        for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]


def _shapes(tree: Any) -> dict[str, str]:
    """Describes each leaf as orbax saves it: 'float32 (3, 4)'."""
    shapes = []
    for leaf in jax.tree.leaves(tree):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.eval_shape(jax.random.key_data, leaf)  # as it is saved
        shapes.append(f"{np.dtype(leaf.dtype)} {tuple(leaf.shape)}")
    return dict(zip(_names(tree), shapes, strict=True))


def _today(name: str, renamed: Mapping[str, str]) -> str:
    """Returns today's name of a leaf: only its first part ever changed."""
    first, dot, rest = name.partition(".")
    return renamed.get(first, first) + dot + rest


def _free_name(directory: pathlib.Path, stem: str) -> pathlib.Path:
    n = 0
    while (directory / f"{stem}-{n}").exists():
        n += 1
    return directory / f"{stem}-{n}"


def _int_keys(tree: Any) -> Any:
    """Orbax writes the int keys of a dict as strings; this is the way back."""
    if not isinstance(tree, Mapping):
        return tree
    digits = all(isinstance(k, str) and k.isdecimal() for k in tree)
    return {int(k) if digits else k: _int_keys(v) for k, v in tree.items()}


def _reason(error: Exception) -> str:
    """The operating system's words out of an OSError or of tensorstore's long message."""
    if isinstance(error, UserError):  # of `write_atomic`
        error = error.__cause__ or error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if code := re.search(r"os_error_code='(\d+)'", str(error)):
        return os.strerror(int(code.group(1)))
    if "RESOURCE_EXHAUSTED" in str(error):
        return os.strerror(errno.ENOSPC)
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@functools.cache
def _silence_orbax() -> None:
    """Drops what orbax prints of a failed save, hundreds of lines; this module reports it in one."""
    python_logging.getLogger("absl").addFilter(_not_from_orbax)
    before = sys.unraisablehook

    def without_closed_loops(
        unraisable,
    ) -> None:  # tensorstore's writes that end after orbax gave up
        if str(unraisable.exc_value) != "Event loop is closed":
            before(unraisable)

    sys.unraisablehook = without_closed_loops


def _not_from_orbax(record: python_logging.LogRecord) -> bool:
    return f"{os.sep}orbax{os.sep}" not in record.pathname
