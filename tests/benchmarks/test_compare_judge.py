"""Judging the runs of a comparison, with alpha and on white."""

import numpy as np
import pytest

from benchmarks.methods import compare_judge, comparison_runs
from benchmarks.methods.compare_report import ALPHA, FID, NO_FID, WHITE, second
from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from input_pipeline import dataset


@pytest.fixture
def tiny_encoder(monkeypatch, tmp_path):
    """Replaces the encoder by one that is fast to compile, with a cache of its own."""
    params = encoder.init(
        np.random.default_rng(0), 10, 3, encoder.Size((8, 8), (1, 1), 12, 64, 8, 8)
    )
    monkeypatch.setattr(encoder, "load", lambda _: (params, {"weights_sha256": "of the tests"}))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("EMOJI_GAN_INCEPTION", raising=False)


def test_pngs_of_the_official_code_are_judged_on_white(tmp_path, tiny_encoder):
    data = dataset.load(compare_judge.data_config(16), "train")
    run = comparison_runs.Run("official-auto", "", 0, tmp_path / "official")
    compare_judge.export(data, run.path / "samples-1")  # the training emoji themselves
    point = {"minutes": 1.0, "cpu_minutes": 1.0, "kimg": 1.0, "step": 1, "sampled_per_s": 9.0}
    run.record([point | {"parameters": {"drawn": 1, "trained": 2}}])
    compare_judge.judge(run.path, 16, len(data.images))
    (judged,) = run.judged()
    assert ALPHA not in judged and judged[WHITE]["extractor"]["background"] == "white, opaque"
    assert judged["sampled_per_s"] == 9.0 and judged["parameters"] == {"drawn": 1, "trained": 2}
    assert judged[WHITE]["metrics"]["fd"]["value"] == pytest.approx(0, abs=1e-4)
    assert judged[WHITE]["metrics"]["memorisation_rate"]["value"] > 0.9
    by_second = judged[second(WHITE)]
    assert by_second["extractor"]["name"] == "emoji-encoder-2"
    assert by_second["metrics"]["fd"]["value"] == pytest.approx(0, abs=1e-4)
    assert "palette" not in by_second["metrics"] and second(ALPHA) not in judged
    assert FID not in judged and "weights of the 2015 Inception network" in judged[NO_FID]
    (run.path / "judged-1.json").unlink()
    with pytest.raises(UserError, match="PNGs instead of 9999"):
        compare_judge.judge(run.path, 16, 9999)


def test_white_is_opaque_and_the_same_for_both_sides():
    picture = np.full((1, 8, 8, 4), (200, 100, 0, 128), np.uint8)
    picture[0, 0, 0] = 0
    opaque = compare_judge.on_white(picture)
    assert opaque.shape == picture.shape and (opaque[..., 3] == 255).all()
    assert opaque[0, 0, 0, :3].tolist() == [255, 255, 255]
    assert opaque[0, 1, 1, :3].tolist() == [227, 177, 127]
    np.testing.assert_array_equal(compare_judge.on_white(opaque), opaque)
