import contextlib
import json
import logging
import os
import pathlib
import resource
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
from absl import logging as absl_logging
from tensorboard.backend.event_processing import event_accumulator

from configs import default
from emoji_gan.errors import UserError
from emoji_gan.methods.step import tree_norm
from emoji_gan.runtime import curves, events
from emoji_gan.runtime import progress as progress_lib


@pytest.fixture
def config():
    config = default.get_config()
    config.batch_size = 32
    return config


@pytest.fixture
def console(caplog):
    logger = absl_logging.get_absl_logger()  # does not hand on to the root logger
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, logger="absl")
    yield caplog
    logger.removeHandler(caplog.handler)


def _lines(root):
    return [json.loads(line) for line in (root / "metrics.jsonl").read_text().splitlines()]


def _events(root):
    events = event_accumulator.EventAccumulator(str(root), size_guidance={"tensors": 0})
    return events.Reload()


def test_scalars_reach_the_jsonl_the_console_and_tensorboard(tmp_path, config, console):
    writer = curves.Writer(tmp_path, config, step=0)
    writer.scalars(10, {"loss/g": 1.5, "loss/d": jnp.float32(0.25), "r1": np.float64("nan")})
    assert _lines(tmp_path) == [
        {"kimg": 0.32, "step": 10, "loss/g": 1.5, "loss/d": 0.25, "r1": None}
    ]
    writer.scalars(20, {"loss/g": 2.5})
    writer.images(20, {"samples": np.full((8, 6, 3), 200, np.uint8)})
    writer.close()
    assert [line["step"] for line in _lines(tmp_path)] == [10, 20]
    assert "loss/d=0.25, loss/g=1.5" in console.text

    events = _events(tmp_path)
    points = events.Tensors("loss/g")
    assert [(p.step, float(tf.make_ndarray(p.tensor_proto))) for p in points] == [
        (320, 1.5),
        (640, 2.5),
    ]
    assert events.Tensors("samples")[0].tensor_proto.string_val[:2] == [b"6", b"8"]  # width, height


def test_going_on_cuts_later_and_broken_lines(tmp_path, config):
    writer = curves.Writer(tmp_path, config, step=0)
    for step in (10, 20, 30, 40):
        writer.scalars(step, {"loss": step})
    writer.close()
    with open(tmp_path / "metrics.jsonl", "a") as f:
        f.write('{"kimg": 1.6, "step": 20, "lo')  # killed while writing
    writer = curves.Writer(tmp_path, config, step=20)
    writer.scalars(30, {"loss": -30})
    writer.close()
    assert [(line["step"], line["loss"]) for line in _lines(tmp_path)] == [
        (10, 10),
        (20, 20),
        (30, -30),
    ]
    assert {f.name.split(".")[0] for f in tmp_path.iterdir()} == {"events", "metrics"}


@contextlib.contextmanager
def _files_limited_to(size):
    """Bytes; writes beyond fail as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _points(root):
    """What TensorBoard shows of one curve."""
    points = _events(root).Tensors("loss")
    return [(p.step, float(tf.make_ndarray(p.tensor_proto))) for p in points]


def test_a_full_disk_is_one_warning_and_leaves_whole_lines(tmp_path, config, console):
    writer = curves.Writer(tmp_path, config, step=0)
    writer.scalars(10, {"loss": 1.0})
    with _files_limited_to(
        (tmp_path / "metrics.jsonl").stat().st_size + 20
    ):  # room for half a line
        for step in (20, 25):
            writer.scalars(step, {"loss": 2.0})
    writer.scalars(30, {"loss": 3.0})
    writer.close()
    assert [line["step"] for line in _lines(tmp_path)] == [10, 30]
    warnings = {r.getMessage() for r in console.records if r.levelno == logging.WARNING}
    assert {w for w in warnings if "No space left" in w or "metrics.jsonl" in w} == {
        f"cannot write the curves in {tmp_path}: No space left on device; training goes on without",
        "2 writes of metrics.jsonl failed in all",
    }


def test_tensorboard_goes_on_in_a_new_file_after_a_full_disk(tmp_path, config, console):
    config.log.jsonl = False
    writer = curves.Writer(tmp_path, config, step=0)
    writer.scalars(1, {"loss": 1.0})
    writer.flush()
    with _files_limited_to(300):  # half a record, which ends the file for a reader
        for step in range(2, 5):  # the last of them fails
            writer.scalars(step, {"loss": 2.0})
            writer.flush()
    time.sleep(
        1.1
    )  # readers sort event files by the second they began in, then by a number as text
    for step in (30, 31):
        writer.scalars(step, {"loss": 3.0})
    writer.close()
    # A record may be handed on to two loggers.
    warned = {
        id(r): r.getMessage()
        for r in console.records
        if "cannot write the curves" in r.getMessage()
    }
    assert len(warned) == 1 and "File too large" in console.text
    assert _points(tmp_path)[-2:] == [(960, 3.0), (992, 3.0)]
    curves.Writer(tmp_path, config, step=31).close()  # the next start keeps all that is whole
    assert _points(tmp_path)[0] == (32, 1.0) and _points(tmp_path)[-2:] == [(960, 3.0), (992, 3.0)]


@pytest.mark.parametrize("damage", ["none", "cut", "garbage"])
def test_tensorboard_has_every_point_once_after_going_back(tmp_path, config, damage):
    """Also if the clock went back between the jobs, and twice over."""
    for start, end in ((0, 40), (20, 60), (30, 50)):
        writer = curves.Writer(tmp_path, config, step=start)
        for step in range(start + 1, end + 1):
            writer.scalars(step, {"loss": start + step / 100})
            if step % 10 == 0:
                writer.flush()  # as before each checkpoint
        writer.close()
        (latest,) = (f for f in tmp_path.glob("events.*") if f.name != events.NAME)
        size = latest.stat().st_size
        if damage == "cut":
            os.truncate(latest, size - 30)  # within the last record
        elif damage == "garbage":
            with open(latest, "ab") as f:
                f.write(b"half a record")
        # Named as if the next job's clock were behind this one's.
        latest.rename(tmp_path / f"events.out.tfevents.99999999{start:02d}.host.1.0.v2")
    curves.Writer(tmp_path, config, step=49).close()
    expected = [(s, 0 + s / 100) for s in range(1, 21)] + [(s, 20 + s / 100) for s in range(21, 31)]
    expected += [(s, 30 + s / 100) for s in range(31, 50)]
    points = _points(tmp_path)
    assert [p[0] for p in points] == [s * 32 for s, _ in expected]
    np.testing.assert_allclose([p[1] for p in points], [v for _, v in expected], rtol=1e-6)
    assert sorted(p[0] for p in events.points(tmp_path)) == [p[0] for p in points]


def test_a_kill_while_old_event_files_are_joined_loses_and_doubles_nothing(
    tmp_path, config, monkeypatch
):
    for start in (0, 10):
        writer = curves.Writer(tmp_path, config, step=start)
        writer.scalars(start + 5, {"loss": 1.0})
        writer.close()
    monkeypatch.setattr(pathlib.Path, "unlink", lambda *a, **k: None)  # killed before it deletes
    events.cut(tmp_path, 1000)
    monkeypatch.undo()
    assert len(list(events.points(tmp_path))) > 2
    events.cut(tmp_path, 1000)
    assert list(events.points(tmp_path)) == [(160, "loss"), (480, "loss")]


def test_starting_anew_writes_the_first_points_once(tmp_path, config):
    for _ in range(2):  # killed before its first checkpoint
        writer = curves.Writer(tmp_path, config, step=0)
        writer.scalars(0, {"loss": 1.0})
        writer.close()
    assert [line["step"] for line in _lines(tmp_path)] == [0] and _points(tmp_path) == [(0, 1.0)]


def test_unwritable_workdir_is_a_user_error(tmp_path, config):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the curves in"):
        curves.Writer(tmp_path / "file", config, step=0)


def test_only_process_0_writes(tmp_path, config, monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    writer = curves.Writer(tmp_path, config, step=0)
    writer.scalars(10, {"loss": 1.0})
    writer.images(10, {"samples": np.zeros((2, 2, 3), np.uint8)})
    writer.close()
    assert not list(tmp_path.iterdir())


def test_progress(monkeypatch, console):
    now = [100.0]
    monkeypatch.setattr(progress_lib.time, "monotonic", lambda: now[0])
    progress = progress_lib.Progress(step=1000, total_steps=3000, batch_size=50)
    now[0] += 60.0  # the first steps compile
    first = progress.scalars(1010, wait_seconds=6.0)
    assert first["progress/images_per_second"] == pytest.approx(500 / 60)
    assert first["progress/data_wait"] == pytest.approx(0.1)
    now[0] += 5.0
    second = progress.scalars(1020, wait_seconds=6.5)
    expected = {
        "progress/images_per_second": 100,
        "progress/seconds_per_kimg": 10,
        "progress/data_wait": 0.1,
        "progress/hours_left": 1980 * 50 / 100 / 3600,
    }
    assert second == pytest.approx(expected)
    now[0] += 15.0  # a slow interval: the time left is by both
    third = progress.scalars(1030, wait_seconds=6.5)
    assert third["progress/hours_left"] == pytest.approx(1970 * 50 / 50 / 3600)
    assert third["progress/data_wait"] == 0
    line = (
        "51.5 of 150.0 kimg (34.3 %): 33.3 images/s, 30.00 s/kimg, 0.0 % waiting for data, "
        "ETA 33 min"
    )
    assert line in console.text


def test_mean_of_lazy_broken_and_counted_values():
    history = [
        {"loss": jnp.float32(1.0), "r1": jnp.float32(4.0), "bad_steps/in_a_row": jnp.float32(0)},
        {"loss": jnp.float32(np.nan), "bad_steps/in_a_row": jnp.float32(1)},
        {
            "loss": jnp.float32(2.0),
            "bad_steps/in_a_row": jnp.float32(2),
            "all_bad": jnp.float32(np.inf),
        },
    ]
    means = curves.mean_of(history)
    assert np.isnan(means.pop("all_bad"))
    assert means == {"loss": 1.5, "r1": 4.0, "bad_steps/in_a_row": 2.0}


def test_tree_norm_sums_in_float32():
    tree = {"a": jnp.full((3,), 2.0, jnp.bfloat16), "b": [jnp.array([[2.0]]), jnp.float32(3.0)]}
    norm = jax.jit(tree_norm)(tree)
    assert norm.dtype == jnp.float32 and norm == 5.0
    many = jnp.ones((4096,), jnp.bfloat16)  # summed in bfloat16 it would stop at 256
    assert tree_norm(many) == 64.0
    assert tree_norm({}) == 0.0


def test_memory_figures_grow_with_what_is_held():
    host, device = progress_lib.host_memory_mib(), progress_lib.device_memory_mib()
    kept = jnp.ones((64, 2**18)) + 1.0  # 64 MiB
    kept.block_until_ready()
    assert progress_lib.device_memory_mib() >= device + 63
    assert 50 < host <= progress_lib.host_memory_mib() < 2**20
    del kept
