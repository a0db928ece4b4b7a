import json
import logging
import resource

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
from absl import logging as absl_logging
from tensorboard.backend.event_processing import event_accumulator

from configs import default
from emoji_gan import metrics
from emoji_gan.errors import UserError


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
    writer = metrics.Writer(tmp_path, config, step=0)
    writer.scalars(10, {"loss/g": 1.5, "loss/d": jnp.float32(0.25), "r1": np.float64("nan")})
    assert _lines(tmp_path) == [{"kimg": 0.32, "step": 10, "loss/g": 1.5, "loss/d": 0.25, "r1": None}]
    writer.scalars(20, {"loss/g": 2.5})
    writer.images(20, {"samples": np.full((8, 6, 3), 200, np.uint8)})
    writer.close()
    assert [line["step"] for line in _lines(tmp_path)] == [10, 20]
    assert "loss/d=0.25, loss/g=1.5" in console.text

    events = _events(tmp_path)
    points = events.Tensors("loss/g")
    assert [(p.step, float(tf.make_ndarray(p.tensor_proto))) for p in points] == [(320, 1.5), (640, 2.5)]
    assert events.Tensors("samples")[0].tensor_proto.string_val[:2] == [b"6", b"8"]  # width, height


def test_going_on_cuts_later_and_broken_lines(tmp_path, config):
    writer = metrics.Writer(tmp_path, config, step=0)
    for step in (10, 20, 30, 40):
        writer.scalars(step, {"loss": step})
    writer.close()
    with open(tmp_path / "metrics.jsonl", "a") as f:
        f.write('{"kimg": 1.6, "step": 20, "lo')  # killed while writing
    writer = metrics.Writer(tmp_path, config, step=20)
    writer.scalars(30, {"loss": -30})
    writer.close()
    assert [(line["step"], line["loss"]) for line in _lines(tmp_path)] == [(10, 10), (20, 20), (30, -30)]
    assert {f.name.split(".")[0] for f in tmp_path.iterdir()} == {"events", "metrics"}


def test_full_disk_is_a_user_error_and_leaves_whole_lines(tmp_path, config):
    writer = metrics.Writer(tmp_path, config, step=0)
    writer.scalars(10, {"loss": 1.0})
    size = (tmp_path / "metrics.jsonl").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))  # bytes: room for half a line
    try:
        with pytest.raises(UserError, match=r"cannot write the curves in .*: No space left on device"):
            writer.scalars(20, {"loss": 2.0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    writer.scalars(30, {"loss": 3.0})
    writer.close()
    assert [line["step"] for line in _lines(tmp_path)] == [10, 30]


def test_full_disk_under_tensorboard_is_a_user_error(tmp_path, config):
    config.log.jsonl = False
    writer = metrics.Writer(tmp_path, config, step=0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))  # bytes
    try:
        with pytest.raises(UserError, match=r"cannot write the curves in [^;{]*: File too large$"):
            for step in range(20):
                writer.scalars(step, {f"loss/{i}": 1.0 for i in range(10)})
                writer.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_unwritable_workdir_is_a_user_error(tmp_path, config):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the curves in"):
        metrics.Writer(tmp_path / "file", config, step=0)


def test_only_process_0_writes(tmp_path, config, monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    writer = metrics.Writer(tmp_path, config, step=0)
    writer.scalars(10, {"loss": 1.0})
    writer.images(10, {"samples": np.zeros((2, 2, 3), np.uint8)})
    writer.close()
    assert not list(tmp_path.iterdir())


def test_progress(monkeypatch, console):
    now = [100.0]
    monkeypatch.setattr(metrics.time, "monotonic", lambda: now[0])
    progress = metrics.Progress(step=1000, total_steps=3000, batch_size=50)
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
    line = "51.5 of 150.0 kimg (34.3 %): 33.3 images/s, 30.00 s/kimg, 0.0 % waiting for data, ETA 33 min"
    assert line in console.text


def test_mean_of_lazy_broken_and_counted_values():
    history = [
        {"loss": jnp.float32(1.0), "r1": jnp.float32(4.0), "bad_steps/in_a_row": jnp.float32(0)},
        {"loss": jnp.float32(np.nan), "bad_steps/in_a_row": jnp.float32(1)},
        {"loss": jnp.float32(2.0), "bad_steps/in_a_row": jnp.float32(2), "all_bad": jnp.float32(np.inf)},
    ]
    means = metrics.mean_of(history)
    assert np.isnan(means.pop("all_bad"))
    assert means == {"loss": 1.5, "r1": 4.0, "bad_steps/in_a_row": 2.0}


def test_tree_norm_sums_in_float32():
    tree = {"a": jnp.full((3,), 2.0, jnp.bfloat16), "b": [jnp.array([[2.0]]), jnp.float32(3.0)]}
    norm = jax.jit(metrics.tree_norm)(tree)
    assert norm.dtype == jnp.float32 and norm == 5.0
    many = jnp.ones((4096,), jnp.bfloat16)  # summed in bfloat16 it would stop at 256
    assert metrics.tree_norm(many) == 64.0
    assert metrics.tree_norm({}) == 0.0


def test_memory_figures_grow_with_what_is_held():
    host, device = metrics.host_memory_mib(), metrics.device_memory_mib()
    kept = jnp.ones((64, 2**18)) + 1.0  # 64 MiB
    kept.block_until_ready()
    assert metrics.device_memory_mib() >= device + 63
    assert 50 < host <= metrics.host_memory_mib() < 2**20
    del kept
