"""Training emoji for comparisons: read once, then kept; anew when anything has changed."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from configs import default
from eval.extractors import real_emoji
from input_pipeline import DataError, dataset
from input_pipeline.art import array_cache
from tests.support import runs as runs_lib


@pytest.fixture
def reads(monkeypatch, tmp_path):
    """Counts how often the emoji are read, with a cache that keeps what is read fast, too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(array_cache, "FROM_S", 0)
    read, counted = real_emoji._read, []
    monkeypatch.setattr(real_emoji, "_read", lambda config: counted.append(config) or read(config))
    return counted


def _config(**changes):
    config = default.data()
    config.resolution, config.subgroups = 32, ("food-fruit",)
    config.update(changes)
    return config


def test_emoji_are_read_once_and_anew_when_something_changes(reads, monkeypatch, tmp_path):
    config = _config()
    first, again = real_emoji.load(config), real_emoji.load(config)
    data = dataset.load(config)
    assert len(reads) == 1
    for real in (first, again):
        assert real.content_hash == data.content_hash
        np.testing.assert_array_equal(real.images, data.images)
        for name, values in real.columns.items():
            np.testing.assert_array_equal(values, data.columns[name])
    assert len(real_emoji.load(_config(split="all")).images) > len(first.images)
    assert len(reads) == 2
    monkeypatch.setattr(real_emoji, "_state", lambda: ("another", "art", "or code"))
    real_emoji.load(config)
    assert len(reads) == 3 and len(list(tmp_path.rglob("*.npz"))) == 2


def test_a_damaged_file_is_read_again(reads, tmp_path, capsys):
    first = real_emoji.load(_config())
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-200])
    assert real_emoji.load(_config()).content_hash == first.content_hash
    assert len(reads) == 2 and "damaged" in capsys.readouterr().err


def test_other_art_is_read_each_time(reads, tmp_path):
    folder = tmp_path / "art"
    folder.mkdir()
    for image, code in zip(real_emoji.load(_config()).images, ("1f600", "1f601"), strict=False):
        Image.fromarray(image).save(folder / f"{code}.png")
    config = _config(sources=(f"mine={folder}",), subgroups=(), split="all")
    for _ in range(2):
        assert len(real_emoji.load(config).images) == 2
    assert len(reads) == 3


def test_what_cannot_be_read_is_one_line_and_not_kept(reads, monkeypatch, tmp_path):
    with pytest.raises(DataError, match=r"data\.subgroups: no emoji has subgroup 'food-friut'"):
        real_emoji.load(_config(subgroups=("food-friut",)))
    monkeypatch.setattr(real_emoji, "_CHILD", "eval.extractors.no_such_program")
    with pytest.raises(DataError, match="ended with 1;"):
        real_emoji.load(_config())
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.slow
def test_no_program_needs_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # the first program on a machine
    program = """if True:
        import sys
        from configs import default
        from eval.extractors import nearest_emoji, real_emoji
        config = default.data()
        config.resolution, config.subgroups = 32, ("food-fruit",)
        print(len(real_emoji.load(config).images), "tensorflow" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=runs_lib.ROOT, capture_output=True, text=True
    )
    count, imported = done.stdout.split()
    assert int(count) > 5 and imported == "False", done.stderr
