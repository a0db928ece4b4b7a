"""Measures how long a job takes to notice a dead process and to train again.

    python -m benchmarks.faults.restart --processes=2 --heartbeat_seconds=10

Trains DCGAN at 16 px in several processes on the loopback interface until it has saved, kills the
last process by SIGKILL, waits for the others to end, and gives the same command again. It prints
JSON:

    notice_s      from the kill to the end of the last of the others
    exit_codes    of the others
    restart_s     from the second start to the first new step; compiled programs are in the cache
    cold_start_s  from the first start to the first step, with an empty cache
    lost_steps    trained before the kill and trained again after it
"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

_TIMEOUT_S = 600
_FLAGS = (
    "--config=configs/dcgan.py:cpu",
    "--config.data.resolution=16",
    "--config.model.width=8",
    "--config.log.scalars_kimg=0.032",
    "--config.checkpoint.every_kimg=0.64",
    "--config.log.images_kimg=1000.0",
)


@contextlib.contextmanager
def job(
    workdir: pathlib.Path, processes: int, heartbeat_s: int
) -> Iterator[list[subprocess.Popen]]:
    """Starts the processes of a job, and kills them when the block ends.

    Args:
      workdir: of the job; beside it lie the compiled programs, and log.0, log.1, ... for what the
        processes print.
      processes: how many.
      heartbeat_s: after how many seconds of silence a process counts as dead.

    Yields:
      The processes in their order.
    """
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    cores = max(1, (os.cpu_count() or 1) // processes)
    env = os.environ | {
        "JAX_NUM_CPU_DEVICES": str(1 << (cores.bit_length() - 1)),
        "JAX_COMPILATION_CACHE_DIR": str(workdir.parent / "xla"),
    }
    started = []
    for i in range(processes):
        command = [
            sys.executable,
            "main.py",
            *_FLAGS,
            f"--workdir={workdir}",
            f"--heartbeat_seconds={heartbeat_s}",
            f"--coordinator=127.0.0.1:{port}",
            f"--num_processes={processes}",
            f"--process_id={i}",
        ]
        with open(workdir.parent / f"log.{i}", "wb") as log:
            started.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
    try:
        yield started
    finally:
        for p in started:
            p.kill()
            p.wait()


def newest_step(workdir: pathlib.Path) -> int:
    """Returns the newest step of metrics.jsonl, or 0 before the first."""
    path = workdir / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return max((json.loads(x)["step"] for x in lines if x.endswith("\n")), default=0)


def sealed_steps(workdir: pathlib.Path) -> list[int]:
    """Lists the steps whose checkpoints are sealed."""
    return [int(x.parent.name) for x in workdir.glob("checkpoints/[0-9]*/seal.json")]


def has_trained_on(workdir: pathlib.Path) -> bool:
    """Tells whether the job has saved and trained more than three steps since."""
    steps = sealed_steps(workdir)
    return bool(steps) and newest_step(workdir) > max(steps) + 3


def seconds_until(condition: Callable[[], bool], processes: list[subprocess.Popen]) -> float:
    """Waits for a condition; returns the seconds until then.

    Raises:
      SystemExit: a process ended before, or the condition did not come in time.
    """
    start = time.perf_counter()
    while not condition():
        if any(p.poll() is not None for p in processes) or time.perf_counter() - start > _TIMEOUT_S:
            sys.exit("error: the job did not get that far; run its command by hand")
        time.sleep(0.02)
    return time.perf_counter() - start


def main() -> None:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.faults.restart", description=__doc__.partition("\n")[0]
    )
    p.add_argument("--processes", type=int, default=2)
    p.add_argument("--heartbeat_seconds", type=int, default=10)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workdir = pathlib.Path(scratch, "run")
        with job(workdir, a.processes, a.heartbeat_seconds) as processes:
            cold = seconds_until(lambda: newest_step(workdir) > 0, processes)
            seconds_until(lambda: has_trained_on(workdir), processes)
            processes[-1].kill()
            killed = time.perf_counter()
            codes = [p.wait(_TIMEOUT_S) for p in processes[:-1]]
            notice = time.perf_counter() - killed
        reached, saved = newest_step(workdir), max(sealed_steps(workdir))
        with job(workdir, a.processes, a.heartbeat_seconds) as processes:
            # The start cuts the lost steps off.
            restart = seconds_until(lambda: newest_step(workdir) == saved, processes)
            restart += seconds_until(lambda: newest_step(workdir) > saved, processes)
    seconds = {"notice_s": notice, "restart_s": restart, "cold_start_s": cold}
    figures = {k: round(v, 1) for k, v in seconds.items()}
    figures |= {
        "exit_codes": codes,
        "lost_steps": reached - saved,
        "processes": a.processes,
        "heartbeat_s": a.heartbeat_seconds,
        "cores": os.cpu_count(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
