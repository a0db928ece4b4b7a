"""`edit restyle` on files, folders and emoji: names, licences, what is left out, errors."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from emoji_gan import errors, images
from emoji_gan.edit import __main__ as program
from emoji_gan.trained.sampler import SHIPPED_FLOW
from input_pipeline.art import picture_folder, rasterise
from tests.emoji_gan.edit.test_edit import run
from tests.emoji_gan.methods.test_restyle import drawing, stored
from tests.support.emoji_files import SVG

__all__ = ["stored"]  # a fixture


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "given"
    texts = {"Software": "emoji_gan", "Copyright": "derived from OpenMoji, CC BY-SA 4.0"}
    images.save_png(folder / "a.png", drawing(0, 2, px=40), texts)
    images.save_png(folder / "b.png", drawing(1, 4, px=40)[:20])
    (folder / "c.svg").write_text(SVG.format("red"))
    return folder


def png_saying(path, **texts):
    """A PNG of another program's, with text chunks."""
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.fromarray(drawing(2, 3, px=40)).save(path, pnginfo=info)


def test_each_picture_is_restyled_with_its_licence(monkeypatch, capsys, folder, stored, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    out = tmp_path / "out"
    flags = (f"--model={stored}", f"--out={out}")
    code, text, _ = run(monkeypatch, capsys, "restyle", folder, "--to=noto", *flags)
    assert code == 0 and f"3 pictures restyled to noto in {out}" in text
    assert "licence of 1: Apache-2.0 AND CC-BY-SA-4.0: " in text and "share alike" in text
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    drawn = {path.name: rasterise.read_png(path.read_bytes()) for path in out.iterdir()}
    assert {name: x.shape for name, x in drawn.items()} == {
        name: (16, 16, 4) for name in ("a.png", "b.png", "c.png")
    }
    texts = picture_folder.own_texts(out / "a.png")
    assert texts["License"] == "Apache-2.0 AND CC-BY-SA-4.0" and texts["parent"] == "a.png"
    assert texts["Copyright"] == (
        "derived from OpenMoji, CC BY-SA 4.0; Noto Emoji (Google), Apache-2.0"
    )
    assert "drawn anew in the style of noto" in texts["Changes"]
    texts = picture_folder.own_texts(out / "c.png")
    assert texts["License"] == "Apache-2.0 AND LicenseRef-own"
    assert "only with the permission of its owner" in texts["Terms"]
    # What it wrote can be restyled again, and keeps every licence on the way.
    again = tmp_path / "again"
    flags = (f"--model={stored}", f"--out={again}", "--to=blue")
    run(monkeypatch, capsys, "restyle", out / "a.png", *flags)
    licence = picture_folder.own_texts(again / "a.png")["License"]
    assert licence == "Apache-2.0 AND CC-BY-SA-4.0 AND LicenseRef-own"


def test_an_emoji_is_restyled_alone_and_large(monkeypatch, capsys, stored, tmp_path):
    flags = ("--emoji=1F355", "--to=openm", "--size=64", f"--model={stored}", f"--out={tmp_path}")
    code, _, _ = run(monkeypatch, capsys, "restyle", *flags, "--format=png,svg,webp")
    assert code == 0
    assert "CC-BY-SA-4.0" in (tmp_path / "1F355.svg").read_text()
    with Image.open(tmp_path / "1F355.webp") as webp:
        assert webp.size == (64, 64)
    assert rasterise.read_png((tmp_path / "1F355.png").read_bytes()).shape == (64, 64, 4)
    texts = picture_folder.own_texts(tmp_path / "1F355.png")
    assert texts["License"] == "CC-BY-SA-4.0" and texts["restyled to"] == "openmoji"
    assert texts["Copyright"] == "OpenMoji (openmoji.org), CC BY-SA 4.0"


def test_large_results_keep_the_edges_of_the_picture(monkeypatch, capsys, stored, tmp_path):
    given = tmp_path / "given"
    images.save_png(given / "large.png", drawing(0, 2).repeat(16, 0).repeat(16, 1))
    images.save_png(given / "small.png", drawing(0, 2))
    texts = {}
    for name, flags in (("guided", ()), ("restored", ("--finish=restored",))):
        out = tmp_path / name
        argv = ("--to=noto", "--size=64", f"--model={stored}", f"--out={out}", *flags)
        code, _, _ = run(monkeypatch, capsys, "restyle", given, *argv, "--format=png,svg")
        assert code == 0 and (out / "large.svg").exists() and (out / "small.svg").exists()
        texts[name] = picture_folder.own_texts(out / "large.png")
        assert texts[name]["finish"] == name
    sharp = rasterise.read_png((tmp_path / "guided" / "large.png").read_bytes())
    half_seen = (sharp[..., 3] > 20) & (sharp[..., 3] < 235)
    assert sharp.shape == (64, 64, 4) and half_seen.mean() < 0.05  # its rim alone
    small = rasterise.read_png((tmp_path / "guided" / "small.png").read_bytes())
    both = [picture[..., 3] > 128 for picture in (sharp, small)]
    assert (both[0] & both[1]).sum() > 0.9 * (both[0] | both[1]).sum()  # the same square


def test_bad_pictures_are_named_and_the_others_done(monkeypatch, capsys, folder, stored, tmp_path):
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:70])
    images.save_png(folder / "nothing.png", np.zeros((32, 32, 4), np.uint8))
    png_saying(folder / "closed.png", Copyright="by someone, CC BY-ND 4.0")
    png_saying(folder / "clash.png", License="CC-BY-NC-4.0")
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (40, 40)).save(photo)
    out = tmp_path / "out"
    flags = ("--to=openmoji", f"--model={stored}", f"--out={out}")
    code, text, _ = run(monkeypatch, capsys, "restyle", folder, photo, "--emoji=xqzvw", *flags)
    assert code == 2 and "3 pictures restyled" in text and "6 left out" in text
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png", "c.png"]


def test_each_reason_is_one_line(monkeypatch, capsys, stored, tmp_path):
    png_saying(tmp_path / "closed.png", Copyright="by someone, CC BY-ND 4.0")
    png_saying(tmp_path / "clash.png", License="CC-BY-NC-4.0")
    (tmp_path / "text.png").write_text("no picture")
    for name, flags, reason in (
        ("closed.png", (), "CC BY-ND 4.0 forbids passing adaptations on"),
        ("clash.png", (), "CC BY-SA 4.0 and CC BY-NC 4.0 cannot both be kept"),
        ("clash.png", ("--licence=CC-BY-ND-4.0",), "CC BY-ND 4.0 forbids"),
        ("text.png", (), "not a PNG"),
    ):
        argv = (tmp_path / name, "--to=openmoji", f"--model={stored}", f"--out={tmp_path / 'o'}")
        monkeypatch.setattr("sys.argv", ["edit", "restyle", *map(str, argv), *flags])
        with pytest.raises(SystemExit) as e:
            errors.run(program.main)
        lines = capsys.readouterr().err.splitlines()
        assert e.value.code == 2 and not (tmp_path / "o").exists()
        assert len(lines) == 1 and reason in lines[0] and lines[0].startswith(str(tmp_path / name))


def test_a_stated_licence_counts_and_its_terms_are_said(monkeypatch, capsys, stored, tmp_path):
    png_saying(tmp_path / "a.png")
    flags = ("--to=noto", "--licence=CC BY-NC 4.0", f"--model={stored}", f"--out={tmp_path / 'o'}")
    code, text, _ = run(monkeypatch, capsys, "restyle", tmp_path / "a.png", *flags)
    assert code == 0 and "Apache-2.0 AND CC-BY-NC-4.0" in text and "no commercial use" in text


def test_what_cannot_be_done_is_one_line(monkeypatch, capsys, folder, stored, tmp_path):
    images.save_png(tmp_path / "other" / "a.png", drawing(0, 2))
    (tmp_path / "empty").mkdir()
    for paths, flags, reason in (
        ([folder], ["--to=oil"], "--to=oil: no such style; choose from blue, noto, openmoji"),
        ([folder], ["--to=o"], "--to=o: several fit"),
        ([], ["--to=noto"], "nothing to restyle"),
        ([folder], ["--to=noto", "--size=64", "--finish=drawn"], "choose from traced, restored, g"),
        ([folder], ["--to=noto", "--size=8"], "--size=8: expected 16 to 256 px"),
        ([folder], ["--to=noto", "--licence=GPL"], "licence 'GPL': unknown; choose from CC0-1.0"),
        ([folder], ["--to=noto", f"--out={folder}"], "would overwrite the originals"),
        ([folder, tmp_path / "other"], ["--to=noto"], "the same name"),
        ([tmp_path / "absent"], ["--to=noto"], "no such file or folder"),
        ([tmp_path / "empty"], ["--to=noto"], "no PNG or SVG in it"),
        ([folder], ["--to=noto", f"--model={SHIPPED_FLOW}"], "give a restyler"),
        ([folder], ["--to=noto", f"--model={tmp_path}"], "checkpoint"),
    ):
        model = [] if any(flag.startswith("--model") for flag in flags) else [f"--model={stored}"]
        out = [] if any(flag.startswith("--out") for flag in flags) else [f"--out={tmp_path / 'o'}"]
        code, _, lines = run(monkeypatch, capsys, "restyle", *paths, *flags, *model, *out)
        assert code == 2 and len(lines) == 1 and reason in lines[0], (flags, lines)
        assert not (tmp_path / "o").exists()
