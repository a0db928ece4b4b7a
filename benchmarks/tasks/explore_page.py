"""Measures how soon the explorer answers, how fast it draws, and how much memory it takes.

    python -m benchmarks.tasks.explore_page
    python -m benchmarks.tasks.explore_page --turns=9 --json=explore_page.json

Starts `python -m explore` as a user does, asks it as its page does, and sets each figure beside its
limit, which holds for two cores that do nothing else. Run it twice: the first time on a machine
fills the compilation cache. The peak is that of Linux; elsewhere it is left out.
"""

import argparse
import http.client
import json
import pathlib
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent import futures
from typing import Any

from emoji_gan import errors
from emoji_gan.runtime import paths

ROOT = pathlib.Path(__file__).parents[2]
CANDIDATES, _CLIENTS = 20, 16
LIMITS = {
    "first_answer_s": 5.0,  # from the command to 20 candidates of a phrase
    "candidates_s": 1.0,  # 20 of another phrase, median
    "sixteen_s": 16.0,  # until the last of sixteen clients who ask at once has 20 of theirs
    "sixteen_left_s": 5.0,  # the same of one, when the fifteen before it ask for more and hang up
    "peak_mib": 1024.0,  # after these
    "peak_of_all_mib": 1024.0,  # after variations, crosses, a loop and an SVG, too
    "inversion_s": 10.0,  # of a picture, the second one
    "peak_of_session_mib": 1024.0,  # after inversions, a slider and the nearest real emoji, too
}
_PHRASES = ("smiling cat", "red heart", "old man", "blue car", "angry face", "moon", "dog", "tree")
_POINT = {"seed": 1, "text": "red heart"}
_OTHERS = (
    ("draw", {"items": [{"variation": {"of": {"emoji": "1F355"}, "seed": i}} for i in range(12)]}),
    ("draw", {"items": [{"cross": {"of": [{"emoji": "1F355"}, {"emoji": "1F431"}]}}]}),
    (
        "export",
        {"format": "webp", "wish": {"walk": {"stops": [_POINT, {"seed": 2}]}, "size_px": 128}},
    ),
    ("export", {"format": "svg", "wish": {"items": [_POINT]}}),
)


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("--turns", type=int, default=5, help="phrases that are asked for once warm")
    p.add_argument("--json", type=paths.local, help="write the figures there, too")
    a = p.parse_args(argv)
    figures = measure(a.turns)
    for name, value in figures.items():
        limit = LIMITS[name]
        print(f"{name:20} {value:8.2f}  limit {limit:7.1f}  {'ok' if value < limit else 'ABOVE'}")
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps(figures, indent=2))
    return errors.EXIT_OK


def measure(turns: int) -> dict[str, float]:
    """Returns the figures, by the names of `LIMITS`."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "explore", "--no-browser"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            _candidates(address, "rainbow")
            figures = {"first_answer_s": time.perf_counter() - start}
            seconds = []
            for turn in range(turns):
                start = time.perf_counter()
                _candidates(address, _PHRASES[turn % len(_PHRASES)])
                seconds.append(time.perf_counter() - start)
            figures["candidates_s"] = statistics.median(seconds)
            figures |= _peak("peak_mib", process.pid)
            figures["sixteen_s"] = _sixteen(address)
            figures["sixteen_left_s"] = _left_alone(address)
            for name, body in _OTHERS:
                _post(address, name, body)
            figures |= _peak("peak_of_all_mib", process.pid)
            figures["inversion_s"] = [_inverted(address, name) for name in ("pizza", "cat")][-1]
            _post(address, "draw", {"items": [_POINT | {"moves": {"redder": 1}}]})
            _post(address, "draw", {"items": [_POINT], "nearest": True})
            return figures | _peak("peak_of_session_mib", process.pid)
        finally:
            process.send_signal(signal.SIGINT)


def _candidates(address: str, text: str) -> None:
    events = _post(address, "draw", {"items": [{"seed": i, "text": text} for i in range(20)]})
    assert sum(len(event.get("pictures", ())) for event in events) == CANDIDATES


def _sixteen(address: str) -> float:
    """Returns the seconds until the last of sixteen clients has its candidates."""
    phrases = [_PHRASES[i % len(_PHRASES)] for i in range(_CLIENTS)]
    start = time.perf_counter()
    with futures.ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(lambda text: _candidates(address, text), phrases))
    return time.perf_counter() - start


def _left_alone(address: str) -> float:
    """Returns the seconds of the last of sixteen clients, of whom fifteen hang up in the queue.

    Each of these asks for the variations of an emoji, 48 of them, some seconds of work.
    """
    body = {"items": [{"variation": {"of": {"emoji": "1F355"}, "seed": i}} for i in range(48)]}
    answers = [_open(address, "draw", body) for _ in range(_CLIENTS - 1)]
    start = time.perf_counter()
    with futures.ThreadPoolExecutor(1) as client:
        last = client.submit(_candidates, address, "rainbow")
        time.sleep(0.5)
        for answer in answers:
            answer.close()
        last.result()
    return time.perf_counter() - start


def _inverted(address: str, emoji: str) -> float:
    """Returns the seconds that an inversion takes."""
    picture = _post(address, "emoji", {"text": emoji})[-1]["source"]["picture"]
    start = time.perf_counter()
    _post(address, "draw", {"items": [{"picture": picture}]})
    return time.perf_counter() - start


def _post(address: str, name: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sends a request and returns the events of its answer."""
    with _open(address, name, body) as answer:
        events = [json.loads(line) for line in answer]
    assert "error" not in events[-1], events[-1]
    return events


def _open(address: str, name: str, body: Mapping[str, Any]) -> http.client.HTTPResponse:
    request = urllib.request.Request(f"{address}api/{name}", json.dumps(body).encode())
    return urllib.request.urlopen(request, timeout=600)


def _peak(name: str, pid: int) -> dict[str, float]:
    """Returns the peak of a process's memory, in MiB, where the system says it."""
    status = pathlib.Path(f"/proc/{pid}/status")
    if not status.exists():
        return {}
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return {name: int(lines["VmHWM"].split()[0]) / 1024}


if __name__ == "__main__":
    errors.run(main)
