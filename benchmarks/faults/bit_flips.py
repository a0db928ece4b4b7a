"""Counts the flipped bits of a checkpoint that its seal notices, and what orbax alone would do.

    python -m benchmarks.faults.bit_flips --flips=2000 --without_seal=200 --seed=0 \\
      --config=configs/dcgan.py:cpu

Saves the first state of an experiment as a run does. Then it flips one bit at a time, checks the
seal and flips the bit back. Every file is hit once first; after that the position is drawn from all
bits of the step. For some of the flips it also restores by orbax alone and compares the arrays with
those that were saved.
"""

import argparse
import collections
import contextlib
import pathlib
import random
import tempfile
import time

import jax
import numpy as np
import orbax.checkpoint as ocp

from benchmarks.faults import damage
from emoji_gan import conditions, methods
from emoji_gan.runtime import checkpoint, config, seal


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument(
        "--without_seal", type=int, default=200, help="flips to restore by orbax alone"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", default="configs/dcgan.py:cpu")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    flips, noticed, alone = collections.Counter(), collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as workdir:
        step = _save(args.config, workdir)
        files = damage.files_of(step)
        size = sum(f.stat().st_size for f in files)
        print(f"{args.config}: {len(files)} files, {size / 2**20:.1f} MiB, seed {args.seed}")
        saved = _arrays(step)
        began = time.perf_counter()
        for i in range(args.flips):
            if i < len(files):
                file, position = files[i], rng.randrange(8 * files[i].stat().st_size)
                damage.flip(file, position)
            else:
                file, position = damage.flip_bit(step, rng)
            kind = _kind(file.relative_to(step))
            flips[kind] += 1
            noticed[kind] += seal.problem_of(step) is not None
            if i < args.without_seal:
                alone[_restored_by_orbax(step, saved)] += 1
            damage.flip(file, position)
        seconds = time.perf_counter() - began
        # Every flip has been undone.
        assert seal.problem_of(step) is None and _arrays(step) == saved
    for kind in sorted(flips):
        print(f"{kind:20s} {flips[kind]:6d} flips {noticed[kind]:6d} found")
    rate = noticed.total() / flips.total()
    print(
        f"{'all':20s} {flips.total():6d} flips {noticed.total():6d} found: "
        f"{rate:.2%}, in {seconds:.0f} s"
    )
    outcomes = ", ".join(f"{n} {outcome}" for outcome, n in alone.most_common())
    print(f"orbax alone, {alone.total()} of these flips: {outcomes}")


def _save(path: str, workdir: str) -> pathlib.Path:
    """Saves the first state of an experiment; returns the folder of its step."""
    resolved = methods.resolve(config.load(path), 1)
    method = methods.load(resolved.method)
    checkpoints = checkpoint.Checkpointer(workdir, config=resolved.to_dict(), data_hash="", keep=1)
    checkpoints.save(1, method.init(resolved, conditions.NONE, 0), wait=True)
    checkpoints.close()
    return pathlib.Path(workdir, "checkpoints", "1")


def _kind(file: pathlib.Path) -> str:
    """Returns 'arrays' for orbax' data files, and the name of any other file."""
    return "arrays" if "d" in file.parts[:-1] else file.name


def _arrays(step: pathlib.Path) -> list[bytes]:
    """Restores the state of a step by orbax alone; returns the bytes of its arrays."""
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        tree = reader.metadata(step / "state").item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        restore = ocp.args.PyTreeRestore(item=tree, restore_args=as_numpy)
        return [x.tobytes() for x in jax.tree.leaves(reader.restore(step / "state", args=restore))]


def _restored_by_orbax(step: pathlib.Path, saved: list[bytes]) -> str:
    with contextlib.suppress(Exception):  # damage raises errors of many kinds
        return "restored whole" if _arrays(step) == saved else "restored WRONG without a word"
    return "refused"


if __name__ == "__main__":
    main()
