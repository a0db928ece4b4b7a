"""Compares a training that went through faults with an undisturbed one, bit for bit."""

import collections
import json
import pathlib
from collections.abc import Set

import jax

from benchmarks.faults.training_process import BATCH_SIZE, NotSurvived
from emoji_gan.methods import dcgan
from emoji_gan.runtime import checkpoint, events


def compare(
    disturbed: pathlib.Path, undisturbed: pathlib.Path, *, step: int, unlogged: Set[int]
) -> str:
    """Compares the curves, the TensorBoard points and the states of two workdirs.

    Args:
      disturbed: workdir of the training that went through faults.
      undisturbed: workdir of the same training without them.
      step: whose states are compared.
      unlogged: steps whose curves a full disk may have cost.

    Returns:
      A line that says how much is equal.

    Raises:
      NotSurvived: the two differ; in what.
    """
    ours, theirs = _points(disturbed), _points(undisturbed)
    different = [k for k in ours.keys() & theirs.keys() if ours[k] != theirs[k]]
    if different:
        raise NotSurvived(f"{len(different)} values differ, first {min(different)}")
    if lost := [k for k in theirs.keys() - ours.keys() if k[0] not in unlogged]:
        raise NotSurvived(f"{len(lost)} points of metrics.jsonl are lost, first {min(lost)}")
    # A run that stops draws its pictures once more.
    if more := [k for k in ours.keys() - theirs.keys() if not k[1].startswith("alpha")]:
        raise NotSurvived(f"{len(more)} points too many, first {min(more)}")
    _check_tensorboard(disturbed, set(ours), unlogged)
    fields = tuple(dcgan.State.__dataclass_fields__)
    a, b = (checkpoint.load_for_inference(w, step, fields).state for w in (disturbed, undisturbed))
    if not jax.tree.all(jax.tree.map(lambda x, y: x.tobytes() == y.tobytes(), a, b)):
        raise NotSurvived(f"the states of step {step} differ")
    steps = {k[0] for k in ours if k[1] == "loss/g"}
    return (
        f"{len(steps):,} of {step:,} steps logged, {len(ours.keys() & theirs.keys()):,} values "
        f"and the state of step {step:,} ({len(jax.tree.leaves(a))} arrays) equal bit for bit"
    )


def _points(workdir: pathlib.Path) -> dict[tuple[int, str], float]:
    """Reads the values of metrics.jsonl that are no clock, by step and name."""
    points = {}
    for line in (workdir / "metrics.jsonl").read_text().splitlines():
        line = json.loads(line)
        for name, value in line.items():
            if name in ("kimg", "step") or name.startswith(("progress/", "memory/")):
                continue
            if (line["step"], name) in points:
                raise NotSurvived(f"metrics.jsonl has {name} of step {line['step']} twice")
            points[line["step"], name] = value
    return points


def _check_tensorboard(
    workdir: pathlib.Path, points: Set[tuple[int, str]], unlogged: Set[int]
) -> None:
    """Raises NotSurvived unless TensorBoard has every point of metrics.jsonl, and has it once."""
    counts = collections.Counter(events.points(workdir))
    if twice := [k for k, n in counts.items() if n > 1]:
        raise NotSurvived(f"TensorBoard has {len(twice)} points twice, first {min(twice)}")
    if lost := [
        k for k in points if (k[0] * BATCH_SIZE, k[1]) not in counts and k[0] not in unlogged
    ]:
        raise NotSurvived(f"TensorBoard lacks {len(lost)} points, first {min(lost)}")
