"""Trains under random faults and compares with a training that nothing happened to, bit for bit.

    python -m emoji_gan.soak --minutes=30 --seed=0 --out=/tmp/soak

From the root of the repository, on Linux. `main.py` runs as a child process; faults of kinds
drawn from the seed strike it in life, end it, and damage what it leaves, and the next start must go
on from the newest good step. After so many minutes the same training runs undisturbed, and the
losses of all steps, the final state and TensorBoard's points are compared. Ends with a table, and
with 1 if anything was not survived.
"""

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import jax
from absl import app, flags

from benchmarks.faults import damage
from emoji_gan import errors
from emoji_gan.errors import EXIT_NOT_SAVED, EXIT_OK, EXIT_PREEMPTED, EXIT_USER_ERROR, UserError
from emoji_gan.methods import dcgan
from emoji_gan.runtime import checkpoint, events, paths, seal

_MINUTES = flags.DEFINE_float("minutes", 30.0, "Of faults; comparing adds to them.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the faults: kinds, moments, bits.")
_OUT = flags.DEFINE_string("out", "/tmp/soak", "Folder for both runs and the log, new or empty.")

_BATCH = 32  # images
_STEPS_A_SAVE = 10
_EXPERIMENT = (
    "--config=configs/dcgan.py:cpu",
    "--config.data.resolution=16",
    f"--config.batch_size={_BATCH}",
    f"--config.log.scalars_kimg={_BATCH / 1000}",  # every step
    f"--config.checkpoint.every_kimg={_STEPS_A_SAVE * _BATCH / 1000}",
    "--config.log.images_kimg=3.2",
    "--config.log.grid=2",
)
_TIMEOUT_S = 300.0  # for a start or a save on a busy machine


class NotSurvived(Exception):
    """What went wrong, in a line."""


class Job:
    """main.py as a child process, whose output is kept; killed on leaving."""

    def __init__(self, workdir: pathlib.Path, log: pathlib.Path, steps: float = 1e6):
        """Starts it; it would end after so many steps."""
        self.workdir, self.text = workdir, ""
        command = [sys.executable, "main.py", *_EXPERIMENT, f"--workdir={workdir}"]
        command.append(f"--config.total_kimg={(steps - 0.5) * _BATCH / 1000}")
        env = {"JAX_COMPILATION_CACHE_DIR": str(log.parent / "xla")} | os.environ
        env |= {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1"}
        # A pipe, as a full disk for the child must not silence it.
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
        )
        self._reader = threading.Thread(target=self._read, args=(log,), daemon=True)
        self._reader.start()

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *exc) -> None:
        self.kill()

    def _read(self, log: pathlib.Path) -> None:
        with open(log, "a") as f:
            for line in self.process.stdout:
                line = line.decode(errors="replace")
                self.text = (self.text + line)[-200_000:]
                f.write(line)

    def wait_until(self, what: str, condition: Callable[[], object], poll_s: float = 0.02) -> None:
        """Waits for something that must come while the job runs."""
        end = time.monotonic() + _TIMEOUT_S
        while not condition():
            if self.process.poll() is not None:
                raise NotSurvived(f"the job ended with {self.process.returncode} before {what}")
            if time.monotonic() > end:
                raise NotSurvived(f"{what} did not come within {_TIMEOUT_S:g} s")
            time.sleep(poll_s)

    def wait_code(self, wanted: int) -> None:
        """Waits for its end, which must be with this code."""
        try:
            code = self.process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise NotSurvived(f"the job did not end within {_TIMEOUT_S:g} s") from None
        self._reader.join()
        if code != wanted:
            raise NotSurvived(f"the job ended with {code} instead of {wanted}")

    def kill(self) -> None:
        """By SIGKILL, to the end of what it printed."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def limit_files(self, size: int) -> None:
        """Makes writes beyond `size` bytes of a file fail, as on a full disk; -1: no more."""
        hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(
            self.process.pid, resource.RLIMIT_FSIZE, (hard if size < 0 else size, hard)
        )

    def last_step(self) -> int:
        """Of metrics.jsonl; -1: none."""
        with contextlib.suppress(OSError), open(self.workdir / "metrics.jsonl", "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - 8192))
            if found := re.findall(rb'"step": (\d+)', f.read()):
                return int(found[-1])
        return -1

    def newest(self) -> int:
        """The newest sealed step; 0: none."""
        return max(checkpoint.sealed_steps(self.workdir), default=0)


@dataclasses.dataclass
class Soak:
    """What happened so far."""

    workdir: pathlib.Path
    log: pathlib.Path
    rng: random.Random
    injected: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    survived: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    pending: list[str] = dataclasses.field(default_factory=list)  # faults since the last good start
    bags: dict[int, list[str]] = dataclasses.field(default_factory=dict)  # kinds still to come
    kills: int = 0
    # Steps whose curves a full disk may have cost.
    unlogged: set[int] = dataclasses.field(default_factory=set)

    def once(self, in_life: str | None, end: str, after: str | None) -> None:
        """One life of the job: a fault it must get over, its end, damage to what it leaves."""
        with Job(self.workdir, self.log) as job:
            before = self.leftovers()
            if ENDS[end] is None:  # starting included
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
            elif end == "kill -9 after SIGTERM":  # too late
                end = "SIGTERM"
        self._happened(end)
        good = [s for s in checkpoint.sealed_steps(self.workdir) if self._problem_of(s) is None]
        if after and len(good) > (after in DAMAGES):  # a good step remains
            AFTER[after](self, self.workdir / "checkpoints" / str(good[-1]))
            self._happened(after)
        print(f"at step {job.last_step()}, newest good {self.newest_good()}", flush=True)

    def finish(self) -> str:
        """Trains three steps more, and as many undisturbed; what `compare` says of the two."""
        step, whole = self.newest_good() + 3, self.workdir.with_name("whole")
        with Job(self.workdir, self.log, step) as job:
            self.started(job)
            job.wait_code(EXIT_OK)
        with Job(whole, self.log, step) as job:
            job.process.wait()
            job.wait_code(EXIT_OK)
        return compare(self, whole, step)

    def draw(self, kinds: dict) -> str:
        """A kind of fault; every kind comes before any comes again."""
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

    def started(self, job: Job) -> None:
        """Waits until it trains; it must go on from the newest good step."""
        newest_good = self.newest_good()
        job.wait_until("a start", lambda: "starting at" in job.text)
        step = int(re.search(r"starting at .*step (\d+)", job.text)[1])
        if step != newest_good:
            raise NotSurvived(f"it started at step {step} instead of {newest_good}")
        job.wait_until("training", lambda: "images/s" in job.text)
        self.survived.update(self.pending)
        self.pending.clear()

    def newest_good(self) -> int:
        """The newest step whose seal holds; 0: none."""
        for step in reversed(checkpoint.sealed_steps(self.workdir)):
            if self._problem_of(step) is None:
                return step
        return 0

    def leftovers(self) -> set[tuple[str, int]]:
        """What only a save under way has: names and times."""
        found = set()
        for path in (self.workdir / "checkpoints").glob("*"):
            unsealed = path.name.isdecimal() and not (path / seal.NAME).exists()
            if unsealed or path.name == "saving" or "orbax-checkpoint-tmp" in path.name:
                with contextlib.suppress(OSError):  # it may be gone by now
                    found.add((path.name, path.stat().st_mtime_ns))
        return found


def _moment(left: set[tuple[str, int]]) -> str | None:
    """When a kill struck, by what it left."""
    if any(name.isdecimal() for name, _ in left):
        return "kill -9 between commit and seal"
    return "kill -9 during a save" if left else None


def _kill_in_save(soak: Soak, job: Job) -> None:
    before = soak.leftovers()
    job.wait_until("a save", lambda: soak.leftovers() - before, 0.001)
    time.sleep(soak.rng.uniform(0, 0.1))


def _kill_before_seal(soak: Soak, job: Job) -> None:
    root, newest = soak.workdir / "checkpoints", job.newest()

    def unsealed() -> bool:
        steps = [int(n) for n in os.listdir(root) if n.isdecimal() and int(n) > newest]
        return bool(steps) and not (root / str(max(steps)) / seal.NAME).exists()

    job.wait_until("a commit", unsealed, 0.0)


def _kill_after_sigterm(soak: Soak, job: Job) -> None:
    job.process.send_signal(signal.SIGTERM)
    time.sleep(soak.rng.uniform(0, 0.5))


def _sigterm(soak: Soak, job: Job) -> None:
    time.sleep(soak.rng.uniform(0, 3))
    job.process.send_signal(signal.SIGTERM)
    job.wait_code(EXIT_PREEMPTED)
    if (step := job.last_step()) != job.newest():
        raise NotSurvived(f"SIGTERM at step {step} saved step {job.newest()}")


def _full(soak: Soak, job: Job) -> None:
    first = job.newest()
    job.limit_files(soak.rng.choice((0, 100, 5000)))
    count = soak.rng.randint(1, 3)  # of failed saves: five in a row would end it
    failed = re.compile(r"checkpoint \d+ could not be written")
    job.wait_until("a failed save", lambda: len(failed.findall(job.text)) >= count)
    job.limit_files(-1)
    _two_saves(soak, job)
    # TensorBoard's points are buffered, so those from the last save on may be lost.
    soak.unlogged |= set(range(first, job.newest() + 1))


def _full_at_end(soak: Soak, job: Job) -> None:
    job.limit_files(soak.rng.choice((0, 100, 5000)))
    job.process.send_signal(signal.SIGTERM)
    job.wait_code(EXIT_NOT_SAVED)


def _second_job(soak: Soak, job: Job) -> None:
    with Job(soak.workdir, soak.log) as second:
        second.wait_code(EXIT_USER_ERROR)
        if "is in use by pid" not in second.text:
            raise NotSurvived("a second job was refused without saying why")
    step = job.last_step()
    job.wait_until("training beside a second job", lambda: job.last_step() > step)


def _suspend(soak: Soak, job: Job) -> None:
    job.process.send_signal(signal.SIGSTOP)
    time.sleep(soak.rng.uniform(0, 3))
    job.process.send_signal(signal.SIGCONT)
    step = job.last_step()
    job.wait_until("training after a pause", lambda: job.last_step() > step)


def _two_saves(soak: Soak, job: Job) -> None:
    newest = job.newest()

    def two() -> bool:  # whichever steps they are: a full disk may have cost some
        return sum(step > newest for step in checkpoint.sealed_steps(soak.workdir)) > 1

    job.wait_until("two saves", two)


def _half_a_line(soak: Soak, newest: pathlib.Path) -> None:
    """As a kill within a write leaves."""
    del newest
    with open(soak.workdir / "metrics.jsonl", "ab") as f:
        f.write(b'{"kimg": 1.0, "step"')
    for file in soak.workdir.glob("events.out.tfevents.*"):
        with open(file, "ab") as f:
            f.write(soak.rng.randbytes(soak.rng.randrange(1, 60)))


def _damage(how: Callable) -> Callable[[Soak, pathlib.Path], None]:
    def bring_about(soak: Soak, newest: pathlib.Path) -> None:
        how(newest, soak.rng)
        if seal.problem_of(newest) is None:
            raise NotSurvived(f"damage to {newest} went unnoticed")

    return bring_about


# Kind -> what brings it about. A job is then killed if it has not ended.
IN_LIFE = {
    "disk full for a while": _full,
    "second job on the workdir": _second_job,
    "suspended for a while": _suspend,
}
ENDS = {
    "kill -9 at a random moment": None,
    "kill -9 during a save": _kill_in_save,
    "kill -9 between commit and seal": _kill_before_seal,
    "kill -9 after SIGTERM": _kill_after_sigterm,
    "kill -9 after two saves": _two_saves,
    "SIGTERM": _sigterm,
    "disk full, then SIGTERM": _full_at_end,
}
DAMAGES = {f"{what} in the newest checkpoint": _damage(how) for what, how in damage.KINDS.items()}
AFTER = DAMAGES | {"half a line and half a record end the curves": _half_a_line}


def compare(soak: Soak, whole: pathlib.Path, step: int) -> str:
    """What both runs have in common; raises NotSurvived where they differ."""
    disturbed, undisturbed = _points(soak.workdir), _points(whole)
    different = [k for k in disturbed.keys() & undisturbed.keys() if disturbed[k] != undisturbed[k]]
    if different:
        raise NotSurvived(f"{len(different)} values differ, first {min(different)}")
    if lost := [k for k in undisturbed.keys() - disturbed.keys() if k[0] not in soak.unlogged]:
        raise NotSurvived(f"{len(lost)} points of metrics.jsonl are lost, first {min(lost)}")
    # A run that stops shows its pictures once more.
    if more := [k for k in disturbed.keys() - undisturbed.keys() if not k[1].startswith("alpha")]:
        raise NotSurvived(f"{len(more)} points too many, first {min(more)}")
    shown = collections.Counter(events.points(soak.workdir))
    if twice := [k for k, n in shown.items() if n > 1]:
        raise NotSurvived(f"TensorBoard has {len(twice)} points twice, first {min(twice)}")
    if lost := [
        k for k in disturbed if (k[0] * _BATCH, k[1]) not in shown and k[0] not in soak.unlogged
    ]:
        raise NotSurvived(f"TensorBoard lacks {len(lost)} points, first {min(lost)}")
    fields = tuple(dcgan.State.__dataclass_fields__)
    a, b = (checkpoint.load_for_inference(w, step, fields).state for w in (soak.workdir, whole))
    if not jax.tree.all(jax.tree.map(lambda x, y: x.tobytes() == y.tobytes(), a, b)):
        raise NotSurvived(f"the states of step {step} differ")
    steps = {k[0] for k in disturbed if k[1] == "loss/g"}
    return (
        f"{len(steps):,} of {step:,} steps logged, {len(disturbed.keys() & undisturbed.keys()):,} values and "
        f"the state of step {step:,} ({len(jax.tree.leaves(a))} arrays) equal bit for bit"
    )


def _points(workdir: pathlib.Path) -> dict[tuple[int, str], float]:
    found = {}
    for line in (workdir / "metrics.jsonl").read_text().splitlines():
        line = json.loads(line)
        for name, value in line.items():
            if name in ("kimg", "step") or name.startswith(("progress/", "memory/")):
                continue
            if (line["step"], name) in found:
                raise NotSurvived(f"metrics.jsonl has {name} of step {line['step']} twice")
            found[line["step"], name] = value
    return found


def main(argv: list[str]) -> None:
    """Faults for so long, then the comparison and the table."""
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
    began, failure, what = time.monotonic(), None, ""
    try:
        while time.monotonic() - began < _MINUTES.value * 60:
            in_life = soak.draw(IN_LIFE) if soak.rng.random() < 0.5 else None
            after = soak.draw(AFTER) if soak.rng.random() < 0.7 else None
            soak.once(in_life, soak.draw(ENDS), after)
        print(f"{(time.monotonic() - began) / 60:.1f} minutes of faults; comparing", flush=True)
        what = soak.finish()
    except NotSurvived as e:
        failure = f"{e}; see {soak.log}"
    width = max(map(len, soak.injected), default=0)
    print(f"\n{'fault':{width}s}  injected  survived")
    for kind in sorted(soak.injected):
        print(f"{kind:{width}s}  {soak.injected[kind]:8d}  {soak.survived[kind]:8d}")
    print(f"{'all':{width}s}  {soak.injected.total():8d}  {soak.survived.total():8d}")
    print(
        f"seed {_SEED.value}, {(time.monotonic() - began) / 60:.1f} minutes, {soak.kills} kills by -9"
    )
    print(f"FAILED: {failure}" if failure else what)
    return 1 if failure else 0


if __name__ == "__main__":
    app.run(main)
