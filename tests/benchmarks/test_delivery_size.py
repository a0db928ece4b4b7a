"""The benchmark of emoji at 128 px: what its distances see, its table, and the whole program."""

import json
import sys

import ml_collections
import numpy as np
import pytest
from PIL import Image

from benchmarks.tasks import delivery_size
from emoji_gan import errors
from eval.extractors import features
from input_pipeline import dataset, degrade
from tests.input_pipeline.test_degrade import pictures


def large(picture):
    """The disc of a picture of 32 px at 128 px, with hard edges."""
    alpha = np.asarray(
        Image.fromarray(picture[..., 3]).resize((128, 128), Image.Resampling.BICUBIC)
    )
    colour = picture[..., :3].reshape(-1, 3).max(0)
    image = np.concatenate([np.broadcast_to(colour, (128, 128, 3)), alpha[..., None]], -1)
    return np.where(alpha[..., None] > 127, image | np.uint8([0, 0, 0, 255]), 0).astype(np.uint8)


def test_parts_show_how_pictures_were_enlarged_and_whole_pictures_do_not():
    art = np.stack([large(x) for x in pictures(24, seed=1)])
    coarse = np.stack([degrade.shrink(x, 4) for x in art]).repeat(4, 1).repeat(4, 2)
    extract = features.Extractor("emoji-encoder")
    row = delivery_size.figures(extract, delivery_size.gaussians(extract, art), coarse)
    assert row["fd_parts"] > 3 * row["fd"] > 0
    nothing = np.zeros((2, 128, 128, 4), np.uint8)
    assert len(delivery_size.parts(nothing)) == 0
    nothing[0, 20, 20] = 255  # in the first part only
    assert delivery_size.parts(nothing).shape == (1, 48, 48, 4)


def test_the_table_compares_with_nearest():
    row = {"fd": 0.02, "fd_parts": 0.1, "binary": 0.9}
    seen = {"group_top1": 0.5, "codepoint_top5": 0.25}
    rows = {"as drawn": seen, "nearest": row | seen, "ours": row | seen | {"fd_parts": 0.04}}
    lines = delivery_size.table(rows | {"real art": row}).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2] == "| as drawn |  |  |  |  | 50.0% | 25.0% |  |"
    assert lines[4] == "| ours | 0.0200 | 1.00 | 0.0400 | 0.40 | 50.0% | 25.0% | 90.0% |"
    assert lines[5] == "| real art | 0.0200 | 1.00 | 0.1000 | 1.00 |  |  | 90.0% |"


@pytest.mark.slow
def test_it_runs(monkeypatch, tmp_path):
    load = dataset.load

    def some(config, *arguments):  # rendering all emoji at 128 px takes minutes
        return load(ml_collections.ConfigDict({**config, "groups": ("Food & Drink",)}), *arguments)

    monkeypatch.setattr(dataset, "load", some)
    monkeypatch.setattr(sys, "argv", ["delivery_size", f"--out={tmp_path}", "--n=110"])
    with pytest.raises(SystemExit) as e:
        errors.run(delivery_size.main)
    assert e.value.code == 0
    rows = json.loads((tmp_path / "delivery_size.json").read_text())["rows"]
    assert rows["ours"]["fd_parts"] < rows["bicubic"]["fd_parts"] < rows["nearest"]["fd_parts"]
    assert rows["ours"]["binary"] > rows["bicubic"]["binary"]
    assert (tmp_path / "delivery_size.png").stat().st_size > 1000
