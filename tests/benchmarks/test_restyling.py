"""The benchmark of restyling: what it pairs, how it tells styles apart, its table, the whole."""

import json
import sys

import numpy as np
import pytest

from benchmarks.tasks import restyling, style_classifier
from emoji_gan import conditions
from emoji_gan.methods import restyle
from emoji_gan.trained import model_file
from input_pipeline import dataset
from input_pipeline.art import style_palettes
from tests.emoji_gan.methods.test_restyle import tiny_config


def _art(style, count, seed):
    """Discs in the colours of a style, with or without an outline."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    images = np.zeros((count, 32, 32, 4), np.uint8)
    for image in images:
        distance = np.hypot(*(np.array([y, x]) - rng.uniform(12, 20, (2, 1, 1))))
        radius = rng.uniform(6, 11)
        colour = [(255, 204, 77), (250, 190, 60)][style]
        image[distance < radius] = (*colour, 255)
        image[np.abs(distance - radius) < 1] = (*((0, 0, 0) if style else colour), 255)
    return images


def test_styles_are_told_apart_with_and_without_grain():
    art = np.concatenate([_art(0, 60, 0), _art(1, 60, 1)])
    classifier = style_classifier.trained(art, np.repeat([0, 1], 60))
    unseen = np.concatenate([_art(0, 20, 2), _art(1, 20, 3)])
    for images in (unseen, style_classifier.with_grain(unseen, 4)):
        styles, features = classifier(images)
        assert (styles == np.repeat([0, 1], 20)).mean() > 0.95 and np.isfinite(features).all()


def _data(rows):
    names = ("a", "b", "c")
    numbers = np.arange(len(rows))
    return dataset.EmojiData(
        np.broadcast_to(numbers[:, None, None, None], (len(rows), 2, 2, 4)).astype(np.uint8),
        {"style": np.array([names.index(style) for style, _ in rows], np.int32)},
        {"style": names},
        None,
        {"codepoints": np.array([code for _, code in rows])},
        "",
    )


def test_held_out_emoji_are_paired_with_their_own_in_the_target_style():
    rows = [(style, code) for style in "abc" for code in "01234567" if (style, code) != ("b", "3")]
    pairs = restyling.held_out_pairs([_data(rows)], "b", 5)
    assert len(pairs.sources) == 10  # five of each other style
    for source, real, code in zip(pairs.sources, pairs.real, pairs.codepoints, strict=True):
        assert rows[real[0, 0, 0]] == ("b", code)
        assert rows[source[0, 0, 0]][0] in "ac" and rows[source[0, 0, 0]][1] == code


def test_the_table_compares_with_no_change_and_with_real_art():
    row = {"style": 0.5, "top5": 0.4, "fd": 2.0, "fd_style": 3.0, "n": 7}
    rows = {"restyle": row, "no change": row | {"fd": 4.0}, "real": row | {"top5": 0.8}}
    lines = restyling.table({"noto": rows}).splitlines()
    assert len(lines) == 5 and len({line.count("|") for line in lines}) == 1
    assert lines[2] == (
        "| noto | restyle | 7 | 50.0% | 40.0% | 0.50 | 2.000 | 0.50 | 3.000 | 1.00 |"
    )


@pytest.mark.slow
def test_the_whole_benchmark(monkeypatch, tmp_path, capsys):
    config = tiny_config(**{"data.resolution": 32})
    config.data.sources = ("openmoji",)
    whole = dataset.load(config.data)
    assert whole.class_names["style"] == ("openmoji", "openmoji line")
    spec = conditions.of_data(whole)
    restyle.resolve(config, 1)
    names = np.array(whole.class_names["style"])[whole.classes["style"]].tolist()
    config.data.pairs.palettes = style_palettes.fit(whole.images, names, 16)
    model_file.write(
        tmp_path / "tiny.safetensors",
        {"g_ema": restyle.init(config, spec, 0).g_ema},
        **{"config": config.to_dict(), "spec": spec, "step": 1, "kimg_before": 0.0},
        **{"digest": "", "licence": ""},
    )
    load = dataset.load

    def some(data_config, split="train"):
        data = load(data_config, split)
        kept = np.flatnonzero(np.arange(len(data.images)) % (20 if split == "train" else 1) == 0)
        classes = {name: numbers[kept] for name, numbers in data.classes.items()}
        columns = {name: values[kept] for name, values in data.columns.items()}
        return dataset.EmojiData(
            data.images[kept], classes, data.class_names, None, columns, data.content_hash
        )

    monkeypatch.setattr(restyling.dataset, "load", some)
    argv = [f"--model={tmp_path / 'tiny.safetensors'}", f"--out={tmp_path / 'out'}", "--n=12"]
    monkeypatch.setattr(sys, "argv", ["restyling", *argv])
    assert restyling.main() == 0
    styles = json.loads((tmp_path / "out" / "restyling.json").read_text())["styles"]
    assert set(styles) == {"openmoji", "openmoji line"}
    for rows in styles.values():
        assert set(rows) == {"restyle", "network", "colours", "vary", "no change", "real"}
        assert rows["real"]["style"] > 0.8 > rows["no change"]["style"]
        assert rows["real"]["fd_style"] < rows["no change"]["fd_style"]
    assert (tmp_path / "out" / "restyling.png").exists()
