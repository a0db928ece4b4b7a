"""The mesh, and how batches and state lie on it: a batch by rows over `data`, the state replicated."""

import collections
import ctypes
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

AXIS = "data"


def setup_host_devices(batch_size: int | None, num_processes: int = 1) -> None:
    """Splits the CPU backend into one device per core; to be called before any use of jax's backends.

    One CPU device keeps 1.4-1.8 of two cores busy on these networks, two devices in data parallel keep both
    (`python -m benchmarks.step_time --host`). Without effect on GPUs and TPUs, or where JAX_NUM_CPU_DEVICES
    is set. At least eight samples stay on a device.

    Args:
      batch_size: of the config; None is taken as its smallest automatic value, 32.
      num_processes: of the job, each taken to have this machine's cores to itself.
    """
    if "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    devices = 1
    while 2 * devices <= cores and (batch_size or 32) % (16 * devices * num_processes) == 0:
        devices *= 2
    jax.config.update("jax_num_cpu_devices", devices)


def setup_host_memory() -> None:
    """Lets the C library keep memory that was freed; to be called before any thread is started.

    XLA's CPU backend allocates the temporaries of a step anew each time. By default glibc gives such blocks
    back at once, and the kernel clears their pages again in the next step: 190,000 page faults at 64 px and a
    fifth of the step's time (`python -m benchmarks.step_time --host`). Now the process stays at its peak. One
    arena, because the others are too small for such blocks. Without effect on other C libraries.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        trim_threshold, mmap_max, arena_max = -1, -4, -8  # malloc.h
        mallopt(trim_threshold, -1)  # never give back
        mallopt(mmap_max, 0)  # never map a block of its own
        mallopt(arena_max, 1)


def setup_compilation_cache() -> None:
    """Keeps compiled programs between runs, unless JAX_COMPILATION_CACHE_DIR says where or is empty."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        jax.config.update("jax_compilation_cache_dir", os.path.join(root, "emoji_gan", "xla"))
    # The hundred small programs of a start as well: 15 s instead of 20 s of a small DCGAN's.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def make_mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """All devices (or those given) in one axis.

    Auto axes: under explicit ones every reshape of the batch would have to name its sharding.
    """
    devices = jax.devices() if devices is None else devices
    slices = len({getattr(d, "slice_index", 0) for d in devices})
    if devices[0].platform == "tpu" and slices > 1:  # jax.make_mesh takes TPUs of one slice only
        laid_out = mesh_utils.create_hybrid_device_mesh((len(devices) // slices,), (slices,), devices)
        return Mesh(laid_out, (AXIS,), axis_types=(AxisType.Auto,))
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of the state."""
    return NamedSharding(mesh, P())


def replicate(mesh: Mesh, tree: Any) -> Any:
    """Arrays that every process has made alike, as one of the whole job on all devices."""
    if jax.process_count() == 1:
        return jax.device_put(tree, replicated(mesh))
    sharding = replicated(mesh)

    def one(x):
        here = np.asarray(x)
        return jax.make_array_from_callback(here.shape, sharding, lambda index: here[index])

    return jax.tree.map(one, tree)


def readable(f: Callable, mesh: Mesh) -> Callable:
    """Jits `f` so that every process can read all it returns."""
    return jax.jit(f, out_shardings=replicated(mesh))


def over_batch(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch: its rows over the devices."""
    return NamedSharding(mesh, P(AXIS))


def global_batch(mesh: Mesh, local: dict[str, Any]) -> dict[str, Any]:
    """This process's rows of a batch, as arrays of the global batch."""
    sharding = over_batch(mesh)
    return jax.tree.map(lambda v: jax.make_array_from_process_local_data(sharding, v), local)


class Prefetch:
    """Iterates over global batches, `depth` of them on the devices ahead of use.

    Attributes:
      wait_seconds: how long `next` has blocked on the input so far.
    """

    def __init__(self, mesh: Mesh, batches: Iterable[dict[str, Any]], depth: int = 2):
        self._mesh, self._source = mesh, iter(batches)
        self._queue: collections.deque[dict[str, Any]] = collections.deque()
        self._depth = depth
        self.wait_seconds = 0.0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        start = time.perf_counter()
        while len(self._queue) < self._depth:
            self._queue.append(global_batch(self._mesh, next(self._source)))
        self.wait_seconds += time.perf_counter() - start
        return self._queue.popleft()
