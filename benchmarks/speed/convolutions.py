"""Convolutions of `emoji_gan.ops.convolution`: the CPU forms against plain lax, interleaved.

    python -m benchmarks.ops

For each layer of the 32 px "tiny" networks: forward plus both gradients, batch 16, float32, one CPU
device. The figure is the median CPU time of a call, the ratio that of CPU forms to plain ones.
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp

from emoji_gan.ops import convolution

LAYERS = [  # name, operation, input px, input and output channels, kernel
    ("conv 3x3", convolution.conv2d, 32, 64, 64, 3),
    ("conv 3x3", convolution.conv2d, 16, 64, 64, 3),
    ("up 3x3", convolution.conv2d_up, 16, 64, 64, 3),
    ("down 3x3", convolution.conv2d_down, 32, 64, 64, 3),
    ("down 1x1", convolution.conv2d_down, 32, 64, 64, 1),
    ("conv 1x1", convolution.conv2d, 32, 64, 64, 1),
]


def main() -> None:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--turns", type=int, default=9)
    args = p.parse_args()
    jax.config.update("jax_num_cpu_devices", 1)
    for name, op, px, ci, co, k in LAYERS:
        x = jax.random.normal(jax.random.key(0), (args.batch, px, px, ci))
        w = jax.random.normal(jax.random.key(1), (k, k, ci, co))
        y = op(x, w)
        programs = {}
        for kind in ("cpu", "plain"):
            with convolution.forms(kind):

                def gradients(x, w, g, op=op):
                    y, pull = jax.vjp(op, x, w)
                    return y, *pull(g)

                programs[kind] = jax.jit(gradients).lower(x, w, y).compile()
        ms = {kind: [] for kind in programs}
        for _ in range(args.turns):
            for kind, program in programs.items():
                start = time.process_time()
                jax.block_until_ready(program(x, w, y))
                ms[kind].append((time.process_time() - start) * 1e3)
        median = {kind: statistics.median(v) for kind, v in ms.items()}
        gflop = 3 * 2 * args.batch * y.shape[1] * y.shape[2] * k * k * ci * co / 1e9
        gflop /= (
            4 if op is convolution.conv2d_up else 1
        )  # a transposed convolution works on its input
        print(
            f"{name:9s} {px:3d} px {ci:3d}->{co:3d}  cpu {median['cpu']:7.1f} ms "
            f"({gflop / median['cpu'] * 1e3:5.0f} GFLOP/s)  "
            f"plain {median['plain']:7.1f} ms  ratio {median['cpu'] / median['plain']:.2f}"
        )
        assert jnp.isfinite(y).all()


if __name__ == "__main__":
    main()
