"""benchmarks.tasks.blind_look: a sheet without names, and the key apart."""

import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks.tasks import blind_look
from emoji_gan.errors import UserError
from input_pipeline.unicode import emoji_names


def test_names_are_different_emoji_by_the_seed():
    first, again, other = (blind_look.choose(40, seed) for seed in (0, 0, 1))
    codepoints = [meta.codepoints for meta in first]
    assert len(set(codepoints)) == 40 and first == again != other
    assert not any(meta.tones or meta.group == "Component" for meta in first)
    with pytest.raises(UserError, match=r"--n=9999: expected 1 to \d{4}"):
        blind_look.choose(9999, 0)


def test_every_picture_has_its_number_and_none_its_name():
    page = blind_look.sheet(np.zeros((9, 32, 32, 4), np.uint8))
    assert page.shape == (2 * 34 + 2, 8 * 34 + 2, 3)
    ink = page[..., 2] > page[..., 0]  # the board is grey
    cells = [ink[y : y + 34, x : x + 34] for y in (0, 34) for x in range(0, 8 * 34, 34)]
    numbers = [cell for cell in cells if cell.any()]
    assert len(numbers) == 9
    assert numbers[0].tobytes() not in {cell.tobytes() for cell in numbers[1:]}


@pytest.mark.slow
def test_the_key_lists_what_was_asked_for(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(
        sys, "argv", ["blind_look", "--n=3", "--seed=5", "--size=64", f"--out={tmp_path}"]
    )
    assert blind_look.main() == 0
    key = (tmp_path / blind_look.KEY).read_text().splitlines()
    names = [emoji_names.lookup(meta.codepoints).name_en for meta in blind_look.choose(3, 5)]
    assert [line.split(" (")[0] for line in key] == [f"{i} {name}" for i, name in enumerate(names)]
    printed = capsys.readouterr().out
    assert not any(name in printed for name in names)
    with Image.open(tmp_path / blind_look.SHEET) as page:
        assert page.size == (3 * 66 + 2, 66 + 2)
        cells = [np.asarray(page)[:, 66 * i : 66 * i + 66].tobytes() for i in range(3)]
    assert len(set(cells)) == 3
