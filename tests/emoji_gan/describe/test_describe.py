"""From `main.py` to `describe`: a tiny captioner is trained, resumed, and describes pictures."""

import json
import re
import sys

import numpy as np
import pytest

from emoji_gan import errors, images
from emoji_gan.describe import __main__ as program
from emoji_gan.trained import model_file
from emoji_gan.trained.captioner import Captioner
from emoji_gan.trained.sampler import SHIPPED_FLOW, Sampler
from tests.support import runs as runs_lib

TINY = (
    "--config=configs/caption.py",
    "--config.batch_size=16",
    "--config.data.resolution=16",
    "--config.data.common_box=False",
    "--config.data.domains=('full',)",
    "--config.data.groups=('Smileys & Emotion',)",
    "--config.model.width=16",
    "--config.model.embedding=8",
    "--config.model.critic_width=8",
    "--config.loss.adversarial=0.1",
    "--config.optim.warmup_kimg=0.0",
    "--config.optim.eps=0.0001",
    "--config.total_kimg=0.096",
    "--config.log.scalars_kimg=0.016",
    "--config.log.grid=2",
)


def losses(workdir):
    return {
        line["step"]: (line["nll/train"], line["loss/d"], line["nll/validation"])
        for line in runs_lib.lines(workdir)
        if "nll/train" in line
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of six steps, one that was stopped after one and resumed, and a model file."""
    folder = tmp_path_factory.mktemp("captions")
    whole, halved = folder / "whole", folder / "halved"
    code, out, err = runs_lib.in_process(*TINY, f"--workdir={whole}")
    assert code == 0 and "python -m emoji_gan.describe PICTURES" in out, err
    for more in (("--stop_after_minutes=0",), ()):
        code, _, err = runs_lib.in_process(*TINY, f"--workdir={halved}", *more)
        assert code == 0, err
    file = folder / "caption.safetensors"
    model_file.save(file, str(whole), licence="CC BY-SA 4.0")
    return whole, halved, str(file)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "given"
    for name, colour in (("a", (255, 0, 0)), ("b", (0, 0, 255))):
        picture = np.zeros((40, 40, 4), np.uint8)
        picture[8:30, 8:30] = (*colour, 255)
        images.save_png(folder / f"{name}.png", picture)
    return folder


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["describe", *map(str, arguments)])
    with pytest.raises(SystemExit) as e:
        errors.run(program.main)
    out, err = capsys.readouterr()
    return e.value.code, out, err.splitlines()


def test_a_resumed_run_has_the_same_losses(trained):
    whole, halved, _ = trained
    assert len(losses(whole)) == 6
    assert losses(halved) == losses(whole)
    assert len(runs_lib.sealed(halved)) > 1  # it did stop on the way


def test_each_picture_has_distinct_texts_the_same_at_every_call(
    monkeypatch, capsys, trained, folder
):
    flags = ("--n=3", "--temperature=1.5", f"--model={trained[2]}", "--json")
    code, out, _ = run(monkeypatch, capsys, folder, "--emoji=cat", *flags)
    whole = json.loads(out)
    assert code == 0 and len(whole["pictures"]) == 3
    for picture in whole["pictures"]:
        texts = [text["text"] for text in picture["texts"]]
        likeness = [round(text["likeness"], 6) for text in picture["texts"]]
        cosines = [like["cosine"] for like in picture["like"]]
        assert len(texts) == len(set(texts)) == 3 and all(texts)
        assert likeness == sorted(likeness, reverse=True) and min(likeness) >= 0
        assert cosines == sorted(cosines, reverse=True) and len(cosines) == 3
        assert all(like["name"] and like["written"] for like in picture["like"])
    assert run(monkeypatch, capsys, folder, "--emoji=cat", *flags)[1] == out
    alone = json.loads(run(monkeypatch, capsys, folder / "b.png", *flags)[1])
    assert alone["pictures"][0]["texts"] == whole["pictures"][1]["texts"]
    other = json.loads(run(monkeypatch, capsys, folder, *flags, "--seed=1")[1])
    assert other["pictures"][0]["texts"] != whole["pictures"][0]["texts"]
    code, out, _ = run(monkeypatch, capsys, folder, f"--model={trained[2]}", "--lang=fr")
    assert code == 0 and len(out.splitlines()) == 2 and out.startswith(str(folder / "a.png: "))
    assert all(line.endswith(")") and "(like: " in line for line in out.splitlines())
    context = (f"--model={trained[2]}", "--kind=context")
    code, out, _ = run(monkeypatch, capsys, "--emoji=grinning face", *context)
    assert code == 0 and re.search(r"\(like: .*, “.+”.*\)$", out)  # what was written of its like


def test_what_is_no_picture_is_named_and_the_others_are_described(
    monkeypatch, capsys, trained, folder
):
    (folder / "c.png").write_text("no picture")
    images.save_png(folder / "d.png", np.zeros((20, 20, 4), np.uint8))
    code, out, lines = run(
        monkeypatch, capsys, folder, "absent.png", "--emoji=xqzvw", f"--model={trained[2]}"
    )
    assert code == 2 and len(out.splitlines()) == 2 and len(lines) == 4
    assert all(line.endswith("; left out") for line in lines)


def test_what_cannot_be_done_is_one_line(monkeypatch, capsys, trained, folder):
    for flags, reason in (
        ([], "nothing to describe"),
        ([folder, "--lang=de"], "--lang=de: choose from en, fr"),
        ([folder, "--kind=poem"], "--kind=poem: choose from name, keywords, context"),
        ([folder, "--n=0"], "--n=0: expected 1 to"),
        ([folder, "--temperature=0"], "--temperature=0: expected above 0"),
        ([folder, "--seed=-1"], "--seed=-1: expected 0 to"),
        ([folder, f"--model={SHIPPED_FLOW}"], "give a captioner"),
    ):
        given = [] if any(str(f).startswith("--model") for f in flags) else [trained[2]]
        model = [f"--model={file}" for file in given]
        code, out, lines = run(monkeypatch, capsys, *flags, *model)
        assert code == 2 and not out and len(lines) == 1 and reason in lines[0], (flags, lines)


def test_a_captioner_does_not_draw(trained):
    with pytest.raises(errors.UserError, match=r"draws nothing by itself.*describe"):
        Sampler(trained[2])
    captioner = Captioner(str(trained[0]))
    assert captioner([], language="en", kind="name") == []
