"""Times the convolutions of `emoji_gan.ops.convolution`: CPU forms against plain lax.

    python -m benchmarks.ops

For each layer of the 32 px "tiny" networks: forward plus both gradients, batch 16, float32, one CPU
device, under each choice of what XLA's CPU backend hands to its YNN kernels, all interleaved. The
figure is the CPU time of a call: the least of the turns, each some 40 ms of calls, as the clock of
a process lags behind its threads. GFLOP/s are those of a core.
"""

import argparse
import dataclasses
import functools
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
    Layer("down 4x4", convolution.conv4_down, 32, 4, 32, 4),
    Layer("down 4x4", convolution.conv4_down, 16, 32, 64, 4),
    Layer("down 4x4", convolution.conv4_down, 8, 64, 128, 4),
    Layer("up 4x4", convolution.conv4_up, 8, 64, 32, 4),
    Layer("up 4x4", convolution.conv4_up, 4, 128, 64, 4),
)
# Values of xla_cpu_experimental_ynn_fusion_type: what runs in YNN kernels. By default that is
# convolutions, products and sums.
_PREFIX = "LIBRARY_FUSION_TYPE_"
KERNELS = {
    "default": None,
    "no convolutions": f"{_PREFIX}DOT,{_PREFIX}REDUCE",
    "products only": f"{_PREFIX}DOT",
    "elementwise too": ",".join(
        _PREFIX + name for name in ("INDIVIDUAL_CONVOLUTION", "DOT", "REDUCE", "ELTWISE")
    ),
}
_TURN_S = 0.04


def gflop(layer: Layer, y: jax.Array) -> float:
    """Counts the GFLOP of a layer and both gradients, given its output [n h w c]."""
    batch, height, width, _ = y.shape
    weights = layer.kernel**2 * layer.inputs * layer.outputs
    total = 3 * 2 * batch * height * width * weights / 1e9
    # A transposed convolution works on its input, a quarter as large.
    up = layer.op in (convolution.conv2d_up, convolution.conv4_up)
    return total / 4 if up else total


def with_gradients(
    op: Callable[[jax.Array, jax.Array], jax.Array],
) -> Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    """Returns a function that computes an operation and both its gradients."""

    def gradients(x: jax.Array, w: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
        y, pull = jax.vjp(op, x, w)
        return y, *pull(g)

    return gradients


def cpu_ms(call: Callable[[], object]) -> float:
    """Returns the CPU milliseconds of a call, the mean of some 40 ms of calls."""
    calls, start = 0, time.process_time()
    while (spent := time.process_time() - start) < _TURN_S:
        jax.block_until_ready(call())
        calls += 1
    return spent / calls * 1e3


def measure(layer: Layer, batch: int, turns: int) -> tuple[dict[tuple[str, str], float], float]:
    """Times a layer and its gradients.

    Returns:
      The CPU milliseconds by forms and kernels, and the GFLOP.
    """
    x = jax.random.normal(jax.random.key(0), (batch, layer.px, layer.px, layer.inputs))
    shape = (layer.kernel, layer.kernel, layer.inputs, layer.outputs)
    w = jax.random.normal(jax.random.key(1), shape)
    y = layer.op(x, w)
    assert jnp.isfinite(y).all()
    programs = {}
    for kernels, types in KERNELS.items():
        options = {"xla_cpu_experimental_ynn_fusion_type": types} if types else None
        for kind in ("cpu", "plain"):
            with convolution.forms(kind):
                # A function of its own, or JAX would take the trace of the other forms.
                lowered = jax.jit(with_gradients(layer.op)).lower(x, w, y)
                programs[kind, kernels] = lowered.compile(compiler_options=options)
    ms = {key: float("inf") for key in programs}
    for _ in range(turns):
        for key, program in programs.items():
            ms[key] = min(ms[key], cpu_ms(functools.partial(program, x, w, y)))
    return ms, gflop(layer, y)


def main() -> None:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--turns", type=int, default=9)
    args = p.parse_args()
    jax.config.update("jax_num_cpu_devices", 1)
    print("CPU ms (GFLOP/s) of the CPU forms and of plain lax, and the first by the second")
    print(f"{'':26s}" + "".join(f"{kernels:>31s}" for kernels in KERNELS))
    for layer in LAYERS:
        ms, work = measure(layer, args.batch, args.turns)
        row = f"{layer.name:9s} {layer.px:3d} px {layer.inputs:3d}->{layer.outputs:3d} "
        for kernels in KERNELS:
            ours, plain = ms["cpu", kernels], ms["plain", kernels]
            row += f"  {ours:5.1f} ({work / ours * 1e3:3.0f})"
            row += f" {plain:6.1f} ({work / plain * 1e3:3.0f}) {ours / plain:5.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
