"""The benchmark of palette heads: what a class means, and all rows see the same."""

import jax.numpy as jnp
import numpy as np

from benchmarks.methods import palette_heads
from tests.emoji_gan.methods.test_restore import tiny_config


def test_classes_are_colours_and_what_is_transparent():
    colours = jnp.asarray(palette_heads.PALETTE)[None, None]
    np.testing.assert_array_equal(palette_heads.snapped(colours + 0.01), colours)
    logits = 50 * jnp.eye(len(palette_heads.PALETTE))[None, None]
    np.testing.assert_array_equal(palette_heads.likeliest(logits), colours)
    np.testing.assert_allclose(palette_heads.mixed(logits), colours, atol=1e-6)
    even = palette_heads.mixed(logits[:, :, :2].sum(2, keepdims=True))
    np.testing.assert_allclose(even[0, 0, 0], palette_heads.PALETTE[:2].mean(0), atol=1e-6)


def test_all_heads_learn(monkeypatch):
    tiny = tiny_config()
    monkeypatch.setattr(palette_heads.restore_config, "get_config", lambda: tiny)
    rng = np.random.default_rng(0)
    squares = np.kron(rng.integers(0, 27, (64, 2, 2, 1)), np.ones((1, 32, 32, 1), int))[..., 0]
    art = np.rint(255 * palette_heads.PALETTE[squares]).astype(np.uint8)
    figures = palette_heads.compared(art[:48], art[48:], 3.2)
    assert list(figures) == ["regression", "classifier", "mixture"]
    for row in figures.values():
        first, last = row["error"][0], row["error"][-1]
        assert last[0] < first[0] and len(row["error"]) == 10
    lines = palette_heads.table({"mixture": row | {"error": [(2.0, 3.0)] * 10}}).splitlines()
    assert lines[2].startswith("| mixture | 2.00 | 2.00 | 3.00 |")
