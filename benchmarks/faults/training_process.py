"""Runs main.py as a child process that can be waited for, starved of disk, and killed."""

import contextlib
import os
import pathlib
import re
import resource
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable

from emoji_gan.runtime import checkpoint

BATCH_SIZE = 32
_STEPS_PER_SAVE = 10
_EXPERIMENT = (
    "--config=configs/dcgan.py:cpu",
    "--config.data.resolution=16",
    f"--config.batch_size={BATCH_SIZE}",
    f"--config.log.scalars_kimg={BATCH_SIZE / 1000}",  # every step
    f"--config.checkpoint.every_kimg={_STEPS_PER_SAVE * BATCH_SIZE / 1000}",
    "--config.log.images_kimg=3.2",
    "--config.log.grid=2",
)
_TIMEOUT_S = 300.0  # for a start or a save on a busy machine


class NotSurvived(Exception):
    """Says in one line what went wrong after a fault."""


class TrainingProcess:
    """Runs main.py, keeps its output, and kills it when the `with` block ends.

    Attributes:
      workdir: of the run.
      text: the last 200,000 characters that it printed.
      process: the child.
    """

    def __init__(self, workdir: pathlib.Path, log: pathlib.Path, steps: float = 1e6) -> None:
        """Starts the program.

        Args:
          workdir: of the run.
          log: file to append the output to; compiled programs are cached beside it.
          steps: after which training ends.
        """
        self.workdir, self.text = workdir, ""
        command = [sys.executable, "main.py", *_EXPERIMENT, f"--workdir={workdir}"]
        command.append(f"--config.total_kimg={(steps - 0.5) * BATCH_SIZE / 1000}")
        env = {"JAX_COMPILATION_CACHE_DIR": str(log.parent / "xla")} | os.environ
        env |= {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1"}
        # A pipe and not a file: a full disk for the child must not silence it.
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
        )
        self._reader = threading.Thread(target=self._read, args=(log,), daemon=True)
        self._reader.start()

    def __enter__(self) -> "TrainingProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self.kill()

    def _read(self, log: pathlib.Path) -> None:
        with open(log, "a") as f:
            for line in self.process.stdout:
                line = line.decode(errors="replace")
                self.text = (self.text + line)[-200_000:]
                f.write(line)

    def wait_until(self, what: str, condition: Callable[[], object], poll_s: float = 0.02) -> None:
        """Waits for something that must come while the program runs.

        Raises:
          NotSurvived: the program ended first, or it did not come in time.
        """
        end = time.monotonic() + _TIMEOUT_S
        while not condition():
            if self.process.poll() is not None:
                raise NotSurvived(f"the job ended with {self.process.returncode} before {what}")
            if time.monotonic() > end:
                raise NotSurvived(f"{what} did not come within {_TIMEOUT_S:g} s")
            time.sleep(poll_s)

    def wait_code(self, expected: int) -> None:
        """Waits for the program to end.

        Raises:
          NotSurvived: it did not end in time, or with another exit code.
        """
        try:
            code = self.process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise NotSurvived(f"the job did not end within {_TIMEOUT_S:g} s") from None
        self._reader.join()
        if code != expected:
            raise NotSurvived(f"the job ended with {code} instead of {expected}")

    def kill(self) -> None:
        """Sends SIGKILL and reads the output to its end."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def limit_files(self, size: int) -> None:
        """Makes writes beyond `size` bytes of a file fail, as on a full disk; -1: no limit."""
        hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(
            self.process.pid, resource.RLIMIT_FSIZE, (hard if size < 0 else size, hard)
        )

    def last_step(self) -> int:
        """Returns the last step in metrics.jsonl, or -1 where there is none."""
        with contextlib.suppress(OSError), open(self.workdir / "metrics.jsonl", "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - 8192))
            if steps := re.findall(rb'"step": (\d+)', f.read()):
                return int(steps[-1])
        return -1

    def newest_sealed_step(self) -> int:
        """Returns the newest sealed step, or 0 where there is none."""
        return max(checkpoint.sealed_steps(self.workdir), default=0)
