"""Computes what a compiled program must at least cost on a TPU: its collectives and a roofline.

Pure functions of text and of public figures; `benchmarks.scale.tpu_compile` compiles the programs.
"""

import dataclasses
import math
import re
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Chip:
    """Holds public figures of a chip.

    Attributes:
      hbm_gib: capacity of its memory, in GiB.
      flops: peak dense bf16 FLOP/s.
      hbm: bandwidth of its memory, in bytes/s.
      ici: bytes/s into (and at once out of) the chip over all its links to neighbours.
      dcn: bytes/s from the chip to other slices: its part of its host's network.
      dims: dimensions of a slice's grid.
      slice_chips: chips of the largest slice.
    """

    hbm_gib: float
    flops: float
    hbm: float
    ici: float
    dcn: float
    dims: int
    slice_chips: int


# cloud.google.com/tpu/docs/{v4,v5e,v5p,v6e,tpu7x}: capacity, peak, HBM, ICI (published for both
# directions together, here one of them), largest slice; v5e's network as 2 x 100 Gbit/s a host of 8
# chips, v5p's as 50 Gbit/s a chip. What those pages lack is from
# jax-ml.github.io/scaling-book/tpus: v4's ICI (6 links of 45 GB/s; its page has 1.1 PB/s of
# all-reduce for 4,096 chips, the same) and the network of v4 and v6e.
CHIPS = {
    "v4": Chip(32, 275e12, 1200e9, 270e9, 6.25e9, dims=3, slice_chips=4096),
    "v5e": Chip(16, 197e12, 819e9, 200e9, 3.125e9, dims=2, slice_chips=256),
    "v5p": Chip(95, 459e12, 2765e9, 600e9, 6.25e9, dims=3, slice_chips=6144),
    "v6e": Chip(32, 918e12, 1638e9, 400e9, 12.5e9, dims=2, slice_chips=256),
    "tpu7x": Chip(192, 2307e12, 7380e9, 600e9, 12.5e9, dims=3, slice_chips=9216),  # Ironwood
}

ASSUMPTIONS = "\n".join(
    (
        "compute: FLOPs at the peak of bf16, at which float32 convolutions of default precision "
        "run, too; what asks",
        "  for more precision takes several passes, and few channels or rows leave most of the "
        "matrix unit idle.",
        "memory: the bytes that the compiler counts for its fused operations at the full HBM "
        "bandwidth; what stays on",
        "  the chip from one to the next is counted all the same.",
        "links: rings over all links of the chip at full speed, an all-reduce passing twice; a "
        "slice without",
        "  wrap-around (v5e and v6e below 16 a side) takes twice as long. What is summed between "
        "slices passes twice",
        "  through the chip's share of its host's network.",
        "ms: the greater of compute and memory, and then links: the gradients' all-reduce waits "
        "for all of them. No",
        "  latencies, no input, no host: a figure to plan by, not a forecast.",
    )
)

_KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "ragged-all-to-all",
    "collective-permute",
    "collective-broadcast",
)
# `%name = TYPE kind(` or `kind-start(`; the matching `kind-done(` carries the same data and is left
# out.
_COLLECTIVE = re.compile(
    rf"^\s*(?:ROOT )?%?[\w.-]+ = (.+?) ({'|'.join(_KINDS)}|send)(-start)?\((.*)$", re.MULTILINE
)
# Marks what libtpu sends through the hosts to other slices.
_BETWEEN = "_xla_megascale_transfer_type="
BETWEEN_SLICES = "sum between slices"
_ARRAY = re.compile(r"\b(pred|[a-z]+\d+\w*)\[([\d,]*)\]")
# {{0,1},{2,3}} or, counted out, [groups,devices]<=[...]
_GROUP = re.compile(r"replica_groups=(?:\{\{([\d,]+)\}|\[\d+,(\d+)\]<=)")


@dataclasses.dataclass
class Collective:
    """Sums up the collectives of a program of one kind and among as many devices.

    Attributes:
      kind: 'all-reduce', ... or BETWEEN_SLICES: what a device sends through its host to be summed
        with the other slices' (within a slice the compiler has reduced it already).
      group: devices that take part in one operation; None: all.
      count: operations.
      bytes: of a device's results, by dtype.
    """

    kind: str
    group: int | None
    count: int = 0
    bytes: dict[str, int] = dataclasses.field(default_factory=dict)


def collectives(hlo: str) -> list[Collective]:
    """Lists the collectives of a compiled program; one inside a loop's body counts once.

    Args:
      hlo: text of the program.
    """
    by_kind: dict[tuple[str, int | None], Collective] = {}
    for type_, kind, start, rest in _COLLECTIVE.findall(hlo):
        if kind == "send":
            if _BETWEEN not in rest:
                continue
            kind, type_ = BETWEEN_SLICES, _parts(type_)[0]
        # These carry (operands, results, ...) while under way; an all-reduce its results only.
        if start and kind in ("all-gather", "collective-permute"):
            type_ = _parts(type_)[1]
        m = _GROUP.search(rest)
        group = (m[1].count(",") + 1 if m[1] else int(m[2])) if m else None
        entry = by_kind.setdefault((kind, group), Collective(kind, group))
        entry.count += 1
        for dtype, shape in _ARRAY.findall(type_):
            size = math.prod(int(n) for n in shape.split(",") if n) * _bits(dtype) // 8
            entry.bytes[dtype] = entry.bytes.get(dtype, 0) + size
    return list(by_kind.values())


def _bits(dtype: str) -> int:
    """Returns the size of an element: a byte for pred, or else the first number in its name."""
    return 8 if dtype == "pred" else int(re.search(r"\d+", dtype).group())


def _parts(type_: str) -> list[str]:
    """Splits a tuple type into its elements."""
    depth, parts = 0, [""]
    for c in type_:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 1:
            parts.append("")
        else:
            parts[-1] += c
    return parts


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Holds the least times of a program, in seconds.

    Attributes:
      compute: of its FLOPs.
      memory: of the bytes that it moves on the chip.
      links: of its collectives.
    """

    compute: float
    memory: float
    links: float

    @property
    def total(self) -> float:
        """Adds the times as ASSUMPTIONS says."""
        return max(self.compute, self.memory) + self.links


def roofline(
    chip: Chip,
    flops: float,
    bytes_accessed: float,
    communication: Sequence[Collective],
    *,
    slice_devices: int,
    num_slices: int = 1,
    devices_per_chip: int = 1,
) -> Roofline:
    """Computes the least times of a program under ASSUMPTIONS.

    Args:
      chip: what it runs on.
      flops: of a device.
      bytes_accessed: of a device.
      communication: its collectives.
      slice_devices: devices of a slice.
      num_slices: of the job.
      devices_per_chip: 2 where JAX shows each core of a chip (v4 and tpu7x, described by libtpu).
    """
    fraction, links = 1 / devices_per_chip, 0.0  # of the chip
    for c in communication:
        between = c.kind == BETWEEN_SLICES
        group = num_slices if between else c.group or slice_devices
        # All that a reduce-scatter sums, not a device's part of it.
        data = sum(c.bytes.values()) * (group if c.kind == "reduce-scatter" else 1)
        passes = 2 if between or c.kind == "all-reduce" else 1
        speed = (chip.dcn if between else chip.ici) * fraction
        links += passes * data * (group - 1) / group / speed
    compute = flops / (chip.flops * fraction)
    return Roofline(compute, bytes_accessed / (chip.hbm * fraction), links)
