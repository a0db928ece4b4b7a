"""`edit restore` on folders: each picture by its name, bad ones counted, originals kept."""

import numpy as np
import pytest

from emoji_gan import images
from input_pipeline import degrade
from input_pipeline.art import picture_folder, rasterise
from tests.emoji_gan.edit.test_edit import run
from tests.emoji_gan.methods.test_restore import stored
from tests.input_pipeline.test_degrade import pictures

__all__ = ["stored"]  # a fixture


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "given"
    art = pictures(3)
    images.save_png(folder / "a.png", art[0], {"Software": "emoji_gan", "Copyright": "of a"})
    images.save_png(folder / "b.png", art[1][:20])
    images.save_png(folder / "screen.png", degrade.over(art[2], (255, 255, 255)))
    return folder


def test_each_picture_is_restored_under_its_name(monkeypatch, capsys, folder, stored, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    out = tmp_path / "out"
    code, text, _ = run(
        monkeypatch, capsys, "restore", folder, "--scale=2", f"--model={stored}", f"--out={out}"
    )
    assert code == 0 and "3 pictures restored at scale 2" in text
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    sizes = {path.name: rasterise.read_png(path.read_bytes()).shape for path in out.iterdir()}
    assert sizes == {"a.png": (64, 64, 4), "b.png": (40, 64, 4), "screen.png": (64, 64, 4)}
    texts = picture_folder.own_texts(out / "a.png")
    assert texts["Copyright"] == "of a" and texts["restored at scale"] == "2"
    again = tmp_path / "again"
    flags = ("--scale=2", f"--model={stored}", f"--out={again}")
    run(monkeypatch, capsys, "restore", folder / "b.png", *flags)
    assert (again / "b.png").read_bytes() == (out / "b.png").read_bytes()


def test_bad_pictures_are_named_and_the_others_done(monkeypatch, capsys, folder, stored, tmp_path):
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:70])
    images.save_png(folder / "large.png", np.full((300, 300, 4), 255, np.uint8))
    images.save_png(folder / "nothing.png", np.zeros((32, 32, 4), np.uint8))
    images.save_png(folder / "tiny.png", np.full((4, 4, 4), 255, np.uint8))
    out = tmp_path / "out"
    flags = (f"--model={stored}", f"--out={out}")
    code, text, _ = run(monkeypatch, capsys, "restore", folder, "--scale=4", *flags)
    assert code == 2 and "3 pictures restored at scale 4" in text and "4 left out" in text
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png", "screen.png"]
    code, text, _ = run(monkeypatch, capsys, "restore", folder, "--opaque", *flags)
    assert code == 2 and "1 pictures restored" in text and "6 left out" in text


def test_what_cannot_be_done_is_one_line(monkeypatch, capsys, folder, stored, tmp_path):
    images.save_png(tmp_path / "other" / "a.png", pictures(1)[0])
    (tmp_path / "empty").mkdir()
    for paths, flags, reason in (
        ([folder], [f"--out={folder}"], "would overwrite the originals"),
        ([folder], ["--scale=3"], "choose from 1, 2, 4"),
        ([folder, tmp_path / "other"], [], "the same name"),
        ([tmp_path / "absent"], [], "no such file or folder"),
        ([tmp_path / "empty"], [], "no PNG in it"),
        ([folder], ["--model=models/onestep_32.safetensors"], "give a restorer"),
    ):
        model = [] if any(flag.startswith("--model") for flag in flags) else [f"--model={stored}"]
        out = [] if any(flag.startswith("--out") for flag in flags) else [f"--out={tmp_path / 'o'}"]
        code, _, lines = run(monkeypatch, capsys, "restore", *paths, *flags, *model, *out)
        assert code == 2 and len(lines) == 1 and reason in lines[0], lines
        assert not (tmp_path / "o").exists()
