"""How many flipped bits in a checkpoint are found out: by the seal, and what would happen without it.

    python -m benchmarks.faults.bit_flips --flips=2000 --without_seal=200 --seed=0 \\
      --config=configs/dcgan.py:cpu

Saves the first state of an experiment as a run does, flips one bit at a time (a place drawn from
all bits of the step, every file once first), asks the seal, and flips it back. For some of the
flips it also restores by orbax alone and compares the arrays with what was saved.
"""

import argparse
import collections
import contextlib
import pathlib
import random
import tempfile
import time

import jax

from benchmarks.faults import damage
from emoji_gan import conditions, methods
from emoji_gan.runtime import checkpoint, config, seal
from emoji_gan.runtime.checkpoint import stored_state


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
    with tempfile.TemporaryDirectory() as workdir:
        step, fields = _save(args.config, workdir)
        files = damage.files_of(step)
        size = sum(f.stat().st_size for f in files)
        print(f"{args.config}: {len(files)} files, {size / 2**20:.1f} MiB, seed {args.seed}")
        saved = _arrays(step, fields)
        flips, found, alone = collections.Counter(), collections.Counter(), collections.Counter()
        began = time.perf_counter()
        for i in range(args.flips):
            if i < len(files):
                file, place = files[i], rng.randrange(8 * files[i].stat().st_size)
                damage.flip(file, place)
            else:
                file, place = damage.flip_bit(step, rng)
            kind = _kind(file.relative_to(step))
            flips[kind] += 1
            found[kind] += seal.problem_of(step) is not None
            if i < args.without_seal:
                alone[_by_orbax(step, fields, saved)] += 1
            damage.flip(file, place)
        seconds = time.perf_counter() - began
        assert (
            seal.problem_of(step) is None and _arrays(step, fields) == saved
        )  # all flips are undone
    for kind in sorted(flips):
        print(f"{kind:20s} {flips[kind]:6d} flips {found[kind]:6d} found")
    rate = found.total() / flips.total()
    print(
        f"{'all':20s} {flips.total():6d} flips {found.total():6d} found: {rate:.2%}, in {seconds:.0f} s"
    )
    shown = ", ".join(f"{n} {what}" for what, n in alone.most_common())
    print(f"orbax alone, {alone.total()} of these flips: {shown}")


def _save(path: str, workdir: str) -> tuple[pathlib.Path, tuple[str, ...]]:
    resolved = methods.resolve(config.load(path), 1)
    method = methods.load(resolved.method)
    checkpoints = checkpoint.Checkpointer(workdir, config=resolved.to_dict(), data_hash="", keep=1)
    checkpoints.save(1, method.init(resolved, conditions.NONE, 0), wait=True)
    checkpoints.close()
    return pathlib.Path(workdir, "checkpoints", "1"), tuple(method.State.__dataclass_fields__)


def _kind(file: pathlib.Path) -> str:
    """The data themselves, or which of the small files."""
    return "arrays" if "d" in file.parts[:-1] else file.name


def _arrays(step: pathlib.Path, fields: tuple[str, ...]) -> list[bytes]:
    return [x.tobytes() for x in jax.tree.leaves(stored_state.read_fields(step, fields, {}))]


def _by_orbax(step: pathlib.Path, fields: tuple[str, ...], saved: list[bytes]) -> str:
    with contextlib.suppress(Exception):  # it meets damage in many ways
        return (
            "restored whole" if _arrays(step, fields) == saved else "restored WRONG without a word"
        )
    return "refused"


if __name__ == "__main__":
    main()
