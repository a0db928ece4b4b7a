"""Lists the steps of a run, and which of them stay: the newest, pinned ones and the best."""

import os
import pathlib
import shutil

from absl import logging

from emoji_gan.errors import UserError
from emoji_gan.runtime import seal
from emoji_gan.runtime.workdir import write_atomic

SAVING = "saving"  # the file that names the step being written
BEST = "best"  # the file that names the best step, and what a user calls it
# Stand for a step where the processes of a job agree on one, which takes integers.
NO_STEP = -1  # no checkpoint
NO_GOOD_STEP = -2  # checkpoints, but none is good


def directory_of(workdir: str | os.PathLike) -> pathlib.Path:
    """Returns the absolute path of the checkpoints of a run."""
    return pathlib.Path(workdir).expanduser().absolute() / "checkpoints"


def sealed_steps(workdir: str | os.PathLike) -> list[int]:
    """Lists the steps that a run has finished saving, oldest first.

    Whether their bytes are still whole shows on loading.
    """
    directory = directory_of(workdir)
    return [step for step in steps_in(directory) if is_sealed(directory, step)]


def pin(workdir: str | os.PathLike, step: int) -> None:
    """Keeps a step until `unpin`, e.g. the best one so far, or one that is being read.

    Any program may call it, also beside a running job.

    Raises:
      UserError: the workdir cannot be written.
    """
    path = _pin_of(directory_of(workdir), step)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as e:
        raise UserError(f"cannot write {path}: {e.strerror}") from e


def unpin(workdir: str | os.PathLike, step: int) -> None:
    """Undoes `pin`: the run deletes the step after its next save, unless it is among the newest."""
    _pin_of(directory_of(workdir), step).unlink(missing_ok=True)


def keep_best(directory: pathlib.Path, step: int | None) -> None:
    """Notes the best step so far, which is then never deleted; None or one that is gone: nothing.

    Raises:
      UserError: the directory cannot be written.
    """
    if step is not None and is_sealed(directory, step) and best(directory) != step:
        write_atomic(directory / BEST, f"{step}\n".encode())


def best(directory: pathlib.Path) -> int:
    """Returns the step that `keep_best` noted, or NO_STEP."""
    try:
        return int((directory / BEST).read_text())
    except (OSError, ValueError):
        return NO_STEP


def steps_in(directory: pathlib.Path) -> list[int]:
    """Lists all steps in a directory of checkpoints, sealed or not, oldest first."""
    if not directory.is_dir():
        return []
    return sorted(int(p.name) for p in directory.iterdir() if p.name.isdecimal() and p.is_dir())


def is_sealed(directory: pathlib.Path, step: int) -> bool:
    """Returns whether a step has a seal, which may not hold any more."""
    return (directory / str(step) / seal.NAME).exists()


def newest_good(directory: pathlib.Path) -> int:
    """Returns the newest step whose seal holds, or NO_STEP; changes nothing on disk."""
    for step in reversed(steps_in(directory)):
        if not is_sealed(directory, step):
            continue  # as likely being written as damaged
        problem = seal.problem_of(directory / str(step))
        if problem is None:
            return step
        logging.warning("checkpoint %d is passed over: %s", step, problem)
    return NO_STEP


def newest_good_or_set_aside(directory: pathlib.Path) -> int:
    """Returns the newest step whose seal holds, and sets all newer ones aside.

    Returns:
      The step; NO_GOOD_STEP if none is good; NO_STEP if there is none, or only a first save that a
      kill cut off: the run then starts anew.

    Raises:
      UserError: a damaged step cannot be set aside.
    """
    try:
        saving = (directory / SAVING).read_text().strip()
    except OSError:
        saving = ""
    was_any_whole = any(directory.glob(f"damaged-*/{seal.NAME}"))
    for step in reversed(steps_in(directory)):
        problem = seal.problem_of(directory / str(step))
        if problem is None:
            return step
        was_any_whole |= str(step) != saving or is_sealed(directory, step)
        set_aside(directory, step, problem)
    return NO_GOOD_STEP if was_any_whole else NO_STEP


def set_aside(directory: pathlib.Path, step: int, problem: str | None) -> None:
    """Renames a damaged step, with one warning that says why.

    Raises:
      UserError: the directory cannot be written.
    """
    path = directory / str(step)
    aside = _unused_path(directory, f"damaged-{step}")
    try:
        path.rename(aside)
    except OSError as e:
        raise UserError(f"cannot set aside the damaged checkpoint {path}: {e.strerror}") from e
    logging.warning("checkpoint %d is damaged: %s; set aside as %s", step, problem, aside)


def delete_surplus(directory: pathlib.Path, keep: int) -> None:
    """Deletes the sealed steps that are not among the newest `keep`, nor pinned, nor the best.

    A step that cannot be deleted is one warning.
    """
    sealed = [step for step in steps_in(directory) if is_sealed(directory, step)]
    for step in sealed[:-keep]:
        if _pin_of(directory, step).exists() or step == best(directory):
            continue
        # Under its own name a step vanishes at once, as its files one by one do not.
        doomed = _unused_path(directory, f"deleted-{step}")
        try:
            (directory / str(step)).rename(doomed)
            shutil.rmtree(doomed)
        except OSError as e:
            logging.warning("old checkpoint %d could not be deleted: %s", step, e.strerror)


def remove_parts(directory: pathlib.Path) -> None:
    """Removes what saves and deletions left that failed or were cut off: it only fills the disk."""
    for pattern in ("*.orbax-checkpoint-tmp*", "deleted-*"):
        for path in directory.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)


def _pin_of(directory: pathlib.Path, step: int) -> pathlib.Path:
    return directory / "pins" / str(step)


def _unused_path(directory: pathlib.Path, stem: str) -> pathlib.Path:
    n = 0
    while (directory / f"{stem}-{n}").exists():
        n += 1
    return directory / f"{stem}-{n}"
