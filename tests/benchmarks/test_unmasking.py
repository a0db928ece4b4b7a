"""The comparison of ways to draw of a masked transformer: its table, and the whole program."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks.methods import unmasking
from emoji_gan import errors
from tests.support import tiny_model


def _run(monkeypatch, capsys, *flags):
    monkeypatch.setattr(sys, "argv", ["unmasking", *flags])
    with pytest.raises(SystemExit) as e:
        errors.run(unmasking.main)
    return e.value.code, capsys.readouterr().err


def test_a_way_is_a_row():
    way = unmasking.Way("a", {"steps": 8, "order": "halton"}, 0.7)
    rows = [{"way": way.named(), "fd": 0.1234, "images_per_second": 9.87}]
    rows.append(rows[0] | {"way": unmasking.Way("b", {}, 1.0).named()})
    lines = unmasking.table(rows).splitlines()
    assert lines[2:] == [
        "| 8 | halton | 0.7 | 0.123 | 9.9 |",
        "|  | as it is | 1 | 0.123 | 9.9 |",
    ]


@pytest.mark.slow
def test_the_whole_program(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(unmasking, "STEPS", (1, 2))
    masked = tiny_model.write(tmp_path / "masked.safetensors", "masked")
    other = tiny_model.write(tmp_path / "dcgan.safetensors")
    flags = [f"--out={tmp_path / 'a'}", "--n=6"]
    code, message = _run(monkeypatch, capsys, f"--model={other}", *flags)
    assert code == 2 and "it is of method 'dcgan'; give a masked one" in message
    code, message = _run(monkeypatch, capsys, f"--model={masked}", f"--beside={other}", *flags)
    assert code == 0, message
    rows = json.loads((tmp_path / "a" / "unmasking.json").read_text())["rows"]
    assert len(rows) == 9 and all(row["fd"] > 0 for row in rows)
    ways = {row["way"]: row["fd"] for row in rows}
    assert len(ways) == 9 and ways["1 | halton | 1"] == ways["1 | confidence | 1"]  # one step: all
    picture = np.asarray(Image.open(tmp_path / "a" / "unmasking.png"))
    assert picture.shape[0] >= 9 * 16 and picture.shape[1] >= 16 * 16
