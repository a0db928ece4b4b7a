"""Time of a StyleGAN2 training iteration against the official PyTorch code, interleaved on this machine.

    python -m benchmarks.step_time --reference=CHECKOUT --reference_python=PYTHON --resolution=32 --width=tiny

CHECKOUT is a copy of stylegan2-ada-pytorch and PYTHON an interpreter with torch, numpy and requests.
Without --reference only ours is timed; `--host` times it against itself on one CPU device and with freed
memory given back to the system (`sharding.setup_host_memory`). An iteration is a G and a D step plus its
share of the lazy regularisers (path length every 4, R1 every 16), on the same network, batch and float32
images; augmentation and composite off on both sides unless `--ada` (then p = 0.3 on both). The programs live
side by side and take turns, one cycle of 16 iterations each; the figure is the median over cycles, the ratio
the median of each turn's ours / better of theirs (NCHW, channels_last). `ratio_kept` counts two more of
theirs, which keep freed memory as ours does: PyTorch does not by itself.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
WIDTHS = {"tiny": (2048, 64), "small": (4096, 128)}  # channel_base, channel_max
CYCLE = 16  # iterations: every lazy regulariser runs its share
# The same three settings as sharding.setup_host_memory, as glibc reads them at the start of a program.
KEEP_FREED = {"MALLOC_TRIM_THRESHOLD_": str(2**62), "MALLOC_MMAP_MAX_": "0", "MALLOC_ARENA_MAX": "1"}


class Peer:
    """A program that runs one cycle for every line it reads and answers its milliseconds an iteration."""

    def __init__(self, name: str, command: list[str], env: dict[str, str] | None = None):
        self.name, self.ms = name, []
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | (env or {})
        )
        self._answer()  # compiled and warm

    def _answer(self) -> float:
        for line in self._process.stdout:
            if line.startswith("ms "):
                return float(line.split()[1])
        sys.exit(f"error: {self.name} ended with code {self._process.wait()}; its message is above")

    def turn(self) -> float:
        """Runs a cycle; returns its ms an iteration."""
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        self.ms.append(self._answer())
        return self.ms[-1]

    def close(self) -> None:
        """Ends the program."""
        self._process.stdin.close()
        self._process.wait()


def serve(cycle, seconds) -> None:
    """The other end of `Peer`, for a function that runs a cycle."""
    cycle()
    print("ms 0", flush=True)
    for _ in sys.stdin:
        start = seconds()
        cycle()
        print(f"ms {(seconds() - start) / CYCLE * 1e3:.1f}", flush=True)


def ours(args: argparse.Namespace) -> None:
    """Runs this project's step as a peer."""
    import time

    import jax
    import numpy as np

    from configs import default
    from emoji_gan import config as config_lib
    from emoji_gan import sharding
    from emoji_gan.methods import gan

    if not args.give_back:
        sharding.setup_host_memory()
    sharding.setup_host_devices(args.batch)
    sharding.setup_compilation_cache()
    config = default.get_config()
    config.batch_size, config.data.resolution = args.batch, args.resolution
    config.model.channel_base, config.model.channel_max = WIDTHS[args.width]
    config.model.composite = bool(args.ada)
    config.augment.target, config.augment.p_init = 0.0, 0.3
    if not args.ada:
        for k, v in config.augment.items():
            if isinstance(v, float) and k not in ("target", "kimg", "p_init", "p_max"):
                config.augment[k] = 0.0
    mesh = sharding.make_mesh()
    config = config_lib.resolve(config, mesh.size)
    state = jax.device_put(gan.init(config, 0, 0), sharding.replicated(mesh))
    step_fn = gan.make_train_step(config, 0, mesh)
    pixels = np.random.default_rng(0).integers(
        0, 256, (args.batch, args.resolution, args.resolution, 4), np.uint8
    )
    step = 0

    def cycle():
        nonlocal state, step
        for _ in range(CYCLE):
            batch = {
                "image": pixels, "label": np.zeros(args.batch, np.int32),
                "sample": np.arange(step * args.batch, (step + 1) * args.batch, dtype=np.uint32),
            }  # fmt: skip
            state, _ = step_fn(state, sharding.global_batch(mesh, batch), step)
            step += 1
        jax.block_until_ready(state)

    serve(cycle, time.perf_counter)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--reference", help="checkout of stylegan2-ada-pytorch; without it only ours is timed")
    p.add_argument("--reference_python", default=sys.executable, help="interpreter with torch")
    p.add_argument("--resolution", type=int, default=32)
    p.add_argument("--width", choices=WIDTHS, default="tiny")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--turns", type=int, default=5)
    p.add_argument("--ada", action="store_true")
    p.add_argument("--host", action="store_true", help="against itself in other settings of the host")
    p.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--give_back", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.peer:
        ours(args)
        return
    same = [f"--{k}={getattr(args, k)}" for k in ("resolution", "width", "batch")]
    same += ["--ada"] if args.ada else []
    command = [sys.executable, "-m", "benchmarks.step_time", "--peer", *same]
    mine, others = Peer("ours", command), []
    if args.host:
        others.append(Peer("ours, one CPU device", command, {"JAX_NUM_CPU_DEVICES": "1"}))
        others.append(Peer("ours, memory given back", [*command, "--give_back"]))
    kept = {}  # of theirs, those that keep freed memory
    theirs = {}
    if args.reference:
        script = [args.reference_python, str(HERE / "step_time_reference.py"), args.reference]
        base, top = WIDTHS[args.width]
        sizes = [str(v) for v in (args.resolution, args.batch, base, top, int(args.ada))]
        for layout in ("nchw", "channels_last"):
            theirs[layout] = Peer(f"pytorch {layout}", [*script, layout, *sizes])
            kept[layout] = Peer(f"pytorch {layout}, kept memory", [*script, layout, *sizes], KEEP_FREED)
    peers = [mine, *others, *theirs.values(), *kept.values()]
    ratios, ratios_kept = [], []
    for _ in range(args.turns):
        for peer in peers:
            peer.turn()
        if theirs:
            best = min(peer.ms[-1] for peer in theirs.values())
            ratios.append(mine.ms[-1] / best)
            ratios_kept.append(mine.ms[-1] / min(best, *(peer.ms[-1] for peer in kept.values())))
    for peer in peers:
        ms = statistics.median(peer.ms)
        print(f"{peer.name:34s} {ms:8.0f} ms/iteration  {args.batch / ms * 1e3:7.1f} images/s  {peer.ms}")
        peer.close()
    summary = {"resolution": args.resolution, "width": args.width, "batch": args.batch, "ada": args.ada}
    summary |= {peer.name: statistics.median(peer.ms) for peer in peers}
    if ratios:
        summary["ratio"] = round(statistics.median(ratios), 3)
        summary["ratio_kept"] = round(statistics.median(ratios_kept), 3)
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
