"""Injects faults that the tests of single modules do not cover.

docs/robustness.md says which test shows what.
"""

import errno
import fcntl
import hashlib
import json
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.faults import damage, random_faults
from emoji_gan.errors import EXIT_NOT_SAVED, NotSaved, UserError
from emoji_gan.runtime import curves, seal
from emoji_gan.runtime import workdir as workdir_lib
from tests.support import runs as runs_lib
from tests.support import saved_states as states

# Checkpoints.


def test_saves_that_fail_in_a_row_end_the_run(tmp_path, monkeypatch):
    states.save_steps(tmp_path, [1])
    c = states.open_checkpointer(tmp_path)

    def read_only(**kw):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(workdir_lib.tempfile, "mkstemp", read_only)
    for step in (2, 3, 4, 5, 6):
        c.save(step, states.make_state(step))  # a warning each
    with pytest.raises(
        NotSaved, match=r"5 saves in a row failed, the last: checkpoint 6 .*: Read-only"
    ) as e:
        c.save(7, states.make_state(7))
    assert e.value.exit_code == EXIT_NOT_SAVED and "\n" not in str(e.value)
    monkeypatch.undo()
    c.close()
    c = states.open_checkpointer(tmp_path)
    assert c.restore(states.abstract_state())[1] == 1
    c.close()


def test_a_save_that_works_forgives_those_before(tmp_path, monkeypatch):
    c = states.open_checkpointer(tmp_path)
    good = workdir_lib.tempfile.mkstemp
    for step in range(1, 11):

        def mkstemp(step=step, **kw):
            if step % 5:
                raise OSError(errno.ENOSPC, "No space left on device")
            return good(**kw)

        monkeypatch.setattr(workdir_lib.tempfile, "mkstemp", mkstemp)
        c.save(step, states.make_state(step), wait=step % 5 == 0)
    c.close()
    assert states.step_names(tmp_path) == ["10", "5"]


KILLED_BEFORE_SEAL = """
import sys, time
from tests.support import saved_states as t
from emoji_gan.runtime import seal
c = t.open_checkpointer(sys.argv[1])
c.save(1, t.make_state(1), wait=True)
def never(path):
    print("committed", flush=True)
    time.sleep(100)
seal.seal = never
c.save(2, t.make_state(2), wait=True)
"""


def test_kill_between_commit_and_seal(tmp_path):
    command = [sys.executable, "-c", KILLED_BEFORE_SEAL, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=runs_lib.ROOT) as saver:
        assert saver.stdout.readline() == "committed\n"
        saver.send_signal(signal.SIGKILL)
    assert states.step_names(tmp_path) == ["1", "2", "saving"]
    c = states.open_checkpointer(tmp_path)
    restored, step = c.restore(states.abstract_state())
    assert step == 1
    states.assert_same(restored, states.make_state(1))
    c.close()


@pytest.mark.parametrize("kind", damage.KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_damage_is_found(kind, seed, tmp_path):
    step = tmp_path / "3"
    (step / "state").mkdir(parents=True)
    for name in ("state/a", "state/b", "meta"):
        (step / name).write_bytes(name.encode() * 50)
    seal.seal(step)
    assert seal.problem_of(step) is None
    damage.KINDS[kind](step, random.Random(seed))
    assert seal.problem_of(step) is not None


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "a is not in its seal"),
        ({"a": [1, _sha256("a")], "../secret": [6, _sha256("secret")]}, r"\.\./secret is missing"),
        ({"a": [1, _sha256("a")], "link": [6, _sha256("secret")]}, "link is missing"),
        ([], "no seal, though its own hash is right"),
        ({"a": "x"}, "no seal, though"),
        ({"a": [float("inf"), "x"]}, "no seal, though"),
    ],
)
def test_a_seal_made_by_hand(files, problem, tmp_path):
    (tmp_path / "secret").write_text("secret")
    step = tmp_path / "3"
    step.mkdir()
    (step / "a").write_text("a")
    (step / "link").symlink_to(tmp_path / "secret")
    body = json.dumps({"step": "3", "files": files}).encode()
    (step / seal.NAME).write_bytes(body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n")
    with pytest.raises(AssertionError, match=problem):
        assert seal.problem_of(step) is None


# The workdir.


@pytest.fixture
def no_locks(monkeypatch):
    """A network mount without locks, and a short life."""

    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(workdir_lib, "BEAT_S", 0.1)
    monkeypatch.setattr(workdir_lib, "DEAD_AFTER_S", 1.0)


LEASED = """
import fcntl, sys, time
from emoji_gan.runtime import workdir
def flock(*_):
    raise OSError(37, "No locks available")
fcntl.flock = flock
workdir.BEAT_S, workdir.DEAD_AFTER_S = 0.1, 1.0
with workdir.locked(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def holder(tmp_path):
    """Another job that holds tmp_path/run by a lease."""
    command = [sys.executable, "-c", LEASED, str(tmp_path / "run")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, cwd=runs_lib.ROOT, **pipes) as process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_second_job_is_refused_where_there_are_no_locks(tmp_path, no_locks, holder):
    with (
        pytest.raises(UserError, match=f"in use by pid {holder.pid} on .*; stop that job"),
        workdir_lib.locked(tmp_path / "run"),
    ):
        pass
    holder.kill()  # its lease stays: nobody can ask a dead host
    holder.wait()
    with workdir_lib.locked(tmp_path / "run"):
        assert (tmp_path / "run/lease").read_text() != ""
    assert not (tmp_path / "run/lease").exists()
    with workdir_lib.locked(tmp_path / "run"):  # free at once
        pass


def test_a_job_that_wakes_up_to_another_ends_without_saving(tmp_path, no_locks, holder):
    holder.send_signal(signal.SIGSTOP)  # as a suspended host
    with workdir_lib.locked(tmp_path / "run"):
        holder.send_signal(signal.SIGCONT)
        assert holder.wait(60) == EXIT_NOT_SAVED
        error = holder.stderr.read()
        assert error.startswith("error: another job has taken the workdir")
        assert error.count("\n") == 1


def test_of_two_that_take_a_dead_lease_one_has_it(tmp_path, no_locks, monkeypatch):
    path = tmp_path / "lease"
    path.write_text("pid 1 on a.dead.host (0123) 7\n")

    def slower(target, data, write=workdir_lib.write_atomic):
        write(target, data)
        path.write_text("pid 2 on another.host (4567) 0\n")  # it was a moment later

    monkeypatch.setattr(workdir_lib, "write_atomic", slower)
    with (
        pytest.raises(UserError, match=r"in use by pid 2 on another\.host; "),
        workdir_lib.locked(tmp_path),
    ):
        pass


def test_the_lock_file_of_a_dead_host_is_in_nobodys_way(tmp_path):
    (tmp_path / "lock").write_text("pid 4711 on a.dead.host\n")
    with workdir_lib.locked(tmp_path):
        pass


# Curves and pictures.


def test_a_picture_that_cannot_be_written_is_one_warning(tmp_path, caplog):
    from absl import logging

    from configs import default
    from emoji_gan import images

    config = default.get_config()
    config.batch_size = 32
    logging.get_absl_logger().addHandler(caplog.handler)
    writer = curves.Writer(tmp_path, config, step=0)
    (tmp_path / "samples").write_text("a file in the folder's place")
    for _ in range(3):
        with writer.tolerant("the pictures"):
            images.save_png(tmp_path / "samples" / "x.png", np.zeros((4, 4, 3), np.uint8))
    writer.close()
    logging.get_absl_logger().removeHandler(caplog.handler)
    lines = {r.getMessage() for r in caplog.records}
    assert len([line for line in lines if line.endswith("; training goes on without")]) == 1
    assert "3 writes of the pictures failed in all" in lines


# All at once: the programs of `python -m emoji_gan.soak`, a life of each kind of end that is not
# elsewhere.


@pytest.mark.slow
def test_a_training_survives_faults_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.chdir(runs_lib.ROOT)
    s = random_faults.Soak(tmp_path / "faults", tmp_path / "log.txt", random.Random(0))
    s.once(
        "disk full for a while",
        "kill -9 between commit and seal",
        "flipped bit in the newest checkpoint",
    )
    s.once(
        "suspended for a while",
        "disk full, then SIGTERM",
        "half a line and half a record end the curves",
    )
    assert "equal bit for bit" in s.finish()
    assert s.injected.total() == s.survived.total() == 6
