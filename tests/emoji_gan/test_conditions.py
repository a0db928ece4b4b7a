"""Conditions: what a model may be asked for, from the data to the command line."""

import json
import sys

import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import default
from emoji_gan import conditions, errors, sample
from emoji_gan.encoder import encoder, recogniser, understanding
from emoji_gan.errors import UserError
from emoji_gan.trained import model_file
from emoji_gan.trained import sampler as sampler_lib
from eval import __main__ as eval_main
from eval.report import condition_agreement as eval_conditions
from tests.support import runs as runs_lib

SPEC = conditions.Spec((("group", ("Animals", "Food")), ("style", ("a", "a line"))), 3, "hash")


def batch_of(count, first=0):
    text = np.tile(np.float32([[1, 0, 0]]), (count, 1))
    ones = np.ones(count, np.int32)
    samples = np.arange(first, first + count, dtype=np.uint32)
    return {"condition": {"group": ones, "style": 0 * ones, "text": text}, "sample": samples}


def encoded(spec=SPEC, first=0, count=4096, **changes):
    config = default.get_config()
    config.condition.update(changes)
    return np.asarray(conditions.with_dropout(spec, config, batch_of(count, first)))


def test_a_vector_has_a_part_for_each_condition():
    batch = batch_of(2)["condition"]
    encoded_batch = np.asarray(conditions.encode(SPEC, batch))
    np.testing.assert_array_equal(encoded_batch, [[0, 1, 1, 0, 1, 0, 0]] * 2)
    # What is missing, or -1, or 0, is not given: the same vector.
    for part in ({"group": np.int32([1, 1])}, SPEC.none(2) | {"group": np.int32([1, 1])}):
        np.testing.assert_array_equal(conditions.encode(SPEC, part), [[0, 1, 0, 0, 0, 0, 0]] * 2)
    assert conditions.encode(conditions.NONE, {}) is None
    assert conditions.Spec.from_json(SPEC.to_json()) == SPEC and hash(SPEC)


def test_some_images_come_without_conditions():
    encodings = encoded(drop_all=0.25, drop_each=0.5)
    group, style, text = (encodings[:, i : i + 2].any(1) for i in (0, 2, 4))
    nothing = ~(group | style | text)
    assert abs(group.mean() - 0.75 * 0.5) < 0.03 and abs(nothing.mean() - (0.25 + 0.75 / 8)) < 0.03
    assert abs((group & style).mean() - 0.75 / 4) < 0.03
    np.testing.assert_array_equal(
        encoded(drop_all=0.0, drop_each=0.0, count=5), [[0, 1, 1, 0, 1, 0, 0]] * 5
    )
    np.testing.assert_array_equal(
        encodings[100:110], encoded(first=100, count=10, drop_all=0.25, drop_each=0.5)
    )


def test_conditions_blend_in():
    no_drop = {"drop_all": 0.0, "drop_each": 0.0}
    fractions = [
        encoded(first=kimg * 1000, blend_kimg=(10.0, 30.0), **no_drop).any(1).mean()
        for kimg in (0, 18, 40)
    ]
    assert fractions[0] == 0 and 0.4 < fractions[1] < 0.6 and fractions[2] == 1


def test_classes_are_found_by_a_part_of_their_name():
    assert [SPEC.number("group", value) for value in ("Food", "ani", "O")] == [1, 0, 1]
    assert SPEC.number("style", "a") == 0 and SPEC.number("style", "line") == 1
    for name, value, message in (
        ("group", "Flags", "no such group; choose from Animals, Food"),
        ("style", "A", "several fit; choose from a, a line"),
        ("tone", "dark", "no such condition; its conditions: group, style, text"),
    ):
        with pytest.raises(UserError, match=message):
            SPEC.number(name, value)


@settings(deadline=None)  # one core may be busy
@given(st.text(max_size=20))
def test_any_phrase_is_understood_or_refused_in_one_line(phrase):
    try:
        understood = understanding.understand(phrase)
    except UserError as e:
        assert "\n" not in str(e).replace(repr(phrase), "")
    else:
        assert understood.phrase and 0 < understood.confidence <= 1


PHRASES = encoder.PhraseEncoder()


def test_phrases_in_english_and_french():
    points = PHRASES(["smiling cat", "chat souriant", "pomme"])
    assert points.shape == (3, 192)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-3)
    many = [f"cat {i}" for i in range(700)]
    np.testing.assert_allclose(PHRASES(many)[699], PHRASES(["cat 699"])[0], atol=1e-5)


def ask(monkeypatch, capsys, *arguments, program=sample):
    """Returns exit code, stdout and the error lines of the sampler, or of another program."""
    monkeypatch.setattr(sys, "argv", ["sample", *map(str, arguments)])
    with pytest.raises(SystemExit) as e:
        errors.run(program.main)
    out, err = capsys.readouterr()
    return e.value.code, out, [line for line in err.splitlines() if line.startswith("error: ")]


# One test, because the training costs far more than all that is checked of it.
@pytest.mark.slow
def test_requests_by_text_group_and_style(monkeypatch, capsys, tmp_path):
    """A flow trains on all three; the run and its model file draw as requested, and say so."""
    run, file = tmp_path / "run", tmp_path / "model.safetensors"
    flags = [
        "--config=configs/flow.py:cpu",
        "--config.batch_size=16",
        "--config.data.resolution=16",
        "--config.model.width=16",
        "--config.model.multipliers=(1,2)",
        "--config.sample.steps=2",
        "--config.data.conditions=('group','style','text')",
        "--config.data.domains=('full','line')",
        "--config.data.groups=('Food & Drink','Animals & Nature')",
        "--config.log.grid=2",
        "--config.eval.every_kimg=0.048",
        "--config.eval.samples=100",
        "--config.optim.lr=0.01",
        "--config.optim.warmup_kimg=0.0",
    ]
    code, _, err = runs_lib.in_process(*flags, f"--workdir={run}", "--config.total_kimg=0.048")
    assert code == 0, err
    meta = model_file.save(file, run, licence="CC BY-SA 4.0")
    assert meta["step"] == 3 and conditions.Spec.from_json(meta["spec"]).text_dim == 192
    where = [f"--model={file}", f"--out={tmp_path / 'out'}", "--seeds=0-3"]
    code, out, problems = ask(
        monkeypatch, capsys, *where, "--text=chat souriant", "--style=line", "--guidance=3"
    )
    assert code == 0 and "4 emoji" in out, problems
    with PIL.Image.open(tmp_path / "out" / "seed0000000000.png") as f:
        texts = f.text
    assert texts["understood text"] == "chat souriant" and "understood as" in out
    assert texts["asked text"] == "chat souriant" and texts["sample.guidance"] == "3.0"
    for flags, style in (([], "openmoji"), (["--style=any"], None)):  # colour, unless it is open
        assert ask(monkeypatch, capsys, *where, "--text=apple", *flags)[0] == 0
        with PIL.Image.open(tmp_path / "out" / "seed0000000000.png") as f:
            assert f.text.get("asked style") == style
    by_run, by_file = sampler_lib.Sampler(str(run)), sampler_lib.Sampler(str(file))
    seeds = list(range(4))
    a, b = (s(seeds).astype(int) for s in (by_run, by_file))
    assert np.abs(a - b).mean() < 1 and by_file.spec == by_run.spec  # the file is of float16
    request = sampler_lib.ask(by_file.spec, {"text": "apple", "group": "food"}, 4)
    assert (by_file(seeds, request) != by_file(seeds)).any()
    for flag, message in (
        ("--text=xqzvw", "xqzvw unknown in fr or en"),
        ("--group=Flags", "no such group; choose from Animals & Nature, Food & Drink"),
        ("--style=oil", "no such style; choose from any, openmoji"),
        ("--tone=dark", "no such condition; its conditions: group, style, text"),
        ("--solver=rk4", "sample.solver='rk4': must be one of 'euler', 'heun'"),
        ("--step=3", "holds one step only"),
    ):
        code, _, problems = ask(monkeypatch, capsys, *where, flag)
        assert code == 2 and len(problems) == 1 and message in problems[0]
    judged = tmp_path / "judged"
    code, _, problems = ask(
        monkeypatch, capsys, f"--model={file}", "--n=60", f"--out={judged}", program=eval_conditions
    )
    assert code == 0, problems
    figures = json.loads((judged / "conditions.json").read_text())["figures"]
    assert list(figures) == [
        "real emoji",
        "nothing asked",
        "group",
        "style",
        "text",
        "all together",
        "held-out emoji, real",
        "held-out emoji, by text",
    ]
    # Untrained, it draws noise; real emoji are recognised.
    assert figures["real emoji"]["codepoint_top5"][0] > 0.5 > figures["text"]["codepoint_top1"][0]
    assert "style" in figures["group"] and (judged / "conditions.md").read_text().count("|") > 60
    monkeypatch.chdir(tmp_path)
    judging = [f"--workdir={file}", "--n=20", "--paths=0", "--no-html"]
    code, out, problems = ask(monkeypatch, capsys, *judging, program=eval_main)
    assert code == 0 and "palette" in out, problems
    assert sorted(f.name for f in (tmp_path / "eval_report").iterdir()) == [
        "report.json",
        "report.md",
    ]
    other = (encoder_params(), {"weights_sha256": "other"})
    monkeypatch.setattr(encoder, "load", lambda prefix: other)
    monkeypatch.setattr(sampler_lib, "_phrase_encoder", encoder.PhraseEncoder)  # not the cached one
    code, _, problems = ask(monkeypatch, capsys, *where, "--text=cat")
    assert code == 2 and "other weights of the emoji encoder" in problems[0]


def encoder_params():
    return {"text/table": jnp.zeros((8, 2))}


def test_a_damaged_model_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no model at"):
        model_file.load(tmp_path / "absent.safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"12345678" * 9)
    with pytest.raises(UserError, match="damaged or no model of emoji_gan"):
        model_file.load(tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="damaged or no model of emoji_gan"):
        model_file.load(encoder.WEIGHTS)  # safetensors, but another thing


@pytest.mark.slow
def test_who_asks_for_one_emoji_hears_of_its_variations(monkeypatch, capsys, tmp_path):
    for text, hears in (("gâteau d’anniversaire", True), ("femme souriante", False)):
        where = ("--seeds=0", f"--out={tmp_path}", f"--text={text}")
        code, out, _ = ask(monkeypatch, capsys, *where)
        assert code == 0 and ("emoji_gan.edit vary --emoji='gâteau d’anniversaire'" in out) == hears


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onestep_32", "openmoji_32", "openmoji_64"])
def test_shipped_models_draw_what_is_requested(name):
    path = sampler_lib.SHIPPED_MODEL.with_name(f"{name}.safetensors")
    assert path.stat().st_size < 12e6
    shipped = sampler_lib.Sampler(str(path))
    assert shipped.spec.names == ("group", "style", "text")
    assert shipped.config.data.sources == ("openmoji",)
    params, meta = encoder.load()
    groups = sorted(set(meta["groups"]))
    kind = np.array([groups.index(g) for g in meta["groups"]])
    for group in ("Flags", "Smileys & Emotion"):
        request = sampler_lib.ask(shipped.spec, {"group": group, "style": "openmoji"}, 16)
        drawn = shipped(list(range(16)), request)
        seen = recogniser.group_probabilities(recogniser.extract(params, drawn)[1], kind).argmax(1)
        assert (seen == groups.index(group)).mean() > 0.5, group
    # Line art has no colours.
    request = sampler_lib.ask(shipped.spec, {"text": "chat souriant", "style": "line"}, 8)
    line = shipped(list(range(8)), request)
    ink = line[line[..., 3] > 200][:, :3]
    assert np.median(ink.max(1)) < 60


def test_styles_are_distinguished_by_pixels():
    real = np.zeros((2, 32, 32, 4), np.uint8)
    real[0, 8:24, 8:24], real[1, 8:24, 8:10] = (255, 0, 0, 255), (0, 0, 0, 255)
    drawn = np.stack([real[1], real[0], real[0]])
    drawn[1, 0, 0] = 255
    assert eval_conditions.nearest_style(drawn, real, np.int32([4, 5])).tolist() == [5, 4, 4]


def test_recognition_counts():
    meta = {
        "codepoints": ["a", "b", "c", "d", "e", "f", "g"],
        "groups": ["x", "x", "y", "y", "z", "z", "z"],
    }
    logits = np.tile(np.float32([9, 5, 0, 0, 0, 0, 0]), (60, 1))
    requested = ["a"] * 30 + ["b"] * 15 + ["g"] * 15
    scores = eval_conditions.recognised(logits, requested, meta)
    assert scores["codepoint_top1"][0] == 0.5
    assert scores["codepoint_top5"][0] == 1.0  # the rest tie at 0
    assert scores["group_top1"][0] == 0.75
    assert scores["group_top1"][1] < 0.75 < scores["group_top1"][2]
    assert eval_conditions.recognised(logits[:10], requested[:10], meta) == {}


def test_an_empty_condition_is_refused():
    spec = conditions.Spec((("group", ("a", "b")),))
    assert conditions.encode(conditions.NONE, {}) is None
    assert not conditions.encode(spec, spec.none(2)).any()
    with pytest.raises(ValueError, match=r"spec\.none\(b\) asks for nothing"):
        conditions.encode(spec, {})
