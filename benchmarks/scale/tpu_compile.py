"""Computes what a training step costs on TPUs that are not here, by compiling it for them.

    python -m emoji_gan.aot --config=configs/stylegan.py --topology=v5e:4x4,v5e:16x16
    python -m emoji_gan.aot --topology=v5e:16x16 --num_slices=4 --batch_per_device=4
    python -m emoji_gan.aot --config=configs/stylegan.py --platform=cuda --devices=1024

prints a Markdown row for each program of a step: FLOPs and memory of a device, collectives, a
roofline (`benchmarks.scale.roofline`), and the mean step, in which programs count as often as they
run. The TPU compiler comes with libtpu (requirements-tpu-check.txt) and needs no TPU. For CUDA
nothing is compiled: the programs are traced and lowered to StableHLO, no further.
"""

import argparse
import dataclasses
import functools
import importlib.util
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import ml_collections
import numpy as np
from jax.experimental import topologies
from jax.sharding import AbstractDevice, AbstractMesh, AxisType, Mesh

from benchmarks.scale import roofline
from emoji_gan import conditions, errors, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import step
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import mesh as mesh_lib

_COLUMNS = (
    "topology",
    "batch",
    "program",
    "a step",
    "GFLOP",
    "GB moved",
    "GiB of HBM",
    "collectives",
    "compute ms",
    "memory ms",
    "links ms",
    "ms",
)
# What a TPU VM sets. No device is opened, so several compilers may run on one machine.
_LIBTPU_VARIABLES = {
    "TPU_ACCELERATOR_TYPE": "v5litepod-16",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "true",
}


@dataclasses.dataclass(frozen=True)
class Cost:
    """Holds what one compiled program costs each device.

    Attributes:
      flops: as the compiler counts them.
      bytes_accessed: as the compiler counts them.
      peak_bytes: of HBM while it runs: state, batch, temporaries, results and its own code.
      collectives: see `roofline.collectives`.
      seconds: that compiling took.
    """

    flops: float
    bytes_accessed: float
    peak_bytes: int
    collectives: list[roofline.Collective]
    seconds: float


def parse_topology(text: str) -> tuple[str, int]:
    """Reads a chip and how many of them: 'v5e:4x4' -> ('v5e', 16).

    Raises:
      UserError: no such chip or slice.
    """
    m = re.fullmatch(r"(\w+):(\d+(?:x\d+)*)", text)
    if not m or m[1] not in roofline.CHIPS:
        raise UserError(
            f"--topology={text}: expected CHIP:AxB, e.g. v5e:4x4; "
            f"chips: {', '.join(roofline.CHIPS)}"
        )
    chip, sides = roofline.CHIPS[m[1]], [int(n) for n in m[2].split("x")]
    if len(sides) != chip.dims:
        raise UserError(
            f"--topology={text}: a slice of {m[1]} has {chip.dims} sides, e.g. {_example(m[1])}"
        )
    count = math.prod(sides)
    if not 1 <= count <= chip.slice_chips:
        raise UserError(
            f"--topology={text}: a slice of {m[1]} has 1 to {chip.slice_chips} chips; "
            "for more: --num_slices"
        )
    return m[1], count


def _example(name: str) -> str:
    return f"{name}:{'x'.join(['4'] * roofline.CHIPS[name].dims)}"


def tpu_mesh(topology: str, num_slices: int = 1) -> Mesh:
    """Makes the mesh of all devices of a described topology.

    Raises:
      UserError: libtpu is missing, or knows no such topology.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise UserError(
            "the TPU compiler is missing: pip install --no-deps -r requirements-tpu-check.txt"
        )
    for name, value in _LIBTPU_VARIABLES.items():
        os.environ.setdefault(name, value)
    try:
        described = topologies.get_topology_desc(
            topology_name=topology, platform="tpu", num_slices=num_slices
        )
    except Exception as e:  # of whatever kind: its text names the problem
        raise UserError(f"--topology={topology}: libtpu says: {_first_line(e)}") from e
    devices = list(described.devices)
    if any(device.core_on_chip for device in devices):
        # Two devices a chip (v4, tpu7x), which jax's own layout refuses for v4. On one axis the
        # order of devices changes no cost.
        devices.sort(key=lambda device: (getattr(device, "slice_index", 0), device.id))
        return Mesh(np.array(devices), (mesh_lib.AXIS,), axis_types=(AxisType.Auto,))
    return mesh_lib.make_mesh(devices)


def abstract_mesh(platform: str, count: int) -> AbstractMesh:
    """Makes a mesh of `count` described devices, to lower for without a compiler.

    Args:
      platform: 'gpu' or 'tpu'.
      count: devices.
    """
    device = AbstractDevice(device_kind=platform, num_cores=None, platform=platform)
    return AbstractMesh(
        (count,), (mesh_lib.AXIS,), axis_types=(AxisType.Auto,), abstract_device=device
    )


def step_programs(
    config: ml_collections.FrozenConfigDict, spec: conditions.Spec, mesh: Mesh | AbstractMesh
) -> dict[str, tuple[Callable[[], jax.stages.Traced], float]]:
    """Lists the programs of a resolved config's training step.

    Returns:
      Name -> (a function that traces it for `mesh`, how often it runs in a step).
    """
    method = methods.load(config.method)
    step_fn = method.train_step(config, spec, mesh)
    state = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=mesh_lib.replicated(mesh)),
        jax.eval_shape(lambda: method.init(config, spec, config.seed)),
    )
    batch = step.batch_shapes(config, spec, mesh)
    return {
        name: (functools.partial(program.run.trace, state, batch), program.runs_per_step)
        for name, program in step_fn.programs.items()
    }


def compile_cost(traced: jax.stages.Traced, name: str = "program", effort: float = 0.0) -> Cost:
    """Compiles a program for the devices of its mesh.

    Args:
      traced: the program.
      name: of the program, for the error.
      effort: of the compiler to make it fast, from -1 to 1; 0: as for a run.

    Raises:
      UserError: the program does not fit into the devices' memory.
    """
    start = time.monotonic()
    try:
        compiled = traced.lower().compile(
            {"exec_time_optimization_effort": effort} if effort else None
        )
    except jax.errors.JaxRuntimeError as e:
        if "RESOURCE_EXHAUSTED" not in str(e):
            raise
        raise UserError(f"{name} does not fit: {_first_line(e)}; lower --batch_per_device") from e
    cost, m = compiled.cost_analysis(), compiled.memory_analysis()
    return Cost(
        flops=cost["flops"],
        bytes_accessed=cost["bytes accessed"],
        peak_bytes=m.argument_size_in_bytes
        + m.output_size_in_bytes
        - m.alias_size_in_bytes
        + m.temp_size_in_bytes
        + m.generated_code_size_in_bytes,
        collectives=roofline.collectives(compiled.as_text()),
        seconds=time.monotonic() - start,
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _resolve(
    args: argparse.Namespace, overrides: list[str], num_devices: int
) -> tuple[ml_collections.FrozenConfigDict, conditions.Spec]:
    """Returns the resolved config for so many devices, and its conditions."""
    config = config_lib.load(args.config, overrides)
    if args.batch_per_device:
        config.batch_size = args.batch_per_device * num_devices
    config = methods.resolve(config, num_devices)
    if not config.data.conditions:
        return config, conditions.NONE
    # As in main.py; nothing else here needs the data set.
    from emoji_gan.encoder import encoder
    from input_pipeline import dataset

    embed = encoder.PhraseEncoder() if conditions.TEXT in config.data.conditions else None
    return config, conditions.of_data(dataset.load(config.data, "train", embed))


def tpu_rows(args: argparse.Namespace, overrides: list[str], topology: str) -> Iterator[str]:
    """Yields the rows of the table, each once its program is compiled; last the mean step."""
    name, chips = parse_topology(topology)
    chip, mesh = roofline.CHIPS[name], tpu_mesh(topology, args.num_slices)
    config, spec = _resolve(args, overrides, mesh.size)
    per_chip = mesh.size // (chips * args.num_slices)
    label = topology if args.num_slices == 1 else f"{args.num_slices} x {topology}"
    if args.effort:
        label += f", effort {args.effort:g}"

    def row(
        program: str, runs: str, figures: Sequence[float], peak_bytes: int, communication: str
    ) -> str:
        gflop, moved, *ms = (f"{x:.4g}" for x in figures)
        memory = f"{peak_bytes / 2**30:.2f} of {chip.hbm_gib / per_chip:g}"
        first = (label, config.batch_size, program, runs)
        return _row(*first, gflop, moved, memory, communication, *ms)

    peak, mean = 0, [0.0] * 6
    programs = step_programs(config, spec, mesh)
    names = args.programs.split(",") if args.programs else list(programs)
    if unknown := [name for name in names if name not in programs]:
        raise UserError(f"--programs={unknown[0]}: this step has {', '.join(programs)}")
    for program in names:
        trace, runs = programs[program]
        cost = compile_cost(trace(), program, args.effort)
        print(f"{label} {program}: compiled in {cost.seconds:.0f} s", file=sys.stderr, flush=True)
        r = roofline.roofline(
            chip,
            cost.flops,
            cost.bytes_accessed,
            cost.collectives,
            slice_devices=mesh.size // args.num_slices,
            num_slices=args.num_slices,
            devices_per_chip=per_chip,
        )
        figures = [cost.flops / 1e9, cost.bytes_accessed / 1e9]
        figures += [1e3 * t for t in (r.compute, r.memory, r.links, r.total)]
        mean = [m + runs * f for m, f in zip(mean, figures, strict=True)]
        peak = max(peak, cost.peak_bytes)
        communication = _describe(cost.collectives, mesh.size)
        yield row(program, f"{runs:.4g}", figures, cost.peak_bytes, communication)
    if set(names) == set(programs):
        yield row("mean step", "", mean, peak, f"{config.batch_size / mean[-1]:.4g} kimg/s")


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _describe(collectives: Sequence[roofline.Collective], devices: int) -> str:
    """Describes them as '3 all-reduce (f32 97.2 MB)'; names the devices where not all take part."""
    parts = (
        f"{c.count} {c.kind}{'' if c.group in (None, devices) else f' of {c.group}'} "
        f"({', '.join(f'{dtype} {n / 1e6:.4g} MB' for dtype, n in sorted(c.bytes.items()))})"
        for c in collectives
    )
    return ", ".join(parts) or "none"


def lower_for_cuda(args: argparse.Namespace, overrides: list[str]) -> None:
    """Prints what is in each program's StableHLO for CUDA."""
    config, spec = _resolve(args, overrides, args.devices)
    print(
        f"{args.devices} GPUs, batch {config.batch_size}. "
        "Lowered to StableHLO only: nothing is compiled."
    )
    mesh = abstract_mesh("gpu", args.devices)
    for name, (trace, runs) in step_programs(config, spec, mesh).items():
        text = trace().lower(lowering_platforms=("cuda",)).as_text()
        ops = ("convolution", "dot_general", "all_reduce")
        counts = ", ".join(f"{len(re.findall(rf'stablehlo.{op}', text))} {op}" for op in ops)
        print(f"{name:12s} {runs:.4g} a step: {counts}", flush=True)


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.aot",
        allow_abbrev=False,
        description=__doc__.partition("\n")[0],
        epilog="Any --config.FIELD=VALUE overrides a field, as for main.py.",
    )
    p.add_argument("--config", default="configs/stylegan.py", help="FILE.py or FILE.py:VARIANT")
    p.add_argument("--platform", choices=("tpu", "cuda"), default="tpu")
    p.add_argument(
        "--topology", default="v5e:4x4", help="CHIP:AxB of a slice, or several with commas"
    )
    p.add_argument(
        "--num_slices", type=int, default=1, help="of such slices, joined by the hosts' network"
    )
    p.add_argument("--devices", type=int, default=8, help="GPUs, for --platform=cuda")
    p.add_argument(
        "--programs", help="of the step, with commas: only these, for TPUs; default: all"
    )
    p.add_argument(
        "--effort",
        type=float,
        default=0.0,
        help="of the TPU compiler, -1 to 1: at -1 it is done much sooner, but memory is not "
        "that of the run",
    )
    p.add_argument(
        "--batch_per_device", type=int, help="images; default: the config's global batch"
    )
    return p


def main() -> int:
    """Runs the command line."""
    args, overrides = _parser().parse_known_args()
    for other in overrides:
        if not other.startswith("--config."):
            raise UserError(f"unexpected argument {other!r}: see --help")
    for name in ("num_slices", "devices", "batch_per_device"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise UserError(f"--{name}={getattr(args, name)}: must be at least 1")
    if not -1 <= args.effort <= 1:
        raise UserError(f"--effort={args.effort:g}: must be from -1 to 1")
    # Only described devices are used: real accelerators stay free.
    jax.config.update("jax_platforms", "cpu")
    if args.platform == "cuda":
        lower_for_cuda(args, overrides)
        return errors.EXIT_OK
    names = args.topology.split(",")
    for topology in names:
        parse_topology(topology)  # all mistakes before the first compilation
    for i, topology in enumerate(names):
        for j, row in enumerate(tpu_rows(args, overrides, topology)):
            if i == j == 0:
                print(_row(*_COLUMNS), "|---" * len(_COLUMNS) + "|", sep="\n")
            print(row, flush=True)
    print(f"\n{roofline.ASSUMPTIONS}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
