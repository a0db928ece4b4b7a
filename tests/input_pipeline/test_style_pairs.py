"""Pairs of one emoji in two styles: which they are, how they are streamed, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import restyle
from input_pipeline import DataError, dataset, pipeline
from input_pipeline.art import style_pairs
from tests.support.emoji_files import png

OPTIONS = {"targets": (), "identity": 0.0, "licences": ()}


def emoji(codes_of, options=OPTIONS, least=1):
    """Image k is filled with k; its class is its style."""
    styles = sorted(codes_of)
    rows = [(style, code) for style in styles for code in codes_of[style]]
    numbers = np.arange(len(rows))
    images = np.broadcast_to(numbers[:, None, None, None], (len(rows), 2, 2, 4)).astype(np.uint8)
    of_rows = [styles.index(style) for style, _ in rows]
    classes = {"style": np.array(of_rows, np.int32)}
    columns = {"codepoints": np.array([code for _, code in rows])}
    pairs = style_pairs.of_styles(
        columns["codepoints"], [style for style, _ in rows], options, least=least
    )
    return rows, dataset.EmojiData(
        images, classes, {"style": tuple(styles)}, None, columns, "", pairs
    )


def streamed(data, count, **options):
    stream = pipeline.batches(data, **{"seed": 0, "batch_size": 4} | options)
    drawn = [next(stream) for _ in range(count)]
    return tuple(
        np.concatenate([b[name][:, 0, 0, 0] for b in drawn]) for name in ("image", "source")
    )


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abc"), st.sets(st.integers(0, 9), min_size=3), min_size=2),
    st.integers(0, 2**31),
)
def test_a_source_shows_the_same_emoji_in_another_style(codes_of, seed):
    codes_of = {s: [*sorted(map(str, codes)), "common"] for s, codes in codes_of.items()}
    rows, data = emoji(codes_of)
    targets, sources = streamed(data, 40, seed=seed)
    for target, source in zip(targets, sources, strict=True):
        assert rows[target][1] == rows[source][1] and rows[target][0] != rows[source][0]
    count = len(data.pairs.targets)
    assert sorted(targets[:count]) == sorted(data.pairs.targets)  # each once an epoch


def test_every_other_style_is_a_source_and_a_batch_is_a_function_of_its_sample():
    rows, data = emoji({s: list("0123456789") for s in "abcd"})
    targets, sources = streamed(data, 200)
    kinds = {(rows[s][0], rows[t][0]) for t, s in zip(targets, sources, strict=True)}
    assert len(kinds) == 12
    later = streamed(data, 50, start_sample=600)
    np.testing.assert_array_equal(later[1], sources[600:])
    other = np.concatenate(
        [streamed(data, 1, process_index=i, process_count=2, start_sample=40)[1] for i in (0, 1)]
    )
    np.testing.assert_array_equal(other, sources[40:44])


def test_some_sources_are_the_target_itself():
    _, data = emoji({s: list("0123456789") for s in "ab"}, OPTIONS | {"identity": 0.25})
    targets, sources = streamed(data, 400)
    assert 0.2 < (targets == sources).mean() < 0.3


def test_only_the_styles_wanted_are_drawn():
    rows, data = emoji({s: list("0123") for s in "abc"}, OPTIONS | {"targets": ("b",)})
    assert {rows[t][0] for t in data.pairs.targets} == {"b"}
    assert {rows[s][0] for s in data.pairs.sources} == {"a", "c"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"targets": ("bb",)}, "no style 'bb'; did you mean b"),
        ({"licences": ("a=CC-BY-ND-4.0",)}, "style 'a': CC BY-ND 4.0 forbids"),
        ({"licences": ("a=GPL",)}, "licence 'GPL': unknown"),
        ({}, "style 'a': 4 of its pictures show an emoji that another style has too, at least 10"),
    ],
)
def test_what_cannot_be_learned_is_one_line(options, reason):
    with pytest.raises(DataError, match=reason) as e:
        emoji({"a": list("0123"), "b": list("0123456")}, OPTIONS | options, least=10)
    assert "\n" not in str(e.value)


@pytest.mark.slow
def test_a_folder_of_the_user_s_is_paired_with_openmoji(tmp_path):
    names = [f"1f60{i:x}.png" for i in range(12)]
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(png(colour=(20 * i, 10, 30, 255)))
    c = restyle.get_config("mine").data
    c.sources, c.split = ("openmoji", f"mine={tmp_path}"), "all"
    data = dataset.load(c)
    styles = np.array(data.class_names["style"])[data.classes["style"]]
    assert set(styles[data.pairs.targets]) == {"mine"} and len(data.pairs.targets) == 12
    assert set(styles[data.pairs.sources]) == {"openmoji", "openmoji line"}
    codes = data.columns["codepoints"]
    assert set(codes[data.pairs.sources]) == set(codes[data.pairs.targets])
    for name in names[4:]:
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match="style 'mine': 4 of its pictures"):
        dataset.load(c)
