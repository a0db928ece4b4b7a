"""Checkpoints that are damaged, cut off or not written: none of them is ever restored."""

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from emoji_gan.errors import UserError
from emoji_gan.runtime import seal
from tests.support import runs as runs_lib
from tests.support import saved_states as states


def test_every_bit_flip_falls_back(tmp_path, logged_warnings):
    states.save_steps(tmp_path, [1, 2])
    c = states.open_checkpointer(tmp_path)
    newest = tmp_path / "checkpoints" / "2"
    rng = random.Random(0)
    files = [p for p in states.files_of(newest) if p.stat().st_size]
    assert newest / "seal.json" in files
    # Every file at least once, then files drawn by size, where a stray bit would most likely fall.
    targets = files + rng.choices(
        files, weights=[p.stat().st_size for p in files], k=100 - len(files)
    )
    for target in targets:
        good = target.read_bytes()
        i = rng.randrange(len(good))
        target.write_bytes(good[:i] + bytes([good[i] ^ 1 << rng.randrange(8)]) + good[i + 1 :])
        logged_warnings.clear()
        restored, step = c.restore(states.abstract_state())
        assert step == 1, target
        (line,) = logged_warnings
        assert target.name in line and "\n" not in line
        aside = newest.with_name("damaged-2-0")
        aside.rename(newest)
        target.write_bytes(good)
    states.assert_same(restored, states.make_state(1))
    assert c.restore(states.abstract_state())[1] == 2
    c.close()


@pytest.mark.parametrize("damage", ["truncate", "delete", "unseal", "grow"])
def test_damage_is_named_and_set_aside(tmp_path, logged_warnings, damage):
    states.save_steps(tmp_path, [1, 2])
    newest = tmp_path / "checkpoints" / "2"
    target = max(states.files_of(newest), key=lambda p: p.stat().st_size)
    if damage == "truncate":
        os.truncate(target, target.stat().st_size // 2)
    elif damage == "delete":
        target.unlink()
    elif damage == "unseal":
        target = newest / "seal.json"
        target.unlink()
    else:
        target.write_bytes(target.read_bytes() + b"\0")
    c = states.open_checkpointer(tmp_path)
    with pytest.raises(UserError, match=target.name):
        c.restore_step(2, states.abstract_state())
    assert c.newest_good_step() == 1
    assert "2" in states.step_names(tmp_path)  # looking changes nothing
    logged_warnings.clear()
    _, step = c.restore(states.abstract_state())
    assert step == 1 and states.step_names(tmp_path) == ["1", "damaged-2-0"]
    (line,) = logged_warnings
    assert target.name in line and "damaged-2-0" in line
    c.save(2, states.make_state(2), wait=True)  # its number is free again
    assert c.restore(states.abstract_state())[1] == 2
    c.close()


def test_a_seal_is_utf_8(tmp_path):
    """Python's JSON reader guesses the encoding of bytes; damage must not become a seal by that."""
    step = tmp_path / "1"
    step.mkdir()
    seal.seal(step)
    assert seal.problem_of(step) is None
    body = (step / seal.NAME).read_bytes().splitlines()[0].decode().encode("utf-16-le")
    digest = hashlib.sha256(body).hexdigest().encode()
    (step / seal.NAME).write_bytes(body + b"\n" + digest + b"\n")
    assert seal.problem_of(step) == "seal.json is no seal, though its own hash is right"


def test_none_good_is_refused_every_time(tmp_path):
    states.save_steps(tmp_path, [1, 2])
    for step in ("1", "2"):
        files = states.files_of(tmp_path / "checkpoints" / step)
        os.truncate(max(files, key=lambda p: p.stat().st_size), 3)
    for _ in range(2):
        c = states.open_checkpointer(tmp_path)
        with pytest.raises(UserError, match="none is good"):
            c.restore(states.abstract_state())
        c.close()
    assert states.step_names(tmp_path) == ["damaged-1-0", "damaged-2-0"]


def test_first_save_cut_off_before_its_seal_starts_anew(tmp_path, logged_warnings):
    states.save_steps(tmp_path, [1])
    (tmp_path / "checkpoints/1/seal.json").unlink()
    (tmp_path / "checkpoints/saving").write_text("1\n")
    for _ in range(2):
        c = states.open_checkpointer(tmp_path)
        assert c.restore(states.abstract_state()) is None
        c.close()
    assert len(logged_warnings) == 1 and "cut off" in logged_warnings[0]


# The warning comes from orbax's event loop.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_old_steps_outlive_a_save_that_fails_on_a_full_disk(tmp_path, logged_warnings):
    c = states.open_checkpointer(tmp_path, keep=1)
    c.save(1, states.make_state(1), wait=True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # Bytes; writes beyond them fail as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        c.save(2, states.make_state(2))
        with pytest.raises(
            UserError, match=r"checkpoint 2 could not be written to .*: File too large"
        ) as e:
            c.wait()
        c.save(3, states.make_state(3))  # not a second error: training goes on
        with pytest.raises(UserError, match="checkpoint 3"):
            c.save(4, states.make_state(4))
            c.save(3, states.make_state(3), wait=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(e.value) and "older checkpoints are intact" in str(e.value)
    assert [line.split(" could")[0] for line in logged_warnings] == [
        f"checkpoint {n}" for n in (2, 3, 4, 3)
    ]
    states.assert_same(c.restore(states.abstract_state())[0], states.make_state(1))
    c.save(5, states.make_state(5), wait=True)  # space again
    c.close()
    assert states.step_names(tmp_path) == ["5"]
    restored, step = states.open_checkpointer(tmp_path).restore(states.abstract_state())
    assert step == 5
    states.assert_same(restored, states.make_state(5))


def test_unsealed_step_of_the_same_number_is_replaced(tmp_path, logged_warnings):
    states.save_steps(tmp_path, [1])
    (tmp_path / "checkpoints/1/seal.json").unlink()
    states.save_steps(tmp_path, [1])
    assert states.step_names(tmp_path) == ["1", "damaged-1-0"] and "seal.json" in logged_warnings[0]


def test_disk_full_at_the_seal(tmp_path, monkeypatch):
    states.save_steps(tmp_path, [1])

    def no_space(path, data):
        raise UserError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(seal, "write_atomic", no_space)
    c = states.open_checkpointer(tmp_path)
    with pytest.raises(UserError, match=r"checkpoint 2 could not be written .*No space left"):
        c.save(2, states.make_state(2), wait=True)
    assert states.step_names(tmp_path) == ["1", "saving"]
    c.close()  # must not hide what the caller is raising
    c = states.open_checkpointer(tmp_path)
    monkeypatch.undo()
    c.save(2, states.make_state(2), wait=True)
    assert c.newest_good_step() == 2
    c.close()


def test_cut_off_deletions_and_saves_are_swept(tmp_path):
    states.save_steps(tmp_path, [1])
    for name in ("deleted-0-0", "2.orbax-checkpoint-tmp"):
        (tmp_path / "checkpoints" / name / "state").mkdir(parents=True)
    states.open_checkpointer(tmp_path).close()
    assert states.step_names(tmp_path) == ["1"]


SAVER = """
import sys
from tests.support import saved_states as t
c = t.open_checkpointer(sys.argv[1], keep=2)
for step in range(1, 1000):
    c.save(step, t.make_state(step))
    print(step, flush=True)
"""


@pytest.mark.parametrize("delay_ms", [0, 30])
def test_kill_during_saves(tmp_path, delay_ms):
    saver = subprocess.Popen(
        [sys.executable, "-c", SAVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=runs_lib.ROOT,
    )
    for line in saver.stdout:
        if int(line) == 3:  # step 3 is being written; 1 is sealed
            break
    time.sleep(delay_ms / 1000)
    saver.send_signal(signal.SIGKILL)
    saver.wait()
    saver.stdout.close()
    c = states.open_checkpointer(tmp_path, keep=2)
    restored, step = c.restore(states.abstract_state())
    assert step >= 2
    states.assert_same(restored, states.make_state(step))
    c.save(step + 100, states.make_state(step + 100), wait=True)
    c.close()
    assert not [n for n in states.step_names(tmp_path) if "tmp" in n or n == "saving"]
