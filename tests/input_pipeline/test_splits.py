import hypothesis
import numpy as np
from hypothesis import strategies as st

from input_pipeline import splits


def _clusters(values: dict[str, int], bases: dict[str, str] | None = None, domain: str = "full"):
    """Clusters flat thumbnails: `values` in [0, 255]; an RMSE of 0.03 is 7.65 of them."""
    thumbs = {k: {domain: np.full((16, 16, 4), v, np.uint8)} for k, v in values.items()}
    return splits.clusters(thumbs, bases or {k: k for k in values})


def _groups(clusters) -> set[frozenset[str]]:
    return {frozenset(k for k in clusters.of if clusters.of[k] == c) for c in clusters.of.values()}


def test_links_are_near_pictures_chained_and_shared_bases():
    values = {"A": 10, "B": 17, "C": 24, "D": 32, "E": 200, "F": 100}
    assert _groups(_clusters(values)) == {
        frozenset("ABC"),
        frozenset("D"),
        frozenset("E"),
        frozenset("F"),
    }
    bases = {k: k for k in values} | {"E": "D"}
    assert _groups(_clusters(values, bases)) == {frozenset("ABC"), frozenset("DE"), frozenset("F")}


def test_blank_pictures_and_widely_shared_ones_link_nothing():
    assert len(_groups(_clusters({"A": 0, "B": 0}))) == 2
    keys = [f"{i:04X}" for i in range(splits.SHARED + 2)]
    shared = _clusters(dict.fromkeys(keys, 50))
    assert len(_groups(shared)) == len(keys) and shared.shared == {"full": len(keys)}
    assert len(_groups(_clusters(dict.fromkeys(keys[1:], 50)))) == 1
    # Only the one between two crowds is widely shared, and does not join them.
    crowds = {f"L{i}": 44 for i in range(9)} | {f"R{i}": 56 for i in range(9)}
    for between in ("A", "Z"):
        assert sorted(map(len, _groups(_clusters(crowds | {between: 50})))) == [1, 9, 9]
    # Tone variants of one base do not make a picture widely shared.
    assert len(_groups(_clusters(dict.fromkeys(keys, 50), dict.fromkeys(keys, "base")))) == 1


def test_splits():
    far = np.random.default_rng(0).integers(0, 256, (2000, 16, 16, 4)).astype(np.uint8)
    thumbs = {f"{i:04X}": {"full": t} for i, t in enumerate(far)}
    alone = splits.clusters(thumbs, {k: k for k in thumbs})
    assert alone.of == {k: i for i, k in enumerate(sorted(thumbs))}
    shares = [alone.split.count(s) / 2000 for s in splits.SPLITS]
    np.testing.assert_allclose(shares, [0.9, 0.05, 0.05], atol=0.02)
    # A split comes from the cluster's smallest code points alone, unless the cluster is large.
    held_out = next(k for k, s in zip(alone.of, alone.split, strict=True) if s == "test")
    others = [k for k in thumbs if k > held_out][: splits.LARGE]
    for n, split in ((splits.LARGE - 1, "test"), (splits.LARGE, "train")):
        together = [held_out, *others[:n]]
        some = splits.clusters({k: thumbs[k] for k in together}, dict.fromkeys(together, "base"))
        assert some.split == [split]


@hypothesis.given(
    st.dictionaries(st.sampled_from("ABCDEFGHIJKLMN"), st.integers(1, 255), min_size=2),
    st.randoms(),
)
def test_neighbours_are_together_whatever_the_order(values, random):
    keys = list(values)
    random.shuffle(keys)
    clusters = _clusters({k: values[k] for k in keys})
    assert clusters == _clusters(values)
    for a in keys:
        for b in keys:
            if abs(values[a] - values[b]) <= 7:
                assert clusters.of[a] == clusters.of[b]


def test_thumbnails_are_premultiplied_averages():
    image = np.zeros((32, 32, 4), np.uint8)
    image[:, ::2] = [200, 100, 50, 255]
    image[:, 1::2] = [200, 100, 50, 51]
    thumb = splits.thumbnail(image)
    assert thumb.shape == (16, 16, 4) and (thumb == [120, 60, 30, 153]).all()
