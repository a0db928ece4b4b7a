"""`edit restore` on folders: each picture by its name, bad ones counted, originals kept."""

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from emoji_gan import errors, images
from emoji_gan.edit import __main__ as program
from emoji_gan.trained import even_colours
from input_pipeline import degrade
from input_pipeline.art import picture_folder, rasterise
from tests.emoji_gan.edit.test_edit import run
from tests.emoji_gan.methods.test_restore import stored
from tests.input_pipeline.test_degrade import pictures
from tests.support import png_writer
from tests.support.png_writer import GREY, GREY_ALPHA, PALETTE, RGB, RGBA

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


def test_colours_are_brought_to_those_near_them(monkeypatch, capsys, folder, stored, tmp_path):
    drawn = {}
    for colours in ("own", "openmoji", "all"):
        flags = (f"--colours={colours}", f"--model={stored}", f"--out={tmp_path / colours}")
        assert run(monkeypatch, capsys, "restore", folder / "a.png", *flags)[0] == 0
        path = tmp_path / colours / "a.png"
        assert picture_folder.own_texts(path)["colours"] == colours
        drawn[colours] = rasterise.read_png(path.read_bytes())
    for colours in ("own", "openmoji"):
        evened = even_colours.evened(drawn["all"], colours)
        np.testing.assert_array_equal(drawn[colours], evened)


def test_a_flat_area_takes_the_colour_near_it_and_a_mixture_stays():
    red, yellow = (0xD2, 0x2F, 0x27), (0xFC, 0xEA, 0x2B)
    near = tuple(x + 6 for x in red)
    pixels = [(*near, 250), (*yellow, 6), (*red, 128), (0, 255, 0, 255)]
    picture = np.array([pixels], np.uint8)
    evened = even_colours.evened(picture, "openmoji")[0]
    assert tuple(evened[0]) == (*red, 255) and tuple(evened[1]) == (0, 0, 0, 0)
    for i in (2, 3):
        np.testing.assert_allclose(evened[i].astype(int), picture[0, i].astype(int), atol=1)
    assert even_colours.evened(picture, "all") is picture


def test_a_gradient_stays_beside_an_even_area():
    picture = np.full((48, 64, 4), 255, np.uint8)
    picture[:, :32, :3] = np.linspace((250, 220, 40), (250, 120, 20), 48)[:, None].round()
    noise = np.random.default_rng(0).integers(-5, 6, (48, 32, 3))
    picture[:, 32:, :3] = np.array((40, 90, 200)) + noise
    evened = even_colours.evened(picture, "own")
    np.testing.assert_array_equal(evened[:, :32], picture[:, :32])
    assert len(np.unique(evened[:, 32:].reshape(-1, 4), axis=0)) == 1


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
    assert code == 2 and "1 picture restored" in text and "6 left out" in text


def test_what_cannot_be_done_is_one_line(monkeypatch, capsys, folder, stored, tmp_path):
    images.save_png(tmp_path / "other" / "a.png", pictures(1)[0])
    (tmp_path / "empty").mkdir()
    for paths, flags, reason in (
        ([folder], [f"--out={folder}"], "would overwrite the originals"),
        ([folder], ["--scale=3"], "choose from 1, 2, 4"),
        ([folder], ["--colours=few"], "choose from own, openmoji, all"),
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


def _kinds_of_png():
    """Name -> a PNG, and the uint8 [16 16 4] that it shows."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 4, (16, 16, 1))  # of two bits
    colours, alpha = rng.integers(0, 256, (16, 16, 3)), rng.integers(0, 256, (16, 16, 1))
    colours[2:9, 2:9] = key = (18, 52, 86)
    opaque = np.full((16, 16, 1), 255)
    keyed = np.where((colours == key).all(-1, keepdims=True), 0, 255)

    def rgba_of(*parts):
        whole = np.concatenate(parts, -1)
        return np.where(whole[..., 3:] > 0, whole, 0).astype(np.uint8)

    palette, palette_alpha = rng.integers(0, 256, (4, 3)), rng.integers(0, 256, (4, 1))
    chunks = png_writer.chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    chunks += png_writer.chunk(b"tRNS", palette_alpha.astype(np.uint8).tobytes())
    kinds = {
        "palette": (
            png_writer.png(grey, PALETTE, 2, chunks=chunks),
            rgba_of(palette[grey[..., 0]], palette_alpha[grey[..., 0]]),
        ),
        "rgb_key": (
            png_writer.png(colours, RGB, 8, chunks=png_writer.key(*key)),
            rgba_of(colours, keyed),
        ),
        "rgb_16": (png_writer.png(colours * 257, RGB, 16), rgba_of(colours, opaque)),
    }
    for depth in (2, 4, 8, 16):
        level = 85 * grey * (2**depth - 1) // 255
        unseen = 85 * (2**depth - 1) // 255
        kinds[f"grey_{depth}"] = (
            png_writer.png(level, GREY, depth),
            rgba_of(*[85 * grey] * 3, opaque),
        )
        kinds[f"grey_{depth}_key"] = (
            png_writer.png(level, GREY, depth, chunks=png_writer.key(unseen)),
            rgba_of(*[85 * grey] * 3, np.where(grey == 1, 0, 255)),
        )
    for depth in (8, 16):
        factor = 257 if depth == 16 else 1
        samples = factor * np.concatenate([colours, alpha], -1)
        for interlaced in (False, True):
            kinds[f"rgba_{depth}_{interlaced}"] = (
                png_writer.png(samples, RGBA, depth, interlaced=interlaced),
                rgba_of(colours, alpha),
            )
        kinds[f"grey_alpha_{depth}"] = (
            png_writer.png(samples[..., 2:], GREY_ALPHA, depth),
            rgba_of(*[colours[..., 2:]] * 3, alpha),
        )
    return kinds


def test_every_kind_of_png_is_read_as_it_shows(monkeypatch, capsys, stored, tmp_path):
    kinds = _kinds_of_png()
    (tmp_path / "kinds").mkdir()
    for name, (png, plain) in kinds.items():
        (tmp_path / "kinds" / f"{name}.png").write_bytes(png)
        images.save_png(tmp_path / "plain" / f"{name}.png", plain)
    drawn = {}
    for name in ("kinds", "plain"):
        flags = ("--scale=1", f"--model={stored}", f"--out={tmp_path / name}_restored")
        code, text, _ = run(monkeypatch, capsys, "restore", tmp_path / name, *flags)
        assert code == 0 and f"{len(kinds)} pictures restored" in text
        drawn[name] = {p.name: p.read_bytes() for p in (tmp_path / f"{name}_restored").iterdir()}
    assert [name for name in drawn["plain"] if drawn["kinds"][name] != drawn["plain"][name]] == []


def _encoded(picture, format_name, **options):
    file = io.BytesIO()
    picture.save(file, format_name, **options)
    return file.getvalue()


def test_what_is_no_still_png_is_refused_by_name(monkeypatch, capsys, folder, stored, tmp_path):
    frames = [Image.fromarray(picture) for picture in pictures(3)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 100}
    colours, cmyk = frames[0].convert("RGB"), frames[0].convert("RGB").convert("CMYK")
    deep = np.full((16, 16, 3), 0x1234)
    given = {
        "moving.png": (_encoded(frames[0], "PNG", **moving), "animated, 3 frames: give one frame"),
        "moving.gif": (_encoded(frames[0], "GIF", **moving), "a GIF, not a PNG"),
        "moving.webp": (_encoded(frames[0], "WEBP", **moving), "a WebP, not a PNG"),
        "misnamed.png": (_encoded(colours, "JPEG"), "a JPEG, not a PNG"),
        "cmyk.JPG": (_encoded(cmyk, "JPEG"), "a JPEG, not a PNG"),
        "cmyk.tif": (_encoded(cmyk, "TIFF"), "a TIFF, not a PNG"),
        "old.bmp": (_encoded(colours, "BMP"), "a BMP, not a PNG"),
        "deep.png": (
            png_writer.png(deep, RGB, 16, chunks=png_writer.key(0x1234, 0, 0)),
            "save it with 8 bits a channel",
        ),
    }
    for name, (data, _) in given.items():
        (folder / name).write_bytes(data)
    one_frame = png_writer.chunk(b"acTL", struct.pack(">II", 1, 0))
    still = np.full((16, 16, 4), 200)
    (folder / "one_frame.png").write_bytes(png_writer.png(still, RGBA, 8, chunks=one_frame))
    out = tmp_path / "out"
    argv = ["edit", "restore", str(folder), f"--model={stored}", f"--out={out}"]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as e:
        errors.run(program.main)
    text, err = capsys.readouterr()
    assert e.value.code == 2 and f"4 pictures restored at scale 4 in {out}; 8 left out" in text
    assert {p.name for p in out.iterdir()} == {"a.png", "b.png", "screen.png", "one_frame.png"}
    lines = [line for line in err.splitlines() if line.endswith("; left out")]
    assert len(lines) == len(given)
    for name, (_, reason) in given.items():
        (line,) = (line for line in lines if line.startswith(f"{folder / name}: "))
        assert reason in line
