"""Palettes: few colours stay as they are, many become the nearest few."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input_pipeline import DataError
from input_pipeline.art import flat_colours, pixel_palette


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_few_colours_stay_exact(colours, seed):
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, 256, (colours, 4), dtype=np.uint8)
    chosen[chosen[:, 3] == 0, :3] = 0
    x = chosen[rng.integers(0, colours, (3, 8, 8))]
    fitted = flat_colours.fit(x, 16)
    assert {bytes.fromhex(c) for c in fitted} == {p.tobytes() for p in x.reshape(-1, 4)}
    assert flat_colours.error(x, fitted) == 0
    np.testing.assert_array_equal(flat_colours.snap(x, fitted), x)


def test_more_colours_are_nearer():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (8, 16, 16, 4), dtype=np.uint8)
    x[:, :8] = (252, 234, 43, 255)  # flat
    errors = [flat_colours.error(x, flat_colours.fit(x, colours)) for colours in (4, 32, 256)]
    assert errors[0] > 1.3 * errors[1] > 1.3**2 * errors[2] > 0
    fitted = flat_colours.fit(x, 32)
    assert len(fitted) == 32 and fitted[0] == "fcea2bff"  # the most frequent one, as it is
    assert fitted == flat_colours.fit(x, 32)


def test_a_palette_of_one_colour_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["pixel_palette", "--colours=1", f"--out={tmp_path}/p.txt"])
    with pytest.raises(DataError, match="expected 2 to 1024"):
        pixel_palette.main()
