"""Exported files hold what was drawn, as readers of other makers see it, and can be made again."""

import base64
import io
import json
import re
import struct
import sys
import time

import av
import numpy as np
import PIL.Image
import pytest

from emoji_gan.media import animation
from explore import __main__ as program
from explore import export_formats, recipe
from explore.messages import Refused
from input_pipeline.art import rasterise

POINT = {"seed": 3, "text": "red heart", "style": "openmoji"}
WALK = {"stops": [POINT, {"seed": 4, "text": "smiling face"}], "count": 6, "even": False}
MS = 120


@pytest.fixture(scope="module")
def frames(session):
    return np.concatenate(list(session.frames(recipe.read_wish({"walk": WALK}).walk)))


def _export(page, form, **wish):
    events = page.events("export", {"format": form, "wish": wish})
    assert any("total" in e for e in events)
    return events[-1]


def _bytes(event) -> bytes:
    return base64.b64decode(event["file"])


def _same(seen: np.ndarray, drawn: np.ndarray) -> None:
    """Where nothing is drawn, colours say nothing."""
    np.testing.assert_array_equal(seen[..., 3], drawn[..., 3])
    opaque = drawn[..., 3] > 0
    np.testing.assert_array_equal(seen[opaque], drawn[opaque])


def _decoded(data: bytes, codec: str | None = None) -> list[np.ndarray]:
    """Reads an animation by FFmpeg, which had no part in writing it."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        if codec is None:
            return [f.to_ndarray(format="rgba") for f in container.decode(stream)]
        decoder = av.CodecContext.create(codec, "r")
        packets = [p for p in container.demux(stream) if p.size]
        pictures = [f for p in packets for f in decoder.decode(p)] + decoder.decode(None)
        return [f.to_ndarray(format="rgba") for f in pictures]


def test_a_png_says_how_it_is_made_again_and_under_which_licence(page):
    event = _export(page, "png", items=[POINT], size_px=64)
    picture = PIL.Image.open(io.BytesIO(_bytes(event)))
    assert picture.size == (64, 64) and picture.mode == "RGBA"
    assert json.loads(picture.text["recipe"]) == event["recipe"]
    assert "CC BY-SA 4.0" in picture.text["Copyright"] and picture.text["size"] == "64 px"
    assert picture.text["understood text"] == "red heart"


def test_a_sheet_has_every_picture_in_its_cell(page, session):
    items = [POINT | {"seed": seed} for seed in range(5)]
    sheet = PIL.Image.open(io.BytesIO(_bytes(_export(page, "sheet", items=items))))
    assert sheet.size == (3 * 32, 2 * 32)
    assert sheet.text["sheet"] == "5 pictures of 32 px in 3 columns"
    (drawn,) = session.draw(recipe.read_wish({"items": items}).items)
    for i, picture in enumerate(drawn.pictures):
        row, column = divmod(i, 3)
        _same(np.asarray(sheet)[32 * row :, 32 * column :][:32, :32], picture)


def test_an_svg_is_drawn_by_another_program(page):
    svg = _bytes(_export(page, "svg", items=[POINT])).decode()
    with rasterise.Rasteriser(64) as rasteriser:
        picture = rasteriser.render(svg)
    assert 0.2 < (picture[..., 3] > 128).mean() < 0.9 and "recipe" in svg


def test_gif_and_apng_are_what_another_reader_sees(page, frames):
    apng = _bytes(_export(page, "apng", walk=WALK, frame_ms=MS))
    for seen, drawn in zip(_decoded(apng), frames, strict=True):
        _same(seen, drawn)
    plays = struct.unpack(">I", apng[apng.index(b"acTL") + 8 :][:4])[0]
    assert plays == 0  # for ever

    gif = _bytes(_export(page, "gif", walk=WALK, frame_ms=MS))
    for seen, drawn in zip(_decoded(gif), frames, strict=True):
        opaque = drawn[..., 3] >= 128
        np.testing.assert_array_equal(seen[..., 3] > 0, opaque)
        assert np.abs(seen[opaque][:, :3].astype(int) - drawn[opaque][:, :3]).mean() < 8
    assert gif.count(struct.pack("<H", MS // 10) + b"\xff") + gif.count(b"!\xf9\x04\x09") >= 6
    assert b"NETSCAPE2.0\x03\x01\0\0" in gif  # for ever


def test_webp_and_avif_hold_every_frame(page, frames):
    webp = _bytes(_export(page, "webp", walk=WALK, frame_ms=MS))
    assert webp.count(b"ANMF") == len(frames) and b"VP8 " not in webp  # lossless
    durations = [
        int.from_bytes(webp[m.end() + 4 + 12 :][:3], "little") for m in re.finditer(b"ANMF", webp)
    ]
    assert durations == [MS] * len(frames)
    picture = PIL.Image.open(io.BytesIO(webp))
    for i, drawn in enumerate(frames):
        picture.seek(i)
        _same(np.asarray(picture.convert("RGBA")), drawn)

    avif = PIL.Image.open(io.BytesIO(_bytes(_export(page, "avif", walk=WALK, frame_ms=MS))))
    assert avif.n_frames == len(frames)
    for i, drawn in enumerate(frames):
        avif.seek(i)
        avif.load()
        seen = np.asarray(avif.convert("RGBA"))
        opaque = drawn[..., 3] == 255
        assert np.abs(seen[..., 3].astype(int) - drawn[..., 3]).mean() < 3
        assert np.abs(seen[opaque].astype(int) - drawn[opaque]).mean() < 6


def test_webm_keeps_its_alpha(page, frames):
    webm = _bytes(_export(page, "webm", walk=WALK, frame_ms=MS))
    seen = _decoded(webm, "libvpx-vp9")
    assert len(seen) == len(frames)
    for picture, drawn in zip(seen, frames, strict=True):
        assert np.abs(picture[..., 3].astype(int) - drawn[..., 3]).mean() < 3
        opaque = drawn[..., 3] == 255
        assert np.abs(picture[opaque].astype(int) - drawn[opaque]).mean() < 8
    with av.open(io.BytesIO(webm)) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(1000 / MS, rel=1e-3)


def test_colours_are_bled_outwards_and_nothing_else_changes():
    frame = np.zeros((5, 5, 4), np.uint8)
    frame[2, 2] = (10, 200, 30, 255)
    bled = animation.bleed(frame)
    assert (bled[..., :3] == (10, 200, 30)).all()
    np.testing.assert_array_equal(bled[..., 3], frame[..., 3])
    empty = np.zeros((5, 5, 4), np.uint8)
    np.testing.assert_array_equal(animation.bleed(empty), empty)


@pytest.mark.parametrize("form", export_formats.FORMATS)
def test_every_file_is_made_again_byte_by_byte(page, form, tmp_path, monkeypatch, capsys):
    moving = form in animation.FORMATS
    wish = {"walk": WALK, "frame_ms": MS} if moving else {"items": [POINT]}
    event = _export(page, form, **wish)
    time.sleep(1.1 if form == "avif" else 0)  # whose times are in seconds
    recipe_path = tmp_path / "recipe.json"
    recipe_path.write_text(json.dumps(event["recipe"]))
    out = tmp_path / "again"
    monkeypatch.setattr(sys, "argv", ["explore", f"--replay={recipe_path}", f"--out={out}"])
    assert program.main() == 0
    assert (out / event["name"]).read_bytes() == _bytes(event)
    assert capsys.readouterr().out.strip() == str(out / event["name"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a recipe"),
        ("[]", "not a recipe"),
        ('{"made_by": "emoji_gan explore", "version": 2}', "of this version"),
        ('{"made_by": "emoji_gan explore", "version": 1, "model_sha256": "0"}', "another model"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(session, tmp_path, text, why):
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(Exception, match=why) as e:
        export_formats.replay(session, str(path), str(tmp_path))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("form", "wish", "code"),
    [
        ("png", {"items": [POINT, POINT]}, "one_picture"),
        ("svg", {"walk": WALK}, "one_picture"),
        ("gif", {"items": [POINT]}, "no_loop"),
        ("bmp", {"items": [POINT]}, "bad_request"),
        ("png", {"items": [{"variation": {"of": {"emoji": "1F355"}}}], "size_px": 32}, "no_size"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(session, form, wish, code):
    with pytest.raises(Refused) as e:
        list(export_formats.file_events(session, {"format": form, "wish": wish}))
    assert e.value.code == code


def test_without_pyav_there_is_one_clear_message(page, monkeypatch):
    monkeypatch.setattr(animation.importlib.util, "find_spec", lambda name: None)
    event = page.last("export", {"format": "webm", "wish": {"walk": WALK}}, "fr")
    assert event == {
        "error": "WebM demande PyAV : pip install -r requirements-webm.txt, puis relancez "
        "l'explorateur"
    }
    assert "webm" not in export_formats.available()
