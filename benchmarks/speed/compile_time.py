"""Times the first step of each `:cpu` config, with an empty and a full compilation cache.

    python -m benchmarks.speed.compile_time                  # all configs
    python -m benchmarks.speed.compile_time --config=r3gan

Each measurement is a process of its own. Every program that a step may run is traced, compiled (or
read from the cache) and run once, on one device a core. Imports and initial weights are not
counted. The goal is 60 s with an empty cache on two idle cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

CONFIGS = ("stylegan", "dcgan", "wgan_gp", "r3gan", "flow")


def first_step(name: str) -> dict[str, float]:
    """Returns the seconds of the first run of each program of a config's step."""
    import jax
    import numpy as np

    from emoji_gan import conditions, methods
    from emoji_gan.runtime import config as config_lib
    from emoji_gan.runtime import host
    from emoji_gan.runtime import mesh as mesh_lib

    config = config_lib.load(f"configs/{name}.py:cpu")
    host.setup_host_memory()
    host.setup_host_devices(config.batch_size)
    host.setup_compilation_cache()
    mesh = mesh_lib.make_mesh()
    config = methods.resolve(config, mesh.size)
    spec = conditions.NONE
    method, b, res = methods.load(config.method), config.batch_size, config.data.resolution
    state = jax.device_put(method.init(config, spec, 0), mesh_lib.replicated(mesh))
    rows = {
        "image": np.zeros((b, res, res, 4), np.uint8),
        "condition": spec.none(b),
        "sample": np.arange(b, dtype=np.uint32),
    }
    batch = mesh_lib.global_batch(mesh, rows)
    jax.block_until_ready((state, batch))
    seconds = {}
    for name, program in method.train_step(config, spec, mesh).programs.items():
        start = time.perf_counter()
        state, _ = program.run(state, batch)
        jax.block_until_ready(state)
        seconds[name] = round(time.perf_counter() - start, 1)
    return seconds


def run_first_step(name: str, cache: str) -> dict[str, float]:
    """Runs `first_step` in a process of its own.

    Args:
      name: of the config.
      cache: folder of compiled programs.

    Raises:
      SystemExit: the process failed.
    """
    module = "benchmarks.speed.compile_time"
    command = [sys.executable, "-m", module, f"--config={name}", "--child"]
    env = os.environ | {"JAX_COMPILATION_CACHE_DIR": cache}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        sys.exit(f"error: {name} ended with code {done.returncode}; its message is above")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--config", choices=CONFIGS, help="only this one")
    p.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.child:
        print(json.dumps(first_step(args.config)))
        return
    for name in (args.config,) if args.config else CONFIGS:
        with tempfile.TemporaryDirectory() as cache:
            for state in ("cold", "warm"):
                seconds = run_first_step(name, cache)
                total = sum(seconds.values())
                print(f"{name}:cpu {state:4s} {total:6.1f} s  {seconds}", flush=True)


if __name__ == "__main__":
    main()
