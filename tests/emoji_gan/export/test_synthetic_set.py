"""A labelled set of drawn emoji: its labels, its gates, its layouts, and what cannot be asked."""

import hashlib
import json
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds

from emoji_gan import errors
from emoji_gan.export import __main__ as export
from input_pipeline.unicode import emoji_names
from tests.support import tiny_model


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    with pytest.raises(SystemExit) as e:
        errors.run(export.main)
    out, err = capsys.readouterr()
    return e.value.code, out, err.splitlines()


def rows_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.slow
def test_kept_pictures_have_their_labels_in_every_layout(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "set"
    flags = ("--dataset=mine", f"--out={folder}", "--groups=Activities", "--per_emoji=1")
    code, out, lines = run(monkeypatch, capsys, *flags, "--first_seed=7")
    assert code == 0 and not lines, lines
    kept, refused = rows_of(folder / "train" / "metadata.jsonl"), rows_of(folder / "refused.jsonl")
    assert len(kept) >= 10 and f"{len(kept) + len(refused)} drawn, {len(kept)} kept" in out
    for row in kept:
        assert row["group"] == row["recognised_group"] == "Activities"
        assert row["nearest_percentile"] >= 1
        assert emoji_names.lookup(row["codepoints"]).name_fr == row["name_fr"]
    assert all(row["why"] for row in refused)
    assert sorted(r["seed"] for r in kept + refused) == list(range(7, 7 + len(kept + refused)))

    read = tfds.builder_from_directory(str(folder / "tfds" / "mine" / "1.0.0"))
    stored = list(tfds.as_numpy(read.as_dataset(split="train")))
    assert len(stored) == len(kept)
    for row, record in zip(kept, stored, strict=True):
        picture = np.asarray(PIL.Image.open(folder / "train" / row["file_name"]))
        np.testing.assert_array_equal(record["image"], picture)
        assert record["codepoints"].decode() == row["codepoints"]

    sums = dict(reversed(s.split("  ")) for s in (folder / "SHA256SUMS").read_text().splitlines())
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(sums) == written - {"SHA256SUMS"}
    card = (folder / "README.md").read_bytes()
    assert hashlib.sha256(card).hexdigest() == sums["README.md"]
    assert card.startswith(b'---\nlicense: "cc-by-sa-4.0"\n') and str(tmp_path).encode() not in card


def test_what_cannot_be_asked_is_one_line(monkeypatch, capsys, tmp_path):
    unconditional = tiny_model.write(tmp_path / "tiny.safetensors")
    (tmp_path / "taken").mkdir()
    for flags, reason in (
        (["--dataset=My set"], "--dataset=My set: expected lower-case letters"),
        (["--dataset=a", "--label=tone"], "--label=tone: choose from group, emoji"),
        (["--dataset=a", "--per_emoji=0"], "--per_emoji=0: expected 1 to 1000"),
        (["--dataset=a", "--first_seed=-1"], "--first_seed=-1: expected 0 to"),
        (["--dataset=a", "--truncation=nan"], "--truncation=nan: expected 0 to 2"),
        (["--dataset=a", f"--out={tmp_path / 'taken'}"], "exists: give a new folder"),
        (["--dataset=a", f"--model={unconditional}"], "takes no text"),
        (["--dataset=a", "--groups=Fruit"], "no group 'Fruit'; there are Activities, "),
        (["--dataset=a", "--style=noto"], "no style 'noto'; there are openmoji, openmoji line"),
    ):
        out = [] if any(f.startswith("--out") for f in flags) else [f"--out={tmp_path / 'new'}"]
        code, _, lines = run(monkeypatch, capsys, *flags, *out)
        assert code == 2 and len(lines) == 1 and reason in lines[0], (flags, lines)
        assert not (tmp_path / "new").exists()
