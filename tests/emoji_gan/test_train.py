"""Training through main.py: stopping in every way changes nothing, and what a run leaves behind."""

import collections
import contextlib
import dataclasses
import json
import re
import types

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
from tensorboard.backend.event_processing import event_accumulator

from emoji_gan import conditions, methods
from emoji_gan.errors import EXIT_DIVERGED, EXIT_PREEMPTED, Diverged
from emoji_gan.methods import step as step_lib
from emoji_gan.methods import stylegan2
from emoji_gan.runtime import checkpoint, divergence
from emoji_gan.runtime import config as config_lib
from tests.support import runs as runs_lib

pytestmark = pytest.mark.slow

TINY = f"--config={runs_lib.CONFIG}"
CURVES = {
    *(
        "loss/g",
        "loss/d",
        "signs/real",
        "signs/fake",
        "signs/validation",
        "logits/validation",
        "ada/p",
    ),
    *(
        "grad_norm/g",
        "grad_norm/d",
        "update_norm/g",
        "update_norm/d",
        "learning_rate/g",
        "learning_rate/d",
    ),
    *("progress/data_wait", "progress/images_per_second", "progress/seconds_per_kimg"),
    *("memory/host_mib", "memory/device_mib", "bad_steps/total", "rollbacks"),
}
LAZY = {"r1/penalty", "path_length/mean", "path_length/penalty"}
ALPHA = {
    f"{a}/{b}" for a in ("alpha", "alpha_real") for b in ("binary", "coverage", "edge_px", "stray")
}


def points(lines):
    """Maps (step, name) to the value, without those of the clock; fails on a repeated point."""
    values = {}
    for line in lines:
        for name, value in line.items():
            if name not in ("kimg", "step") and not name.startswith(("progress/", "memory/")):
                assert (line["step"], name) not in values
                values[line["step"], name] = value
    return values


def error_line(text):
    """Returns the one line of a mistake, which is the last that a program printed."""
    assert "Traceback" not in text, text[-3000:]
    assert text.count("error: ") == 1 and text.splitlines()[-1].startswith("error: "), text[-3000:]
    return text.splitlines()[-1]


def test_sigterm_saves_and_the_same_command_goes_on(runs, interrupted):
    assert interrupted.term_code == EXIT_PREEMPTED, runs.read("term.err")[-2000:]
    assert "SIGTERM: saving after this step" in runs.read("term.err")
    assert interrupted.term_step == interrupted.term_lines[-1]["step"]  # nothing done was lost
    kimg = f"starting at {interrupted.term_step * runs_lib.BATCH / 1000:.1f} of "
    assert kimg in runs.read("kill.err")


def test_a_second_job_is_refused(interrupted):
    code, _, err = interrupted.second_job
    assert code == 2
    assert re.search(
        r"interrupted is in use by pid \d+ on \S+; stop that job or choose", error_line(err)
    )


def test_interrupted_equals_whole_bit_for_bit(interrupted, whole):
    assert interrupted.end.returncode == 0, interrupted.end.err[-2000:]
    assert whole.returncode == 0, whole.err[-2000:]
    # Steps were lost and made again.
    assert interrupted.kill_lines[-1]["step"] > interrupted.kill_step
    assert interrupted.total > interrupted.kill_step > interrupted.term_step > 0

    every = tuple(stylegan2.State.__dataclass_fields__)
    a, b = (
        checkpoint.load_for_inference(r.workdir, interrupted.total, every).state
        for r in (interrupted, whole)
    )
    assert int(a["counters"]["step"]) == interrupted.total and int(a["counters"]["bad_total"]) == 0
    same = jax.tree.map(lambda x, y: x.dtype == y.dtype and x.tobytes() == y.tobytes(), a, b)
    assert jax.tree.structure(a) == jax.tree.structure(b) and len(jax.tree.leaves(a)) > 100
    different = [
        jax.tree_util.keystr(p) for p, ok in jax.tree_util.tree_leaves_with_path(same) if not ok
    ]
    assert not different

    in_parts = points(runs_lib.lines(interrupted.workdir))
    at_once = points(runs_lib.lines(whole.workdir))
    # Written once more at the stop.
    once_more = {k for k in in_parts if k[1].startswith("alpha") and k[0] == interrupted.term_step}
    assert in_parts.keys() - once_more == at_once.keys() - once_more
    assert {k: (v, in_parts[k]) for k, v in at_once.items() if v != in_parts[k]} == {}
    assert {s for s, name in at_once if name == "loss/g"} == set(range(1, interrupted.total + 1))


def test_each_program_is_compiled_once(whole):
    """Neither the first step nor a later one traces again."""
    programs = ("adversarial", "path_length", "r1", "of_batch", "sample")
    counts = collections.Counter(re.findall(r"Compiling jit\((\w+)\)", whole.err))
    assert {name: counts[name] for name in programs} == dict.fromkeys(programs, 1)


def test_what_a_run_leaves(whole, interrupted):
    root = whole.workdir
    lines = runs_lib.lines(root)
    names = set().union(*lines)
    assert names >= CURVES | LAZY | ALPHA
    scalars = [line for line in lines if "loss/g" in line]
    assert all(line.keys() >= CURVES for line in scalars)
    assert all(None not in line.values() for line in lines)  # finite
    assert all(
        0 <= line["progress/data_wait"] <= 1 and line["memory/host_mib"] > 100 for line in scalars
    )
    assert scalars[-1]["kimg"] == pytest.approx(scalars[-1]["step"] * runs_lib.BATCH / 1000)

    events = event_accumulator.EventAccumulator(str(root), size_guidance={"tensors": 0}).Reload()
    tags = set(events.Tags()["tensors"])
    assert CURVES | LAZY | ALPHA | {"samples/psi_0.7", "samples/psi_1", "augmented", "real"} <= tags
    assert len(events.Tensors("loss/g")) == len(scalars)

    resolved = json.loads((root / "config.json").read_text())
    assert resolved["loss"]["r1_gamma"] > 0 and resolved["model"]["z_dim"] == 8
    pictures = sorted(p.name for p in (root / "samples").iterdir())
    assert pictures[0] == "kimg000000.0.png" and len(pictures) == interrupted.total // 10 + 2
    for path in (root / "samples.png", root / "reals.png", root / "samples" / pictures[1]):
        picture = np.asarray(PIL.Image.open(path))
        assert picture.shape[2] == 3 and min(picture.shape[:2]) > 2 * 64 and picture.std() > 1
    assert len(runs_lib.sealed(root)) <= 3
    assert "generator" in (root / "parameters.txt").read_text()
    out = whole.out
    assert f"python -m emoji_gan.sample --workdir={root}" in out


def test_dry_run_prints_and_writes_nothing(runs, whole):
    before = sorted(runs.root.iterdir())
    done = runs.train(runs.root / "dry", "--dry_run", log="dry")
    assert done.returncode == 0, done.err[-2000:]
    assert {p.name for p in runs.root.iterdir()} - {p.name for p in before} == {
        "dry.out",
        "dry.err",
    }
    for program in ("main", "path_length", "r1"):
        flop, mib = re.search(
            rf"^{program} +([\d.]+) GFLOP +(\d+) MiB a device$", done.out, re.M
        ).groups()
        assert float(flop) > 0 and int(mib) > 0
    assert '"r1_gamma": ' in done.out and done.out.count("Total: ") == 2


def test_finished_says_so(interrupted):
    total = interrupted.total
    code, out, err = runs_lib.in_process(
        TINY, f"--workdir={interrupted.workdir}", runs_lib.until(total)
    )
    assert code == 0, err
    assert out.splitlines()[-1].endswith(
        f"is already trained to {total * 32 / 1000:.1f} kimg: nothing to do"
    )


def test_another_config_is_refused_by_name(whole):
    where = [TINY, f"--workdir={whole.workdir}", "--config.optim.d_lr=0.001"]
    code, _, err = runs_lib.in_process(*where)
    assert code == 2
    assert (
        "optim.d_lr was 0.0025, is 0.001; use another --workdir, or --allow_config_change"
        in error_line(err)
    )
    code, _, err = runs_lib.in_process(*where[:2], "--config.data.groups=('Animals & Nature',)")
    assert code == 2
    assert "data set (hash)" in error_line(err)
    assert "data.groups was" in error_line(err)
    code, out, err = runs_lib.in_process(*where, "--allow_config_change", runs_lib.until(3))
    assert code == 0 and "already trained" in out, err


def test_divergence_rolls_back_once_then_stops(runs, interrupted):
    """Starts from a state whose every step is non-finite, so that the cached programs fit."""
    w, step = interrupted.workdir, interrupted.total
    config = methods.resolve(config_lib.load(runs_lib.CONFIG), 2)
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=one),
        jax.eval_shape(lambda: stylegan2.init(config, conditions.NONE, 0)),
    )
    with contextlib.closing(
        checkpoint.Checkpointer(w, config={}, data_hash="", keep=3, allow_config_change=True)
    ) as checkpoints:
        state, _ = checkpoints.restore(shapes)
        broken = dataclasses.replace(
            state,
            counters=step_lib.next_step(state.counters),
            d=jax.tree.map(lambda x: x * 1e30, state.d),
        )
        checkpoints.save(step + 1, broken, wait=True)
    done = runs.train(
        w,
        runs_lib.until(step + 100),
        "--allow_config_change",
        "--config.optim.max_bad_steps=3",
        "--config.checkpoint.every_kimg=1000.0",
        log="diverge",
    )
    assert done.returncode == EXIT_DIVERGED, done.err[-2000:]
    assert f"rolling back to the state of step {step + 1}" in done.err
    line = error_line(done.err)
    kimg = f"{(step + 7) * runs_lib.BATCH / 1000:.1f} kimg"
    assert (
        f"error: 3 non-finite steps in a row at {kimg} (6 in all), again after rolling back" in line
    )
    assert "lower optim.*_lr" in line
    lines = [x for x in runs_lib.lines(w) if x["step"] > step + 1 and "rollbacks" in x]
    assert [(x["rollbacks"], x["bad_steps/total"]) for x in lines] == [
        (i // 3, i + 1) for i in range(6)
    ]
    assert runs_lib.sealed(w)[-1] == step + 1  # nothing was saved amid the bad steps


def test_rolling_back_keeps_the_count_and_draws_anew():
    config = methods.resolve(config_lib.load(runs_lib.CONFIG), 2)
    old = stylegan2.init(config, conditions.NONE, 0)
    now = dataclasses.replace(
        old,
        counters=dataclasses.replace(
            old.counters,
            step=jnp.int32(9),
            bad_in_a_row=jnp.int32(3),
            bad_total=jnp.int32(5),
        ),
        ada_p=jnp.float32(0.7),
    )
    count = {"step": 9, "kimg": 9 * config.batch_size / 1000, "again": False}
    checkpoints = types.SimpleNamespace(restore=lambda shapes: (old, 4))
    state = divergence.roll_back(checkpoints, None, now, **count)
    assert [int(x) for x in jax.tree.leaves(state.counters)] == [
        9,
        0,
        5,
        1,
    ]
    assert state.ada_p == old.ada_p and state.d is old.d
    checkpoints.restore = lambda shapes: None
    with pytest.raises(
        Diverged, match=r"^3 non-finite .* \(5 in all\), before the first checkpoint: lower optim"
    ):
        divergence.roll_back(checkpoints, None, now, **count)
