"""Sets this machine up before JAX starts: CPU devices, memory, the compilation cache."""

import ctypes
import functools
import os
from collections.abc import Callable

import jax
import jax.monitoring

_COMPILED = "/jax/core/compile/backend_compile_duration"  # as JAX names it
_LONG_S = 0.5  # of a compilation that leaves much behind; a training step's takes many seconds


def setup_host_devices(batch_size: int | None, num_processes: int = 1) -> None:
    """Splits the CPU backend into one device per core; call it before any use of jax's backends.

    One CPU device keeps 1.4-1.8 of two cores busy on these networks, two devices in data parallel
    keep both (`python -m benchmarks.step_time --host`). Without effect on GPUs and TPUs, or where
    JAX_NUM_CPU_DEVICES is set. At least eight samples stay on a device.

    Args:
      batch_size: of the config; None is taken as its smallest automatic value, 32.
      num_processes: of the job, each taken to have this machine's cores to itself.
    """
    if "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    devices = 1
    while 2 * devices <= cores and (batch_size or 32) % (16 * devices * num_processes) == 0:
        devices *= 2
    jax.config.update("jax_num_cpu_devices", devices)


def setup_host_memory() -> None:
    """Lets the C library keep memory that was freed; call it before any thread is started.

    XLA's CPU backend allocates the temporaries of a step anew each time. By default glibc gives
    such blocks back at once, and the kernel clears their pages again in the next step: 190,000 page
    faults at 64 px and a fifth of the step's time (`python -m benchmarks.step_time --host`). Now
    the process stays at its peak; only what the compiler freed is given back, 670 MiB for a flow of
    32 px (`python -m benchmarks.speed.training_memory`). One arena, because the others are too
    small for such blocks. Without effect on other C libraries.
    """
    c_library = ctypes.CDLL(None)
    mallopt, malloc_trim = (getattr(c_library, f, None) for f in ("mallopt", "malloc_trim"))
    if mallopt and malloc_trim:
        trim_threshold, mmap_max, arena_max = -1, -4, -8  # malloc.h
        mallopt(trim_threshold, -1)  # never give back by itself
        mallopt(mmap_max, 0)  # never map a block of its own
        mallopt(arena_max, 1)
        jax.monitoring.register_event_duration_secs_listener(
            functools.partial(_give_back_after_compiling, malloc_trim)
        )


def _give_back_after_compiling(
    malloc_trim: Callable[[int], int], event: str, seconds: float, **details: object
) -> None:
    """Listens to JAX, which reports how long each part of a compilation took."""
    del details
    if event == _COMPILED and seconds > _LONG_S:
        malloc_trim(0)


def setup_compilation_cache() -> None:
    """Keeps compiled programs between runs, in the cache directory of the user.

    JAX_COMPILATION_CACHE_DIR names another directory; where it is empty, nothing is kept.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        jax.config.update("jax_compilation_cache_dir", os.path.join(root, "emoji_gan", "xla"))
    # The hundred small programs of a start are kept as well: a small DCGAN starts in 15 s, not 20.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
