"""The benchmark of optimisers: all rows see the same, and its table."""

import numpy as np

from benchmarks.methods import optimisers
from tests.emoji_gan.methods.test_restore import tiny_config
from tests.input_pipeline.test_degrade import pictures


def test_all_rows_learn_from_the_same_batches(monkeypatch):
    tiny = tiny_config()
    monkeypatch.setattr(optimisers, "_ROWS", (("adam", 0.003), ("muon", 0.003), ("adam", 0.0)))
    monkeypatch.setattr(optimisers.restore_config, "get_config", lambda: tiny)
    art, held_out = pictures(48), pictures(16, seed=1)
    figures = optimisers.compared(art, held_out, 9.6)
    assert list(figures) == ["adam, 0.003", "muon, 0.003", "adam, 0"]
    still = figures["adam, 0"]["error"]
    assert len(still) == 10 and still[0] == still[-1]
    for name in ("adam, 0.003", "muon, 0.003"):
        assert figures[name]["error"][-1] < 0.9 * still[0] and figures[name]["s_per_kimg"] > 0
    np.testing.assert_array_equal(optimisers.batch_of(art, 3), optimisers.batch_of(art, 3))


def test_the_table_has_a_row_each():
    row = {"error": [9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0.5], "s_per_kimg": 44.2}
    lines = optimisers.table({"muon, 0.002": row}).splitlines()
    assert lines[2:] == ["| muon, 0.002 | 5.00 | 0.50 | 44 |"]
