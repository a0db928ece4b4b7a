"""Packs of too many emoji for one."""

import csv
import json

import numpy as np
import pytest

from campaign import manifest
from campaign.manifest import Entry
from campaign.pack.targets import matrix, signal_stickers
from emoji_gan import images

ALT = "a square of one colour on nothing at all, as an example of a longer text " * 3


def _many(folder, count: int) -> None:
    """Writes a folder of plain stills with long alt texts, so large that none is restored."""
    folder.mkdir()
    entries = []
    for i in range(count):
        name = f"square_{i:03d}"
        picture = np.array([[[i, 255 - i, 40, 255]]], np.uint8).repeat(512, 0).repeat(512, 1)
        (folder / f"{name}.png").write_bytes(images.png_bytes(picture))
        texts = {"alt": {"en": ALT}, "licence": "CC0-1.0", "attribution": f"by artist {i % 2}"}
        rest = {"category": "", "aliases": {}, "author": "", "provenance": {}}
        entries.append(Entry(name=name, file=f"{name}.png", **texts, **rest))
    manifest.write(folder, entries)


@pytest.fixture(scope="module")
def large(run, tmp_path_factory):
    """Eleven stills, packed for limits that are a fraction of the real ones; the packs' folder."""
    folder = tmp_path_factory.mktemp("large")
    _many(folder / "art", 11)
    flags = (f"--from={folder / 'art'}", f"--dir={folder}", "--title=Squares", "--lang=en")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal_stickers, "MOST", 4)
        patch.setattr(matrix, "MOST_BYTES", 4000)
        code, out, err = run("pack", *flags, "--for=signal,matrix")
    assert (code, err) == (0, "") and out.count("11 emoji") == 2
    return folder / "packs"


def test_signal_has_a_folder_for_each_of_several_packs(large):
    folder = large / "signal"
    counts = [len(list((folder / f"stickers_{i}").iterdir())) for i in (1, 2, 3)]
    assert sorted(counts) == [3, 4, 4] and not (folder / "stickers").exists()
    rows = list(csv.DictReader((folder / "emoji.csv").open(newline="")))
    assert len(rows) == 11 and all((folder / row["file"]).is_file() for row in rows)
    assert "stickers_1/" in (folder / "README.txt").read_text()
    assert signal_stickers.MOST == 200


@pytest.mark.parametrize("usage", ["emoticon", "sticker"])
def test_matrix_has_as_few_events_as_hold_the_pack(large, usage):
    folder = large / "matrix"
    files = sorted(folder.glob(f"image_pack_{usage}s*.json"))
    assert [f.stem for f in files] == [f"image_pack_{usage}s_{i}" for i in (1, 2)]
    parts = [json.loads(file.read_text()) for file in files]
    assert sorted(len(part["images"]) for part in parts) == [5, 6]
    assert [part["pack"]["display_name"] for part in parts] == ["Squares", "Squares 2"]
    assert not parts[0]["images"].keys() & parts[1]["images"].keys()
    for part in parts:
        assert part["pack"]["usage"] == [usage]
        for image in part["images"].values():
            assert (folder / image["url"].removeprefix("mxc://UPLOAD/")).is_file()
            image["url"] = "mxc://matrix.example.org/" + 60 * "x"  # as a server answers
        assert len(json.dumps(part, separators=(",", ":")).encode()) <= 4000
    assert matrix.MOST_BYTES < 65_536
