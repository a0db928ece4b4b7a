"""Variations and crosses: what stays, what changes, what is refused, what provenance says."""

import sys

import numpy as np
import pytest

from emoji_gan import errors, images
from emoji_gan.edit import __main__ as program
from emoji_gan.edit import mix, parents, unwanted_pairs, vary
from emoji_gan.errors import UserError
from emoji_gan.methods import flow
from emoji_gan.trained.sampler import SHIPPED_FLOW, SHIPPED_MODEL, Sampler
from input_pipeline.art import picture_folder
from input_pipeline.unicode import emoji_names

FLAGS = (f"--model={SHIPPED_FLOW}", "--steps=3", "--guidance=1")


@pytest.fixture(scope="module")
def sampler():
    return Sampler(str(SHIPPED_FLOW), changes={"steps": 3, "guidance": 1.0})


@pytest.fixture(scope="module")
def pizza():
    return parents.open_parent("pizza", 32)


def run(monkeypatch, capsys, *argv):
    monkeypatch.setattr(sys, "argv", ["edit", *map(str, argv)])
    with pytest.raises(SystemExit) as e:
        errors.run(program.main)
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    return e.value.code, out, lines


def test_an_emoji_is_given_in_many_ways():
    for text in ("1F355", "u1f355", "🍕", "pizza", "Pizza"):
        assert parents.codepoints_of(text) == "1F355"
    assert parents.codepoints_of("gâteau d’anniversaire") == "1F382"
    assert parents.codepoints_of("❤️") == parents.codepoints_of("2764-FE0F") == "2764"
    with pytest.raises(UserError, match="nearest: birthday cake"):
        parents.codepoints_of("gateau")


def test_a_strength_means_the_same_noise_at_any_size():
    for strength in (0.2, 0.6, 1.0):
        t = flow.start_of(strength, 32)
        assert t == pytest.approx(1 - strength)
        large = flow.start_of(strength, 64)
        assert large / (1 - large) == pytest.approx(t / (1 - t) / 2 if t else 0)


def test_variations_leave_the_parent_with_the_strength(sampler, pizza):
    seeds = list(range(4))
    distances = []
    for strength in (0.1, 0.6, 1.0):
        drawn = vary.vary(sampler, pizza, seeds, strength=strength)
        assert len({image.tobytes() for image in drawn}) == len(seeds)
        distances.append(np.abs(drawn[..., 3].astype(float) - pizza.image[..., 3]).mean())
    assert distances[0] < distances[1] < distances[2]
    condition = vary.condition_of(sampler, pizza, len(seeds), {})
    assert np.abs(drawn.astype(int) - sampler(seeds, condition)).max() <= 1  # no parent is left
    np.testing.assert_array_equal(  # a seed is the same image in any company
        vary.vary(sampler, pizza, [2], strength=1.0)[0], drawn[2]
    )


def test_what_a_mask_keeps_stays(sampler, pizza):
    mask = np.zeros((32, 32), np.uint8)
    mask[:16] = 255
    drawn = vary.vary(sampler, pizza, [0, 1], strength=0.8, mask=mask)
    kept = np.abs(drawn[:, 16:].astype(int) - pizza.image[16:])
    assert kept.max() <= 1
    assert np.abs(drawn[:, :16].astype(int) - pizza.image[:16]).max() > 50


def test_vary_writes_where_its_pictures_are_from(monkeypatch, capsys, tmp_path):
    out = tmp_path / "out"
    code, text, _ = run(
        monkeypatch, capsys, "vary", "--emoji=chat", "--seeds=0-2", f"--out={out}", *FLAGS
    )
    assert code == 0 and "3 variations of cat (1F408)" in text
    assert sorted(p.name for p in out.iterdir()) == [
        "grid.png",
        *(f"seed{s:010d}.png" for s in range(3)),
    ]
    texts = picture_folder.own_texts(out / "seed0000000001.png")
    assert texts["parent"] == "1F408" and texts["strength"] == "0.6" and texts["seed"] == "1"
    assert "OpenMoji (openmoji.org), CC BY-SA 4.0" in texts["Copyright"]

    own = tmp_path / "my.png"
    images.save_png(own, parents.open_parent("1F408", 48).image)
    code, text, _ = run(
        monkeypatch, capsys, "vary", f"--emoji={own}", "--seeds=0", f"--out={out}", *FLAGS
    )
    assert code == 0 and "taken for" in text
    texts = picture_folder.own_texts(out / "seed0000000000.png")
    assert texts["parent"] == "my.png" and "the user's own" in texts["Copyright"]


def test_crosses_are_ranked_by_both_parents(monkeypatch, capsys, tmp_path, sampler):
    pair = [parents.open_parent(name, 32) for name in ("cat", "pizza")]
    mixed = mix.mix(sampler, pair, list(range(10)), strength=0.7, request={})
    assert len(set(mixed.recipes)) == 5 and mixed.recipes[0] == "cat as pizza"
    likeness = mixed.likeness.min(1)[mixed.ranked()]
    assert (np.diff(likeness) <= 0).all()
    parents_themselves = mix._likeness(np.stack([p.image for p in pair]), pair)
    assert parents_themselves[0, 0] >= 0.99 and parents_themselves[1, 1] >= 0.99
    assert parents_themselves[0, 1] < 0.7 and parents_themselves[1, 0] < 0.7
    code, text, _ = run(
        monkeypatch,
        capsys,
        *("mix", "--emoji=cat", "--emoji=pizza", "--seeds=0-9", "--keep=2"),
        *(f"--out={tmp_path}", *FLAGS),
    )
    assert code == 0 and "the best 2 of 10 crosses of cat and pizza" in text
    assert len(list(tmp_path.glob("seed*.png"))) == 2


def test_listed_pairs_are_refused_both_ways_and_with_tones(monkeypatch, capsys):
    for pair in (("1F412", "1F469"), ("1F469-1F3FF", "1F412"), ("1F1EB-1F1F7", "1F4A9")):
        assert unwanted_pairs.reason_against(*pair) and unwanted_pairs.reason_against(*pair[::-1])
    assert unwanted_pairs.reason_against("1F408", "1F355") is None
    code, _, lines = run(monkeypatch, capsys, "mix", "--emoji=🐒", "--emoji=femme", *FLAGS)
    assert code == 2 and "not crossed" in lines[0]


def test_the_list_of_pairs_names_what_exists():
    metas = [emoji_names.lookup(key) for key in emoji_names.every()]
    exist = set(emoji_names.every())
    exist |= {f"group:{m.group}".replace(" ", "_") for m in metas}
    exist |= {f"subgroup:{m.subgroup}".replace(" ", "_") for m in metas}
    for first, second, _ in unwanted_pairs._pairs():
        assert first <= exist and second <= exist, (first | second) - exist


def test_every_reason_against_a_pair_is_in_both_languages():
    texts = [text for r in unwanted_pairs.reasons() for text in (r.en, r.fr)]
    assert all(texts) and len(set(texts)) == len(texts)


def test_bad_input_is_one_line(monkeypatch, capsys, tmp_path):
    large = tmp_path / "mask.png"
    images.save_png(large, np.full((40, 40, 4), 255, np.uint8))
    black = tmp_path / "black.png"
    images.save_png(black, np.full((32, 32, 4), (0, 0, 0, 255), np.uint8))
    blank = tmp_path / "1F355.png"
    images.save_png(blank, np.zeros((32, 32, 4), np.uint8))
    own = tmp_path / "cat.png"
    images.save_png(own, parents.open_parent("cat", 32).image)
    broken = tmp_path / "broken.png"
    broken.write_bytes(own.read_bytes()[:80])
    for flags, reason in (
        (("vary", "--emoji=gateau"), "no emoji is called that"),
        (("vary", "--emoji=absent.png"), "No such file"),
        (("vary", f"--emoji={blank}"), "nothing is drawn"),
        (("vary", f"--emoji={broken}"), "damaged PNG"),
        (("vary", "--emoji=cat", "--strength=0"), "above 0, at most 1"),
        (("vary", "--emoji=cat", "--strength=nan"), "above 0, at most 1"),
        (("vary", f"--emoji={own}", f"--mask={large}"), "it has 40 x 40 px"),
        (("vary", f"--emoji={own}", f"--mask={black}"), "nothing in it is white"),
        (("vary", "--emoji=cat", "--style=oil"), "no such style"),
        (("vary", "--emoji=cat", f"--model={SHIPPED_MODEL}"), "cannot vary a picture"),
        (("mix", "--emoji=cat"), "give two"),
        (("mix", "--emoji=cat", "--emoji=pizza", "--keep=0"), "at least 1"),
    ):
        model = () if f"--model={SHIPPED_MODEL}" in flags else FLAGS
        out = tmp_path / "out"
        code, _, lines = run(monkeypatch, capsys, *flags, *model, f"--out={out}")
        assert code == 2 and len(lines) == 1 and reason in lines[0], (flags, lines)
        assert not out.exists()


def test_a_size_is_refused_before_anything_is_drawn(monkeypatch, capsys, tmp_path):
    def draws(*_, **__):
        raise AssertionError("drawn")

    monkeypatch.setattr(Sampler, "vary", draws)
    for verb in (["vary", "--emoji=cat"], ["mix", "--emoji=cat", "--emoji=pizza"]):
        for size in (16, 513):
            flags = (f"--size={size}", f"--out={tmp_path / 'o'}", *FLAGS)
            code, _, lines = run(monkeypatch, capsys, *verb, *flags)
            assert code == 2 and f"--size={size}: expected 32 to 512 px" in lines[0]
        with pytest.raises(AssertionError, match="drawn"):  # what is in range goes on
            run(monkeypatch, capsys, *verb, "--size=512", f"--out={tmp_path / 'o'}", *FLAGS)
    assert not (tmp_path / "o").exists()
