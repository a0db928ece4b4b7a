"""Times the convolutions of `emoji_gan.ops.convolution`: CPU forms against plain lax.

    python -m benchmarks.ops

For each layer of the 32 px "tiny" networks: forward plus both gradients, batch 16, float32, one CPU
device, the two forms interleaved. The figure is the median CPU time of a call, the ratio that of
CPU forms to plain ones.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from emoji_gan.ops import convolution


@dataclasses.dataclass(frozen=True)
class Layer:
    """Describes a convolution of the networks.

    Attributes:
      name: as printed.
      op: the operation of `emoji_gan.ops.convolution`.
      px: side of the input.
      inputs: channels.
      outputs: channels.
      kernel: side of the kernel.
    """

    name: str
    op: Callable[[jax.Array, jax.Array], jax.Array]
    px: int
    inputs: int
    outputs: int
    kernel: int


LAYERS = (
    Layer("conv 3x3", convolution.conv2d, 32, 64, 64, 3),
    Layer("conv 3x3", convolution.conv2d, 16, 64, 64, 3),
    Layer("up 3x3", convolution.conv2d_up, 16, 64, 64, 3),
    Layer("down 3x3", convolution.conv2d_down, 32, 64, 64, 3),
    Layer("down 1x1", convolution.conv2d_down, 32, 64, 64, 1),
    Layer("conv 1x1", convolution.conv2d, 32, 64, 64, 1),
)


def gflop(layer: Layer, y: jax.Array) -> float:
    """Counts the GFLOP of a layer and both gradients, given its output [n h w c]."""
    batch, height, width, _ = y.shape
    weights = layer.kernel**2 * layer.inputs * layer.outputs
    total = 3 * 2 * batch * height * width * weights / 1e9
    # A transposed convolution works on its input, a quarter as large.
    return total / 4 if layer.op is convolution.conv2d_up else total


def with_gradients(
    op: Callable[[jax.Array, jax.Array], jax.Array],
) -> Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    """Returns a function that computes an operation and both its gradients."""

    def gradients(x: jax.Array, w: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
        y, pull = jax.vjp(op, x, w)
        return y, *pull(g)

    return gradients


def milliseconds(layer: Layer, batch: int, turns: int) -> tuple[dict[str, float], jax.Array]:
    """Returns the median CPU milliseconds of each form, and the output of the layer."""
    x = jax.random.normal(jax.random.key(0), (batch, layer.px, layer.px, layer.inputs))
    shape = (layer.kernel, layer.kernel, layer.inputs, layer.outputs)
    w = jax.random.normal(jax.random.key(1), shape)
    y = layer.op(x, w)
    programs = {}
    for kind in ("cpu", "plain"):
        with convolution.forms(kind):
            programs[kind] = jax.jit(with_gradients(layer.op)).lower(x, w, y).compile()
    ms = {kind: [] for kind in programs}
    for _ in range(turns):
        for kind, program in programs.items():
            start = time.process_time()
            jax.block_until_ready(program(x, w, y))
            ms[kind].append((time.process_time() - start) * 1e3)
    return {kind: statistics.median(v) for kind, v in ms.items()}, y


def main() -> None:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--turns", type=int, default=9)
    args = p.parse_args()
    jax.config.update("jax_num_cpu_devices", 1)
    for layer in LAYERS:
        median, y = milliseconds(layer, args.batch, args.turns)
        print(
            f"{layer.name:9s} {layer.px:3d} px {layer.inputs:3d}->{layer.outputs:3d}  "
            f"cpu {median['cpu']:7.1f} ms "
            f"({gflop(layer, y) / median['cpu'] * 1e3:5.0f} GFLOP/s)  "
            f"plain {median['plain']:7.1f} ms  ratio {median['cpu'] / median['plain']:.2f}"
        )
        assert jnp.isfinite(y).all()


if __name__ == "__main__":
    main()
