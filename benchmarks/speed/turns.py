"""Times programs that live side by side and take turns, all others stopped meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

# The same three settings as `emoji_gan.runtime.host.setup_host_memory`, as glibc reads them at the
# start of a program.
KEEP_FREED = {
    "MALLOC_TRIM_THRESHOLD_": str(2**62),
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_ARENA_MAX": "1",
}


class Peer:
    """Runs a program that times one cycle for every line it reads; see `serve`.

    Between its turns it is stopped: threads of PyTorch that wait for work keep a core busy.

    Attributes:
      name: of the program.
      ms: milliseconds an iteration, of each turn so far.
      facts: values that it printed besides, by their first word.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        env: dict[str, str] | None = None,
        *,
        folder: str | None = None,
    ) -> None:
        """Starts the program, in a folder or here, and waits until it is compiled and warm."""
        self.name = name
        self.ms: list[float] = []
        self.facts: dict[str, str] = {}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (env or {}),
            cwd=folder,
        )
        self._answer()

    def _answer(self) -> float:
        for line in self._process.stdout:
            word, _, value = line.partition(" ")
            if word == "ms":
                self._process.send_signal(signal.SIGSTOP)
                return float(value)
            self.facts[word] = value.strip()
        sys.exit(f"error: {self.name} ended with code {self._process.wait()}; its message is above")

    def turn(self) -> float:
        """Runs a cycle; returns its milliseconds an iteration."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        self.ms.append(self._answer())
        return self.ms[-1]

    def close(self) -> None:
        """Ends the program."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.close()
        self._process.wait()


def serve(cycle: Callable[[], object], iterations: int) -> None:
    """Answers a `Peer` on the other side: times `cycle`, which runs so many iterations."""
    cycle()
    print("ms 0", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        cycle()
        print(f"ms {(time.perf_counter() - start) / iterations * 1e3:.1f}", flush=True)
