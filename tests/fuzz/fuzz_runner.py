"""Runs a reader on random cases and watches what it does besides returning."""

import contextlib
import dataclasses
import faulthandler
import os
import pathlib
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator

import hypothesis
from hypothesis import strategies as st

from emoji_gan.trained import official_weights
from input_pipeline.art import rasterise

_BOUND_S = 10.0  # for one case, on a busy machine
_HANG_S = 120.0  # after which the program ends and prints where it hangs


@dataclasses.dataclass(frozen=True)
class Reader:
    """Describes a reader, its input and what it may do with it.

    Attributes:
        cases: draws one case.
        read: takes a case and an empty folder.
        refusals: the errors that the reader documents; their text is one line.
        reads_outside: whether it may read files outside of the folder.
    """

    cases: st.SearchStrategy
    read: Callable[[object, pathlib.Path], None]
    refusals: tuple[type[Exception], ...]
    reads_outside: bool = True


@dataclasses.dataclass
class Result:
    """Sums up what a reader did with all cases.

    Attributes:
        cases: how many were run.
        refused: how many of them ended with a documented error.
        slowest_s: seconds that the slowest case took.
        seconds: of all cases together.
        findings: what was wrong -> the shortest case with that finding, as text.
    """

    cases: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    seconds: float = 0.0
    findings: dict[str, str] = dataclasses.field(default_factory=dict)


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events of Python, https://docs.python.org/3/library/audit_events.html
_CHANGES = {
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
}
_STARTS = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
    "socket.getaddrinfo",
}
_TENSOR_GLOBALS = {
    "OrderedDict",
    "_rebuild_tensor_v2",
    "_rebuild_parameter",
    *official_weights._STORAGES,
}


@dataclasses.dataclass
class _Watch:
    """Notes what the running case may do and what it did beyond that."""

    folder: pathlib.Path
    reads_outside: bool
    violations: list[str] = dataclasses.field(default_factory=list)


_watch: _Watch | None = None  # set while a case runs
_hooked = False


def _is_outside(watch: _Watch, event: str, arguments: tuple) -> bool:
    """Returns whether the event touches a file outside of the folder that it may not touch."""
    path, flags = arguments[0], arguments[-1] if event == "open" else 0
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    path = os.fsdecode(path)
    if path == os.devnull or pathlib.Path(path).is_relative_to(watch.folder):
        return False
    writes = event != "open" or bool((flags or 0) & _WRITES)
    return writes or not watch.reads_outside


def _audit(event: str, arguments: tuple) -> None:
    if _watch is None:
        return
    if event == "open" or event in _CHANGES:
        if _is_outside(_watch, event, arguments):
            _watch.violations.append(f"{event} outside")
    elif event == "subprocess.Popen":
        if str(rasterise._CHILD) not in arguments[1]:
            _watch.violations.append("another process")
    elif event in _STARTS:
        _watch.violations.append(event)
    elif event == "pickle.find_class" and arguments[1] not in _TENSOR_GLOBALS:
        _watch.violations.append(f"looked up {arguments}")


@contextlib.contextmanager
def _watching(folder: pathlib.Path, reads_outside: bool) -> Iterator[list[str]]:
    """Yields the list of violations, which grows while the block runs."""
    global _hooked, _watch
    if not _hooked:
        sys.addaudithook(_audit)  # for good: Python cannot remove a hook
        _hooked = True
    watch = _Watch(folder, reads_outside)
    _watch = watch
    try:
        yield watch.violations
    finally:
        _watch = None


def _run_case(reader: Reader, case: object, result: Result) -> tuple[list[str], float]:
    """Returns the findings of one case and its seconds; counts a refusal in the result."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        folder = pathlib.Path(name).resolve()
        findings, start = [], time.perf_counter()
        faulthandler.dump_traceback_later(_HANG_S, exit=True)
        with _watching(folder, reader.reads_outside) as violations:
            try:
                reader.read(case, folder)
            except reader.refusals as e:
                result.refused += 1
                if len(str(e).splitlines()) != 1:
                    findings.append(f"refused in {len(str(e).splitlines())} lines")
            except Exception as e:
                frame = traceback.extract_tb(e.__traceback__)[-1]
                file = pathlib.Path(frame.filename).name
                findings.append(f"{type(e).__name__} at {file}:{frame.lineno}")
        faulthandler.cancel_dump_traceback_later()
        seconds = time.perf_counter() - start
    return [*findings, *violations], seconds


def run(reader: Reader, cases: int, *, seed: int, bound_s: float = _BOUND_S) -> Result:
    """Runs so many cases (fewer where there are no more); a finding does not end the run."""
    result = Result()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(reader.cases)
    def run_all(case):
        findings, seconds = _run_case(reader, case, result)
        result.cases += 1
        result.slowest_s = max(result.slowest_s, seconds)
        if seconds > bound_s:
            findings.append("took too long")
        for finding in findings:
            shortest = result.findings.get(finding)
            if shortest is None or len(repr(case)) < len(shortest):
                result.findings[finding] = repr(case)

    start = time.perf_counter()
    run_all()
    result.seconds = time.perf_counter() - start
    return result
