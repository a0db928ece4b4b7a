"""Makes the mesh and lays arrays out on it: a batch by its rows, the state replicated."""

import collections
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from emoji_gan.ops import DEVICE_AXIS as AXIS


def make_mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """Returns a mesh of all devices (or those given) in one axis.

    Auto axes: under explicit ones every reshape of the batch would have to name its sharding.
    """
    devices = jax.devices() if devices is None else devices
    slices = len({getattr(d, "slice_index", 0) for d in devices})
    if devices[0].platform == "tpu" and slices > 1:  # jax.make_mesh takes TPUs of one slice only
        laid_out = mesh_utils.create_hybrid_device_mesh(
            (len(devices) // slices,), (slices,), devices
        )
        return Mesh(laid_out, (AXIS,), axis_types=(AxisType.Auto,))
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of the state: all of it on every device."""
    return NamedSharding(mesh, P())


def replicate(mesh: Mesh, tree: Any) -> Any:
    """Returns arrays of the whole job, on all devices, of arrays that every process has made alike.

    Args:
      mesh: of the job.
      tree: a pytree of arrays, the same on every process.
    """
    if jax.process_count() == 1:
        return jax.device_put(tree, replicated(mesh))
    sharding = replicated(mesh)

    def on_all_devices(x: jax.Array | np.ndarray) -> jax.Array:
        local = np.asarray(x)
        return jax.make_array_from_callback(local.shape, sharding, lambda index: local[index])

    return jax.tree.map(on_all_devices, tree)


def readable(f: Callable, mesh: Mesh) -> Callable:
    """Jits `f` so that every process can read all it returns."""
    return jax.jit(f, out_shardings=replicated(mesh))


def over_batch(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of a batch: its rows over the devices."""
    return NamedSharding(mesh, P(AXIS))


def global_batch(mesh: Mesh, local: dict[str, Any]) -> dict[str, Any]:
    """Returns arrays of the global batch, made of the rows of each process."""
    sharding = over_batch(mesh)
    return jax.tree.map(lambda v: jax.make_array_from_process_local_data(sharding, v), local)


class Prefetch:
    """Iterates over global batches, `depth` of them on the devices ahead of use.

    Attributes:
      wait_seconds: how long `next` has blocked on the input so far.
    """

    def __init__(self, mesh: Mesh, batches: Iterable[dict[str, Any]], depth: int = 2) -> None:
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
