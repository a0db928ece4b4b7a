"""Time of a training iteration of each method against PyTorch, interleaved on this machine.

    python -m benchmarks.step_time --method=r3gan --reference=CHECKOUT --reference_python=PYTHON --width=tiny

PYTHON is an interpreter with torch (numpy, scipy and requests for the official code); without it
only ours is timed. CHECKOUT is a copy of stylegan2-ada-pytorch (`stylegan2`) or R3GAN (`r3gan`);
DCGAN and WGAN-GP are measured against plain PyTorch (torch_dcgan.py), flow matching against
nothing. `--host` times ours against itself on one CPU device and with freed memory given back to
the system (`sharding.setup_host_memory`).

An iteration is all that a step of the run is, with its share of lazy regularisers (StyleGAN2: path
length every 4, R1 every 16) or of G's steps (WGAN-GP), on the same network, batch and float32
images; augmentation and composite off on both sides unless `--ada` (StyleGAN2; then p = 0.3 on
both). The programs take turns, a cycle each, all others stopped meanwhile; the figure is the median
over turns, the ratio the median of each turn's ours / better of theirs (NCHW, channels_last).
`ratio_kept` counts two more of theirs, which keep freed memory as ours does: PyTorch does not by
itself. GFLOP are those of ours in plain forms before compilation, the same for all; the peak is the
best product of two matrices in numpy.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time

import numpy as np

WIDTHS = {  # fields of config.model; tiny is the size of the `:cpu` variants
    "stylegan2": {
        "tiny": {"channel_base": 2048, "channel_max": 64},
        "small": {"channel_base": 4096, "channel_max": 128},
    },
    "dcgan": {"tiny": {"width": 32}, "small": {"width": 64}},
    "wgan_gp": {"tiny": {"width": 32}, "small": {"width": 64}},
    "r3gan": {
        "tiny": {"width": 48, "groups": 6, "blocks": 1},
        "small": {"width": 96, "groups": 12, "blocks": 1},
    },
    "flow": {
        "tiny": {"width": 32, "multipliers": (1, 2, 2), "blocks": 1},
        "small": {"width": 64, "multipliers": (1, 2, 2), "blocks": 2},
    },
}
OFFICIAL = ("stylegan2", "r3gan")  # measured against a checkout
CYCLE = {
    "stylegan2": 16,
    "dcgan": 40,
    "wgan_gp": 20,
    "r3gan": 8,
    "flow": 10,
}  # iterations; regularisers have their share
CRITIC_STEPS = 5
# The same three settings as sharding.setup_host_memory, as glibc reads them at the start of a
# program.
KEEP_FREED = {
    "MALLOC_TRIM_THRESHOLD_": str(2**62),
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_ARENA_MAX": "1",
}


class Peer:
    """A program that runs one cycle for every line it reads and answers its milliseconds an iteration.

    Between its turns it is stopped: threads of PyTorch that wait for work keep a core busy.
    """

    def __init__(self, name: str, command: list[str], env: dict[str, str] | None = None):
        self.name, self.ms, self.said = name, [], {}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (env or {}),
        )
        self._answer()  # compiled and warm

    def _answer(self) -> float:
        for line in self._process.stdout:
            word, _, value = line.partition(" ")
            if word == "ms":
                self._process.send_signal(signal.SIGSTOP)
                return float(value)
            self.said[word] = value.strip()
        sys.exit(f"error: {self.name} ended with code {self._process.wait()}; its message is above")

    def turn(self) -> float:
        """Runs a cycle; returns its ms an iteration."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        self.ms.append(self._answer())
        return self.ms[-1]

    def close(self) -> None:
        """Ends the program."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.close()
        self._process.wait()


def serve(cycle, iterations: int) -> None:
    """The other end of `Peer`, for a function that runs a cycle of so many iterations."""
    cycle()
    print("ms 0", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        cycle()
        print(f"ms {(time.perf_counter() - start) / iterations * 1e3:.1f}", flush=True)


def make_config(args: argparse.Namespace):
    """The config of a method at these sizes, unresolved."""
    import importlib

    name = "stylegan" if args.method == "stylegan2" else args.method
    config = importlib.import_module(f"configs.{name}").get_config()
    config.batch_size, config.data.resolution = args.batch, args.resolution
    config.model.update(WIDTHS[args.method][args.width])
    if args.method == "flow":
        return config
    config.model.composite = bool(args.ada)
    if args.method == "r3gan":
        config.schedule.p = (0.0, 0.0)
        config.augment.p_init = 0.0
        return config
    if args.method == "wgan_gp":
        config.loss.critic_steps = CRITIC_STEPS
    config.augment.target, config.augment.p_init = 0.0, 0.3 if args.ada else 0.0
    return config


def ours(args: argparse.Namespace) -> None:
    """Runs this project's step as a peer."""
    import jax

    from emoji_gan import conditions, methods
    from emoji_gan.ops import convolution
    from emoji_gan.runtime import host
    from emoji_gan.runtime import mesh as mesh_lib

    if not args.give_back:
        host.setup_host_memory()
    host.setup_host_devices(args.batch)
    host.setup_compilation_cache()
    config, method = make_config(args), methods.load(args.method)
    mesh = mesh_lib.make_mesh()
    config = methods.resolve(config, mesh.size)
    pixels = np.random.default_rng(0).integers(
        0, 256, (args.batch, args.resolution, args.resolution, 4), np.uint8
    )

    def batch_of(step):
        return {
            "image": pixels,
            "condition": {},
            "sample": np.arange(step * args.batch, (step + 1) * args.batch, dtype=np.uint32),
        }

    with convolution.forms("plain"):
        shapes = jax.eval_shape(lambda: method.init(config, conditions.NONE, 0))
        one = mesh_lib.make_mesh(jax.devices()[:1])
        programs = method.train_step(config, conditions.NONE, one).programs
        flops = {
            k: p.run.lower(shapes, batch_of(0)).cost_analysis()["flops"]
            for k, p in programs.items()
        }
    shares = {"generator": 1 / CRITIC_STEPS}
    if args.method == "stylegan2":
        shares = {"path_length": 1 / config.loss.pl_every, "r1": 1 / config.loss.r1_every}
    print(f"gflop {sum(v * shares.get(k, 1.0) for k, v in flops.items()) / 1e9}", flush=True)

    state = jax.device_put(method.init(config, conditions.NONE, 0), mesh_lib.replicated(mesh))
    step_fn = method.train_step(config, conditions.NONE, mesh)
    step = 0

    def cycle():
        nonlocal state, step
        for _ in range(CYCLE[args.method]):
            state, _ = step_fn(state, mesh_lib.global_batch(mesh, batch_of(step)), step)
            step += 1
        jax.block_until_ready(state)

    serve(cycle, CYCLE[args.method])


def references(args: argparse.Namespace) -> tuple[dict[str, Peer], dict[str, Peer]]:
    """PyTorch in both layouts, as it is and told to keep freed memory."""
    settings = {k: getattr(args, k) for k in ("method", "resolution", "batch", "ada")}
    settings |= {
        "checkout": args.reference,
        "cycle": CYCLE[args.method],
        "critic_steps": CRITIC_STEPS,
        "model": WIDTHS[args.method][args.width],
    }
    if args.method != "stylegan2":
        settings["model"] = settings["model"] | {"z_dim": make_config(args).model.z_dim}
    theirs, kept = {}, {}
    for layout in ("nchw", "channels_last"):
        said = json.dumps(settings | {"layout": layout})
        command = [args.reference_python, "-m", "benchmarks.speed.step_time_reference", said]
        theirs[layout] = Peer(f"pytorch {layout}", command)
        kept[layout] = Peer(f"pytorch {layout}, kept memory", command, KEEP_FREED)
    return theirs, kept


def peak_gflops() -> float:
    """Of this machine in float32: the fastest of some products of two matrices."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    seconds = []
    for _ in range(8):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(seconds) / 1e9


def main() -> None:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--method", choices=WIDTHS, default="stylegan2")
    p.add_argument("--reference", help="checkout of stylegan2-ada-pytorch or R3GAN")
    p.add_argument(
        "--reference_python", help="interpreter with torch; without it only ours is timed"
    )
    p.add_argument("--resolution", type=int, default=32)
    p.add_argument("--width", choices=("tiny", "small"), default="tiny")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--turns", type=int, default=5)
    p.add_argument("--ada", action="store_true")
    p.add_argument(
        "--host", action="store_true", help="against itself in other settings of the host"
    )
    p.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--give_back", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.ada and args.method != "stylegan2":
        p.error("--ada is for --method=stylegan2")
    if args.reference and not args.reference_python:
        args.reference_python = sys.executable
    if args.reference_python and args.method == "flow":
        p.error("there is no reference for --method=flow")
    if args.reference_python and bool(args.reference) != (args.method in OFFICIAL):
        p.error(f"--reference=CHECKOUT is needed for {' and '.join(OFFICIAL)}, and only there")
    if args.peer:
        ours(args)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no stopped program is left
    peak = peak_gflops()
    same = [f"--{k}={getattr(args, k)}" for k in ("method", "resolution", "width", "batch")]
    same += ["--ada"] if args.ada else []
    command = [sys.executable, "-m", "benchmarks.step_time", "--peer", *same]
    mine, others = Peer("ours", command), []
    if args.host:
        others.append(Peer("ours, one CPU device", command, {"JAX_NUM_CPU_DEVICES": "1"}))
        others.append(Peer("ours, memory given back", [*command, "--give_back"]))
    theirs, kept = references(args) if args.reference_python else ({}, {})
    peers = [mine, *others, *theirs.values(), *kept.values()]
    ratios, ratios_kept = [], []
    try:
        for _ in range(args.turns):
            for peer in peers:
                peer.turn()
            if theirs:
                best = min(peer.ms[-1] for peer in theirs.values())
                ratios.append(mine.ms[-1] / best)
                ratios_kept.append(
                    mine.ms[-1] / min(best, *(peer.ms[-1] for peer in kept.values()))
                )
    finally:
        for peer in peers:
            peer.close()
    gflop = float(mine.said["gflop"])
    print(f"{gflop:.2f} GFLOP/iteration; peak of a matmul {peak:.0f} GFLOP/s")
    for peer in peers:
        ms = statistics.median(peer.ms)
        print(
            f"{peer.name:34s} {ms:8.1f} ms/iteration {args.batch / ms * 1e3:7.1f} images/s "
            f"{gflop / ms * 1e3:6.1f} GFLOP/s  {peer.ms}"
        )
    summary = {k: getattr(args, k) for k in ("method", "resolution", "width", "batch", "ada")}
    summary |= {peer.name: statistics.median(peer.ms) for peer in peers}
    summary |= {"gflop": round(gflop, 3), "peak_gflops": round(peak, 1)}
    if ratios:
        summary["ratio"] = round(statistics.median(ratios), 3)
        summary["ratio_kept"] = round(statistics.median(ratios_kept), 3)
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
