"""`edit vectorise` on folders, and the formats of programs that draw."""

import numpy as np
import pytest
from fontTools import ttLib
from PIL import Image

from emoji_gan import images
from emoji_gan.errors import UserError
from emoji_gan.trained import finishing, vectoriser
from emoji_gan.trained.restorer import Restorer
from emoji_gan.vector import drawing
from input_pipeline import degrade
from input_pipeline.art import common_box, rasterise
from tests.emoji_gan.edit.test_edit import run


@pytest.fixture(scope="module")
def pictures():
    """Pictures of 512 px, as no restorer is needed to trace those."""
    y, x = np.mgrid[:512, :512]
    disc = np.hypot(y - 256, x - 256)
    face = np.zeros((512, 512, 4), np.uint8)
    face[disc < 200] = (0, 0, 0, 255)
    face[disc < 186] = (252, 234, 43, 255)
    square = np.zeros_like(face)
    square[100:400, 60:460] = (97, 178, 228, 255)
    return {"1F600": face, "square & more": square}


@pytest.fixture
def folder(tmp_path, pictures):
    for name, picture in pictures.items():
        texts = {"Software": "emoji_gan", "Copyright": "of one <>"}
        images.save_png(tmp_path / "given" / f"{name}.png", picture, texts)
    return tmp_path / "given"


def test_each_picture_becomes_an_svg_and_a_font(monkeypatch, capsys, folder, pictures, tmp_path):
    out = tmp_path / "out"
    (folder / "broken.png").write_bytes(b"no picture")
    flags = (f"--out={out}", "--font=Our emoji")
    code, text, _ = run(monkeypatch, capsys, "vectorise", folder, *flags)
    assert code == 2 and "2 SVGs" in text and "1 left out" in text
    with rasterise.Rasteriser(512) as rasteriser:
        for name, picture in pictures.items():
            svg = (out / f"{name}.svg").read_text()
            assert "Copyright: of one &lt;&gt;" in svg and svg.count("<path") <= 2
            drawn = degrade.premultiply(rasteriser.render(svg))
            assert 255 * np.abs(drawn - degrade.premultiply(picture)).mean() < 2
    for suffix in (".ttf", ".woff2"):
        font = ttLib.TTFont(out / f"Our-emoji{suffix}")
        assert set(font.getBestCmap()) == {0x1F600, 0xE000}
        assert font["name"].getDebugName(13) == "of one <>"
    page = (out / "Our-emoji.html").read_text()
    assert "square &amp; more" in page and "of one &lt;&gt;" in page
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    run(monkeypatch, capsys, "vectorise", folder, *flags)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_what_cannot_be_vectorised_is_one_line(monkeypatch, capsys, folder, tmp_path):
    for arguments, words in (
        ((folder, "--font=<b>"), "letters"),
        ((tmp_path / "none",), "no such file"),
        ((folder, folder / "1F600.png"), "same name"),
        ((folder, f"--out={folder / '1F600.png' / 'out'}"), "cannot write to the folder"),
    ):
        code, _, error = run(monkeypatch, capsys, "vectorise", *arguments)
        assert code == 2 and len(error) == 1 and words in error[0]


def test_an_svg_of_the_user_is_not_written_over(monkeypatch, capsys, folder):
    own = folder / "1F600.svg"
    own.write_text("<svg/>")
    code, _, error = run(monkeypatch, capsys, "vectorise", folder, f"--out={folder}")
    assert code == 2 and len(error) == 1 and "would be lost" in error[0]
    assert own.read_text() == "<svg/>"


def test_formats_beside_the_pngs(pictures, tmp_path):
    drawn = np.stack(list(pictures.values()))
    finisher = finishing.Finisher(512, None, "png,svg,webp")
    request = {"provenance": {"Software": "emoji_gan", "kimg": "1"}, "seeds_text": "3,4"}
    finisher.write(tmp_path, drawn, [3, 4], **request)
    stems = {"seed0000000003", "seed0000000004"}
    for suffix in (".png", ".svg", ".webp"):
        assert {path.stem for path in tmp_path.glob(f"seed*{suffix}")} == stems
    with Image.open(tmp_path / "seed0000000004.webp") as read:
        assert (np.asarray(read.convert("RGBA")) == drawn[1]).all()
        assert b"seed: 4" in read.info["xmp"]
    assert "seed: 3" in (tmp_path / "seed0000000003.svg").read_text()
    # Files of another request go, whatever their format.
    request["provenance"] = request["provenance"] | {"kimg": "2"}
    finishing.Finisher(512, None, "png").write(tmp_path, drawn[:1], [7], **request)
    assert [path.name for path in tmp_path.glob("seed*")] == ["seed0000000007.png"]
    # And so they do where the PNG itself is drawn anew.
    finisher.write(tmp_path, drawn[:1], [7], **request)
    assert len(list(tmp_path.glob("seed*"))) == 3
    request["provenance"] = request["provenance"] | {"kimg": "3"}
    finishing.Finisher(512, None, "png").write(tmp_path, drawn[1:], [7], **request)
    assert [path.name for path in tmp_path.glob("seed*")] == ["seed0000000007.png"]


def test_openmoji_is_enlarged_as_its_svg_and_other_sets_as_the_restorer_has_them(pictures):
    small = np.stack([common_box.resize(picture, 32) for picture in pictures.values()])
    shapes = vectoriser.trace_all(list(small), Restorer(colours="openmoji"), quick=True)
    traced = finishing.Finisher(32, 128, "png,svg", style=finishing.traced_style(["openmoji line"]))
    finished = traced.finished(small)
    np.testing.assert_array_equal(finished.large, vectoriser.rendered(shapes, 128))
    (svg, _) = traced.others(finished, [{}] * 2)[".svg"]
    assert svg.decode() == drawing.to_svg(shapes[0]) and traced.texts()["finish"] == "traced"
    other = finishing.traced_style(["openmoji", "mine=PATH"])
    for finisher, colours in (
        (finishing.Finisher(32, 128, "png", "restored"), "openmoji"),
        (finishing.Finisher(32, 128, "png", style=other), "own"),
    ):
        restored = Restorer(colours=colours).to_size(small, 128)
        np.testing.assert_array_equal(finisher.finished(small).large, restored)
        assert finisher.texts()["finish"] == "restored" and finisher.texts()["colours"] == colours


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((32, None, "gif"), "choose of"),
        ((32, 16, "png"), "32 to 512"),
        ((32, 999, "svg"), "32 to"),
        ((32, 64, "png", "polished"), "traced, restored"),
        ((32, None, "png", "traced"), "give a --size"),
    ],
)
def test_what_cannot_be_finished_is_refused_before_anything_is_drawn(arguments, words):
    with pytest.raises(UserError, match=words):
        finishing.Finisher(*arguments)
