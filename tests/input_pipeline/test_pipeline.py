"""Streaming is a pure function of (seed, sample number); loading filters, labels and refuses."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import default
from input_pipeline import DataError, dataset, openmoji, pipeline
from input_pipeline.art import array_cache
from input_pipeline.unicode import emoji_names
from input_pipeline.unicode import phrases as phrases_lib


def _numbered(count: int) -> dataset.EmojiData:
    """Image k is filled with k, its class is k; its phrases are k and k + 1000."""
    numbers = np.arange(count, dtype=np.int32)
    images = np.broadcast_to(numbers[:, None, None, None], (count, 2, 2, 4)).astype(np.uint8)
    vectors = np.arange(2000, dtype=np.float32)[:, None]
    rows, first = np.stack([numbers, numbers + 1000], 1).reshape(-1), np.arange(count + 1) * 2
    phrases = phrases_lib.Phrases(vectors, rows, first)
    return dataset.EmojiData(images, {"group": numbers}, {"group": ()}, phrases, {}, "")


def _take(data, batch_count, **kwargs):
    stream = pipeline.batches(data, **kwargs)
    drawn = [next(stream) for _ in range(batch_count)]
    got = {k: np.concatenate([b[k] for b in drawn]) for k in ("image", "sample")}
    return got | {k: np.concatenate([b["condition"][k] for b in drawn]) for k in ("group", "text")}


@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 40), batch_size=st.integers(1, 50), seed=st.integers(0, 2**40))
def test_every_epoch_is_a_permutation(count, batch_size, seed):
    got = _take(_numbered(count), -(-3 * count // batch_size), seed=seed, batch_size=batch_size)
    assert got["image"].dtype == np.uint8
    assert got["group"].dtype == np.int32
    assert got["sample"].dtype == np.uint32
    np.testing.assert_array_equal(got["sample"], np.arange(len(got["sample"])))
    np.testing.assert_array_equal(got["image"][:, 0, 0, 0], got["group"])
    for epoch in range(3):
        assert sorted(got["group"][epoch * count : (epoch + 1) * count]) == list(range(count))


def test_phrases_are_the_emoji_s_own_in_turn():
    got = _take(_numbered(40), 40, seed=0, batch_size=50)
    np.testing.assert_array_equal(got["text"][:, 0] % 1000, got["group"])
    assert 0.4 < (got["text"][:, 0] >= 1000).mean() < 0.6
    of_one = got["text"][got["group"] == 7, 0]
    assert len(of_one) == 50 and 10 < (of_one >= 1000).sum() < 40


def test_epochs_and_seeds_differ():
    first = _take(_numbered(100), 2, seed=0, batch_size=100)["group"]
    other = _take(_numbered(100), 1, seed=1, batch_size=100)["group"]
    assert (first[:100] != first[100:]).mean() > 0.9
    assert (first[:100] != other).mean() > 0.9


@settings(max_examples=8, deadline=None)
@given(start=st.integers(0, 200), batch_size=st.integers(1, 24))
def test_starts_at_any_sample(start, batch_size):
    data = _numbered(37)
    whole = _take(data, 260, seed=3, batch_size=1)
    part = _take(data, 2, seed=3, batch_size=batch_size, start_sample=start)
    for k in whole:
        np.testing.assert_array_equal(part[k], whole[k][start : start + 2 * batch_size])


def test_starts_late_at_once():
    start = 64 * 50_000_000  # more than 2^31 samples
    got = _take(_numbered(10), 1, seed=0, batch_size=64, start_sample=start)
    np.testing.assert_array_equal(
        got["sample"], np.arange(start, start + 64, dtype=np.uint64).astype(np.uint32)
    )


@pytest.mark.parametrize("process_count", [2, 4])
def test_processes_share_the_batch(process_count):
    data = _numbered(30)
    kwargs = {"seed": 5, "batch_size": 16, "start_sample": 48}
    whole = _take(data, 3, **kwargs)
    rows = 16 // process_count
    for i in range(process_count):
        part = _take(data, 3, process_index=i, process_count=process_count, **kwargs)
        for k in whole:
            want = whole[k].reshape(3, process_count, rows, *whole[k].shape[1:])[:, i]
            np.testing.assert_array_equal(part[k].reshape(want.shape), want)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"batch_size": 6, "process_count": 4},
        {"batch_size": 0},
        {"batch_size": 4, "process_count": 2, "process_index": 2},
        {"batch_size": 4, "start_sample": -1},
    ],
)
def test_sizes_that_do_not_fit_are_refused(kwargs):
    with pytest.raises(DataError):
        pipeline.batches(_numbered(8), seed=0, **kwargs)


# Loading, from a data set of every 40th OpenMoji and the ones named here.

_NAMED = ("1F600", "1F1EB-1F1F7", "1F44B", "1F44B-1F3FF", "1F34E")


@pytest.fixture(scope="module")
def art():
    """A few OpenMoji SVGs."""
    files = openmoji.svg_files()
    return sorted({*files[::40], *(f for f in files if f.stem in _NAMED)})


@pytest.fixture(scope="module")
def data_dir(art, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tfds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openmoji, "svg_files", lambda: art)
        openmoji.build(directory, 32)
    return directory


@pytest.fixture(scope="module")
def other_set(art, tmp_path_factory):
    """The same emoji by another vendor's file names."""
    directory = tmp_path_factory.mktemp("noto")
    for file in art:
        if emoji_names.normalise(file.stem):
            shutil.copy(file, directory / f"emoji_u{file.stem.lower().replace('-', '_')}.svg")
    return directory


def _config(data_dir, **fields):
    config = default.get_config().data
    config.update({"dir": str(data_dir), "resolution": 32} | fields)
    return config


def test_load_is_sorted_and_repeatable(data_dir):
    data = dataset.load(_config(data_dir))
    count = len(data.images)
    assert data.images.shape == (count, 32, 32, 4) and data.images.dtype == np.uint8
    assert (data.images[data.images[..., 3] == 0] == 0).all()
    assert data.classes == data.class_names == {} and data.phrases is None
    assert set(data.columns["domain"]) == {"full"} and set(data.columns["tones"]) == {""}
    assert data.columns["codepoints"].tolist() == sorted(data.columns["codepoints"])
    again = dataset.load(_config(data_dir))
    assert again.content_hash == data.content_hash
    np.testing.assert_array_equal(again.images, data.images)


def test_splits_share_no_cluster(data_dir):
    parts = [dataset.load(_config(data_dir, tones="all", domains=()), s) for s in dataset.SPLITS]
    clusters = [set(p.columns["cluster"].tolist()) for p in parts]
    assert not clusters[0] & clusters[1]
    assert not clusters[0] & clusters[2]
    assert not clusters[1] & clusters[2]
    assert len({p.content_hash for p in parts}) == 3


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"groups": ("Flags",)}, lambda c: set(c["group"]) == {"Flags"}),
        ({"subgroups": ("country-flag",)}, lambda c: set(c["subgroup"]) == {"country-flag"}),
        (
            {"codepoints": ("u+1f44b", "1f34e")},
            lambda c: c["codepoints"].tolist() == ["1F34E", "1F44B"],
        ),
        ({"tones": "only"}, lambda c: (c["tones"] != "").all()),
        ({"tones": "all"}, lambda c: 0 < (c["tones"] != "").sum() < len(c["tones"])),
        ({"domains": ("line", "fill")}, lambda c: set(c["domain"]) == {"line", "fill"}),
        ({"styles": ("openmoji",)}, lambda c: set(c["style"]) == {"openmoji"}),
    ],
)
def test_filters(fields, check, data_dir):
    data = dataset.load(_config(data_dir, **fields))
    assert len(data.images) == len(data.columns["codepoints"]) and check(data.columns)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"groups": ("Flag",)}, r"data\.groups.*'Flag'.*Flags"),
        ({"subgroups": ("nope",)}, r"data\.subgroups.*'nope'"),
        ({"codepoints": ("1F999999",)}, r"data\.codepoints"),
        ({"domains": ("half",)}, r"data\.domains.*full, line, fill"),
        ({"styles": ("noto",)}, r"data\.styles.*openmoji"),
        ({"tones": "some"}, r"data\.tones"),
        ({"conditions": ("colour",)}, r"data\.conditions.*'colour'.*group, subgroup"),
        (
            {"groups": ("Flags",), "subgroups": ("food-fruit",)},
            r"data\.subgroups.*leaves no emoji.*country-flag",
        ),
        ({"codepoints": ("1F44B-1F3FF",)}, r"data\.codepoints.*leaves no emoji"),
        ({"sources": ("twemoji",)}, r"STYLE=PATH"),
        ({"sources": ()}, r"STYLE=PATH"),
        ({"sources": ("a=x", "a=y")}, r"'a'"),
        ({"sources": ("noto=/no/such/folder",)}, r"/no/such/folder"),
        ({"sources": ("apple=/art",)}, r"proprietary"),
        ({"resolution": 512}, r"512"),
    ],
)
def test_mistakes_are_refused(fields, line, data_dir):
    with pytest.raises(DataError, match=line) as error:
        dataset.load(_config(data_dir, **fields))
    assert "\n" not in str(error.value)


def test_an_unknown_split_is_refused(data_dir):
    with pytest.raises(DataError, match="validation"):
        dataset.load(_config(data_dir), "valid")


def test_classes_are_those_of_all_splits(data_dir):
    config = _config(
        data_dir, conditions=("group", "codepoint", "style", "text"), domains=("full", "line")
    )
    train, held_out = (
        dataset.load(config, s, lambda phrases: np.array([[len(p)] for p in phrases]))
        for s in ("train", "validation")
    )
    assert train.class_names == held_out.class_names
    assert train.class_names["style"] == ("openmoji", "openmoji line")
    for part in (train, held_out):
        groups = part.class_names["group"]
        assert groups == tuple(sorted(groups)) and part.classes["group"].dtype == np.int32
        assert [groups[i] for i in part.classes["group"]] == part.columns["group"].tolist()
        full = np.array(part.class_names["style"])[part.classes["style"]] == "openmoji"
        np.testing.assert_array_equal(full, part.columns["domain"] == "full")
    # A held-out emoji has no code point that anything was trained on.
    assert (held_out.classes["codepoint"] == -1).all() and (train.classes["codepoint"] >= 0).all()
    i = train.columns["codepoints"].tolist().index("1F34E")
    rows = train.phrases.rows[train.phrases.first[i] : train.phrases.first[i + 1]]
    called = phrases_lib.of_emoji({k: v[i : i + 1] for k, v in train.columns.items()})[0]
    assert "red apple" in called and "pomme rouge" in called
    assert train.phrases.vectors[rows][:, 0].tolist() == [len(p) for p in called]


def test_styles_share_splits(data_dir, other_set, monkeypatch):
    monkeypatch.setattr(array_cache, "FROM_S", 0.0)
    sources = ("openmoji", f"noto={other_set}")
    of_style = {}
    for split in dataset.SPLITS:
        columns = dataset.load(_config(data_dir, sources=sources, tones="all"), split).columns
        for c, style, cluster in zip(
            columns["codepoints"], columns["style"], columns["cluster"], strict=True
        ):
            of_style.setdefault(style, {})[c] = (split, cluster)
    assert len(of_style["noto"]) > 50
    assert all(of_style["openmoji"][c] == where for c, where in of_style["noto"].items())
    alone = dataset.load(_config(data_dir, sources=sources[1:], conditions=("style",)))
    assert alone.class_names == {"style": ("noto",)} and set(alone.columns["style"]) == {"noto"}
    both = dataset.load(_config(data_dir, sources=sources, codepoints=("1F34E",)))
    np.testing.assert_array_equal(both.images[0], both.images[1])  # the same SVG


def test_common_box_and_other_sizes(data_dir):
    apple = {"codepoints": ("1F34E",)}
    assert dataset.load(_config(data_dir, resolution=16, **apple)).images.shape == (1, 16, 16, 4)
    boxed = (
        dataset.load(_config(data_dir, resolution=16, common_box=True, **apple)).images[0, ..., 3]
        > 127
    )
    assert max(boxed.any(0).sum(), boxed.any(1).sum()) == 14


def _copy(data_dir, tmp_path):
    return shutil.copytree(data_dir, tmp_path / "tfds", ignore=shutil.ignore_patterns("arrays"))


def _flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("damage", ["length", "middle", "end", "truncated", "missing", "info"])
def test_damaged_records_are_never_returned(damage, cached, data_dir, tmp_path, monkeypatch):
    copy = _copy(data_dir, tmp_path)
    if cached:
        monkeypatch.setattr(array_cache, "FROM_S", 0.0)
        dataset.load(_config(copy))
    (shard,) = copy.glob("openmoji/32px/*/*train*tfrecord*")
    size = shard.stat().st_size
    if damage == "missing":
        shard.unlink()
    elif damage == "truncated":
        shard.write_bytes(shard.read_bytes()[: size // 2])
    elif damage == "info":
        _flip(shard.with_name("dataset_info.json"), 0)
    else:
        _flip(shard, {"length": 0, "middle": size // 2, "end": size - 1}[damage])
    with pytest.raises(DataError, match=r"openmoji.*damaged.*delete") as error:
        dataset.load(_config(copy))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty"])
def test_a_damaged_cache_is_rebuilt(damage, data_dir, tmp_path, monkeypatch, capsys):
    copy = _copy(data_dir, tmp_path)
    monkeypatch.setattr(array_cache, "FROM_S", 0.0)
    want = dataset.load(_config(copy))
    (cache,) = copy.glob("arrays/*.npz")
    good = cache.read_bytes()
    if damage == "flipped":
        _flip(cache, len(good) // 2)
    else:
        cache.write_bytes(good[: len(good) // 2] if damage == "truncated" else b"")
    got = dataset.load(_config(copy))
    assert "damaged cache" in capsys.readouterr().err
    assert got.content_hash == want.content_hash
    np.testing.assert_array_equal(got.images, want.images)
    dataset.load(_config(copy))
    assert "damaged" not in capsys.readouterr().err  # it was written again


def test_the_cache_is_used_and_replaced(data_dir, other_set, tmp_path, monkeypatch):
    copy, art = _copy(data_dir, tmp_path), tmp_path / "art"
    shutil.copytree(other_set, art)
    monkeypatch.setattr(array_cache, "FROM_S", 0.0)
    config = _config(copy, sources=(f"noto={art}",))
    first = dataset.load(config)
    with monkeypatch.context() as patch:
        patch.setattr(dataset.sources, "read", None)  # not called
        assert dataset.load(config).content_hash == first.content_hash
    (art / "emoji_u1f34e.svg").unlink()
    assert "1F34E" not in dataset.load(config).columns["codepoints"]
    assert len(list(copy.glob("arrays/noto-*.npz"))) == 1


def test_a_set_of_ones_own_is_trained_on_whole_where_asked(data_dir, other_set, capsys):
    mine = {"sources": (f"mine={other_set}",), "tones": "all"}
    parts = [dataset.load(_config(data_dir, **mine), split) for split in dataset.SPLITS]
    counts = [len(part.images) for part in parts]
    printed = capsys.readouterr().err
    assert f"mine: {counts[0]} in train, {counts[1]} in validation, {counts[2]} in test" in printed
    assert "--config.data.split=all" in printed
    whole = dataset.load(_config(data_dir, split="all", **mine))
    assert len(whole.images) == sum(counts)
    with pytest.raises(DataError, match=r"no emoji of the validation split .* in train"):
        dataset.load(_config(data_dir, split="all", **mine), "validation")
    with pytest.raises(DataError, match="valid are auto, all"):
        dataset.load(_config(data_dir, split="most"))


def test_a_filter_that_meets_test_emoji_only_says_so(data_dir):
    only = dataset.load(_config(data_dir, tones="all"), "test").columns["codepoints"][:1]
    config = _config(data_dir, tones="all", codepoints=tuple(only.tolist()))
    with pytest.raises(DataError, match=r"which leave 1 in test; .*--config\.data\.split=all"):
        dataset.load(config)
    config.split = "all"
    assert len(dataset.load(config).images) == 1
