"""Measures how long the stages of an evaluation take."""

import time


class Clock:
    """Measures the seconds of each stage.

    Attributes:
      laps: seconds of the stages that have ended, by name.
    """

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Ends a stage."""
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now

    def copy(self) -> "Clock":
        """Returns a clock that has the same laps and goes on from now."""
        clock = Clock()
        clock.laps |= self.laps
        return clock
