import fcntl
import pathlib
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from input_pipeline import DataError, openmoji
from input_pipeline import splits as splits_lib
from input_pipeline.art import rasterise

_STEMS = """
    1F600 1F603 1F604 1F408 1F415 1F34E 1F34F 1F697 1F6F8 2764 1F499 1F4A1 1F1E6-1F1E8 1F1E6-1F1E9
    0023-FE0F-20E3 1F44B 1F44B-1F3FB 1F44B-1F3FF 1F468-200D-1F4BB 1F468-1F3FD-200D-1F4BB 1F91D
    1FAF1-1F3FB-200D-1FAF2-1F3FF 1F3F4-E0075-E0073-E0074-E0078-E007F 23F8 2658 E0FF 1F525
    1F4A7 1F33B 1F344
"""
_FILES = [f for f in openmoji.svg_files() if f.stem in _STEMS.split()]
_N_RECORDS = 89  # 30 emoji in three domains, but the pause button has no fill
_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def few(monkeypatch):
    assert len(_FILES) == 30
    monkeypatch.setattr(openmoji, "svg_files", lambda: _FILES)


def _examples(builder) -> list[dict]:
    splits = builder.info.splits
    return [e | {"split": s} for s in splits for e in tfds.as_numpy(builder.as_dataset(split=s))]


def test_build(few, tmp_path, capsys, monkeypatch):
    builder = openmoji.build(tmp_path, 32)
    examples = _examples(builder)
    by = {(e["codepoints"].decode(), e["domain"].decode()): e for e in examples}
    assert len(by) == len(examples) == _N_RECORDS
    for e in examples:
        assert e["image"].shape == (32, 32, 4) and e["image"].dtype == np.uint8
        assert e["image"].any() and not e["image"][e["image"][..., 3] == 0].any()

    coder = by["1F468-1F3FD-200D-1F4BB", "full"]
    assert coder["name_fr"].decode() == "informaticien"
    assert coder["tones"].tolist() == [b"medium"] and b"software" in coder["keywords_en"]
    assert (coder["base"], coder["style"], coder["version"]) == (
        b"1F468-200D-1F4BB",
        b"openmoji",
        4.0,
    )
    assert by["E0FF", "full"]["group"] == b"Extras"
    assert by["2658", "line"]["name"] == b"white chess knight"
    assert by["1F3F4-E0075-E0073-E0074-E0078-E007F", "full"]["name"] == b"flag: US-TX"

    # A heart: red inside, black around it, and both.
    centre = {d: by["2764", d]["image"][16, 16] for d in openmoji.DOMAINS}
    assert centre["fill"].tolist() == centre["full"].tolist() and centre["fill"][0] > 200
    assert centre["line"][3] == 0
    ink = by["2764", "line"]["image"]
    assert not ink[ink[..., 3] == 255][:, :3].any()

    # One cluster, one split: tones, domains and a heart of another colour, whose line art is the
    # same.
    same = (
        ["1F44B", "1F44B-1F3FB", "1F44B-1F3FF"],
        ["1F91D", "1FAF1-1F3FB-200D-1FAF2-1F3FF"],
        ["2764", "1F499"],
    )
    for twins in same:
        assert len({by[k, d]["cluster"] for k in twins for d in openmoji.DOMAINS}) == 1
    assert by["1F408", "full"]["cluster"] != by["1F415", "full"]["cluster"]
    assert len({(e["cluster"], e["split"]) for e in examples}) == len(
        {e["cluster"] for e in examples}
    )

    card = pathlib.Path(builder.data_dir, "CARD.md").read_text()
    for text in (
        "CC BY-SA 4.0",
        "OpenMoji",
        "23F8 fill",
        splits_lib.RULE,
        "| full | 30 |",
        "## Groups",
    ):
        assert text in card
    assert card in capsys.readouterr().out

    # Built once: the art is not looked at again.
    monkeypatch.setattr(openmoji, "svg_files", lambda: pytest.fail("built again"))
    assert len(_examples(openmoji.build(tmp_path, 32))) == len(examples)


def test_splits_do_not_depend_on_the_resolution():
    small, large = openmoji.read(_FILES, 32).records, openmoji.read(_FILES, 64).records
    fields = ("codepoints", "domain", "cluster", "split")
    assert [[r[f] for f in fields] for r in small] == [[r[f] for f in fields] for r in large]
    assert rasterise.read_png(large[0]["png"]).shape == (64, 64, 4)


def test_the_card_names_skipped_files_and_too_many_are_refused(tmp_path, monkeypatch):
    broken = {
        "1F9C0.svg": "<svg",
        "1F9C1.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="100000" height="100000"/>',
        "readme.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    }
    for name, text in broken.items():
        (tmp_path / name).write_text(text)
    files = _FILES[:9] + sorted(tmp_path.glob("*.svg"))
    card = openmoji.read(files, 32, max_bad_share=0.25).card
    assert "## Skipped files (3 of 12)" in card and all(f"- {name}: " in card for name in broken)

    with pytest.raises(DataError, match=r"more than max_bad_share=0\.24"):
        openmoji.read(files, 32, max_bad_share=0.24)
    monkeypatch.setattr(openmoji, "svg_files", lambda: files)
    with pytest.raises(
        DataError, match=r"^3 of 12 SVGs cannot be used.*max_bad_share=0\.01.*1F9C0\.svg"
    ):
        openmoji.build(tmp_path / "data", 32)
    assert not list((tmp_path / "data").rglob("*.tfrecord*"))


def test_clear_errors(few, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no resolution of 48 px; choose one of 32, 64, 128, 256"):
        openmoji.build(tmp_path, 48)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot build openmoji in .*file/x: Not a directory"):
        openmoji.build(tmp_path / "file" / "x", 32)
    monkeypatch.setattr(openmoji, "_LOCK_WAIT_S", 0.1)
    with open(tmp_path / ".openmoji-32px.lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DataError, match=r"has held .* is it stuck"):
            openmoji.build(tmp_path, 32)


_OTHER = """
import pathlib, sys
from input_pipeline import openmoji
directory, *files = sys.argv[1:]
read = openmoji.read
def slow(*args):
    print("reading", flush=True, file=sys.__stdout__)
    sys.stdin.readline()
    return read(*args)
openmoji.read = slow
openmoji.svg_files = lambda: [pathlib.Path(f) for f in files]
openmoji.build(directory, 32)
"""


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_a_second_process_waits_and_takes_over_from_a_killed_one(few, tmp_path, capfd, killed):
    arguments = [sys.executable, "-c", _OTHER, str(tmp_path), *map(str, _FILES)]
    pipes = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
        "text": True,
    }
    built = []
    with subprocess.Popen(arguments, cwd=_ROOT, **pipes) as other:
        assert other.stdout.readline() == "reading\n"
        leftovers = list((tmp_path / "openmoji" / "32px").glob("incomplete*"))
        assert leftovers
        second = threading.Thread(target=lambda: built.append(openmoji.build(tmp_path, 32)))
        second.start()
        time.sleep(1)
        assert second.is_alive()
        assert f"process {other.pid} builds this data set" in capfd.readouterr().err
        if killed:
            other.kill()
        else:
            other.stdin.write("\n")
            other.stdin.flush()
        second.join(60)
    assert len(_examples(built[0])) == _N_RECORDS
    assert not leftovers[0].exists()
    assert len(list((tmp_path / "openmoji" / "32px").iterdir())) == 1
    assert ("building openmoji" in capfd.readouterr().err) == killed


def test_a_full_disk_is_one_line(few, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        tfds.core.writer.Writer, "write", full
    )  # TFDS turns what comes of it into another error
    with pytest.raises(
        DataError, match=r"cannot build openmoji in .*: No space left on device; free"
    ):
        openmoji.build(tmp_path, 32)
    assert not list(tmp_path.rglob("*.tfrecord*"))
