"""Jobs of several processes on the loopback interface: stopped, killed and restarted."""

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
import yaml

from emoji_gan.errors import EXIT_NOT_SAVED, EXIT_PREEMPTED
from emoji_gan.runtime import seal
from emoji_gan.runtime import workdir as workdir_lib
from eval.extractors.features import Extractor
from tests.support import runs as runs_lib

pytestmark = pytest.mark.slow

FOREVER = "--config.total_kimg=100000.0"
JUDGED = ("--config.eval.every_kimg=0.32", "--config.eval.samples=100")  # every 10 steps


def losses(lines):
    """(step, G's loss, D's loss) of each training step."""
    return [(x["step"], x["loss/g"], x["loss/d"]) for x in lines if "loss/g" in x]


def wait_all(processes, timeout=400):
    return [p.wait(timeout) for p in processes]


def local_sh(runs, processes, devices, *arguments):
    """launch/local.sh to its end."""
    env = runs.env | {
        "PYTHON": sys.executable,
        "JAX_NUM_CPU_DEVICES": str(devices),
        "NPROC": runs_lib.NPROC,
    }
    command = ["launch/local.sh", str(processes), f"--config={runs_lib.JOB_CONFIG}", *arguments]
    return subprocess.run(
        command, cwd=runs_lib.ROOT, env=env, capture_output=True, text=True, timeout=400
    )


def pods(workdir):
    """Returns each pod's command and environment of launch/k8s-jobset.yaml, made to run here."""
    jobset, _ = yaml.safe_load_all((runs_lib.ROOT / "launch" / "k8s-jobset.yaml").read_text())
    job = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
    container = job["template"]["spec"]["containers"][0]
    here = {
        "--config": runs_lib.JOB_CONFIG,
        "--workdir": str(workdir),
        "--config.data.dir": "",
        "--heartbeat_seconds": "10",
    }
    flags = dict(arg.split("=", 1) for arg in container["args"])
    assert flags.keys() == here.keys()
    env = {x["name"]: x["value"] for x in container["env"] if x["name"].startswith("JAX_")}
    host, _, port = env["JAX_COORDINATOR_ADDRESS"].partition(":")
    assert host == f"{jobset['metadata']['name']}-worker-0-0.{jobset['metadata']['name']}"
    assert int(port)
    env["JAX_COORDINATOR_ADDRESS"] = f"127.0.0.1:{runs_lib.free_port()}"
    program = [sys.executable if word == "python" else word for word in container["command"]]
    command = [*program, *(f"{k}={v}" for k, v in here.items()), FOREVER, "--stop_after_minutes=0"]
    return [(command, env | {"JOB_COMPLETION_INDEX": str(i)}) for i in range(job["completions"])]


@pytest.fixture(scope="module")
def moved(runs):
    """Trains on 2 processes of 2 devices until SIGTERM to one, then on 4 of 1; and on 1 of 4."""
    record = types.SimpleNamespace(workdir=runs.root / "moved", whole=runs.root / "moved_whole")
    w = record.workdir
    with runs.job(w, 2, 2, FOREVER, *JUDGED, log="two") as processes:
        runs.wait(processes[0], "two.0", lambda: len(losses(runs_lib.lines(w))) > 10)
        processes[1].send_signal(signal.SIGTERM)
        record.codes = wait_all(processes)
    record.stopped = runs_lib.sealed(w)[-1]
    record.lines = runs_lib.lines(w)
    record.total = record.stopped + 5
    record.four = local_sh(runs, 4, 1, f"--workdir={w}", runs_lib.until(record.total))
    record.again = local_sh(runs, 2, 2, f"--workdir={w}", runs_lib.until(record.total))
    with runs.job(
        record.whole, 1, 4, runs_lib.until(record.total), *JUDGED, log="moved_whole"
    ) as processes:
        assert wait_all(processes) == [0], runs.read("moved_whole.0.err")[-2000:]
    return record


@pytest.fixture(scope="module")
def bereaved(runs):
    """2 processes of 1 device, of which one is killed; then, as pods, until the clock says stop."""
    record = types.SimpleNamespace(workdir=runs.root / "bereaved")
    w = record.workdir

    def lost_something():
        saved = runs_lib.sealed(w)
        return saved and runs_lib.lines(w)[-1]["step"] > saved[-1]

    with runs.job(w, 2, 1, FOREVER, log="killed") as processes:
        runs.wait(processes[0], "killed.0", lost_something)
        processes[1].kill()
        record.code = processes[0].wait(
            60
        )  # four times the heartbeat and more: CI's cores are shared
    record.lines, record.saved = runs_lib.lines(w), runs_lib.sealed(w)[-1]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                runs.process(
                    command, log=f"clock.{i}", JAX_NUM_CPU_DEVICES="1", NPROC=runs_lib.NPROC, **env
                )
            )
            for i, (command, env) in enumerate(pods(w))
        ]
        record.clock_codes = wait_all(processes)
    return record


def test_sigterm_to_one_process_saves_the_same_step_in_all(runs, moved):
    assert moved.codes == [EXIT_PREEMPTED] * 2, runs.read("two.0.err")[-2000:]
    assert losses(moved.lines)[-1][0] == moved.stopped
    for i in range(2):
        message = f"a process was told to stop: saving after step {moved.stopped}"
        assert runs.read(f"two.{i}.err").count(message) == 1


def test_any_layout_of_as_many_devices_gives_the_same_losses(runs, moved):
    """2 x 2, restored on 4 x 1, against 1 x 4."""
    assert moved.four.returncode == 0, moved.four.stderr[-2000:]
    kimg = f"starting at {moved.stopped * runs_lib.BATCH / 1000:.1f} of "
    assert kimg in moved.four.stderr
    in_parts, at_once = (losses(runs_lib.lines(w)) for w in (moved.workdir, moved.whole))
    assert [step for step, *_ in at_once] == list(range(1, moved.total + 1))
    assert in_parts == at_once


def test_the_judge_sees_the_same_in_several_processes(moved):
    first, second = (
        next(x for x in runs_lib.lines(w) if "eval/seconds" in x)
        for w in (moved.workdir, moved.whole)
    )
    names = {n for n in first if n.startswith("eval/")} - {"eval/seconds"}
    assert len(names) > 2 and first["step"] == 10
    for name in names:
        assert first[name] == pytest.approx(second[name], rel=1e-4), name


def test_one_process_writes(runs, moved):
    assert len(list(moved.workdir.glob("events.out.tfevents.*"))) == 2  # one a start that trained
    assert (moved.workdir / "samples.png").exists()
    assert '"batch_size": 32' in runs.read("two.0.out")
    assert all(line.startswith("[Gloo]") for line in runs.read("two.1.out").splitlines())
    assert "kimg" not in runs.read("two.1.err")
    assert json.loads((moved.workdir / "config.json").read_text())["method"] == "dcgan"


def test_finished_says_so_in_every_process(moved):
    assert moved.again.returncode == 0, moved.again.stderr[-2000:]
    for i in range(2):
        assert re.search(
            rf"^\[{i}\] .* is already trained to .* kimg: nothing to do$", moved.again.stdout, re.M
        )


def test_a_dead_peer_ends_the_others(bereaved):
    assert bereaved.code not in (0, 2, 3, EXIT_PREEMPTED)  # so that a launcher starts it again


def test_after_a_kill_no_sample_is_repeated_or_skipped(runs, bereaved):
    assert bereaved.clock_codes == [0, 0], runs.read("clock.0.err")[-2000:]
    before, after = losses(bereaved.lines), losses(runs_lib.lines(bereaved.workdir))
    assert f"starting at {bereaved.saved * runs_lib.BATCH / 1000:.1f} of " in runs.read(
        "clock.0.err"
    )
    assert [step for step, *_ in after] == list(
        range(1, bereaved.saved + 2)
    )  # one step, then the clock
    assert after == before[: len(after)]
    assert runs_lib.sealed(bereaved.workdir)[-1] == bereaved.saved + 1


def test_another_number_of_devices_agrees_to_rounding(moved, bereaved):
    two, four = losses(bereaved.lines)[:5], losses(runs_lib.lines(moved.whole))[:5]
    np.testing.assert_allclose(two, four, rtol=1e-5)


def test_a_full_disk_is_met_by_all_processes(runs):
    """First for a while, which a job outlives; then while it is told to stop."""
    w = runs.root / "full"

    def limit_files(process, size):
        hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def failed():
        return "could not be written" in runs.read("full.0.err")

    # 32 steps: long enough that not five saves in a row fail before the limit is lifted.
    every = ["--config.checkpoint.every_kimg=1.024"] + [  # what it prints stays below the limit
        f"--config.log.{x}_kimg=1000.0" for x in ("scalars", "images")
    ]
    with runs.job(w, 2, 1, FOREVER, *every, log="full") as processes:
        runs.wait(processes[0], "full.0", lambda: runs_lib.sealed(w))
        limit_files(
            processes[0], 16384
        )  # bytes: more than it prints, less than the state's largest file
        runs.wait(processes[0], "full.0", failed)
        limit_files(processes[0], None)
        before = runs_lib.sealed(w)[-1]
        runs.wait(processes[0], "full.0", lambda: runs_lib.sealed(w)[-1] > before)
        limit_files(processes[0], 16384)
        processes[1].send_signal(signal.SIGTERM)
        codes = wait_all(processes, timeout=60)
    assert codes == [EXIT_NOT_SAVED] * 2, runs.read("full.0.err")[-2000:]
    kept = runs_lib.sealed(w)
    assert len(kept) >= 2
    assert not any(seal.problem_of(w / "checkpoints" / str(step)) for step in kept)
    assert runs.read("full.0.err").count("error: checkpoint ") == 1
    assert "Traceback" not in runs.read("full.0.err")  # orbax prints a hundred
    assert "error: " not in runs.read("full.1.err") and "could not" not in runs.read("full.1.err")


def test_a_workdir_in_use_is_said_once_and_ends_all(runs):
    with (
        workdir_lib.locked(runs.root / "in_use"),
        runs.job(runs.root / "in_use", 2, 1, log="in_use") as processes,
    ):
        codes = wait_all(processes)
    assert codes == [2, 2], runs.read("in_use.0.err")[-2000:] + runs.read("in_use.1.err")[-2000:]
    assert re.search(
        rf"^error: workdir .* is in use by pid {os.getpid()} on ", runs.read("in_use.0.err"), re.M
    )
    assert "error: " not in runs.read("in_use.1.err")


def test_features_and_rollback_in_several_processes(tmp_path):
    """Processes share the features, the last batch not full; a roll-back is of all devices."""
    images = np.random.default_rng(0).integers(0, 256, (19, 16, 16, 4), np.uint8)
    np.save(tmp_path / "images.npy", images)
    program = """if True:
        import dataclasses, os, sys, types
        import numpy as np
        from emoji_gan.runtime import processes
        processes.start(processes.find(os.environ), heartbeat_s=10)
        import jax
        from eval.extractors.features import Extractor
        seen = []
        extractor = Extractor("emoji-encoder", batch_size=4)
        prepare = extractor._prepare
        extractor._prepare = lambda x: seen.append(len(x)) or prepare(x)
        found = extractor(np.load(sys.argv[1]))
        assert jax.process_count() == 3 and seen == [4, 4], seen
        np.save(f"{sys.argv[2]}.{jax.process_index()}.npy", found.features)

        from emoji_gan.methods.base import Counters
        from emoji_gan.runtime import divergence, mesh
        State = jax.tree_util.register_dataclass(
            dataclasses.make_dataclass("State", ("counters",)))
        old, bad = (mesh.replicate(mesh.make_mesh(), State(Counters(*np.int32(x))))
                    for x in ((4, 0, 0, 0), (9, 3, 5, 0)))
        saved = types.SimpleNamespace(restore=lambda shapes: (old, 4))
        new = divergence.roll_back(saved, None, bad, step=9, kimg=0.3, again=False)
        assert [int(x) for x in jax.tree.leaves(new)] == [9, 0, 5, 1]
        assert all(len(x.sharding.device_set) == 3 for x in jax.tree.leaves(new))
    """
    env = os.environ | {
        "JAX_NUM_CPU_DEVICES": "1",
        "PYTHONPATH": str(runs_lib.ROOT),
        "JAX_NUM_PROCESSES": "3",
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{runs_lib.free_port()}",
    }
    command = [
        sys.executable,
        "-c",
        program,
        str(tmp_path / "images.npy"),
        str(tmp_path / "features"),
    ]
    processes = [
        subprocess.Popen(command, env=env | {"JOB_COMPLETION_INDEX": str(i)}) for i in range(3)
    ]
    try:
        assert wait_all(processes) == [0, 0, 0]
    finally:
        for p in processes:
            p.kill()
    alone = Extractor("emoji-encoder")(images).features
    for i in range(3):
        np.testing.assert_allclose(
            np.load(tmp_path / f"features.{i}.npy"), alone, rtol=1e-4, atol=1e-5
        )
