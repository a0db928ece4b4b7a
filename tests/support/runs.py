"""Runs the real programs on the tiny experiment, for several test files."""

import contextlib
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from unittest import mock

from absl import flags
from absl.testing import flagsaver

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = "tests/support/tiny.py"
JOB_CONFIG = "tests/support/tiny_job.py"  # for jobs of several processes
# Threads of such a job, as XLA reads it: how work is cut up decides how sums are rounded.
NPROC = "4"
BATCH = 32  # images, of both configs
_FOREVER = "--config.total_kimg=100000.0"
# As people have them in their shells; no run may write them anywhere.
SECRETS = {
    "HF_TOKEN": "hf_S3cretOfATest",
    "WANDB_API_KEY": "0123S3cret",
    "AWS_SECRET_ACCESS_KEY": "S3cret/4+",
}
_TIMEOUT_S = 400  # of one run; the first compiles


def in_process(*arguments: str) -> tuple[int, str, str]:
    """Runs `python main.py ARGUMENTS` in this process, on two of the tests' devices.

    Returns the exit code, the standard output and the standard error.
    """
    import main  # defines flags
    from emoji_gan.runtime import config

    argv = ["main.py", *arguments]
    with flagsaver.flagsaver():
        flags.FLAGS.unparse_flags()
        return ended(lambda: main.main(config.parse_flags(argv)), *argv)


def ended(program: Callable[[], int | None], *argv: str) -> tuple[int, str, str]:
    """Calls a program with these words as its command line, on two of the tests' devices.

    Returns the exit code, the standard output and the standard error.
    """
    from emoji_gan import errors

    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", list(argv)),
        on_devices(2),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            errors.run(program)
        except SystemExit as e:
            return e.code, out.getvalue(), err.getvalue()
    raise AssertionError("the program did not exit")


@contextlib.contextmanager
def on_devices(count: int) -> Iterator[None]:
    """Gives programs in this process fewer of the tests' devices, for which they compile faster."""
    import jax

    from emoji_gan.runtime import mesh

    make_mesh = mesh.make_mesh

    def of_some(devices=None):
        return make_mesh(jax.devices()[:count] if devices is None else devices)

    with mock.patch.object(mesh, "make_mesh", of_some):
        yield


def lines(workdir: pathlib.Path) -> list[dict]:
    """Reads the points of a run's metrics.jsonl whose lines are whole."""
    path = workdir / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def sealed(workdir: pathlib.Path) -> list[int]:
    """Lists the steps of the checkpoints that are whole."""
    return sorted(
        int(p.parent.name)
        for p in workdir.glob("checkpoints/*/seal.json")
        if p.parent.name.isdecimal()
    )


def free_port() -> int:
    """Finds a port that nobody listens on, for a coordinator."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Runs:
    """Runs main.py as processes of two devices each."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.env = os.environ | {
            "JAX_NUM_CPU_DEVICES": "2",
            "PYTHONPATH": str(ROOT),
            **SECRETS,
        }

    @contextlib.contextmanager
    def started(
        self, workdir: pathlib.Path, *arguments: str, log: str, config: str = CONFIG, **env: str
    ) -> Iterator[subprocess.Popen]:
        """Starts main.py and kills it on leaving; it prints to `<log>.out` and `<log>.err`."""
        command = [
            sys.executable,
            "main.py",
            f"--config={config}",
            f"--workdir={workdir}",
            *arguments,
        ]
        with self.process(command, log=log, **env) as process:
            yield process

    @contextlib.contextmanager
    def process(self, command: list[str], *, log: str, **env: str) -> Iterator[subprocess.Popen]:
        """Does as `started` for any command."""
        with (
            open(self.root / f"{log}.out", "wb") as out,
            open(self.root / f"{log}.err", "wb") as err,
        ):
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.env | env, stdout=out, stderr=err
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def train(
        self, workdir: pathlib.Path, *arguments: str, log: str, **env: str
    ) -> types.SimpleNamespace:
        """Runs main.py to its end; the result has returncode, out and err."""
        with self.started(workdir, *arguments, log=log, **env) as process:
            code = process.wait(_TIMEOUT_S)
        return types.SimpleNamespace(
            returncode=code, out=self.read(f"{log}.out"), err=self.read(f"{log}.err")
        )

    @contextlib.contextmanager
    def job(
        self, workdir: pathlib.Path, processes: int, devices: int, *arguments: str, log: str
    ) -> Iterator[list[subprocess.Popen]]:
        """Starts main.py on JOB_CONFIG in so many processes and kills them on leaving."""
        coordinator = f"127.0.0.1:{free_port()}"
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(
                    self.started(
                        workdir,
                        f"--coordinator={coordinator}",
                        f"--num_processes={processes}",
                        f"--process_id={i}",
                        "--heartbeat_seconds=10",
                        *arguments,
                        log=f"{log}.{i}",
                        config=JOB_CONFIG,
                        JAX_NUM_CPU_DEVICES=str(devices),
                        NPROC=NPROC,
                    )
                )
                for i in range(processes)
            ]

    def read(self, name: str) -> str:
        """Reads a file of the root."""
        return (self.root / name).read_text()

    def wait(self, process: subprocess.Popen, log: str, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds; fails if the process ends before."""
        end = time.monotonic() + _TIMEOUT_S
        while not condition():
            assert process.poll() is None, (
                f"ended with {process.returncode}: {self.read(f'{log}.err')[-2000:]}"
            )
            assert time.monotonic() < end, f"too slow: {self.read(f'{log}.err')[-2000:]}"
            time.sleep(0.02)


def until(steps: int) -> str:
    """Returns the flag that ends training at so many steps."""
    return f"--config.total_kimg={(steps - 0.5) * BATCH / 1000}"


def interrupted(runs: Runs) -> types.SimpleNamespace:
    """Trains in three processes: one ended by SIGTERM, one by kill -9, one by itself.

    A second job is started beside the first.
    """
    record = types.SimpleNamespace(workdir=runs.root / "interrupted")
    w = record.workdir
    with runs.started(w, _FOREVER, log="term") as process:
        runs.wait(process, "term", lambda: len(lines(w)) > 3)
        record.second_job = in_process(f"--config={CONFIG}", f"--workdir={w}")
        process.send_signal(signal.SIGTERM)
        record.term_code = process.wait(_TIMEOUT_S)
    record.term_step = sealed(w)[-1]
    record.term_lines = lines(w)

    def lost_something():
        last = sealed(w)[-1]
        return last > record.term_step and lines(w)[-1]["step"] > last

    with runs.started(w, _FOREVER, log="kill") as process:
        runs.wait(process, "kill", lost_something)
        process.kill()
    record.kill_lines = lines(w)
    record.kill_step = sealed(w)[-1]
    record.total = record.kill_step + 7  # steps
    record.end = runs.train(w, until(record.total), log="end")
    return record


def whole(runs: Runs, steps: int) -> types.SimpleNamespace:
    """Trains the same in one process, for so many steps."""
    workdir = runs.root / "whole"
    record = runs.train(workdir, until(steps), log="whole", JAX_LOG_COMPILES="1")
    record.workdir = workdir
    return record
