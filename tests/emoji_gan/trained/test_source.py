"""What a trained model is stored in: workdirs and model files, today's and older ones."""

import pathlib

import jax
import numpy as np
import pytest

from emoji_gan import conditions, methods
from emoji_gan.runtime import checkpoint
from emoji_gan.trained import model_file, stored_names
from emoji_gan.trained.sampler import SHIPPED_FLOW
from emoji_gan.trained.source import open_trained
from tests.emoji_gan.methods.test_methods import tiny_config


def test_shipped_models_say_how_much_they_have_seen():
    """Not of their last run only."""
    small = open_trained(str(SHIPPED_FLOW))
    large = open_trained(str(SHIPPED_FLOW.with_name("openmoji_64.safetensors")))
    assert 735 <= small.kimg < 736 and small.step * 32 / 1000 < 24
    assert large.kimg > small.kimg and small.is_file and small.spec.text_dim == 192


def _workdir(path: pathlib.Path, kimg_before: float):
    config = methods.resolve(tiny_config("dcgan"), 1)
    state = methods.load("dcgan").init(config, conditions.NONE, 0)
    saved = checkpoint.Checkpointer(
        path,
        config=config.to_dict() | {"spec": conditions.NONE.to_json()},
        data_hash="the art",
        keep=1,
    )
    saved.kimg_before = kimg_before
    saved.save(500, state, wait=True)
    saved.close()
    return state


def test_kimg_counts_across_runs(tmp_path):
    state = _workdir(tmp_path / "run", 100.0)
    trained = open_trained(str(tmp_path / "run"))
    assert trained.kimg == pytest.approx(100 + 500 * 16 / 1000)
    assert (trained.step, trained.data_hash, trained.is_file) == (500, "the art", False)
    file = tmp_path / "model.safetensors"
    model_file.save(file, str(tmp_path / "run"))
    read = open_trained(str(file))
    assert read.kimg == trained.kimg and read.config_hash == trained.config_hash
    fields = read.fields(("g_ema", "batch_stats"))
    assert jax.tree.structure(fields["g_ema"]) == jax.tree.structure(state.g_ema)


def test_fields_of_older_names_are_read():
    old = {"g_ema": 1, "moments": {"a": 2}, "step": 3, "bad_total": 4}
    assert stored_names.renamed(old) == {
        "g_ema": 1,
        "batch_stats": {"a": 2},
        "counters": {"step": 3, "bad_total": 4},
    }
    assert np.array_equal(stored_names.renamed({"v_ema": np.ones(3)})["v_ema"], np.ones(3))
