"""Measures how fast a run is, how long it still takes, and how much memory it holds."""

import collections
import math
import resource
import sys
import time

import jax
from absl import logging

Scalars = dict[str, float]


class Progress:
    """Measures images/s, seconds per kimg and time left, as scalars and as one line on the console.

    Replaces clu's ReportProgress, which counts steps/s on a timer of its own: here the figures are
    of the same images, and at the same points, as the losses that they are written with.
    """

    def __init__(self, step: int, total_steps: int, batch_size: int) -> None:
        """Starts the clock at `step`."""
        self._total, self._batch_size = total_steps, batch_size
        # (time.monotonic(), step, seconds waited for data) at each call.
        self._marks = collections.deque([(time.monotonic(), step, 0.0)], maxlen=20)
        self._compiled = False

    def scalars(self, step: int, wait_seconds: float) -> Scalars:
        """Measures since the last call.

        Args:
          step: training steps done.
          wait_seconds: waited for data so far, in all.

        Returns:
          progress/images_per_second, progress/seconds_per_kimg, progress/data_wait (fraction of
          the time, in [0, 1]), progress/hours_left (by the rate of the last 20 calls without the
          first, which compiles).
        """
        now = (time.monotonic(), step, wait_seconds)
        seconds, images, wait = self._since(self._marks[-1], now)
        if self._compiled or len(self._marks) == 1:
            self._marks.append(now)
        else:  # the second call: forget the interval of the compilation
            self._marks = collections.deque([self._marks[-1], now], maxlen=self._marks.maxlen)
            self._compiled = True
        recent_seconds, recent_images, _ = self._since(self._marks[0], now)
        left = (self._total - step) * self._batch_size * recent_seconds / recent_images
        kimg, total_kimg = step * self._batch_size / 1000, self._total * self._batch_size / 1000
        logging.info(
            "%.1f of %.1f kimg (%.1f %%): %.1f images/s, %.2f s/kimg, %.1f %% waiting for data, "
            "ETA %s",
            kimg,
            total_kimg,
            100 * step / self._total,
            images / seconds,
            1000 * seconds / images,
            100 * wait / seconds,
            _duration(left),
        )
        return {
            "progress/images_per_second": images / seconds,
            "progress/seconds_per_kimg": 1000 * seconds / images,
            "progress/data_wait": wait / seconds,
            "progress/hours_left": left / 3600,
        }

    def _since(
        self, old: tuple[float, int, float], new: tuple[float, int, float]
    ) -> tuple[float, int, float]:
        """Returns seconds, images and seconds of waiting between two marks."""
        seconds, steps, wait = (b - a for a, b in zip(old, new, strict=True))
        return max(seconds, 1e-9), max(steps, 1) * self._batch_size, wait


def _duration(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def host_memory_mib() -> float:
    """Returns the most memory this process has held so far (peak resident set), MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere


def device_memory_mib() -> float:
    """Returns the most memory held so far on the fullest local device, MiB; on CPU, held now."""
    devices = jax.local_devices()
    stats = [device.memory_stats() for device in devices]
    if all(stats):
        return max(s.get("peak_bytes_in_use", s.get("bytes_in_use", 0)) for s in stats) / 2**20
    held = collections.Counter()
    for array in jax.live_arrays():
        for shard in array.addressable_shards:
            held[shard.device] += shard.data.nbytes
    return max(held.values(), default=0) / 2**20
