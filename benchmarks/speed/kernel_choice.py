"""Times whole training steps under each choice of what XLA's CPU backend runs in YNN kernels.

    python -m benchmarks.speed.kernel_choice --method=dcgan

One process, one CPU device, the 32 px "tiny" networks: the same step compiled with each value of
`benchmarks.speed.convolutions.KERNELS` takes turns of a few steps, in the CPU forms and (`--plain`)
in plain lax. Printed are the median CPU milliseconds of a run of each program, and the median of
the turns' ratios to the first: they hold on a busy machine as well.
"""

import argparse
import statistics
import time
from typing import Any

import jax
import numpy as np

from benchmarks.speed import convolutions, step_times
from emoji_gan import conditions, methods
from emoji_gan.ops import convolution
from emoji_gan.runtime import host
from emoji_gan.runtime import mesh as mesh_lib

_RESOLUTION = 32


def compile_steps(
    method_name: str, batch: int, forms: str
) -> tuple[dict[str, dict[str, Any]], Any, dict[str, Any]]:
    """Compiles the programs of a step with each choice of kernels.

    Returns:
      Executables by kernels and program, the state before the first step, and a batch.
    """
    args = argparse.Namespace(
        method=method_name, batch=batch, resolution=_RESOLUTION, width="tiny", ada=False
    )
    mesh, method = mesh_lib.make_mesh(), methods.load(method_name)
    config = methods.resolve(step_times.make_config(args), mesh.size)
    shape = (batch, _RESOLUTION, _RESOLUTION, 4)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    sample = np.arange(batch, dtype=np.uint32)
    data = mesh_lib.global_batch(mesh, {"image": pixels, "condition": {}, "sample": sample})
    state = jax.device_put(method.init(config, conditions.NONE, 0), mesh_lib.replicated(mesh))
    executables = {}
    for kernels, types in convolutions.KERNELS.items():
        options = {"xla_cpu_experimental_ynn_fusion_type": types} if types else None
        with convolution.forms(forms):
            programs = method.train_step(config, conditions.NONE, mesh).programs
            executables[kernels] = {
                name: p.run.lower(state, data).compile(compiler_options=options)
                for name, p in programs.items()
            }
    return executables, state, data


def main() -> None:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--method", choices=step_times.WIDTHS, default="dcgan")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--turns", type=int, default=15)
    p.add_argument("--steps", type=int, default=8, help="of a turn")
    p.add_argument("--plain", action="store_true", help="plain lax forms as well")
    args = p.parse_args()
    jax.config.update("jax_num_cpu_devices", 1)
    host.setup_host_memory()
    host.setup_compilation_cache()
    executables, states, ms = {}, {}, {}
    for forms in ("cpu", "plain") if args.plain else ("cpu",):
        by_kernels, state, data = compile_steps(args.method, args.batch, forms)
        for kernels, programs in by_kernels.items():
            for program, executable in programs.items():
                executables[program, forms, kernels] = executable
                states[program, forms, kernels] = jax.tree.map(jax.numpy.copy, state)
    for turn in range(args.turns + 1):  # the first warms up
        for key, executable in executables.items():
            start = time.process_time()
            for _ in range(args.steps):
                states[key], _ = executable(states[key], data)
            jax.block_until_ready(states[key])
            if turn:
                ms.setdefault(key, []).append((time.process_time() - start) / args.steps * 1e3)
    for (program, forms, kernels), values in ms.items():
        base = ms[program, "cpu", "default"]
        ratio = statistics.median(a / b for a, b in zip(values, base, strict=True))
        median = statistics.median(values)
        print(f"{program:12s} {forms:6s} {kernels:16s} {median:8.1f} ms  ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
