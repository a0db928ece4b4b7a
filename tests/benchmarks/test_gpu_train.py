"""`python -m benchmarks.gpu train` in small: resuming, results, and what it refuses."""

import dataclasses
import itertools
import json
import subprocess
import sys
from unittest import mock

import jax
import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.accelerator import gpu_finish, gpu_state, gpu_train, training_file
from configs import default
from emoji_gan import conditions, errors
from emoji_gan.encoder import encoder
from emoji_gan.runtime import processes
from emoji_gan.trained import sampler
from eval.metrics import frechet
from input_pipeline.unicode.phrases import Phrases
from tests.support import runs as runs_lib

COUNT = 20
BATCH = 8  # of --tiny on one device


def make_data(px=16, content_hash="h"):
    """Discs in place of emoji, in two groups, with one to three phrases each."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:px, :px]
    radius = rng.uniform(px / 6, px / 2, COUNT)[:, None, None]
    inside = np.hypot(y - px / 2, x - px / 2)[None] < radius
    config = default.data()
    config.resolution, config.conditions = px, ("group", "text")
    phrases_each = rng.integers(1, 4, COUNT)
    images = np.where(inside[..., None], [255, 200, 0, 255], 0).astype(np.uint8)
    images[:, 0, 0] = [[i, 0, 0, 255] for i in range(COUNT)]  # no two are the same
    return training_file.TrainingData(
        images=images,
        classes={"group": np.arange(COUNT, dtype=np.int32) % 2},
        phrases=Phrases(
            vectors=encoder.unit(rng.standard_normal((7, 5), np.float32)).__array__(),
            rows=rng.integers(0, 7, phrases_each.sum()).astype(np.int32),
            first=np.cumsum([0, *phrases_each]),
        ),
        spec=conditions.Spec((("group", ("a", "b")),), 5, "hash"),
        config=config.to_dict(),
        content_hash=content_hash,
        real=frechet.fit(rng.standard_normal((COUNT, 192), np.float32)),
        encoder_hash=encoder.load(prefix="log_scale")[1]["weights_sha256"],
        licence="none",
    )


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "training.npz"
    training_file.save(path, make_data())
    return path


@pytest.fixture(scope="module", autouse=True)
def one_device():
    """Trains on one of the tests' devices, which compiles and runs the fastest."""
    with runs_lib.on_devices(1):
        yield


def call(*arguments):
    """Runs the command; returns its exit code."""
    with mock.patch.object(sys, "argv", ["gpu", *map(str, arguments)]):
        return gpu.main()


def refused(*arguments):
    """Returns the line with which the command refuses its arguments."""
    with pytest.raises(errors.UserError) as e:
        call(*arguments)
    assert e.value.exit_code == errors.EXIT_USER_ERROR and "\n" not in str(e.value)
    return str(e.value)


def flags(data_file, out, *, steps=3, method="flow"):
    kimg = steps * BATCH / 1000
    return (
        *("train", f"--data={data_file}", f"--out={out}", f"--method={method}", "--tiny"),
        *(f"--config.total_kimg={kimg}", "--config.dtype=float32"),
    )


@pytest.fixture
def unfinished(monkeypatch):
    """Leaves the model file and the pictures out."""
    monkeypatch.setattr(gpu_finish, "finish", lambda *_, **__: {})


@pytest.fixture(scope="module")
def three_steps(data_file, tmp_path_factory):
    """A training of three steps, without results."""
    out = tmp_path_factory.mktemp("three")
    with mock.patch.object(gpu_finish, "finish", lambda *_, **__: {}):
        assert call(*flags(data_file, out)) == 0
    return out


def test_a_resumed_training_is_as_an_uninterrupted_one(
    data_file, three_steps, tmp_path, unfinished
):
    call(*flags(data_file, tmp_path / "six", steps=6))
    call(*flags(data_file, tmp_path / "resumed", steps=6), f"--resume={three_steps}")
    whole, resumed = (gpu_state.load(tmp_path / name) for name in ("six", "resumed"))
    assert whole.step == resumed.step == 6 and whole.arrays.keys() == resumed.arrays.keys()
    different = [
        n for n in whole.arrays if whole.arrays[n].tobytes() != resumed.arrays[n].tobytes()
    ]
    assert different == []
    result = json.loads((tmp_path / "resumed" / "train.json").read_text())
    assert result["kimg"] == 6 * BATCH / 1000 and result["images_per_s"] > 0
    assert result["compile_s"] > 0 and result["loss/v"] > 0


@pytest.mark.slow
def test_a_signal_saves_and_another_command_finishes(
    data_file, three_steps, tmp_path, monkeypatch, capsys
):
    stop = mock.MagicMock()
    stop.__enter__.return_value.requested = True
    monkeypatch.setattr(processes, "stop_on_signals", lambda: stop)
    out = tmp_path / "out"
    code = call(*flags(data_file, out, steps=100), f"--resume={three_steps}")
    assert code == errors.EXIT_PREEMPTED and gpu_state.load(out).step == 4
    assert "gpu finish" in capsys.readouterr().out and not (out / "grid.png").exists()
    finish = ("finish", f"--data={data_file}", f"--state={out}", f"--out={out}", "--samples=200")
    with monkeypatch.context() as m:
        m.setattr(gpu_finish, "missing_packages", lambda: ["pillow"])
        assert "need pillow" in refused(*finish)
    assert call(*finish) == 0
    result = json.loads((out / "finish.json").read_text())
    assert result["step"] == 4 and result["fd_emoji"] > 0 and result["fd_images"] == 200
    assert result["parameters"] > 10_000
    assert (out / "grid.png").read_bytes().startswith(b"\x89PNG")
    model = sampler.Sampler(str(out / "model.safetensors"))
    assert model.kimg == result["kimg"] == 4 * BATCH / 1000
    assert model.spec == make_data().spec and model.config.data.resolution == 16


def test_a_state_of_half_the_size_is_nearly_the_same(data_file, three_steps, tmp_path):
    whole = gpu_state.load(three_steps)
    arguments = gpu_train._parse([*flags(data_file, tmp_path, steps=4)[1:]])
    experiment = gpu_train._prepare(*arguments)[0]
    path = tmp_path / "half.npz"
    tree = whole.tree(experiment.shapes)
    size = gpu_state.save(path, tree, experiment, data_hash="h", kimg_before=0.0, half=True)
    assert size < 0.6 * (three_steps / gpu_state.NAME).stat().st_size
    half = gpu_state.load(path)
    for name, value in whole.arrays.items():
        bound = 2.0**-10 if name.startswith("v") else 2.0**-8
        np.testing.assert_allclose(half.arrays[name], value, rtol=bound, atol=1e-7)
    squares = [v for name, v in whole.arrays.items() if "/nu/" in name and v.any()]
    assert min(v[v > 0].min() for v in squares) < 1e-8  # where float16 has 0
    for name in (n for n in half.arrays if n.startswith("opt/")):
        assert (half.arrays[name] == 0).sum() <= (whole.arrays[name] == 0).sum() + 2, name


def test_another_method_ends_in_time_with_a_good_state(
    data_file, tmp_path, monkeypatch, unfinished
):
    monkeypatch.setattr(gpu_train, "_END_FRACTION", 1.0)  # the deadline is over at once
    assert call(*flags(data_file, tmp_path, steps=100, method="dcgan")) == 0
    stored = gpu_state.load(tmp_path)
    assert stored.step == 1 and stored.config["method"] == "dcgan"
    assert json.loads((tmp_path / "train.json").read_text())["images_per_s"] is None


def test_a_training_starts_from_a_model(data_file, three_steps, tmp_path, unfinished):
    stored = gpu_state.load(three_steps)
    gpu_finish._write_model(make_data(), stored, tmp_path / "m.safetensors")
    out = tmp_path / "out"
    call(*flags(data_file, out, steps=1), f"--init_from={tmp_path / 'm.safetensors'}")
    started = gpu_state.load(out)
    assert started.kimg_before == pytest.approx(3 * BATCH / 1000)
    for name in (n for n in stored.arrays if n.startswith("v_ema/")):  # one step moves it little
        np.testing.assert_allclose(started.arrays[name], stored.arrays[name], atol=0.01)
    # The flag is not needed again.
    arguments = [*flags(data_file, tmp_path, steps=2)[1:], f"--resume={out}"]
    assert gpu_train._prepare(*gpu_train._parse(arguments))[0].config.init_from


def test_batches_depend_on_sample_numbers_alone():
    data = make_data()

    def take(first, size, count):
        stream = training_file.batches(data, seed=1, batch_size=size, start_sample=first)
        return list(itertools.islice(stream, count))

    def joined(parts):
        return jax.tree.map(lambda *x: np.concatenate(x), *parts)

    whole = joined(take(0, 60, 1))
    jax.tree.map(np.testing.assert_array_equal, whole, joined(take(0, 6, 10)))
    late = joined(take(30, 10, 3))
    jax.tree.map(np.testing.assert_array_equal, jax.tree.map(lambda x: x[30:], whole), late)
    for epoch in range(3):  # every image once
        seen = {image.tobytes() for image in whole["image"][epoch * COUNT : (epoch + 1) * COUNT]}
        assert seen == {image.tobytes() for image in data.images}
    rows = [int(np.flatnonzero((data.images == i).all((1, 2, 3)))[0]) for i in whole["image"]]
    for row, vector in zip(rows, whole["condition"]["text"], strict=True):
        own = data.phrases.rows[data.phrases.first[row] : data.phrases.first[row + 1]]
        assert (data.phrases.vectors[own] == vector).all(1).any()


def test_a_training_file_comes_back_as_it_was(data_file):
    data, back = make_data(), training_file.read(data_file)
    jax.tree.map(
        np.testing.assert_array_equal, dataclasses.asdict(back.phrases), vars(data.phrases)
    )
    assert back.spec == data.spec and back.images.tobytes() == data.images.tobytes()
    assert frechet.distance(back.real, data.real) == pytest.approx(0, abs=1e-6)


def test_what_does_not_fit_a_state_is_refused(data_file, three_steps, tmp_path):
    resume = f"--resume={three_steps}"
    training_file.save(tmp_path / "other.npz", make_data(content_hash="other"))
    training_file.save(tmp_path / "32.npz", make_data(px=32))
    good = flags(data_file, tmp_path / "out")
    assert "another data set" in refused(*flags(tmp_path / "other.npz", tmp_path / "out"), resume)
    assert "of 16 px, --data of 32 px" in refused(*flags(tmp_path / "32.npz", tmp_path), resume)
    dcgan = flags(data_file, tmp_path / "out", method="dcgan")
    assert "of method 'flow'" in refused(*dcgan, resume)
    assert "model.heads 2, here 4" in refused(*good, "--config.model.heads=4", resume)
    assert "trained to" in refused(*good, resume)
    assert "leave one of them out" in refused(*good, resume, "--init_from=x")
    assert "of an earlier training" in refused(*flags(data_file, three_steps))
    (tmp_path / "cut.npz").write_bytes((three_steps / gpu_state.NAME).read_bytes()[:-100])
    assert "cut.npz is damaged" in refused(*good, f"--resume={tmp_path / 'cut.npz'}")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ("--minutes=0.01", "--minutes=0.01: too short"),
        ("--minutes=nan", "too short"),
        ("--data=absent.npz", "no file absent.npz"),
        ("--resume=absent", "no state at absent"),
        ("--method=gan", "--method=gan: expected one of"),
        ("--config.data.resolution=32", "the data are those of --data"),
        ("--config.model.widht=3", "nearest is 'model.width'"),
        ("--widht=3", "unexpected argument '--widht=3'"),
        ("--init_from=absent.safetensors", "no model at absent.safetensors"),
    ],
)
def test_a_wrong_flag_is_one_line(data_file, tmp_path, changed, line):
    assert line in refused(*flags(data_file, tmp_path / "out"), changed)


def test_files_of_other_kinds_are_refused(data_file, three_steps, tmp_path):
    np.savez(tmp_path / "emoji.npz", images=np.zeros((1, 64, 64, 4), np.uint8))
    assert "gpu_data --train" in refused(*flags(tmp_path / "emoji.npz", tmp_path / "out"))
    (tmp_path / "cut.npz").write_bytes(data_file.read_bytes()[:-50])
    assert "is damaged" in refused(*flags(tmp_path / "cut.npz", tmp_path / "out"))
    resume = f"--resume={data_file}"
    assert "no state of a training" in refused(*flags(data_file, tmp_path / "out"), resume)
    with mock.patch.object(sys, "argv", ["gpu", "trian"]), pytest.raises(errors.UserError) as e:
        gpu.main()
    assert "check, train, finish" in str(e.value)


@pytest.mark.slow
def test_it_needs_no_tensorflow(data_file, tmp_path):
    script = """
import sys
heavy = ("tensorflow", "tensorflow_datasets", "clu", "orbax", "tensorstore", "matplotlib")
sys.modules |= dict.fromkeys(heavy)  # as where they are not installed
from benchmarks import gpu
sys.exit(gpu.main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *flags(data_file, tmp_path, steps=2)],
        cwd=runs_lib.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])["fd_emoji"] > 0
