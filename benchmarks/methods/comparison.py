"""Every method on the same emoji for the same time, judged alike, beside the official StyleGAN2-ADA.

    python -m benchmarks.compare --out=FOLDER --minutes=60 --seeds=0,1 \
        --reference=CHECKOUT --reference_python=PYTHON

CHECKOUT is a copy of stylegan2-ada-pytorch and PYTHON an interpreter with torch, scipy, psutil,
requests, click and pillow; without --reference there are only this project's methods.
`--methods=dcgan,NAME=CONFIG` takes any config by name, e.g. `wide=configs/my.py:cpu`. Each run has
a core of its own, two go at a time. They train on the toneless emoji of the Unicode list (configs
as they are but for that, and for pictures, which are off), one process each from start to end:
reading the data and compilation from a warm cache are inside the minutes (a short run before fills
the cache), imports are not. At --points fixed times checkpoints are kept; they are judged
afterwards, outside the minutes (compare_judge.py).

All lies in FOLDER: METHOD/seedS/ of each run, and compare.md, compare.json, compare.png and
compare_samples.png, written again after each run. Stopped or killed, the same command goes on from
the last fixed time of each run.
"""

import argparse
import ctypes
import dataclasses
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.methods import compare_report
from benchmarks.speed.step_times import KEEP_FREED
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import seal, workdir
from input_pipeline.unicode import emoji_names

OURS = {
    "stylegan2": "configs/stylegan.py:cpu",
    "r3gan": "configs/r3gan.py:cpu",
    "dcgan": "configs/dcgan.py:cpu",
    "wgan_gp": "configs/wgan_gp.py:cpu",
    "flow": "configs/flow.py:cpu",
}
REFERENCE = {"official-auto": "auto", "official-cifar": "cifar"}  # by its own names of the recipe
FIXED = ("minutes", "points", "n", "resolution")  # of a folder
_WARM_KIMG = 0.2  # every program of a step is compiled within it
_NEVER = 1e6  # kimg
_LAST_LINES = 4000  # bytes of a log in which an error is looked for


class Failed(Exception):
    """A run ended with an error; the others go on."""

    def __init__(self, line: str, code: int | None = None):
        super().__init__(line)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Run:
    """One training of one method with one seed."""

    method: str
    config: str  # of main.py; '' for the official code
    seed: int
    path: pathlib.Path

    def points(self) -> list[dict]:
        """The fixed times that are trained and saved, in order: minutes, cpu_minutes, kimg, step."""
        return self._read()["points"]

    @property
    def diverged(self) -> bool:
        """Whether training ended for numbers that were not finite: there are no further points."""
        return self._read().get("diverged", False)

    def check(self) -> None:
        """Refuses a folder of another config of the same name."""
        if (was := self._read().get("config", self.config)) != self.config:
            raise UserError(f"{self.path} is of {was}, not {self.config}: give it another name")

    def judged(self) -> list[dict]:
        """What the judge said of each point, as far as it has."""
        found = [self.path / f"judged-{k}.json" for k in range(1, len(self.points()) + 1)]
        return [json.loads(path.read_bytes()) for path in found if path.exists()]

    def record(self, points: list[dict], diverged: bool = False) -> None:
        """Writes points.json."""
        data = {"config": self.config, "points": points, "diverged": diverged}
        workdir.write_atomic(self.path / "points.json", json.dumps(data, indent=1).encode())

    def _read(self) -> dict:
        path = self.path / "points.json"
        return json.loads(path.read_bytes()) if path.exists() else {"points": []}


def groups() -> tuple[str, ...]:
    """The groups of the Unicode list: all that OpenMoji has but its own extras."""
    return tuple(sorted({emoji_names.lookup(key).group for key in emoji_names.every()}))


def sealed(run: Run) -> dict[int, float]:
    """Steps of the run's whole checkpoints, with the time of each in seconds since the epoch."""
    found = (run.path / "workdir" / "checkpoints").glob(f"*/{seal.NAME}")
    return {int(p.parent.name): p.stat().st_mtime for p in found if p.parent.name.isdecimal()}


def forget_unrecorded(run: Run) -> None:
    """Deletes checkpoints that are of no fixed time: a kill or a signal came between."""
    known = {point["step"] for point in run.points()}
    for step in sealed(run):
        if step not in known:
            shutil.rmtree(run.path / "workdir" / "checkpoints" / str(step))


def cpu_minutes(pid: int, last: float) -> float:
    """What a process has used of CPU; `last` where that is not to be known, or the process is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return last
    ticks = int(fields[11]) + int(fields[12])  # utime, stime
    return max(last, ticks / os.sysconf("SC_CLK_TCK") / 60)


class Comparison:
    """The runs of one command, and how each comes to its end.

    Args:
      a: the command line's, checked.
      out: absolute folder.
    """

    def __init__(self, a: argparse.Namespace, out: pathlib.Path):
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
        """Brings every run to its end, one a core; returns what failed, a line each."""
        failures, waiting, busy = [], list(self.runs), {}
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
            for process in self._alive:  # not asked to save: a run goes on from its last fixed time
                process.kill()
                process.wait()
        return failures

    def report(self) -> str:
        """Writes the tables and pictures of what there is; returns the tables."""
        settings = {k: getattr(self.a, k) for k in FIXED} | {"command": self.a.command}
        rows = [
            compare_report.Row(
                r.method, r.seed, r.config, r.diverged, tuple(r.judged()), str(r.path)
            )
            for r in self.runs
        ]
        return compare_report.write(self.out, settings, rows)

    def _export(self) -> None:
        if any(not run.config for run in self.runs) and not (self.out / "white").is_dir():
            command = self._judge_command(f"--export={self.out / 'white'}")
            for _ in self._child(command, self.out / "export.log", self.a.cores[0]):
                time.sleep(0.1)

    def _judge_command(self, *what: str) -> list[str]:
        module = [sys.executable, "-m", "benchmarks.methods.compare_judge"]
        return [*module, f"--resolution={self.a.resolution}", f"--n={self.a.n}", *what]

    def _steps_of(self, run: Run, core: int) -> Iterator[None]:
        """Trains and judges; gives the hand back while it waits."""
        run.path.mkdir(parents=True, exist_ok=True)
        if len(run.points()) < self.a.points and not run.diverged:
            print(
                f"core {core}: {run.method}, seed {run.seed}, from point {len(run.points())}",
                flush=True,
            )
            yield from self._train(run, core) if run.config else self._train_reference(run, core)
        if len(run.judged()) < len(run.points()):
            print(f"core {core}: judging {run.method}, seed {run.seed}", flush=True)
            yield from self._child(
                self._judge_command(f"--run={run.path}"), run.path / "judge.log", core
            )

    def _train(self, run: Run, core: int) -> Iterator[None]:
        a, points = self.a, run.points()
        forget_unrecorded(run)
        minutes = a.minutes / a.points
        command = [sys.executable, "main.py", f"--config={run.config}", f"--config.seed={run.seed}"]
        command += [
            f"--config.data.groups={groups()!r}",
            f"--config.data.resolution={a.resolution}",
        ]
        command += [
            f"--config.log.images_kimg={_NEVER}",
            f"--config.checkpoint.every_kimg={_NEVER}",
        ]
        command += [f"--config.checkpoint.keep={a.points + 1}"]
        log = run.path / "train.log"
        if not points:
            warm = run.path / "warm"
            shutil.rmtree(run.path / "workdir", ignore_errors=True)
            shutil.rmtree(warm, ignore_errors=True)
            yield from self._child(
                [*command, f"--workdir={warm}", f"--config.total_kimg={_WARM_KIMG}"], log, core
            )
            shutil.rmtree(warm)
        command += [f"--workdir={run.path / 'workdir'}", f"--config.total_kimg={_NEVER}"]
        command += [f"--config.checkpoint.every_minutes={minutes}"]
        command += [f"--stop_after_minutes={a.minutes - minutes * len(points)}"]
        before, start = len(points), time.time()
        cpu_before, cpu = points[-1]["cpu_minutes"] if points else 0.0, 0.0

        def look() -> None:
            for step, when in sorted(sealed(run).items()):
                passed = minutes * before + (when - start) / 60
                if step not in {p["step"] for p in points}:
                    batch = json.loads((run.path / "workdir" / "config.json").read_bytes())[
                        "batch_size"
                    ]
                    point = {"minutes": passed, "cpu_minutes": cpu_before + cpu}
                    points.append(point | {"kimg": step * batch / 1000, "step": step})
                    run.record(points)

        try:
            for process in self._child(command, log, core):
                cpu = cpu_minutes(process.pid, cpu)
                look()
                yield
        except Failed as e:
            look()
            if e.code == errors.EXIT_PREEMPTED and len(points) > before:
                run.record(points[:-1])  # saved for a signal, not at its time
            if e.code != errors.EXIT_DIVERGED:
                raise
            run.record(points, diverged=True)
            return
        look()
        if len(points) < a.points:
            raise Failed(
                f"only {len(points)} of {a.points} fixed times: give more --minutes or fewer --points"
            )

    def _train_reference(self, run: Run, core: int) -> Iterator[None]:
        a, same = self.a, ("minutes", "points", "n", "seed")
        values = vars(a) | {"seed": run.seed}
        command = [
            a.reference_python,
            str(pathlib.Path(__file__).with_name("compare_reference.py")),
        ]
        command += [
            f"--checkout={a.reference}",
            f"--data={self.out / 'white'}",
            f"--out={run.path}",
        ]
        command += [f"--recipe={REFERENCE[run.method]}", *(f"--{k}={values[k]}" for k in same)]
        # Keeps freed memory as ours does: it is faster so.
        yield from self._child(command, run.path / "train.log", core, KEEP_FREED)

    def _child(
        self, command: list[str], log: pathlib.Path, core: int, env: dict[str, str] | None = None
    ) -> Iterator[subprocess.Popen]:
        """A program on one core that ends with this one; raises Failed with its code unless that is 0."""
        libc = ctypes.CDLL(None)

        def prepare() -> None:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, {core})
            if sys.platform == "linux":
                libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

        with open(log, "ab") as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._env | (env or {}),
                start_new_session=True,
                preexec_fn=prepare,
            )
        self._alive.append(process)
        while process.poll() is None:
            yield process
        self._alive.remove(process)
        if process.returncode:
            last = log.read_bytes()[-_LAST_LINES:].decode(errors="replace").strip().splitlines()
            said = [line for line in last if re.match(r"error: |\w*Error: ", line)] or last[-1:]
            raise Failed(
                f"code {process.returncode}: {''.join(said[-1:])} ({log})", process.returncode
            )


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads and checks the command line.

    Raises:
      UserError: what is wrong, in one line.
    """
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--out", required=True, help="folder of everything, outside the repository")
    p.add_argument(
        "--methods", help=f"of {', '.join((*OURS, *REFERENCE))}, NAME=CONFIG; default: all"
    )
    p.add_argument("--seeds", default="0,1")
    p.add_argument("--minutes", type=float, default=60.0, help="of training, each run")
    p.add_argument("--points", type=int, default=4, help="fixed times, evenly apart")
    p.add_argument("--n", type=int, default=2000, help="images judged at each of them")
    p.add_argument("--resolution", type=int, default=32, help="px")
    p.add_argument("--at_once", type=int, default=2, help="runs, each on a core of its own")
    p.add_argument("--reference", help="checkout of stylegan2-ada-pytorch")
    p.add_argument("--reference_python", default=sys.executable, help="interpreter with torch")
    a = p.parse_args(argv)
    if not (math.isfinite(a.minutes) and a.minutes > 0):
        raise UserError(f"--minutes={a.minutes:g}: expected more than 0")
    for name, least in (("points", 1), ("n", 75), ("at_once", 1)):
        if getattr(a, name) < least:
            raise UserError(f"--{name}={getattr(a, name)}: expected at least {least}")
    if a.reference and not pathlib.Path(a.reference, "training", "networks.py").is_file():
        raise UserError(f"--reference={a.reference}: no checkout of stylegan2-ada-pytorch")
    if a.reference and not shutil.which(a.reference_python):
        raise UserError(f"--reference_python={a.reference_python}: no such program")
    # For the tables: what another machine would be told.
    a.command = (
        f"python -m benchmarks.compare --out=FOLDER --minutes={a.minutes:g} --points={a.points} "
    )
    a.command += f"--n={a.n} --seeds={a.seeds}" + (f" --methods={a.methods}" if a.methods else "")
    a.command += " --reference=CHECKOUT --reference_python=PYTHON" if a.reference else ""
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", a.seeds):
        raise UserError(f"--seeds={a.seeds}: expected numbers such as 0,1")
    a.seeds = list(dict.fromkeys(int(s) for s in a.seeds.split(",")))
    wanted = a.methods.split(",") if a.methods else [*OURS, *(REFERENCE if a.reference else ())]
    a.methods = [_method(text, a.reference) for text in dict.fromkeys(wanted)]
    if len(dict(a.methods)) < len(a.methods):
        raise UserError("--methods: two configs have one name")
    if not pathlib.Path("main.py").is_file():
        raise UserError("main.py is not here: start this in the repository's folder")
    cores = (
        sorted(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else range(os.cpu_count() or 1)
    )
    a.cores = list(cores)[: a.at_once]
    if len(a.cores) < a.at_once:
        raise UserError(f"--at_once={a.at_once}: there are only {len(a.cores)} cores")
    return a


def _method(text: str, reference: str | None) -> tuple[str, str]:
    """A name and its config, '' for the official code."""
    name, has_config, config = text.partition("=")
    if has_config:
        if not re.fullmatch(r"[\w-]+", name) or name in {*OURS, *REFERENCE}:
            raise UserError(f"--methods: {name!r} is taken or no name of letters, digits, _ and -")
        if not pathlib.Path(config.partition(":")[0]).is_file():
            raise UserError(f"--methods: there is no {config} for {name}")
        return name, config
    if name in REFERENCE:
        if not reference:
            raise UserError(
                f"--methods: {name} needs --reference=CHECKOUT and --reference_python=PYTHON"
            )
        return name, ""
    if name not in OURS:
        raise UserError(
            f"--methods: no {name!r}; there are {', '.join((*OURS, *REFERENCE))}, or NAME=CONFIG"
        )
    return name, OURS[name]


def check_folder(out: pathlib.Path, a: argparse.Namespace) -> None:
    """Refuses a folder whose runs were made with other settings; writes those of a new one."""
    path, now = out / "settings.json", {k: getattr(a, k) for k in FIXED}
    if not path.exists():
        workdir.write_atomic(path, json.dumps(now).encode())
        return
    try:
        then = json.loads(path.read_bytes())
    except ValueError:
        raise UserError(f"{path} is damaged: delete the folder, or give another --out") from None
    if then != now:
        flags = " ".join(f"--{k}={v}" for k, v in then.items())
        raise UserError(f"{out} holds a comparison with {flags}: give these, or another --out")


def main() -> int:
    """The command line."""
    a = parse()

    def stop(signum, frame):
        del signum, frame
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with workdir.locked(a.out) as out:
        check_folder(out, a)
        comparison = Comparison(a, out)
        for run in comparison.runs:
            run.check()
        try:
            failures = comparison.run()
        except KeyboardInterrupt:
            print("stopped: the same command goes on", file=sys.stderr)
            return errors.EXIT_PREEMPTED
        print(comparison.report())
        print(f"in {out}: compare.md, compare.json, compare.png, compare_samples.png")
        if failures:
            raise UserError(
                f"{len(failures)} failed ({'; '.join(failures)}); the same command tries again"
            )
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
