"""Brings the runs of a comparison to their ends: trains and judges each on a core of its own."""

import argparse
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.methods import compare_report
from benchmarks.methods.comparison_runs import Run, forget_unrecorded, groups, sealed
from benchmarks.speed.turns import KEEP_FREED
from emoji_gan import errors

# Names of the official code's runs: the flag of its checkout, and the recipe.
REFERENCE = {
    "official-auto": ("reference", "auto"),
    "official-cifar": ("reference", "cifar"),
    "official-helped": ("reference", "helped"),
    "official-r3gan": ("reference_r3gan", "r3gan"),
}
FIXED = ("minutes", "points", "n", "resolution")  # flags that are the same for all runs of a folder
_WARM_KIMG = 0.2  # every program of a step is compiled within it
_NEVER = 1e6  # kimg
_GROWN = 1.01  # by how much memory grows until its peak is written again
_LOG_END = 4000  # bytes of a log in which to look for its error


class Failed(Exception):
    """Says how a run failed; the others go on.

    Attributes:
      code: exit code of the program that failed; None: it ended well, but too early.
    """

    def __init__(self, line: str, code: int | None = None) -> None:
        super().__init__(line)
        self.code = code


class Comparison:
    """Holds the runs of one command and brings each to its end.

    Args:
      a: the checked command line, see `comparison.parse`.
      out: absolute path of the folder for everything.
    """

    def __init__(self, a: argparse.Namespace, out: pathlib.Path) -> None:
        self.a, self.out = a, out
        self.runs = [
            Run(name, config, seed, out / name / f"seed{seed}")
            for seed in a.seeds
            for name, config in a.methods
        ]
        self._alive: list[subprocess.Popen] = []
        self._env = os.environ | {
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": "1",
            "OMP_NUM_THREADS": "1",
            "JAX_COMPILATION_CACHE_DIR": str(out / "xla"),
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }

    def run(self) -> list[str]:
        """Brings every run to its end, one a core; returns a line for each that failed."""
        failures, waiting = [], list(self.runs)
        busy: dict[int, tuple[Run, Iterator[Any]]] = {}
        try:
            self._export()
            while waiting or busy:
                for core in self.a.cores:
                    if core not in busy and waiting:
                        run = waiting.pop(0)
                        busy[core] = (run, self._steps_of(run, core))
                for core, (run, steps) in list(busy.items()):
                    try:
                        next(steps)
                        continue
                    except StopIteration:
                        self.report()
                    except Failed as e:
                        failures.append(f"{run.method}, seed {run.seed}: {e}")
                        print(failures[-1], file=sys.stderr, flush=True)
                    del busy[core]
                time.sleep(0.1)
        finally:
            # Killed without a save: the next start goes on from the last fixed time.
            for process in self._alive:
                process.kill()
                process.wait()
        return failures

    def report(self) -> str:
        """Writes the tables and pictures of all that is judged so far; returns the tables."""
        settings = {k: getattr(self.a, k) for k in FIXED} | {"command": self.a.command}
        rows = [
            compare_report.Row(
                r.method,
                r.seed,
                r.config,
                r.diverged,
                tuple(r.judged()),
                str(r.path),
                r.peak_mib(),
            )
            for r in self.runs
        ]
        return compare_report.write(self.out, settings, rows)

    def _export(self) -> None:
        """Writes the training emoji on white, where the official code is among the runs."""
        if any(not run.config for run in self.runs) and not (self.out / "white").is_dir():
            command = self._judge_command(f"--export={self.out / 'white'}")
            for _ in self._child(command, self.out / "export.log", self.a.cores[0]):
                time.sleep(0.1)

    def _judge_command(self, *flags: str) -> list[str]:
        module = [sys.executable, "-m", "benchmarks.methods.compare_judge"]
        return [*module, f"--resolution={self.a.resolution}", f"--n={self.a.n}", *flags]

    def _steps_of(self, run: Run, core: int) -> Iterator[None]:
        """Trains and judges a run; yields while it waits."""
        run.path.mkdir(parents=True, exist_ok=True)
        count = len(run.points())
        if count < self.a.points and not run.diverged:
            print(f"core {core}: {run.method}, seed {run.seed}, from point {count}", flush=True)
            yield from self._train(run, core) if run.config else self._train_reference(run, core)
        if len(run.judged()) < len(run.points()):
            print(f"core {core}: judging {run.method}, seed {run.seed}", flush=True)
            command = self._judge_command(f"--run={run.path}")
            yield from self._child(command, run.path / "judge.log", core)

    def _train(self, run: Run, core: int) -> Iterator[None]:
        """Trains a run of main.py to its last fixed time; yields while it waits.

        Raises:
          Failed: training ended otherwise than by divergence.
        """
        a, points = self.a, run.points()
        forget_unrecorded(run)
        minutes = a.minutes / a.points
        command = self._train_command(run)
        log = run.path / "train.log"
        if not points:
            yield from self._warm(run, command, core)
        command += [f"--workdir={run.path / 'workdir'}", f"--config.total_kimg={_NEVER}"]
        command += [f"--config.checkpoint.every_minutes={minutes}"]
        command += [f"--stop_after_minutes={a.minutes - minutes * len(points)}"]
        before, start = len(points), time.time()
        cpu_before, cpu = points[-1]["cpu_minutes"] if points else 0.0, 0.0

        def record_new_points() -> None:
            for step, saved in sorted(sealed(run).items()):
                if step not in {p["step"] for p in points}:
                    config = json.loads((run.path / "workdir" / "config.json").read_bytes())
                    passed = minutes * before + (saved - start) / 60
                    point = {"minutes": passed, "cpu_minutes": cpu_before + cpu}
                    points.append(
                        point | {"kimg": step * config["batch_size"] / 1000, "step": step}
                    )
                    run.record(points)

        try:
            for process in _watched(run, self._child(command, log, core)):
                cpu = cpu_minutes(process.pid, cpu)
                record_new_points()
                yield
        except Failed as e:
            record_new_points()
            if e.code == errors.EXIT_PREEMPTED and len(points) > before:
                run.record(points[:-1])  # saved because of a signal, not at its time
            if e.code != errors.EXIT_DIVERGED:
                raise
            run.record(points, diverged=True)
            return
        record_new_points()
        if len(points) < a.points:
            raise Failed(
                f"only {len(points)} of {a.points} fixed times: give more --minutes or fewer "
                "--points"
            )

    def _train_command(self, run: Run) -> list[str]:
        return [
            sys.executable,
            "main.py",
            f"--config={run.config}",
            f"--config.seed={run.seed}",
            f"--config.data.groups={groups()!r}",
            f"--config.data.resolution={self.a.resolution}",
            f"--config.log.images_kimg={_NEVER}",
            f"--config.checkpoint.every_kimg={_NEVER}",
            f"--config.checkpoint.keep={self.a.points + 1}",
        ]

    def _warm(self, run: Run, command: list[str], core: int) -> Iterator[subprocess.Popen]:
        """Fills the compilation cache by a short run of its own."""
        warm = run.path / "warm"
        shutil.rmtree(run.path / "workdir", ignore_errors=True)
        shutil.rmtree(warm, ignore_errors=True)
        flags = [f"--workdir={warm}", f"--config.total_kimg={_WARM_KIMG}"]
        yield from self._child([*command, *flags], run.path / "train.log", core)
        shutil.rmtree(warm)

    def _train_reference(self, run: Run, core: int) -> Iterator[subprocess.Popen]:
        """Trains a run of the official code; yields while it waits."""
        a = self.a
        flag, recipe = REFERENCE[run.method]
        command = [
            a.reference_python,
            "-m",
            "benchmarks.methods.compare_reference",
            f"--checkout={getattr(a, flag)}",
            f"--data={self.out / 'white'}",
            f"--out={run.path}",
            f"--recipe={recipe}",
            f"--minutes={a.minutes}",
            f"--points={a.points}",
            f"--n={a.n}",
            f"--seed={run.seed}",
        ]
        # It keeps freed memory, as ours does, and is faster for it.
        child = self._child(command, run.path / "train.log", core, KEEP_FREED)
        yield from _watched(run, child)

    def _child(
        self,
        command: list[str],
        log: pathlib.Path,
        core: int,
        env: dict[str, str] | None = None,
    ) -> Iterator[subprocess.Popen]:
        """Runs a program on one core, which ends when this program does; yields while it runs.

        Raises:
          Failed: its exit code is not 0.
        """
        with open(log, "ab") as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._env | (env or {}),
                start_new_session=True,
                preexec_fn=_bound_to(core),
            )
        self._alive.append(process)
        while process.poll() is None:
            yield process
        self._alive.remove(process)
        if process.returncode:
            raise Failed(f"code {process.returncode}: {_error_in(log)} ({log})", process.returncode)


def _bound_to(core: int) -> Callable[[], None]:
    """Returns what a child calls before it starts: it runs on one core and dies with its parent."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})
        if sys.platform == "linux":
            libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    return prepare


def _watched(run: Run, child: Iterator[subprocess.Popen]) -> Iterator[subprocess.Popen]:
    """Passes a training on as it runs, and records the most memory that it has held."""
    recorded = run.peak_mib()
    for process in child:
        if (peak := peak_mib(process.pid)) > _GROWN * recorded:
            run.record_peak(peak)
            recorded = peak
        yield process


def _error_in(log: pathlib.Path) -> str:
    """Returns the last line of a log that names an error, or else its last line."""
    lines = log.read_bytes()[-_LOG_END:].decode(errors="replace").strip().splitlines()
    named = [line for line in lines if re.match(r"error: |\w*Error: ", line)]
    return "".join((named or lines)[-1:])


def cpu_minutes(pid: int, last: float) -> float:
    """Returns the CPU minutes of a process, or `last` where they cannot be read (any more)."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return last
    ticks = int(fields[11]) + int(fields[12])  # utime, stime
    return max(last, ticks / os.sysconf("SC_CLK_TCK") / 60)


def peak_mib(pid: int) -> float:
    """Returns the most memory that a process has held, or 0 where it cannot be read (any more)."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    kib = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(kib.group(1)) / 2**10 if kib else 0.0
