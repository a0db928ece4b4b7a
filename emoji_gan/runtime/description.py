"""Writes down what a run is: its config, the arrays of its networks, the cost of its step."""

import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
from clu import parameter_overview

from emoji_gan.runtime import processes, workdir


def parameter_tables(networks: Mapping[str, Any]) -> str:
    """Returns a table of every array of each network.

    Args:
      networks: what a network is called -> a pytree of its arrays or their shapes.
    """
    tables = []
    for name, arrays in networks.items():
        table = parameter_overview.get_parameter_overview(arrays, include_stats=False)
        tables.append(f"{name}\n{table}")
    return "\n".join(tables)


def print_run(config: Mapping[str, Any], parameters: str) -> None:
    """Prints the resolved config and the tables of parameters, on the first process."""
    if processes.is_first():
        print(json.dumps(config, indent=1), parameters, sep="\n", flush=True)


def write_run(root: pathlib.Path, description: Mapping[str, Any], parameters: str) -> None:
    """Writes config.json and parameters.txt into the workdir, on the first process.

    Raises:
      UserError: the workdir cannot be written.
    """
    if processes.is_first():
        workdir.write_atomic(root / "config.json", json.dumps(description, indent=1).encode())
        workdir.write_atomic(root / "parameters.txt", parameters.encode())


def print_cost(name: str, program: jax.stages.Compiled) -> None:
    """Prints FLOPs and memory of a compiled program, of one device."""
    cost, memory = program.cost_analysis() or {}, program.memory_analysis()
    gflop = cost.get("flops", math.nan) / 1e9
    mib = math.nan
    if memory:
        mib = (memory.temp_size_in_bytes + memory.argument_size_in_bytes) / 2**20
    print(f"{name:12s} {gflop:8.2f} GFLOP {mib:8.0f} MiB a device")
