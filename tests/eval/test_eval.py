"""`python -m eval` from end to end on folders and runs, with an untrained encoder."""

import sys

import jax
import numpy as np
import pytest

from emoji_gan import errors, images
from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from emoji_gan.runtime import checkpoint
from eval import __main__ as program
from eval.extractors import features, real_cache
from eval.report import report_file
from input_pipeline.art import picture_folder
from tests.support import runs as runs_lib


@pytest.fixture(autouse=True)
def tiny_encoder(monkeypatch, tmp_path):
    """Two networks that are fast to compile, and a cache of their own."""
    size = encoder.Size((8, 8), (1, 1), 12, 64, 8, 8)
    params = encoder.init(np.random.default_rng(0), 10, 3, size)
    pictures_only = encoder.Size((8,), (1,), 6, 0, 8, 8)
    second = encoder.init(np.random.default_rng(1), 10, 3, pictures_only)

    def load(path=encoder.WEIGHTS):
        if path == encoder.SECOND_WEIGHTS:
            return second, {"weights_sha256": "of the second"}
        return params, {"weights_sha256": "of the tests"}

    monkeypatch.setattr(encoder, "load", load)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EMOJI_GAN_INCEPTION", raising=False)


def blobs(count: int, seed: int, px: int = 16) -> np.ndarray:
    """Coloured discs on nothing: uint8 `n h w 4`."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:px, :px] + 0.5
    cy, cx, r = (v[:, None, None] for v in rng.uniform([5, 5, 2], [11, 11, 5], (count, 3)).T)
    out = np.zeros((count, px, px, 4), np.uint8)
    inside = (y - cy) ** 2 + (x - cx) ** 2 < r**2
    out[inside] = np.broadcast_to(rng.integers(0, 256, (count, 1, 1, 4)), out.shape)[inside]
    out[..., 3] = 255 * inside
    return out


def save(root, pictures):
    root.mkdir()
    for i, picture in enumerate(pictures):
        images.save_png(root / f"{i:04d}.png", picture)
    return root


def run(monkeypatch, capsys, *arguments):
    """Exit code, stdout and stderr of `python -m eval ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["eval", *map(str, arguments)])
    with pytest.raises(SystemExit) as e:
        errors.run(program.main)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return e.value.code, out, err


def refused(monkeypatch, capsys, *arguments):
    code, _, err = run(monkeypatch, capsys, *arguments)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2 and len(lines) == 1
    return lines[0]


def test_two_folders_and_what_the_report_says_of_them(monkeypatch, capsys, tmp_path):
    real, same = (
        save(tmp_path / name, blobs(150, seed)) for name, seed in (("real", 0), ("same", 1))
    )
    white = blobs(150, 2)
    white[white[..., 3] > 0] = 255
    other = save(tmp_path / "other", white)
    reports = {}
    for name, side in (("same", same), ("other", other), ("copies", real)):
        flags = [
            f"--{k}={v}"
            for k, v in (
                ("real", real),
                ("train", real),
                ("fake", side),
                ("out", tmp_path / f"out {name}"),
            )
        ]
        code, out, _ = run(monkeypatch, capsys, *flags)
        assert code == 0 and "fd_emoji" in out
        reports[name] = report_file.load(tmp_path / f"out {name}")
        assert (tmp_path / f"out {name}" / "report.html").stat().st_size > 1000
    fd = {name: r.metrics["fd"].value for name, r in reports.items()}
    assert abs(fd["copies"]) < 1e-5 < fd["same"] < fd["other"]
    assert reports["copies"].metrics["memorisation_rate"].value == 1
    assert reports["same"].metrics["memorisation_rate"].value < 0.2
    assert reports["other"].metrics["palette"].value > 2 * reports["same"].metrics["palette"].value
    one = reports["same"]
    assert (one.real.n, one.fake.n, one.extractor.name) == (150, 150, "emoji-encoder")
    assert "path_length" in one.settings["missing"] and "agreement" in one.settings["missing"]
    assert "FID" not in (tmp_path / "out same" / "report.md").read_text()


def test_two_judges_report_beside_each_other(monkeypatch, capsys, tmp_path):
    real, fake = (save(tmp_path / name, blobs(150, i)) for i, name in enumerate(("real", "fake")))
    sides = (f"--real={real}", f"--train={real}", f"--fake={fake}")
    both = ("--extractor=emoji-encoder,emoji-encoder-2", f"--out={tmp_path / 'both'}")
    code, out, _ = run(monkeypatch, capsys, *sides, *both)
    assert code == 0 and "| fd_emoji |" in out and "| fd_emoji_2 |" in out
    assert "| memorisation_rate_emoji_2 |" in out and out.count("| palette |") == 2
    first, second = (
        report_file.load(tmp_path / "both" / name) for name in ("emoji-encoder", "emoji-encoder-2")
    )
    assert second.extractor.name == "emoji-encoder-2"
    assert second.extractor.weights_hash == "of the second"
    assert second.fake == first.fake and second.real == first.real
    assert second.metrics["palette"] == first.metrics["palette"]
    fd = second.metrics["fd"]
    assert fd.value != first.metrics["fd"].value and fd.low < fd.value < fd.high
    run(monkeypatch, capsys, *sides, f"--out={tmp_path / 'alone'}")
    alone = report_file.load(tmp_path / "alone")
    assert alone.metrics == first.metrics  # the second judge changes nothing of the first

    run(monkeypatch, capsys, *sides, both[0], f"--out={tmp_path / 'again'}")
    compare = ("--compare", tmp_path / "both", tmp_path / "again", f"--out={tmp_path / 'table'}")
    code, out, _ = run(monkeypatch, capsys, *compare)
    assert code == 0 and "## emoji-encoder (" in out and "## emoji-encoder-2 (" in out
    twice = refused(monkeypatch, capsys, *sides, "--extractor=emoji-encoder,emoji-encoder")
    assert "each extractor at most once" in twice
    assert "expected one of" in refused(monkeypatch, capsys, *sides, "--extractor=emoji-encoder,")


def test_users_mistakes_are_one_line(monkeypatch, capsys, tmp_path):
    good, empty = save(tmp_path / "good", blobs(3, 0)), save(tmp_path / "empty", [])
    mixed = save(tmp_path / "mixed", [*blobs(3, 0), blobs(1, 1, 20)[0]])
    broken = save(tmp_path / "broken", blobs(3, 0))
    (broken / "0001.png").write_bytes((broken / "0001.png").read_bytes()[:60])
    assert "no PNG" in refused(monkeypatch, capsys, f"--real={good}", f"--fake={empty}")
    assert "3 of 16x16, 1 of 20x20" in refused(
        monkeypatch, capsys, f"--real={good}", f"--fake={mixed}"
    )
    assert "0001.png" in refused(monkeypatch, capsys, f"--real={good}", f"--fake={broken}")
    assert "no such folder" in refused(
        monkeypatch, capsys, f"--real={tmp_path / 'x'}", f"--fake={good}"
    )
    assert "no good checkpoint" in refused(monkeypatch, capsys, f"--workdir={tmp_path}")
    for flags in (
        (),
        (f"--real={good}",),
        (f"--workdir={good}", f"--real={good}", f"--fake={good}"),
    ):
        assert "give --workdir=RUN, or" in refused(monkeypatch, capsys, *flags)
    assert "expected one of" in refused(monkeypatch, capsys, "--workdir=x", "--extractor=vgg")
    missing = refused(monkeypatch, capsys, "--workdir=x", "--extractor=inception-2015")
    assert "pt_inception-2015-12-05-6726825d.pth" in missing


def test_unreadable_pictures_are_named_and_left_out(tmp_path, caplog):
    root = save(tmp_path / "many", blobs(150, 0))
    (root / "0007.png").write_bytes(b"no picture")
    pictures = picture_folder.read(str(root))
    stack, names = pictures.images, pictures.names
    assert len(stack) == len(names) == 149 and "0007.png" not in names
    assert "0007.png" in caplog.text


def test_features_depend_on_the_image_alone():
    extractor, pictures = features.Extractor("emoji-encoder", batch_size=2), blobs(37, 0)
    whole = extractor(pictures)
    assert whole.features.shape == (37, 12) and whole.logits.shape == (37, 10)
    part = extractor(pictures[20:23])
    np.testing.assert_array_equal(whole.features[20:23], part.features)
    np.testing.assert_allclose(
        extractor(pictures.astype(np.float32)).features, whole.features, atol=1e-6
    )


def test_a_smaller_batch_is_tried_when_memory_is_out(caplog):
    extractor, pictures = features.Extractor("emoji-encoder", batch_size=4), blobs(9, 0)
    apply, sizes = extractor._apply, []

    def limited(params, x):
        sizes.append(len(x))
        if len(x) > 8:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return apply(params, x)

    extractor._apply = limited
    assert len(extractor(pictures).features) == 9
    assert sizes == [32, 16, 8, 8] and "1 images a batch" in caplog.text
    extractor._apply = lambda params, x: limited(params, np.zeros(9))
    with pytest.raises(UserError, match="not enough device memory for a single image"):
        extractor(pictures)


def test_features_that_are_not_finite_are_refused():
    extractor = features.Extractor("emoji-encoder", batch_size=2)
    apply = extractor._apply
    extractor._apply = lambda params, x: jax.tree.map(
        lambda v: v.at[1].set(np.nan), apply(params, x)
    )
    with pytest.raises(
        UserError, match="1 of 9 images have features that are not finite, first number 1"
    ):
        extractor(blobs(9, 0))


def test_cached_features_are_used_while_they_are_whole(tmp_path, caplog):
    extractor, pictures = features.Extractor("emoji-encoder", batch_size=2), blobs(9, 0)
    first = real_cache.features_of(pictures, "hash", extractor)
    (path,) = (tmp_path / "cache" / "emoji_gan" / "features").iterdir()
    apply, extractor._apply = extractor._apply, None  # would fail
    again = real_cache.features_of(pictures, "hash", extractor)
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.logits, again.logits)
    with pytest.raises(TypeError):
        real_cache.features_of(pictures, "another hash", extractor)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    extractor._apply = apply
    repaired = real_cache.features_of(pictures, "hash", extractor)
    np.testing.assert_array_equal(first.features, repaired.features)
    assert "is damaged" in caplog.text and path.read_bytes() != bytes(raw)


def test_backgrounds_lie_under_the_alpha():
    half = np.full((1, 16, 16, 4), (200, 100, 0, 128), np.uint8)
    assert features.over(half, "black")[0, 0, 0].tolist() == [100, 50, 0]
    assert features.over(half, "white")[0, 0, 0].tolist() == [227, 177, 127]
    board = features.over(np.zeros((1, 16, 16, 4), np.uint8), "checker")
    assert len(np.unique(board)) == 2


@pytest.mark.slow
def test_a_run_is_judged_watched_and_compared(monkeypatch, capsys, tmp_path, whole):
    small = ("--n=120", "--batch_size=8")
    code, out, _ = run(
        monkeypatch, capsys, f"--workdir={whole.workdir}", *small, f"--out={tmp_path / 'one'}"
    )
    report = report_file.load(tmp_path / "one")
    steps = checkpoint.sealed_steps(whole.workdir)
    assert code == 0 and report.fake.step == steps[-1] and report.fake.seeds == "0-119"
    assert report.fake.kimg == report.fake.step * runs_lib.BATCH / 1000
    assert {
        "fd",
        "kid",
        "precision",
        "ppl",
        "memorisation_rate",
        "legibility_16",
        "palette",
    } <= set(report.metrics)
    held_out = f"--out={tmp_path / 'two'}"
    run(monkeypatch, capsys, f"--workdir={whole.workdir}", *small, "--data=validation", held_out)
    assert report_file.load(tmp_path / "two").real.n < report.real.n

    code, out, _ = run(
        monkeypatch,
        capsys,
        f"--workdir={whole.workdir}",
        *small,
        "--watch",
        "--watch_minutes=0.001",
    )
    reports = [report_file.load(p) for p in whole.workdir.glob("eval/kimg*/*/report.json")]
    assert code == 0 and sorted(r.fake.step for r in reports) == steps
    best = min(reports, key=lambda r: r.metrics["fd"].value).fake.step
    pins = [p.name for p in (whole.workdir / "checkpoints" / "pins").iterdir()]
    assert pins == [str(best)] and f"step {best} is the best so far" in out
    assert list(whole.workdir.glob("eval/tensorboard/*/events*"))
    again = run(
        monkeypatch,
        capsys,
        f"--workdir={whole.workdir}",
        *small,
        "--watch",
        "--watch_minutes=0.001",
    )
    assert again[0] == 0
    assert "best so far" not in again[1]  # nothing new, and the best is remembered

    flags = ("--compare", tmp_path / "one", whole.workdir, f"--out={tmp_path / 'table'}")
    code, out, _ = run(monkeypatch, capsys, *flags)
    assert code == 0 and "fd_emoji" in out and (tmp_path / "table" / "compare.png").exists()


@pytest.mark.slow
def test_a_second_judge_joins_a_watch(monkeypatch, capsys, whole):
    watch = (f"--workdir={whole.workdir}", "--n=120", "--batch_size=8", "--watch")
    watch += ("--watch_minutes=0.001", "--paths=0")
    run(monkeypatch, capsys, *watch)
    pins = whole.workdir / "checkpoints" / "pins"
    best, steps = [p.name for p in pins.iterdir()], checkpoint.sealed_steps(whole.workdir)
    both = "--extractor=emoji-encoder,emoji-encoder-2"
    code, out, _ = run(monkeypatch, capsys, *watch, both)
    assert code == 0 and out.count("| fd_emoji_2 |") == len(steps)
    assert [p.name for p in pins.iterdir()] == best
    assert len(list(whole.workdir.glob("eval/kimg*/emoji-encoder-2-*/report.json"))) == len(steps)
    assert "fd_emoji" not in run(monkeypatch, capsys, *watch, both)[1]  # nothing new


@pytest.mark.slow
def test_the_trainer_judges_itself(tmp_path):
    code, _, err = runs_lib.in_process(
        f"--config={runs_lib.JOB_CONFIG}",
        f"--workdir={tmp_path / 'run'}",
        "--config.total_kimg=0.064",
        "--config.eval.every_kimg=0.064",
        "--config.eval.samples=100",
    )
    assert code == 0, err
    (judged,) = (line for line in runs_lib.lines(tmp_path / "run") if "eval/seconds" in line)
    assert judged["step"] == 2 and judged["eval/fd_emoji"] > 0 and judged["eval/seconds"] > 0
    assert {"eval/precision_emoji", "eval/coverage_emoji"} <= set(judged)
