"""Sealed checkpoints: what was saved comes back bit for bit, and nothing damaged ever does."""

import dataclasses
import hashlib
import logging
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from emoji_gan.errors import UserError
from emoji_gan.runtime import checkpoint as checkpoint_lib
from emoji_gan.runtime import seal
from emoji_gan.runtime import workdir as workdir_lib
from emoji_gan.runtime.checkpoint import stored_state

ROOT = pathlib.Path(__file__).parents[3]
CONFIG = {
    "model": {"z_dim": 8},
    "data": {"groups": ["a"], "dir": ""},
    "log": {"grid": 8},
    "total_kimg": 10.0,
}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    step: jax.Array
    g: dict
    g_ema: dict
    g_opt: optax.OptState
    w_avg: jax.Array
    key: jax.Array


def init(key):
    """Exact whatever the compiler does: uniform places bits, where normal rounds an error function."""
    g = {
        "blocks": {
            i: {"w": jax.random.uniform(jax.random.fold_in(key, i), (16, 64))} for i in range(2)
        },
        "half": jnp.arange(5, dtype=jnp.bfloat16),
    }
    return State(
        step=jnp.int32(0),
        g=g,
        g_ema=jax.tree.map(jnp.copy, g),
        g_opt=optax.adam(1e-3).init(g),
        w_avg=jnp.arange(7, dtype=jnp.float32) / 8,
        key=key,
    )


def shardings(num_devices):
    mesh = jax.make_mesh(
        (num_devices,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:num_devices]
    )
    return NamedSharding(mesh, PartitionSpec())


def make_state(seed, num_devices=1):
    return jax.jit(init, out_shardings=shardings(num_devices))(jax.random.key(seed))


def abstract_state(num_devices=1):
    return jax.eval_shape(jax.jit(init, out_shardings=shardings(num_devices)), jax.random.key(0))


def numpy_of(state):
    state = dataclasses.replace(state, key=jax.random.key_data(state.key))
    return jax.tree.map(np.array, state)


def assert_same(a, b):
    a, b = numpy_of(a), numpy_of(b)
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes()


def open_checkpointer(workdir, config=CONFIG, data_hash="d" * 64, keep=3, **kw):
    return checkpoint_lib.Checkpointer(workdir, config=config, data_hash=data_hash, keep=keep, **kw)


def save_steps(workdir, steps, **kw):
    c = open_checkpointer(workdir, **kw)
    for step in steps:
        c.save(step, make_state(step), wait=True)
    c.close()


def names(workdir):
    return sorted(p.name for p in (workdir / "checkpoints").iterdir() if p.name != "pins")


def files_of(path):
    return sorted(p for p in path.rglob("*") if p.is_file())


@pytest.fixture
def warnings():
    """The lines a user sees, orbax's own included."""
    lines = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("absl").addHandler(handler)
    yield lines
    logging.getLogger("absl").removeHandler(handler)


def test_exact_and_donation_safe(tmp_path):
    c = open_checkpointer(tmp_path)
    assert c.restore(abstract_state()) is None and c.newest_good_step() is None
    state = make_state(1)
    wanted = jax.tree.map(jnp.copy, state)
    c.save(5, state)
    overwrite = jax.jit(
        lambda s: jax.tree.map(lambda x: x, dataclasses.replace(s, w_avg=s.w_avg * 0)),
        donate_argnums=0,
    )
    overwrite(state)
    c.wait()
    assert c.newest_good_step() == 5
    c.save(5, make_state(2), wait=True)  # already there: left as it is
    c.close()
    restored, step = open_checkpointer(tmp_path).restore(abstract_state())
    assert step == 5
    assert_same(restored, wanted)
    assert names(tmp_path) == ["5"]


@pytest.mark.parametrize(("saved_on", "restored_on"), [(1, 8), (8, 2)])
def test_other_device_count(tmp_path, saved_on, restored_on):
    c = open_checkpointer(tmp_path)
    c.save(1, make_state(3, saved_on), wait=True)
    restored, _ = c.restore(abstract_state(restored_on))
    c.close()
    assert len(restored.w_avg.sharding.device_set) == restored_on
    assert_same(restored, make_state(3, saved_on))


def test_every_bit_flip_falls_back(tmp_path, warnings):
    save_steps(tmp_path, [1, 2])
    c = open_checkpointer(tmp_path)
    newest = tmp_path / "checkpoints" / "2"
    rng = random.Random(0)
    files = [p for p in files_of(newest) if p.stat().st_size]
    assert newest / "seal.json" in files
    # Every file at least once, then files drawn by size, where a stray bit would most likely fall.
    targets = files + rng.choices(
        files, weights=[p.stat().st_size for p in files], k=100 - len(files)
    )
    for target in targets:
        good = target.read_bytes()
        i = rng.randrange(len(good))
        target.write_bytes(good[:i] + bytes([good[i] ^ 1 << rng.randrange(8)]) + good[i + 1 :])
        warnings.clear()
        restored, step = c.restore(abstract_state())
        assert step == 1, target
        assert len(warnings) == 1 and target.name in warnings[0] and "\n" not in warnings[0]
        aside = newest.with_name("damaged-2-0")
        aside.rename(newest)
        target.write_bytes(good)
    assert_same(restored, make_state(1))
    assert c.restore(abstract_state())[1] == 2
    c.close()


@pytest.mark.parametrize("damage", ["truncate", "delete", "unseal", "grow"])
def test_damage_is_named_and_set_aside(tmp_path, warnings, damage):
    save_steps(tmp_path, [1, 2])
    newest = tmp_path / "checkpoints" / "2"
    target = max(files_of(newest), key=lambda p: p.stat().st_size)
    if damage == "truncate":
        os.truncate(target, target.stat().st_size // 2)
    elif damage == "delete":
        target.unlink()
    elif damage == "unseal":
        target = newest / "seal.json"
        target.unlink()
    else:
        target.write_bytes(target.read_bytes() + b"\0")
    c = open_checkpointer(tmp_path)
    with pytest.raises(UserError, match=target.name):
        c.restore_step(2, abstract_state())
    assert c.newest_good_step() == 1 and "2" in names(tmp_path)  # looking changes nothing
    warnings.clear()
    _, step = c.restore(abstract_state())
    assert step == 1 and names(tmp_path) == ["1", "damaged-2-0"]
    assert len(warnings) == 1 and target.name in warnings[0] and "damaged-2-0" in warnings[0]
    c.save(2, make_state(2), wait=True)  # its number is free again
    assert c.restore(abstract_state())[1] == 2
    c.close()


def test_a_seal_is_utf_8(tmp_path):
    """Python's JSON reader guesses the encoding of bytes; damage must not become another seal by that."""
    step = tmp_path / "1"
    step.mkdir()
    seal.seal(step)
    assert seal.problem_of(step) is None
    body = (step / seal.NAME).read_bytes().splitlines()[0].decode().encode("utf-16-le")
    digest = hashlib.sha256(body).hexdigest().encode()
    (step / seal.NAME).write_bytes(body + b"\n" + digest + b"\n")
    assert seal.problem_of(step) == "seal.json is no seal, though its own hash is right"


def test_none_good_is_refused_every_time(tmp_path):
    save_steps(tmp_path, [1, 2])
    for step in ("1", "2"):
        os.truncate(
            max(files_of(tmp_path / "checkpoints" / step), key=lambda p: p.stat().st_size), 3
        )
    for _ in range(2):
        c = open_checkpointer(tmp_path)
        with pytest.raises(UserError, match="none is good"):
            c.restore(abstract_state())
        c.close()
    assert names(tmp_path) == ["damaged-1-0", "damaged-2-0"]


def test_first_save_cut_off_before_its_seal_starts_anew(tmp_path, warnings):
    save_steps(tmp_path, [1])
    (tmp_path / "checkpoints/1/seal.json").unlink()
    (tmp_path / "checkpoints/saving").write_text("1\n")
    for _ in range(2):
        c = open_checkpointer(tmp_path)
        assert c.restore(abstract_state()) is None
        c.close()
    assert len(warnings) == 1 and "cut off" in warnings[0]


def test_config_and_data_changes(tmp_path, warnings):
    save_steps(tmp_path, [1])
    free = {
        **CONFIG,
        "log": {"grid": 4},
        "total_kimg": 99.0,
        "data": {"groups": ("a",), "dir": "/elsewhere"},
    }
    c = open_checkpointer(tmp_path, config=free)
    assert c.restore(abstract_state())[1] == 1
    c.close()

    other = {**CONFIG, "model": {"z_dim": 16, "noise": True}}
    c = open_checkpointer(tmp_path, config=other, data_hash="e" * 64)
    with pytest.raises(UserError) as e:
        c.restore(abstract_state())
    c.close()
    line = str(e.value)
    assert "model.z_dim was 8, is 16" in line and "model.noise was 'absent', is True" in line
    assert "data set (hash) was 'dddddddddddd', is 'eeeeeeeeeeee'" in line
    assert "groups" not in line and "--allow_config_change" in line and "\n" not in line

    c = open_checkpointer(tmp_path, config=other, data_hash="e" * 64, allow_config_change=True)
    restored, _ = c.restore(abstract_state())
    c.close()
    assert_same(restored, make_state(1))
    assert len(warnings) == 1 and "model.z_dim was 8, is 16" in warnings[0]


@pytest.mark.parametrize(
    ("shape", "dtype", "now"),
    [((9,), jnp.float32, r"float32 \(9,\)"), ((7,), jnp.bfloat16, r"bfloat16 \(7,\)")],
)
def test_other_model_is_one_line(tmp_path, shape, dtype, now):
    save_steps(tmp_path, [1])
    wrong = abstract_state()
    wrong = dataclasses.replace(
        wrong, w_avg=jax.ShapeDtypeStruct(shape, dtype, sharding=shardings(1))
    )
    c = open_checkpointer(tmp_path, allow_config_change=True)
    with pytest.raises(
        UserError,
        match=rf"checkpoint 1 .* does not fit this model: w_avg was float32 \(7,\), is {now}",
    ) as e:
        c.restore(wrong)
    assert "\n" not in str(e.value)
    c.close()


def test_a_state_of_older_names_is_restored(tmp_path):
    """As a run of an older commit left it: its fields are called otherwise, or lie elsewhere."""
    save_steps(tmp_path, [1])
    now, saved = abstract_state(), make_state(1)

    @jax.tree_util.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Renamed:
        counters: dict
        average: object
        rest: dict

    fields = {f.name: getattr(now, f.name) for f in dataclasses.fields(now)}
    wanted = Renamed({"step": fields.pop("step")}, fields.pop("w_avg"), {})
    renamed = {"step": "counters.step", "w_avg": "average"}
    renamed |= {name: f"rest.{name}" for name in fields}
    wanted = dataclasses.replace(wanted, rest=fields)
    c = checkpoint_lib.Checkpointer(
        tmp_path, config=CONFIG, data_hash="data", keep=3, renamed=renamed, allow_config_change=True
    )
    state, step = c.restore(wanted)
    c.close()
    assert step == 1
    back = type(saved)(**state.rest, w_avg=state.average, step=state.counters["step"])
    assert_same(back, saved)
    read = checkpoint_lib.load_for_inference(tmp_path, 1, ["average", "counters"], renamed=renamed)
    np.testing.assert_array_equal(read.state["average"], saved.w_avg)
    np.testing.assert_array_equal(read.state["counters"]["step"], saved.step)


def test_keep_and_pins(tmp_path):
    c = open_checkpointer(tmp_path, keep=2)
    for step in range(1, 4):
        c.save(step, make_state(step), wait=True)
    assert names(tmp_path) == ["2", "3"]
    for step in (2, 3):
        checkpoint_lib.pin(tmp_path, step)
    for step in range(4, 7):
        c.save(step, make_state(step), wait=True)
    assert names(tmp_path) == ["2", "3", "5", "6"]
    checkpoint_lib.unpin(tmp_path, 3)
    c.save(7, make_state(7), wait=True)
    assert names(tmp_path) == ["2", "6", "7"]
    assert_same(c.restore_step(2, abstract_state()), make_state(2))
    c.close()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # orbax's, of its event loop
def test_old_steps_outlive_a_save_that_fails_on_a_full_disk(tmp_path, warnings):
    c = open_checkpointer(tmp_path, keep=1)
    c.save(1, make_state(1), wait=True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (2000, limits[1])
        )  # bytes; writes beyond fail as on a full disk
        c.save(2, make_state(2))
        with pytest.raises(
            UserError, match=r"checkpoint 2 could not be written to .*: File too large"
        ) as e:
            c.wait()
        c.save(3, make_state(3))  # not a second error: training goes on
        with pytest.raises(UserError, match="checkpoint 3"):
            c.save(4, make_state(4))
            c.save(3, make_state(3), wait=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(e.value) and "older checkpoints are intact" in str(e.value)
    assert [line.split(" could")[0] for line in warnings] == [
        f"checkpoint {n}" for n in (2, 3, 4, 3)
    ]
    assert_same(c.restore(abstract_state())[0], make_state(1))
    c.save(5, make_state(5), wait=True)  # space again
    c.close()
    assert names(tmp_path) == ["5"]
    restored, step = open_checkpointer(tmp_path).restore(abstract_state())
    assert step == 5
    assert_same(restored, make_state(5))


def test_unsealed_step_of_the_same_number_is_replaced(tmp_path, warnings):
    save_steps(tmp_path, [1])
    (tmp_path / "checkpoints/1/seal.json").unlink()
    save_steps(tmp_path, [1])
    assert names(tmp_path) == ["1", "damaged-1-0"] and "seal.json" in warnings[0]


def test_disk_full_at_the_seal(tmp_path, monkeypatch):
    save_steps(tmp_path, [1])

    def no_space(path, data):
        raise UserError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(seal, "write_atomic", no_space)
    c = open_checkpointer(tmp_path)
    with pytest.raises(UserError, match=r"checkpoint 2 could not be written .*No space left"):
        c.save(2, make_state(2), wait=True)
    assert names(tmp_path) == ["1", "saving"]
    c.close()  # must not hide what the caller is raising
    c = open_checkpointer(tmp_path)
    monkeypatch.undo()
    c.save(2, make_state(2), wait=True)
    assert c.newest_good_step() == 2
    c.close()


def test_cut_off_deletions_and_saves_are_swept(tmp_path):
    save_steps(tmp_path, [1])
    for name in ("deleted-0-0", "2.orbax-checkpoint-tmp"):
        (tmp_path / "checkpoints" / name / "state").mkdir(parents=True)
    open_checkpointer(tmp_path).close()
    assert names(tmp_path) == ["1"]


def test_load_for_inference(tmp_path, warnings):
    with pytest.raises(UserError, match="no good checkpoint in"):
        checkpoint_lib.load_for_inference(tmp_path, None, [])
    save_steps(tmp_path, [1, 2])
    newest = checkpoint_lib.load_for_inference(tmp_path, None, ["g_ema", "step", "w_avg"])
    state = newest.state
    wanted = numpy_of(make_state(2))
    assert newest.config == CONFIG and newest.step == 2
    assert sorted(state) == ["g_ema", "step", "w_avg"]
    assert jax.tree.structure(state["g_ema"]) == jax.tree.structure(
        wanted.g_ema
    )  # int keys and all
    jax.tree.map(np.testing.assert_array_equal, state["g_ema"], wanted.g_ema)
    older = checkpoint_lib.load_for_inference(tmp_path, 1, ["w_avg"])
    assert list(older.state) == ["w_avg"] and older.step == 1
    assert len(newest.digest) == 64 and newest.digest != older.digest
    with pytest.raises(UserError, match=r"has no g_emma, only .*g_ema"):
        checkpoint_lib.load_for_inference(tmp_path, None, ["g_emma"])
    with pytest.raises(UserError, match="no such step; there are: 1, 2"):
        checkpoint_lib.load_for_inference(tmp_path, 9, [])
    target = tmp_path / "checkpoints/2/meta/metadata"
    target.write_bytes(target.read_bytes().replace(b"8", b"9"))
    assert checkpoint_lib.load_for_inference(tmp_path, None, []).digest == older.digest
    assert "meta/metadata" in warnings[0]
    with pytest.raises(UserError, match="meta/metadata has changed bytes"):
        checkpoint_lib.load_for_inference(tmp_path, 2, [])
    assert names(tmp_path) == ["1", "2"]


def test_step_deleted_while_read(tmp_path, monkeypatch):
    save_steps(tmp_path, [1])
    read_tree = stored_state.read_tree

    def delete_and_read(path):
        shutil.rmtree(path)  # as keep-N of the running job may
        return read_tree(path)

    monkeypatch.setattr(stored_state, "read_tree", delete_and_read)
    with pytest.raises(UserError, match=r"checkpoint 1 in .* was deleted while it was read"):
        checkpoint_lib.load_for_inference(tmp_path, None, ["step"])


SAVER = """
import sys
from tests.emoji_gan.runtime import test_checkpoint as t
c = t.open_checkpointer(sys.argv[1], keep=2)
for step in range(1, 1000):
    c.save(step, t.make_state(step))
    print(step, flush=True)
"""


@pytest.mark.parametrize("delay_ms", [0, 30])
def test_kill_during_saves(tmp_path, delay_ms):
    saver = subprocess.Popen(
        [sys.executable, "-c", SAVER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    for line in saver.stdout:
        if int(line) == 3:  # step 3 is being written; 1 is sealed
            break
    time.sleep(delay_ms / 1000)
    saver.send_signal(signal.SIGKILL)
    saver.wait()
    saver.stdout.close()
    c = open_checkpointer(tmp_path, keep=2)
    restored, step = c.restore(abstract_state())
    assert step >= 2
    assert_same(restored, make_state(step))
    c.save(step + 100, make_state(step + 100), wait=True)
    c.close()
    assert not [n for n in names(tmp_path) if "tmp" in n or n == "saving"]


HOLDER = """
import sys
from emoji_gan.runtime import workdir
with workdir.locked(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_second_job_is_refused_until_the_first_dies(tmp_path):
    workdir = tmp_path / "new" / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workdir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert holder.stdout.readline() == "locked\n"
    with (
        pytest.raises(UserError, match=f"in use by pid {holder.pid} on "),
        workdir_lib.locked(workdir),
    ):
        pass
    holder.kill()
    holder.communicate()
    with workdir_lib.locked(workdir) as path:
        assert path == workdir and f"pid {os.getpid()} " in (workdir / "lock").read_text()


def test_unwritable_workdir(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="cannot write the workdir"),
        workdir_lib.locked(tmp_path / "file" / "run"),
    ):
        pass


def test_write_atomic_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    workdir_lib.write_atomic(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(UserError, match=r"cannot write .*x\.json: File too large"):
            workdir_lib.write_atomic(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["x.json"]
    with pytest.raises(UserError, match="No such file"):
        workdir_lib.write_atomic(tmp_path / "none" / "x", b"")
