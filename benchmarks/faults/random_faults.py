"""Trains under random faults and compares with an undisturbed training, bit for bit.

    python -m emoji_gan.soak --minutes=30 --seed=0 --out=/tmp/soak

Runs from the root of the repository, on Linux. `main.py` runs as a child process. Faults whose
kinds are drawn from the seed strike it while it trains, end it, and damage the files that it
leaves; the next start must go on from the newest good step. When the minutes are over, the same
training runs undisturbed, and the losses of all steps, the final state and TensorBoard's points are
compared. The program ends with a table, and with code 1 if a fault was not survived.
"""

import collections
import contextlib
import dataclasses
import os
import pathlib
import random
import re
import signal
import time
from collections.abc import Callable, Mapping

from absl import app, flags

from benchmarks.faults import bitwise_comparison, damage
from benchmarks.faults.training_process import NotSurvived, TrainingProcess
from emoji_gan import errors
from emoji_gan.errors import EXIT_NOT_SAVED, EXIT_OK, EXIT_PREEMPTED, EXIT_USER_ERROR, UserError
from emoji_gan.runtime import checkpoint, paths, seal

_MINUTES = flags.DEFINE_float("minutes", 30.0, "Of faults; comparing adds to them.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the faults: kinds, moments, bits.")
_OUT = flags.DEFINE_string("out", "/tmp/soak", "Folder for both runs and the log, new or empty.")


@dataclasses.dataclass
class Soak:
    """Holds a training under faults and counts what struck it.

    Attributes:
      workdir: of the training.
      log: file for the output of every process.
      rng: draws the faults.
      injected: faults by kind.
      survived: those after which training went on from the newest good step.
      pending: faults since the last good start.
      bags: kinds still to come, by the id of the mapping that they are drawn from.
      kills: processes that ended by SIGKILL.
      unlogged: steps whose curves a full disk may have cost.
    """

    workdir: pathlib.Path
    log: pathlib.Path
    rng: random.Random
    injected: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    survived: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    pending: list[str] = dataclasses.field(default_factory=list)
    bags: dict[int, list[str]] = dataclasses.field(default_factory=dict)
    kills: int = 0
    unlogged: set[int] = dataclasses.field(default_factory=set)

    def once(self, in_life: str | None, end: str, after: str | None) -> None:
        """Runs one process: a fault while it trains, its end, and damage to the files it leaves.

        Args:
          in_life: key of IN_LIFE; None: no such fault.
          end: key of ENDS.
          after: key of AFTER; None: no damage.

        Raises:
          NotSurvived: the process did not do what it must.
        """
        with TrainingProcess(self.workdir, self.log) as job:
            before = self.leftovers()
            if ENDS[end] is None:  # at any moment, starting included
                time.sleep(self.rng.uniform(0, 30))
            else:
                self.started(job)
                if in_life:
                    IN_LIFE[in_life](self, job)
                    self._happened(in_life)
                ENDS[end](self, job)
            if job.process.poll() is None:
                job.kill()
                self.kills += 1
                end = _moment(self.leftovers() - before) or end
            elif end == "kill -9 after SIGTERM":  # it had ended before the kill
                end = "SIGTERM"
        self._happened(end)
        good = [s for s in checkpoint.sealed_steps(self.workdir) if self._problem_of(s) is None]
        if after and len(good) > (after in DAMAGES):  # a good step remains
            AFTER[after](self, self.workdir / "checkpoints" / str(good[-1]))
            self._happened(after)
        print(f"at step {job.last_step()}, newest good {self.newest_good()}", flush=True)

    def finish(self) -> str:
        """Trains three more steps, then as many undisturbed; returns how they compare.

        Raises:
          NotSurvived: the two trainings differ.
        """
        step, whole = self.newest_good() + 3, self.workdir.with_name("whole")
        with TrainingProcess(self.workdir, self.log, step) as job:
            self.started(job)
            job.wait_code(EXIT_OK)
        with TrainingProcess(whole, self.log, step) as job:
            job.process.wait()
            job.wait_code(EXIT_OK)
        return bitwise_comparison.compare(self.workdir, whole, step=step, unlogged=self.unlogged)

    def draw(self, kinds: Mapping[str, object]) -> str:
        """Draws a kind of fault; every kind comes before any comes again."""
        bag = self.bags.setdefault(id(kinds), [])
        if not bag:
            bag += self.rng.sample(list(kinds), len(kinds))
        return bag.pop()

    def _happened(self, kind: str) -> None:
        self.injected[kind] += 1
        self.pending.append(kind)
        print(kind, end="; ", flush=True)

    def _problem_of(self, step: int) -> str | None:
        return seal.problem_of(self.workdir / "checkpoints" / str(step))

    def started(self, job: TrainingProcess) -> None:
        """Waits until a process trains.

        Raises:
          NotSurvived: it did not start at the newest good step.
        """
        newest_good = self.newest_good()
        job.wait_until("a start", lambda: "starting at" in job.text)
        step = int(re.search(r"starting at .*step (\d+)", job.text)[1])
        if step != newest_good:
            raise NotSurvived(f"it started at step {step} instead of {newest_good}")
        job.wait_until("training", lambda: "images/s" in job.text)
        self.survived.update(self.pending)
        self.pending.clear()

    def newest_good(self) -> int:
        """Returns the newest step whose seal holds, or 0 where there is none."""
        for step in reversed(checkpoint.sealed_steps(self.workdir)):
            if self._problem_of(step) is None:
                return step
        return 0

    def leftovers(self) -> set[tuple[str, int]]:
        """Lists what only a save under way has: names and times in ns."""
        entries = set()
        for path in (self.workdir / "checkpoints").glob("*"):
            unsealed = path.name.isdecimal() and not (path / seal.NAME).exists()
            if unsealed or path.name == "saving" or "orbax-checkpoint-tmp" in path.name:
                with contextlib.suppress(OSError):  # it may be gone by now
                    entries.add((path.name, path.stat().st_mtime_ns))
        return entries


Fault = Callable[[Soak, TrainingProcess], None]
Damage = Callable[[Soak, pathlib.Path], None]  # the second: folder of the newest good step


def _moment(leftovers: set[tuple[str, int]]) -> str | None:
    """Returns the moment at which a kill struck, by what it left; None: outside of saves."""
    if any(name.isdecimal() for name, _ in leftovers):
        return "kill -9 between commit and seal"
    return "kill -9 during a save" if leftovers else None


def _kill_in_save(soak: Soak, job: TrainingProcess) -> None:
    before = soak.leftovers()
    job.wait_until("a save", lambda: soak.leftovers() - before, 0.001)
    time.sleep(soak.rng.uniform(0, 0.1))


def _kill_before_seal(soak: Soak, job: TrainingProcess) -> None:
    root, newest = soak.workdir / "checkpoints", job.newest_sealed_step()

    def unsealed() -> bool:
        steps = [int(n) for n in os.listdir(root) if n.isdecimal() and int(n) > newest]
        return bool(steps) and not (root / str(max(steps)) / seal.NAME).exists()

    job.wait_until("a commit", unsealed, 0.0)


def _kill_after_sigterm(soak: Soak, job: TrainingProcess) -> None:
    job.process.send_signal(signal.SIGTERM)
    time.sleep(soak.rng.uniform(0, 0.5))


def _sigterm(soak: Soak, job: TrainingProcess) -> None:
    time.sleep(soak.rng.uniform(0, 3))
    job.process.send_signal(signal.SIGTERM)
    job.wait_code(EXIT_PREEMPTED)
    if (step := job.last_step()) != job.newest_sealed_step():
        raise NotSurvived(f"SIGTERM at step {step} saved step {job.newest_sealed_step()}")


def _disk_full(soak: Soak, job: TrainingProcess) -> None:
    first = job.newest_sealed_step()
    job.limit_files(soak.rng.choice((0, 100, 5000)))
    count = soak.rng.randint(1, 3)  # failed saves; five in a row would end the training
    failed = re.compile(r"checkpoint \d+ could not be written")
    job.wait_until("a failed save", lambda: len(failed.findall(job.text)) >= count)
    job.limit_files(-1)
    _two_saves(soak, job)
    # TensorBoard's points are buffered, so those from the last save on may be lost.
    soak.unlogged |= set(range(first, job.newest_sealed_step() + 1))


def _disk_full_at_end(soak: Soak, job: TrainingProcess) -> None:
    job.limit_files(soak.rng.choice((0, 100, 5000)))
    job.process.send_signal(signal.SIGTERM)
    job.wait_code(EXIT_NOT_SAVED)


def _second_job(soak: Soak, job: TrainingProcess) -> None:
    with TrainingProcess(soak.workdir, soak.log) as second:
        second.wait_code(EXIT_USER_ERROR)
        if "is in use by pid" not in second.text:
            raise NotSurvived("a second job was refused without saying why")
    step = job.last_step()
    job.wait_until("training beside a second job", lambda: job.last_step() > step)


def _suspend(soak: Soak, job: TrainingProcess) -> None:
    job.process.send_signal(signal.SIGSTOP)
    time.sleep(soak.rng.uniform(0, 3))
    job.process.send_signal(signal.SIGCONT)
    step = job.last_step()
    job.wait_until("training after a pause", lambda: job.last_step() > step)


def _two_saves(soak: Soak, job: TrainingProcess) -> None:
    newest = job.newest_sealed_step()

    def two_more() -> bool:  # of any steps: a full disk may have cost some
        return sum(step > newest for step in checkpoint.sealed_steps(soak.workdir)) > 1

    job.wait_until("two saves", two_more)


def _half_a_line(soak: Soak, newest: pathlib.Path) -> None:
    """Ends the curves as a kill within a write does."""
    del newest
    with open(soak.workdir / "metrics.jsonl", "ab") as f:
        f.write(b'{"kimg": 1.0, "step"')
    for file in soak.workdir.glob("events.out.tfevents.*"):
        with open(file, "ab") as f:
            f.write(soak.rng.randbytes(soak.rng.randrange(1, 60)))


def _noticed(how: Callable[[pathlib.Path, random.Random], object]) -> Damage:
    """Returns a function that damages a step and checks that its seal notices."""

    def damage_step(soak: Soak, newest: pathlib.Path) -> None:
        how(newest, soak.rng)
        if seal.problem_of(newest) is None:
            raise NotSurvived(f"damage to {newest} went unnoticed")

    return damage_step


# Faults that a process must get over.
IN_LIFE: dict[str, Fault] = {
    "disk full for a while": _disk_full,
    "second job on the workdir": _second_job,
    "suspended for a while": _suspend,
}
# Ends of a process. One that still runs afterwards is killed; None: it is killed at any moment.
ENDS: dict[str, Fault | None] = {
    "kill -9 at a random moment": None,
    "kill -9 during a save": _kill_in_save,
    "kill -9 between commit and seal": _kill_before_seal,
    "kill -9 after SIGTERM": _kill_after_sigterm,
    "kill -9 after two saves": _two_saves,
    "SIGTERM": _sigterm,
    "disk full, then SIGTERM": _disk_full_at_end,
}
# Damage to the files that a process leaves.
DAMAGES: dict[str, Damage] = {
    f"{kind} in the newest checkpoint": _noticed(how) for kind, how in damage.KINDS.items()
}
AFTER = DAMAGES | {"half a line and half a record end the curves": _half_a_line}


def main(argv: list[str]) -> None:
    """Runs the command line: faults, then the comparison and the table."""
    del argv
    errors.run(_run)


def _run() -> int:
    if not pathlib.Path("main.py").is_file():
        raise UserError(
            "no main.py here: run python -m emoji_gan.soak in the root of the repository"
        )
    out = pathlib.Path(paths.local(_OUT.value)).absolute()
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is not empty: delete it or choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    soak = Soak(out / "faults", out / "log.txt", random.Random(_SEED.value))
    began, failure, result = time.monotonic(), None, ""
    try:
        while time.monotonic() - began < _MINUTES.value * 60:
            in_life = soak.draw(IN_LIFE) if soak.rng.random() < 0.5 else None
            after = soak.draw(AFTER) if soak.rng.random() < 0.7 else None
            soak.once(in_life, soak.draw(ENDS), after)
        print(f"{(time.monotonic() - began) / 60:.1f} minutes of faults; comparing", flush=True)
        result = soak.finish()
    except NotSurvived as e:
        failure = f"{e}; see {soak.log}"
    print(_table(soak))
    minutes = (time.monotonic() - began) / 60
    print(f"seed {_SEED.value}, {minutes:.1f} minutes, {soak.kills} kills by -9")
    print(f"FAILED: {failure}" if failure else result)
    return 1 if failure else 0


def _table(soak: Soak) -> str:
    width = max(map(len, soak.injected), default=0)
    rows = [f"\n{'fault':{width}s}  injected  survived"]
    for kind in sorted(soak.injected):
        rows.append(f"{kind:{width}s}  {soak.injected[kind]:8d}  {soak.survived[kind]:8d}")
    rows.append(f"{'all':{width}s}  {soak.injected.total():8d}  {soak.survived.total():8d}")
    return "\n".join(rows)


if __name__ == "__main__":
    app.run(main)
