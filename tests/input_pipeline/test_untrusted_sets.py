"""Sets with damaged, hidden, linked or hostile files: what is not read is named with the reason."""

import os
import struct
import zlib

import pytest

from input_pipeline import DataError
from input_pipeline.art import set_files, sources
from input_pipeline.unicode import emoji_names
from tests.support.emoji_files import SVG, png, write_and_read, write_files, write_zip


def _bomb(side: int = 60_000) -> bytes:
    """Returns a small PNG whose header promises gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def test_unreadable_pictures_are_named_and_limited(tmp_path):
    files = {
        "1f600.png": png(),
        "1f601.png": _bomb(),
        "1f602.png": png()[:-30],
        "1f603.svg": "<svg",
        "1f604.svg": SVG.format("none"),
        "1f605.svg": b"\xff\xfe\x00",
    }
    path = write_files(tmp_path, files)
    records = sources.read(path, "mine", 8, max_bad_share=1)
    assert records.columns["codepoints"].tolist() == ["1F600"]
    why = dict(records.skipped)
    assert set(why) == set(files) - {"1f600.png"} and "60000 x 60000" in why["1f601.png"]
    with pytest.raises(DataError, match=r"5 of 6 pictures are unreadable, first 1f601\.png"):
        sources.read(path, "mine", 8)


def test_of_two_files_one_whose_header_is_no_utf_8_is_passed_over(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"é/1f600.png": png(), "a/1f600.png": png()})
    data = path.read_bytes()
    # In the member's own header; the directory at the end stays as it is.
    first = data.index("é".encode())
    path.write_bytes(data[:first] + b"\xff\xff" + data[first + 2 :])
    records = sources.read(path, "mine", 8, max_bad_share=0.5)
    assert records.columns["codepoints"].tolist() == ["1F600"]
    assert "é/1f600.png" in dict(records.skipped)


def test_a_zip_cannot_escape_or_explode(tmp_path, monkeypatch):
    files = {
        "../1f600.png": png(),
        "/abs/1f601.png": png(),
        "a\\..\\1f602.png": png(),
        "1f603.png": png(),
    }
    records = sources.read(write_zip(tmp_path / "a.zip", files), "mine", 8)
    assert records.columns["codepoints"].tolist() == ["1F603"]
    assert sum("leaves the archive" in why for _, why in records.skipped) == 3
    big = write_zip(tmp_path / "b.zip", {"1f600.png": bytes(20 << 20), "1f601.png": png()})
    records = sources.read(big, "mine", 8, max_bad_share=0.5)
    assert "larger than" in dict(records.skipped)["1f600.png"]
    monkeypatch.setattr(set_files, "_MAX_ARCHIVE_BYTES", 1 << 20)
    with pytest.raises(DataError, match="MiB"):
        sources.read(big, "mine", 8)


def test_a_damaged_member_is_named(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"1f600.png": os.urandom(500), "1f601.png": png()})
    data = bytearray(path.read_bytes())
    data[100] ^= 255
    path.write_bytes(data)
    records = sources.read(path, "mine", 8, max_bad_share=0.5)
    assert "CRC" in dict(records.skipped)["1f600.png"]


def test_links_do_not_leave_the_folder(tmp_path):
    outside = write_files(tmp_path / "out", {"1f600.png": png()})
    path = write_files(tmp_path / "set", {"1f601.png": png()})
    (path / "1f600.png").symlink_to(outside / "1f600.png")
    records = sources.read(path, "mine", 8)
    assert records.columns["codepoints"].tolist() == ["1F601"] and "link" in records.skipped[0][1]


@pytest.mark.parametrize("zipped", [False, True])
def test_hidden_files_never_win_over_the_picture(zipped, tmp_path):
    files = {
        "pizza.png": png(8),
        "._pizza.png": b"Mac OS X        a resource fork",
        "__MACOSX/pizza.png": png(64),
        ".ipynb_checkpoints/rocket.png": png(),
    }
    write = write_zip if zipped else write_files
    records = sources.read(write(tmp_path / "set.zip", files), "mine", 8)
    assert records.columns["codepoints"].tolist() == ["1F355"]
    assert records.columns["file"].tolist() == ["pizza.png"]
    assert records.skipped and all("hidden" in why for _, why in records.skipped)


def test_linked_folders_are_named(tmp_path):
    outside = write_files(tmp_path / "out", {"1f600.png": png()})
    path = write_files(tmp_path / "set", {"a/1f601.png": png()})
    (path / "elsewhere").symlink_to(outside, target_is_directory=True)
    (path / "again").symlink_to(path / "a", target_is_directory=True)
    records = sources.read(path, "mine", 8)
    why = dict(records.skipped)
    assert records.columns["codepoints"].tolist() == ["1F601"]
    assert "source of its own" in why["elsewhere"] and "read anyway" in why["again"]


def test_a_few_unreadable_pictures_do_not_sink_a_set(tmp_path, capsys):
    good = {f"{c}.png": png() for c in emoji_names.every()[:57]}
    bad = {"1f680.png": b"", "1f355.png": b"", "2600.svg": "<"}
    emoji, why, _ = write_and_read(tmp_path, good | bad)
    assert len(emoji) == 57 and len(why) == 3
    assert "3 of 60 pictures are unreadable" in capsys.readouterr().err
    more = {f"{c}.png": b"" for c in emoji_names.every()[60:67]}
    with pytest.raises(DataError, match=r"--config\.data\.max_bad_share=0\.15$") as e:
        write_and_read(tmp_path, more)
    least = float(str(e.value).rpartition("=")[2])
    # The value that the error names is enough.
    assert len(write_and_read(tmp_path, {}, max_bad_share=least)[0]) == 57
