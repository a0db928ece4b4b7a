"""The sampler's command line: files a user can use, images by their seed alone, one-line errors."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoji_gan import errors, images, sample
from emoji_gan.errors import UserError
from emoji_gan.trained import drawn_folder
from emoji_gan.trained import sampler as sampler_lib
from input_pipeline.art import picture_folder
from tests.support import runs as runs_lib


@given(
    ranges=st.lists(
        st.tuples(st.integers(0, 2**32 - 100), st.integers(0, 99)), min_size=1, max_size=5
    )
)
def test_seeds_are_numbers_and_ranges(ranges):
    text = ", ".join(f"{a}-{a + n}" if n else str(a) for a, n in ranges)
    assert drawn_folder.parse_seeds(text) == [s for a, n in ranges for s in range(a, a + n + 1)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "-1",
        "3-1",
        "1,,2",
        "4294967296",
        "0-4294967295",
        "0-999999,5",
        "1.5",
        "0x10",
        "1 2",
        "²",
    ],
)
def test_bad_seeds_are_refused(text):
    with pytest.raises(UserError, match="expected numbers and ranges such as 0-63"):
        drawn_folder.parse_seeds(text)


@given(st.text(alphabet="0123456789-, x²", max_size=12))
def test_any_text_is_seeds_or_refused(text):
    try:
        seeds = drawn_folder.parse_seeds(text)
    except UserError as e:
        assert "\n" not in str(e)
    else:
        assert seeds and all(0 <= s < 2**32 for s in seeds)


def in_process(monkeypatch, capsys, *arguments):
    """Exit code and stderr of `python -m emoji_gan.sample ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["sample", *map(str, arguments)])
    with pytest.raises(SystemExit) as e:
        errors.run(sample.main)
    return e.value.code, capsys.readouterr().err


def refused(monkeypatch, capsys, *arguments):
    code, err = in_process(monkeypatch, capsys, *arguments)
    assert code == 2 and "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_no_run_is_one_line(monkeypatch, capsys, tmp_path):
    assert "no good checkpoint in" in refused(monkeypatch, capsys, "--workdir", tmp_path)
    assert "no good checkpoint in" in refused(monkeypatch, capsys, "--workdir", tmp_path / "absent")
    assert "--seeds=5-1" in refused(monkeypatch, capsys, "--workdir", tmp_path, "--seeds=5-1")
    for psi in ("nan", "-1", "9"):
        assert "expected 0 to 2" in refused(
            monkeypatch, capsys, "--workdir", tmp_path, f"--truncation={psi}"
        )
    assert not list(tmp_path.iterdir())


def _request(folder, what, seeds):
    pictures = np.full((len(seeds), 8, 8, 4), 255, np.uint8)
    texts = {"Software": "emoji_gan", "asked text": what, "seed": str(seeds[0])}
    seeds_text = f"{seeds[0]}-{seeds[-1]}"
    return drawn_folder.write(folder, pictures, seeds, provenance=texts, seeds_text=seeds_text)


def test_a_folder_holds_the_pictures_of_one_request(tmp_path):
    assert _request(tmp_path, "heart", list(range(16))) == 0
    (tmp_path / "seed0000000099.png").write_bytes(b"a file of the user's own")
    assert _request(tmp_path, "heart", [20, 21]) == 0  # more of the same
    assert _request(tmp_path, "cat", [0, 1, 2, 3]) == 14
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["grid.png", *(f"seed{s:010d}.png" for s in (0, 1, 2, 3, 99))]
    for seed in range(4):
        texts = picture_folder.own_texts(tmp_path / f"seed{seed:010d}.png")
        assert texts["asked text"] == "cat" and texts["seed"] == str(seed)


def test_what_is_drawn_is_a_folder_of_pictures(tmp_path):
    """For eval and recognise: without the contact sheet, an old one too, and hidden copies."""
    _request(tmp_path, "cat", [0, 1])
    images.save_png(
        tmp_path / "old" / "grid.png",
        np.zeros((16, 16, 3), np.uint8),
        {"Software": "emoji_gan", "seed": "0-63"},
    )
    for hidden in (".ipynb_checkpoints/a.png", "__MACOSX/b.png", "._seed0000000000.png"):
        images.save_png(tmp_path / hidden, np.zeros((8, 8, 4), np.uint8))
    images.save_png(tmp_path / "more" / "grid.png", np.zeros((8, 8, 4), np.uint8))  # a user's
    read = picture_folder.read(str(tmp_path))
    assert read.names == ("more/grid.png", "seed0000000000.png", "seed0000000001.png")
    assert read.images.shape == (3, 8, 8, 4)


def test_a_model_file_goes_by_either_flag(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"")
    for flag in ("--workdir", "--model"):
        line = refused(monkeypatch, capsys, f"{flag}=bad.safetensors")
        assert "is damaged or no model of emoji_gan" in line
        assert "no good checkpoint" in refused(monkeypatch, capsys, f"{flag}=nowhere")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.safetensors"]


def test_a_size_is_refused_before_anything_is_drawn(monkeypatch, capsys, tmp_path):
    def draws(*_):
        raise AssertionError("drawn")

    monkeypatch.setattr(sampler_lib.Sampler, "__call__", draws)
    out = f"--out={tmp_path}"
    for size in (0, 31, 513, 100_000):
        line = refused(monkeypatch, capsys, "--seeds=0", f"--size={size}", out)
        assert f"--size={size}: expected 32 to 512 px" in line
    with pytest.raises(AssertionError, match="drawn"):  # what is in range goes on
        in_process(monkeypatch, capsys, "--seeds=0", "--size=512", out)
    assert not list(tmp_path.iterdir())


def test_an_interrupt_is_one_line(monkeypatch, capsys, tmp_path):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, "Sampler", interrupted)
    code, err = in_process(monkeypatch, capsys, f"--out={tmp_path}")
    assert (code, err) == (130, "interrupted\n")


def test_an_interrupt_leaves_no_part_of_a_file(monkeypatch, tmp_path):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        images.save_png(tmp_path / "a.png", np.zeros((8, 8, 4), np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def drawn(runs, whole):
    """Seeds 0 to 18 by the real program: one whole batch and a rest."""
    out = runs.root / "drawn"
    command = [
        sys.executable,
        "-m",
        "emoji_gan.sample",
        f"--workdir={whole.workdir}",
        f"--out={out}",
    ]
    done = subprocess.run(
        [*command, "--seeds=0-18", "--truncation=1"],
        cwd=runs_lib.ROOT,
        env=runs.env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"19 emoji in {out}, all of them in {out / 'grid.png'}" in done.stdout
    return out


@pytest.mark.slow
def test_pngs_are_straight_rgba_and_say_where_they_are_from(drawn, whole):
    names = sorted(p.name for p in drawn.iterdir())
    assert names == ["grid.png", *(f"seed{s:010d}.png" for s in range(19))]
    pictures = []
    for name in names[1:]:
        with PIL.Image.open(drawn / name) as f:
            assert f.mode == "RGBA" and f.size == (16, 16)
            text, picture = f.text, np.asarray(f)
        pictures.append(picture)
        assert not picture[picture[..., 3] == 0][:, :3].any()
        assert text["seed"] == str(len(pictures) - 1) and text["truncation"] == "1"
        assert text["Software"] == "emoji_gan" and "CC BY-SA 4.0" in text["Copyright"]
        assert text["kimg"] == f"{runs_lib.sealed(whole.workdir)[-1] * runs_lib.BATCH / 1000:.1f}"
        assert len(text["config_sha256"]) == len(text["checkpoint_sha256"]) == 64
    assert len({p.tobytes() for p in pictures}) == 19
    with PIL.Image.open(drawn / "grid.png") as f:
        assert f.mode == "RGB" and f.size[0] > 5 * 16 and f.size[1] > 4 * 16
        assert f.text["seed"] == "0-18" and f.text["config_sha256"] == text["config_sha256"]


@pytest.mark.slow
def test_a_seed_is_the_same_image_in_any_company(monkeypatch, capsys, drawn, whole, tmp_path):
    where = ["--workdir", whole.workdir, "--out"]
    code, err = in_process(
        monkeypatch, capsys, *where, tmp_path, "--seeds=17,4000000000,3", "--truncation=1"
    )
    assert code == 0, err
    for seed in (17, 3):
        name = f"seed{seed:010d}.png"
        assert (tmp_path / name).read_bytes() == (drawn / name).read_bytes()
    assert (tmp_path / "seed4000000000.png").exists()
    # Less variety at a smaller truncation, none at 0.
    sampler = sampler_lib.Sampler(str(whole.workdir))
    full, half, none = (
        sampler(list(range(8)), None, psi).astype(float).std(0).mean() for psi in (1, 0.5, 0)
    )
    assert full > half > none == 0

    refuse = lambda *a: refused(monkeypatch, capsys, *where, tmp_path / "x", *a)  # noqa: E731
    for flag, message in (
        ("--group=cat", "--group=cat: this model has no such condition; its conditions: none"),
        ("--text=cat", "--text=cat: this model has no such condition; its conditions: none"),
        ("--guidance=2", "--guidance: stylegan2 has no such choice (it draws in one step)"),
    ):
        assert message in refuse(flag)
    there = ", ".join(map(str, runs_lib.sealed(whole.workdir)))
    assert refuse("--step=5").endswith(f"there are: {there}")
    (tmp_path / "file").write_text("")
    line = refused(monkeypatch, capsys, *where, tmp_path / "file" / "x", "--seeds=0")
    assert "cannot write " in line and line.endswith("Not a directory")


@pytest.mark.slow
def test_sampling_leaves_the_run_alone(drawn, whole):
    assert not (whole.workdir / "generated").exists()
    assert json.loads((whole.workdir / "config.json").read_text())["seed"] == 0
    assert jax.process_count() == 1
