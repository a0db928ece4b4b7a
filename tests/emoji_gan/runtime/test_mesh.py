"""Devices and batches on them."""

import os
import pathlib
import platform
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from emoji_gan.runtime import host, mesh


@pytest.mark.parametrize(
    ("cores", "batch", "devices"),
    [
        (1, 32, 1),
        (2, 32, 2),
        (3, 32, 2),
        (8, 32, 4),
        (8, 64, 8),
        (2, 16, 2),
        (2, 24, 1),
        (2, 8, 1),
        (64, None, 4),
    ],
)
def test_a_device_a_core_and_at_least_eight_samples(monkeypatch, cores, batch, devices):
    chosen = {}
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    monkeypatch.setattr(jax.config, "update", chosen.__setitem__)
    host.setup_host_devices(batch)
    assert chosen == {"jax_num_cpu_devices": devices}
    host.setup_host_devices(3 * (batch or 32), num_processes=3)  # each has a third of the batch
    assert chosen == {"jax_num_cpu_devices": devices}
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "3")
    chosen.clear()
    host.setup_host_devices(batch)
    assert not chosen


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries have no such setting"
)
def test_freed_memory_is_kept():
    program = """if True:
        import resource, sys
        import numpy as np
        from emoji_gan.runtime import host
        if sys.argv[1] == "keep":
            host.setup_host_memory()
        faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(3):  # the last one meets pages that were touched before
            before = faults()
            np.ones(2**24)
        print(faults() - before)
    """
    kept, given_back = (
        int(
            subprocess.run(
                [sys.executable, "-c", program, how], capture_output=True, check=True
            ).stdout
        )
        for how in ("keep", "give back")
    )
    assert kept < 10 < given_back


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not pathlib.Path("/proc/self/statm").exists(),
    reason="other C libraries have no such setting, other systems no such file",
)
def test_what_a_long_compilation_freed_is_given_back():
    program = """if True:
        import mmap, pathlib
        import jax
        import numpy as np
        from emoji_gan.runtime import host
        host.setup_host_memory()
        host._LONG_S = 0  # as if the smallest program took long
        def resident_mib():
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
            return pages * mmap.PAGESIZE // 2**20
        jax.devices()
        np.ones(2**25)  # 256 MiB, freed at once and kept
        before = resident_mib()
        jax.jit(lambda x: x + 1)(1.0)
        print(before - resident_mib())
    """
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(run.stdout) > 200


def test_prefetch_keeps_the_order_and_counts_the_wait():
    def batches():
        for i in range(5):
            time.sleep(0.05)
            yield {"sample": np.arange(8, dtype=np.uint32) + 8 * i}

    ahead = mesh.Prefetch(mesh.make_mesh(), batches(), depth=2)
    first = next(ahead)["sample"]
    assert len(first.sharding.device_set) == 8
    assert 0.1 <= ahead.wait_seconds < 1  # filled the queue
    rows = [np.asarray(first), *(np.asarray(next(ahead)["sample"]) for _ in range(3))]
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(32))
    assert 0.25 <= ahead.wait_seconds < 2
    before = ahead.wait_seconds
    time.sleep(0.1)  # computing is not waiting
    assert ahead.wait_seconds == before
