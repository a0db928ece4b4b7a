"""Times a training iteration of each method against PyTorch, interleaved on this machine.

    python -m benchmarks.step_time --method=r3gan --width=tiny \
        --reference=CHECKOUT --reference_python=PYTHON

PYTHON is an interpreter with torch (numpy, scipy and requests for the official code); without it
only ours is timed. CHECKOUT is a copy of stylegan2-ada-pytorch (`stylegan2`) or R3GAN (`r3gan`);
DCGAN, WGAN-GP and the masked transformer are measured against plain PyTorch (torch_dcgan.py,
torch_masked.py), flow matching against nothing. `--before` times ours against another checkout of
this project, run by this interpreter; `ratio_before` is the median of each turn's ours / before.
`--host` times ours against itself on one CPU device and with freed memory given back to the system
(`emoji_gan.runtime.host.setup_host_memory`).

An iteration is all that a step of the run is, with its fraction of lazy regularisers (StyleGAN2:
path length every 4, R1 every 16) or of G's steps (WGAN-GP), on the same network, batch and float32
images; augmentation and composite off on both sides unless `--ada` (StyleGAN2; then p = 0.3 on
both). `--penalty` is the form of ours, theirs is exact. The programs take turns, a cycle each, all
others stopped meanwhile; the figure is the median over turns, the ratio the median of each turn's
ours / better of theirs (NCHW, channels_last). `ratio_kept` counts two more of theirs, which keep
freed memory as ours does: PyTorch does not by itself. GFLOP are those of ours in plain forms before
compilation, the same for all; the peak is the best product of two matrices in numpy.
"""

import argparse
import importlib
import json
import signal
import statistics
import sys
import time
from typing import Any

import ml_collections
import numpy as np

from benchmarks.speed.turns import KEEP_FREED, Peer, serve
from emoji_gan import errors
from emoji_gan.runtime import paths

# Fields of config.model; tiny is the size of the `:cpu` variants.
WIDTHS = {
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
    "masked": {
        "tiny": {"width": 128, "heads": 4, "depth": 6},
        "small": {"width": 192, "heads": 6, "depth": 8},
    },
}
OFFICIAL = ("stylegan2", "r3gan")  # measured against a checkout
# Iterations of a turn: regularisers run as often in each as their intervals say.
CYCLE = {
    "stylegan2": 16,
    "dcgan": 40,
    "wgan_gp": 20,
    "r3gan": 8,
    "flow": 10,
    "masked": 6,
}
CRITIC_STEPS = 5


def make_config(args: argparse.Namespace) -> ml_collections.ConfigDict:
    """Returns the unresolved config of a method at the sizes of the command line."""
    name = "stylegan" if args.method == "stylegan2" else args.method
    config = importlib.import_module(f"configs.{name}").get_config()
    config.batch_size, config.data.resolution = args.batch, args.resolution
    config.model.update(WIDTHS[args.method][args.width])
    if args.method in ("flow", "masked"):
        return config
    if args.penalty != "exact":
        config.loss.penalty = args.penalty
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

    def batch_of(step: int) -> dict[str, Any]:
        return {
            "image": pixels,
            "condition": {},
            "sample": np.arange(step * args.batch, (step + 1) * args.batch, dtype=np.uint32),
        }

    print(f"gflop {gflop_of_a_step(config, batch_of(0))}", flush=True)

    state = jax.device_put(method.init(config, conditions.NONE, 0), mesh_lib.replicated(mesh))
    step_fn = method.train_step(config, conditions.NONE, mesh)
    step = 0

    def cycle() -> None:
        nonlocal state, step
        for _ in range(CYCLE[args.method]):
            state, _ = step_fn(state, mesh_lib.global_batch(mesh, batch_of(step)), step)
            step += 1
        jax.block_until_ready(state)

    serve(cycle, CYCLE[args.method])


def gflop_of_a_step(config: ml_collections.FrozenConfigDict, batch: dict[str, Any]) -> float:
    """Counts the GFLOP of a mean step in plain forms, before compilation, on one device.

    Args:
      config: resolved.
      batch: of the config's size.
    """
    import jax

    from emoji_gan import conditions, methods
    from emoji_gan.ops import convolution
    from emoji_gan.runtime import mesh as mesh_lib

    method = methods.load(config.method)
    with convolution.forms("plain"):
        shapes = jax.eval_shape(lambda: method.init(config, conditions.NONE, 0))
        one = mesh_lib.make_mesh(jax.devices()[:1])
        programs = method.train_step(config, conditions.NONE, one).programs
        flops = {
            k: p.run.lower(shapes, batch).cost_analysis()["flops"] for k, p in programs.items()
        }
    runs_per_step = {"generator": 1 / CRITIC_STEPS}
    if config.method == "stylegan2":
        runs_per_step = {"path_length": 1 / config.loss.pl_every, "r1": 1 / config.loss.r1_every}
    return sum(v * runs_per_step.get(k, 1.0) for k, v in flops.items()) / 1e9


def references(args: argparse.Namespace) -> tuple[dict[str, Peer], dict[str, Peer]]:
    """Starts PyTorch in both layouts; returns it as it is, and set to keep freed memory."""
    settings = {k: getattr(args, k) for k in ("method", "resolution", "batch", "ada")}
    settings |= {
        "checkout": args.reference,
        "cycle": CYCLE[args.method],
        "critic_steps": CRITIC_STEPS,
        "model": WIDTHS[args.method][args.width],
    }
    if args.method != "stylegan2":
        settings["model"] = make_config(args).model.to_dict()
    theirs, kept = {}, {}
    for layout in ("nchw", "channels_last"):
        argument = json.dumps(settings | {"layout": layout})
        command = [args.reference_python, "-m", "benchmarks.speed.step_time_reference", argument]
        theirs[layout] = Peer(f"pytorch {layout}", command)
        kept[layout] = Peer(f"pytorch {layout}, kept memory", command, KEEP_FREED)
    return theirs, kept


def peak_gflops() -> float:
    """Measures this machine in float32: the fastest of some products of two matrices."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    seconds = []
    for _ in range(8):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(seconds) / 1e9


def _parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--method", choices=WIDTHS, default="stylegan2")
    p.add_argument(
        "--reference", type=paths.local, help="checkout of stylegan2-ada-pytorch or R3GAN"
    )
    p.add_argument(
        "--reference_python", help="interpreter with torch; without it only ours is timed"
    )
    p.add_argument("--before", type=paths.local, help="another checkout of this project")
    p.add_argument("--resolution", type=int, default=32)
    p.add_argument("--width", choices=("tiny", "small"), default="tiny")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--turns", type=int, default=5)
    p.add_argument("--ada", action="store_true")
    p.add_argument("--penalty", default="exact", help="loss.penalty of ours: exact, finite, random")
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
    return args


def main() -> None:
    """Runs the command line: lets the programs take turns, prints their times."""
    args = _parse()
    if args.peer:
        ours(args)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no stopped program is left
    peak = peak_gflops()
    same = [f"--{k}={getattr(args, k)}" for k in ("method", "resolution", "width", "batch")]
    same += [f"--penalty={args.penalty}"] if args.penalty != "exact" else []
    same += ["--ada"] if args.ada else []
    command = [sys.executable, "-m", "benchmarks.step_time", "--peer", *same]
    mine, others = Peer("ours", command), []
    if args.before:
        others.append(Peer("before", command, folder=args.before))
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
    gflop = float(mine.facts["gflop"])
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
    if args.before:
        pairs = zip(mine.ms, others[0].ms, strict=True)
        summary["ratio_before"] = round(statistics.median(a / b for a, b in pairs), 3)
    if ratios:
        summary["ratio"] = round(statistics.median(ratios), 3)
        summary["ratio_kept"] = round(statistics.median(ratios_kept), 3)
    print(json.dumps(summary))


if __name__ == "__main__":
    errors.run(main)
