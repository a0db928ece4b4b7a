"""Saving and restoring checkpoints: what was saved comes back bit for bit."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emoji_gan.errors import UserError
from emoji_gan.runtime import checkpoint as checkpoint_lib
from emoji_gan.runtime.checkpoint import stored_state
from tests.support import saved_states as states


def test_exact_and_donation_safe(tmp_path):
    c = states.open_checkpointer(tmp_path)
    assert c.restore(states.abstract_state()) is None and c.newest_good_step() is None
    state = states.make_state(1)
    expected = jax.tree.map(jnp.copy, state)
    c.save(5, state)
    overwrite = jax.jit(
        lambda s: jax.tree.map(lambda x: x, dataclasses.replace(s, w_avg=s.w_avg * 0)),
        donate_argnums=0,
    )
    overwrite(state)
    c.wait()
    assert c.newest_good_step() == 5
    c.save(5, states.make_state(2), wait=True)  # already there: left as it is
    c.close()
    restored, step = states.open_checkpointer(tmp_path).restore(states.abstract_state())
    assert step == 5
    states.assert_same(restored, expected)
    assert states.step_names(tmp_path) == ["5"]


@pytest.mark.parametrize(("saved_on", "restored_on"), [(1, 8), (8, 2)])
def test_other_device_count(tmp_path, saved_on, restored_on):
    c = states.open_checkpointer(tmp_path)
    c.save(1, states.make_state(3, saved_on), wait=True)
    restored, _ = c.restore(states.abstract_state(restored_on))
    c.close()
    assert len(restored.w_avg.sharding.device_set) == restored_on
    states.assert_same(restored, states.make_state(3, saved_on))


def test_config_and_data_changes(tmp_path, logged_warnings):
    states.save_steps(tmp_path, [1])
    free = {
        **states.CONFIG,
        "log": {"grid": 4},
        "total_kimg": 99.0,
        "data": {"groups": ("a",), "dir": "/elsewhere"},
    }
    c = states.open_checkpointer(tmp_path, config=free)
    assert c.restore(states.abstract_state())[1] == 1
    c.close()

    other = {**states.CONFIG, "model": {"z_dim": 16, "noise": True}}
    c = states.open_checkpointer(tmp_path, config=other, data_hash="e" * 64)
    with pytest.raises(UserError) as e:
        c.restore(states.abstract_state())
    c.close()
    line = str(e.value)
    assert "model.z_dim was 8, is 16" in line and "model.noise was 'absent', is True" in line
    assert "data set (hash) was 'dddddddddddd', is 'eeeeeeeeeeee'" in line
    assert "groups" not in line and "--allow_config_change" in line and "\n" not in line

    c = states.open_checkpointer(
        tmp_path, config=other, data_hash="e" * 64, allow_config_change=True
    )
    restored, _ = c.restore(states.abstract_state())
    c.close()
    states.assert_same(restored, states.make_state(1))
    assert len(logged_warnings) == 1 and "model.z_dim was 8, is 16" in logged_warnings[0]


@pytest.mark.parametrize(
    ("shape", "dtype", "now"),
    [((9,), jnp.float32, r"float32 \(9,\)"), ((7,), jnp.bfloat16, r"bfloat16 \(7,\)")],
)
def test_other_model_is_one_line(tmp_path, shape, dtype, now):
    states.save_steps(tmp_path, [1])
    wrong = states.abstract_state()
    wrong = dataclasses.replace(
        wrong, w_avg=jax.ShapeDtypeStruct(shape, dtype, sharding=states.shardings(1))
    )
    c = states.open_checkpointer(tmp_path, allow_config_change=True)
    with pytest.raises(
        UserError,
        match=rf"checkpoint 1 .* does not fit this model: w_avg was float32 \(7,\), is {now}",
    ) as e:
        c.restore(wrong)
    assert "\n" not in str(e.value)
    c.close()


def test_a_state_of_older_names_is_restored(tmp_path):
    """A run of an older commit left it: its fields have other names or other positions."""
    states.save_steps(tmp_path, [1])
    now, original = states.abstract_state(), states.make_state(1)

    @jax.tree_util.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Renamed:
        counters: dict
        average: object
        rest: dict

    fields = {f.name: getattr(now, f.name) for f in dataclasses.fields(now)}
    renamed = {"step": "counters.step", "w_avg": "average"}
    counters, average = {"step": fields.pop("step")}, fields.pop("w_avg")
    renamed |= {name: f"rest.{name}" for name in fields}
    c = checkpoint_lib.Checkpointer(
        tmp_path,
        config=states.CONFIG,
        data_hash="data",
        keep=3,
        renamed=renamed,
        allow_config_change=True,
    )
    state, step = c.restore(Renamed(counters, average, rest=fields))
    c.close()
    assert step == 1
    back = type(original)(**state.rest, w_avg=state.average, step=state.counters["step"])
    states.assert_same(back, original)
    read = checkpoint_lib.load_for_inference(tmp_path, 1, ["average", "counters"], renamed=renamed)
    np.testing.assert_array_equal(read.state["average"], original.w_avg)
    np.testing.assert_array_equal(read.state["counters"]["step"], original.step)


def test_keep_and_pins(tmp_path):
    c = states.open_checkpointer(tmp_path, keep=2)
    for step in range(1, 4):
        c.save(step, states.make_state(step), wait=True)
    assert states.step_names(tmp_path) == ["2", "3"]
    for step in (2, 3):
        checkpoint_lib.pin(tmp_path, step)
    for step in range(4, 7):
        c.save(step, states.make_state(step), wait=True)
    assert states.step_names(tmp_path) == ["2", "3", "5", "6"]
    checkpoint_lib.unpin(tmp_path, 3)
    c.save(7, states.make_state(7), wait=True)
    assert states.step_names(tmp_path) == ["2", "6", "7"]
    states.assert_same(c.restore_step(2, states.abstract_state()), states.make_state(2))
    c.close()


def test_load_for_inference(tmp_path, logged_warnings):
    with pytest.raises(UserError, match="no good checkpoint in"):
        checkpoint_lib.load_for_inference(tmp_path, None, [])
    states.save_steps(tmp_path, [1, 2])
    newest = checkpoint_lib.load_for_inference(tmp_path, None, ["g_ema", "step", "w_avg"])
    state = newest.state
    expected = states.numpy_of(states.make_state(2))
    assert newest.config == states.CONFIG and newest.step == 2
    assert sorted(state) == ["g_ema", "step", "w_avg"]
    # Its keys that are integers stay integers.
    assert jax.tree.structure(state["g_ema"]) == jax.tree.structure(expected.g_ema)
    jax.tree.map(np.testing.assert_array_equal, state["g_ema"], expected.g_ema)
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
    assert "meta/metadata" in logged_warnings[0]
    with pytest.raises(UserError, match="meta/metadata has changed bytes"):
        checkpoint_lib.load_for_inference(tmp_path, 2, [])
    assert states.step_names(tmp_path) == ["1", "2"]


def test_step_deleted_while_read(tmp_path, monkeypatch):
    states.save_steps(tmp_path, [1])
    read_tree = stored_state.read_tree

    def delete_and_read(path):
        shutil.rmtree(path)  # as keep-N of the running job may
        return read_tree(path)

    monkeypatch.setattr(stored_state, "read_tree", delete_and_read)
    with pytest.raises(UserError, match=r"checkpoint 1 in .* was deleted while it was read"):
        checkpoint_lib.load_for_inference(tmp_path, None, ["step"])
