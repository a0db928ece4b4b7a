"""Packs as readers of other makers see them: tarfile, zipfile, YAML, JSON, FFmpeg, fontTools."""

import csv
import html
import io
import json
import pathlib
import re
import shutil
import struct
import tarfile
import zipfile

import av
import jsonschema
import numpy as np
import PIL.Image
import pytest
import yaml
from fontTools import ttLib

from campaign import manifest
from campaign.animate import moves
from campaign.language import Language
from campaign.manifest import Entry
from campaign.pack import packing
from campaign.pack.targets import telegram
from emoji_gan import images
from emoji_gan.media import animation

TEXTS = {"Software": "emoji_gan", "seed": "7"}
NAMES = ("coeur", "etoile", "lune")
FRAMES, MS = 8, 80
TARGETS = [target for target in packing.TARGETS if target != "font"]


def _disc(colour, px=512) -> np.ndarray:
    """A disc with a black outline and a soft edge, on nothing."""
    y, x = np.mgrid[:px, :px] - (px - 1) / 2
    r = np.hypot(y, x) / px
    alpha = np.clip((0.4 - r) * px + 0.5, 0, 1)
    rgb = np.where((r < 0.35)[..., None], colour, 0)
    picture = np.concatenate([rgb, 255 * alpha[..., None]], -1).round().astype(np.uint8)
    return np.where(picture[..., 3:] > 0, picture, 0).astype(np.uint8)


@pytest.fixture(scope="module")
def art(tmp_path_factory):
    """A folder of three stills and three loops, with a manifest."""
    folder = tmp_path_factory.mktemp("art")
    entries = []
    for i, name in enumerate(NAMES):
        still = _disc((200, 60 * i, 40))
        (folder / f"{name}.png").write_bytes(images.png_bytes(still, TEXTS))
        loop = moves.frames(still, list(moves.MOVES.values())[i], FRAMES, px=128)
        data = animation.encode("apng", loop, MS, TEXTS)
        (folder / f"{name}_m.png").write_bytes(data)
        for own in (name, f"{name}_m"):
            entry = Entry(
                name=own,
                file=f"{own}.png",
                category="été",
                aliases={"en": [f"{own}_en"], "fr": ["un alias"]},
                alt={"en": f'a "{own}"', "fr": f"un {own} d’été"},
                licence="CC-BY-SA-4.0",
                attribution="derived from OpenMoji, CC BY-SA 4.0",
                author="emoji_gan",
                provenance=TEXTS | {"parents": "2764-FE0F"},
            )
            entries.append(entry)
    manifest.write(folder, entries)
    return folder


def _pack(run, art, folder, targets):
    """Packs the art; returns the folder of the packs."""
    flags = ("--lang=en", f"--from={art}", f"--dir={folder}", "--title=Été 2026")
    code, out, err = run("pack", *flags, f"--for={','.join(targets)}")
    assert (code, err) == (0, ""), err
    for target in targets:
        assert f"packs/{target}: 6 emoji" in out
    return folder / "packs"


@pytest.fixture(scope="module")
def packs(run, art, tmp_path_factory):
    """The art packed for every target but the font, which has stills alone; to be read only."""
    return _pack(run, art, tmp_path_factory.mktemp("packed"), TARGETS)


def _decoded(data: bytes, codec: str | None = None) -> list[np.ndarray]:
    """Reads pictures by FFmpeg, which had no part in writing GIF, PNG and WebP."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        if codec is None:
            return [f.to_ndarray(format="rgba") for f in container.decode(stream)]
        decoder = av.CodecContext.create(codec, "r")
        packets = [p for p in container.demux(stream) if p.size]
        pictures = [f for p in packets for f in decoder.decode(p)] + decoder.decode(None)
        return [f.to_ndarray(format="rgba") for f in pictures]


def _gif_ms(data: bytes) -> list[int]:
    heads = re.finditer(rb"!\xf9\x04.", data, re.DOTALL)
    return [10 * struct.unpack("<H", data[m.end() : m.end() + 2])[0] for m in heads]


def _close(seen: np.ndarray, drawn: np.ndarray, levels: float) -> bool:
    """Compares in premultiplied RGBA."""

    def premultiplied(x):
        alpha = x[..., 3:].astype(float)
        return np.concatenate([x[..., :3] * alpha / 255, alpha], -1)

    return np.abs(premultiplied(seen) - premultiplied(drawn)).mean() < levels


def test_slack_files_are_small_exact_and_listed(packs, art):
    folder = packs / "slack"
    listed = yaml.safe_load((folder / "slack.yaml").read_text())
    assert listed["title"] == "Été 2026"
    assert [e["name"] for e in listed["emojis"]] == [n for k in NAMES for n in (k, f"{k}_m")]
    assert listed["emojis"][0]["aliases"] == ["coeur_en"]  # "un alias" is no short code
    rows = list(csv.DictReader((folder / "slack.csv").open(newline="")))
    assert [r["file"] for r in rows] == [e["src"] for e in listed["emojis"]]
    for emoji in listed["emojis"]:
        data = (folder / emoji["src"]).read_bytes()
        assert len(data) < 128_000
        frames = _decoded(data)
        assert frames[0].shape == (128, 128, 4)
        if emoji["name"].endswith("_m"):
            masters = _decoded((art / f"{emoji['name']}.png").read_bytes())
            assert len(frames) == len(masters) == FRAMES and _gif_ms(data) == [MS] * FRAMES
            for seen, master in zip(frames, masters, strict=True):
                opaque = master[..., 3] >= 128  # the black outline included
                np.testing.assert_array_equal(seen[..., 3] > 0, opaque)
                assert np.abs(seen[opaque].astype(int) - master[opaque])[:, :3].mean() < 2


def test_each_pack_says_how_whose_and_what(packs):
    folder = packs / "slack"
    texts = [(folder / n).read_text() for n in ("README.txt", "LISEZMOI.txt", "ATTRIBUTION.txt")]
    assert "Add emoji" in texts[0] and "Ajouter" not in texts[0]
    assert "Ajouter un émoji" in texts[1]
    assert texts[2].count("CC-BY-SA-4.0") == 6 and "derived from OpenMoji" in texts[2]
    entries = manifest.read(folder, Language("en"))
    assert [e.name for e in entries][:2] == ["coeur", "coeur_m"]
    assert PIL.Image.open(folder / "preview.png").size == (6 * 64, 2 * 64)
    assert PIL.Image.open(folder / entries[0].file).text["License"] == "CC-BY-SA-4.0"


def test_the_same_art_is_the_same_bytes_and_stale_files_go(run, art, packs, tmp_path):
    def contents(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    first = contents(packs / "misskey")
    folder = tmp_path / "packs" / "misskey"
    shutil.copytree(packs / "misskey", folder)
    (folder / "mine.txt").write_text("a note of the user's")
    (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text() + "0  old.png\n")
    (folder / "old.png").write_bytes(b"of an earlier pack")
    _pack(run, art, tmp_path, ["misskey"])
    kept = {pathlib.Path("mine.txt"): b"a note of the user's"}
    assert contents(folder) == first | kept


def test_discord_telegram_and_signal_keep_their_sizes(packs):
    folder = packs / "discord"
    for kind, px, limit in (("emoji", 128, 256), ("emoji_gif", 128, 256), ("stickers", 320, 512)):
        files = sorted((folder / kind).iterdir())
        assert len(files) == (3 if kind == "emoji_gif" else 6)
        for file in files:
            picture = PIL.Image.open(file)
            assert picture.size == (px, px) and file.stat().st_size <= limit * 1024
            assert getattr(picture, "n_frames", 1) == (FRAMES if "_m" in file.stem else 1)
    folder = packs / "signal"
    rows = list(csv.DictReader((folder / "emoji.csv").open(newline="")))
    assert len(rows) == 6 and {r["emoji"] for r in rows} == {"❤️"}
    assert all((folder / r["file"]).stat().st_size <= 300_000 for r in rows)


def test_telegram_loops_are_vp9_with_alpha(packs, art):
    folder = packs / "telegram"
    for kind, px in (("emoji", 100), ("stickers", 512)):
        for name in NAMES:
            assert PIL.Image.open(folder / kind / f"{name}.webp").size == (px, px)
            data = (folder / kind / f"{name}_m.webm").read_bytes()
            assert len(data) <= 256_000
            frames = _decoded(data, "libvpx-vp9")
            assert len(frames) == FRAMES and frames[0].shape == (px, px, 4)
            with av.open(io.BytesIO(data)) as container:
                assert [s.type for s in container.streams] == ["video"]
                assert float(container.streams.video[0].average_rate) <= 30
    seen = _decoded((folder / "emoji" / "coeur_m.webm").read_bytes(), "libvpx-vp9")[0]
    master = PIL.Image.open(art / "coeur_m.png").convert("RGBA").resize((100, 100))
    assert _close(seen, np.asarray(master), 6)


def test_without_pyav_stills_are_packed_and_one_line_says_what_is_missing(
    run, art, tmp_path, monkeypatch
):
    monkeypatch.setattr(telegram.animation, "missing", lambda: {"webm"})
    flags = ("--lang=fr", f"--from={art}", f"--dir={tmp_path}")
    code, out, err = run("pack", *flags, "--for=telegram,twitch")
    assert code == 2 and "telegram : 3 émojis" in out and "twitch : 6 émojis" in out
    assert len(err.splitlines()) == 3 and err.count("requirements-webm.txt") == 3


def test_whatsapp_packs_are_zips_of_one_kind(packs):
    archives = sorted((packs / "whatsapp").glob("*.wastickers"))
    assert [p.name for p in archives] == [
        "ete_2026_moving_1.wastickers",
        "ete_2026_still_1.wastickers",
    ]
    for path, count in zip(archives, (FRAMES, 1), strict=True):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            names = archive.namelist()
            assert archive.read("title.txt").decode() == "Été 2026" and "author.txt" in names
            tray = PIL.Image.open(io.BytesIO(archive.read("tray.png")))
            assert tray.size == (96, 96)
            stickers = [n for n in names if n.endswith(".webp")]
            assert len(stickers) == 3
            for name in stickers:
                data = archive.read(name)
                picture = PIL.Image.open(io.BytesIO(data))
                assert picture.size == (512, 512) and picture.n_frames == count
                seen = np.asarray(picture.convert("RGBA"))
                first = np.argwhere(seen[..., 3] > 128)[0]  # at the top: the white line
                assert (seen[first[0] + 3, first[1]] > 240).all() and first[0] >= 16
                assert len(data) <= (500_000 if count > 1 else 100_000)


def test_fewer_than_three_stickers_are_named_with_the_reason(run, art, tmp_path):
    small = tmp_path / "two"
    small.mkdir()
    for name in NAMES[:2]:
        (small / f"{name}.png").write_bytes((art / f"{name}.png").read_bytes())
    code, _, err = run(
        "pack", f"--from={small}", f"--dir={tmp_path}", "--for=whatsapp", "--lang=en"
    )
    assert code == 2 and "2 still: WhatsApp takes 3 to 30" in err and err.count("\n") == 1
    assert not list((tmp_path / "packs" / "whatsapp").glob("*.wastickers"))


def test_twitch_has_three_sizes(packs):
    for px in (28, 56, 112):
        files = list((packs / "twitch" / "emotes").glob(f"*_{px}.*"))
        assert len(files) == 6 and all(PIL.Image.open(f).size == (px, px) for f in files)


def test_mastodon_archive_has_short_codes_alone(packs):
    with tarfile.open(packs / "mastodon" / "ete_2026.tar.gz") as archive:
        members = archive.getmembers()
        assert all(re.fullmatch(r"[a-zA-Z0-9_]{2,128}\.(png|gif)", m.name) for m in members)
        assert len(members) == 6 and {m.mtime for m in members} == {0}
        assert all(0 < m.size <= 256 * 1024 for m in members)


def test_misskey_meta_is_of_its_schema(packs):
    emoji = {
        "type": "object",
        "required": ["name", "category", "aliases", "license", "isSensitive", "localOnly"],
        "properties": {
            "name": {"pattern": "^[a-zA-Z0-9_]+$"},
            "aliases": {"type": "array", "items": {"type": "string"}},
            "license": {"type": "string", "minLength": 1},
        },
    }
    row = {
        "type": "object",
        "required": ["downloaded", "fileName", "emoji"],
        "properties": {
            "downloaded": {"const": True},
            "fileName": {"pattern": r"^[a-zA-Z0-9_]+\.[a-z]+$"},
            "emoji": emoji,
        },
    }
    schema = {
        "required": ["metaVersion", "host", "exportedAt", "emojis"],
        "properties": {
            "metaVersion": {"const": 2},
            "emojis": {"type": "array", "minItems": 6, "items": row},
        },
    }
    with zipfile.ZipFile(packs / "misskey" / "ete_2026.zip") as archive:
        meta = json.loads(archive.read("meta.json"))
        jsonschema.validate(meta, schema)
        assert {e["fileName"] for e in meta["emojis"]} | {"meta.json"} == set(archive.namelist())


def test_matrix_packs_have_one_usage_and_name_files_that_are_there(packs):
    folder = packs / "matrix"
    for usage, px in (("emoticon", 128), ("sticker", 512)):
        content = json.loads((folder / f"image_pack_{usage}s.json").read_text())
        assert content["pack"]["usage"] == [usage] and content["pack"]["attribution"]
        assert content["pack"]["display_name"] == "Été 2026" and len(content["images"]) == 6
        assert content["images"]["coeur"]["body"] == 'a "coeur"'
        for image in content["images"].values():
            assert set(image) == {"url", "body", "info"}  # an own usage is of drafts alone
            file = folder / image["url"].removeprefix("mxc://UPLOAD/")
            assert file.stat().st_size == image["info"]["size"]
            assert PIL.Image.open(file).size == (image["info"]["w"], image["info"]["h"]) == (px, px)


def test_mattermost_names_files_that_are_there(packs):
    with zipfile.ZipFile(packs / "mattermost" / "ete_2026.zip") as archive:
        version, *rows = map(json.loads, archive.read("import.jsonl").splitlines())
        assert version == {"type": "version", "version": 1} and len(rows) == 6
        assert all(f"data/{row['emoji']['image']}" in archive.namelist() for row in rows)


def test_mail_is_narrow_and_has_alt_texts(packs):
    page = (packs / "email" / "snippets.html").read_text()
    tags = re.findall(r"<img ([^>]*)>", page)
    assert len(tags) == 12
    assert all('width="64"' in t and re.search(r'alt="[^"]+"', t) for t in tags)
    assert "a &quot;coeur&quot;" in page and "un coeur d’été" in page
    labels = re.findall(r'<div lang="(..)"><h3>([^<]*)</h3><p><img', page)
    assert labels == [("en", "For mails in English"), ("fr", "Pour les courriels en français")] * 6
    for tag in tags:
        assert html.escape(f"<img {tag}>") in page  # to be copied


def test_mail_in_french_begins_with_french(run, art, tmp_path):
    run("pack", f"--from={art}", f"--dir={tmp_path}", "--for=email", "--lang=fr")
    page = (tmp_path / "packs" / "email" / "snippets.html").read_text("utf-8")
    assert '<html lang="fr">' in page and "«\u202fun coeur d’été\u202f»" in page
    assert re.findall(r'<div lang="(..)">', page) == ["fr", "en"] * 6
    assert b"au pied du courriel" in (tmp_path / "packs" / "email" / "LISEZMOI.txt").read_bytes()


def test_web_pictures_are_complete(packs):
    folder = packs / "web"
    page = (folder / "index.html").read_text()
    pictures = re.findall(r"<picture>.*?</picture>", page, re.DOTALL)
    loops = [p for p in pictures if "_m." in p]
    assert len(pictures) == 6 and len(loops) == 3
    for picture in loops:
        assert "(prefers-reduced-motion: reduce)" in picture
        assert re.findall(r'type="([^"]+)"', picture) == ["image/avif", "image/webp", "image/apng"]
    for file in re.findall(r'(?:srcset|src)="([^"]+)"', "".join(pictures)):
        assert (folder / file).is_file(), file
    for form in ("avif", "webp", "png", "gif"):
        picture = PIL.Image.open(folder / "pictures" / f"lune_m.{form}")
        assert picture.n_frames == FRAMES, form


def test_font_has_a_colour_glyph_of_each_still(run, art, tmp_path):
    two = tmp_path / "two"
    two.mkdir()
    entries = [e for e in manifest.read(art, Language("en")) if e.name in (*NAMES[:2], "lune_m")]
    for entry in entries:
        shutil.copy(art / entry.file, two)
    manifest.write(two, entries)
    flags = (f"--from={two}", f"--dir={tmp_path}", "--title=Été 2026", "--lang=en")
    code, out, err = run("pack", *flags, "--for=font")
    assert (code, err) == (0, "") and "2 emoji" in out
    folder = tmp_path / "packs" / "font"
    for suffix in (".ttf", ".woff2"):
        font = ttLib.TTFont(folder / f"ete_2026{suffix}")
        glyphs = font["COLR"].ColorLayers
        assert len(font.getBestCmap()) == 2 and set(glyphs) == set(font.getBestCmap().values())
        assert "CC-BY-SA-4.0" in font["name"].getDebugName(13)
    assert "ete_2026.woff2" in (folder / "ete_2026.css").read_text()
    assert len(list((folder / "svg").glob("*.svg"))) == 2


def test_a_budget_that_cannot_be_met_is_one_line_and_the_others_are_done(run, tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 4), np.uint8)
    art = tmp_path / "art"
    art.mkdir()
    (art / "a disc.png").write_bytes(images.png_bytes(_disc((200, 40, 40))))
    (art / "noise.png").write_bytes(images.png_bytes(noise))
    flags = (f"--from={art}", f"--dir={tmp_path}", "--lang=en")
    code, out, err = run("pack", *flags, "--for=telegram,signal")
    assert code == 2
    assert "telegram: 2 emoji" in out  # the noise as an emoji of 100 px
    assert "signal: 2 emoji, 1 reduced" in out
    readme = (tmp_path / "packs" / "signal" / "README.txt").read_text()
    assert re.search(r"noise.png: \d+ colours", readme)
    assert all("telegram/noise" in line and "at most 256,000" in line for line in err.splitlines())
    names = [p.stem for p in (tmp_path / "packs" / "signal" / "stickers").iterdir()]
    assert sorted(names) == ["a_disc", "noise"]


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--for=slak",), "pas de destination 'slak'"),
        (("--from=nowhere",), "ni manifest.json ni PNG"),
        ((), "proposals.json manque"),
        (("--title=" + 61 * "x", "--from=ART"), "au plus 60"),
    ],
)
def test_mistakes_get_one_line(run, art, tmp_path, flags, why):
    flags = [flag.replace("ART", str(art)) for flag in flags]
    code, _, err = run("pack", "--lang=fr", f"--dir={tmp_path}", *flags)
    assert code == 2 and why in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())
