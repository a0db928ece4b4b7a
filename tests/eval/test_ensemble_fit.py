"""Fitting ensembles: what is known to be best is what is learned, and the command's file."""

import sys

import numpy as np
import pytest

from emoji_gan import errors
from emoji_gan.trained import ensemble
from eval import __main__ as program
from eval.report import ensemble_fit
from tests.emoji_gan.trained.test_ensemble import write

RNG = np.random.default_rng(0)


def normal(count, mean):
    return RNG.normal(mean, 1, (count, 4)).astype(np.float32)


def test_a_mixture_is_fitted_to_what_it_is_mixed_of():
    real = np.concatenate([normal(3000, 0), normal(1000, 5)])
    weights, value = ensemble_fit.fit_mixture(real, [normal(2000, 0), normal(2000, 5)])
    assert weights == pytest.approx([0.75, 0.25], abs=0.03) and value < 0.1
    assert sum(weights) == pytest.approx(1)
    weights, _ = ensemble_fit.fit_mixture(normal(2000, 0), [normal(2000, 3), normal(2000, 0)])
    assert weights[1] > 0.97


def test_a_choice_takes_the_member_that_draws_a_class_well():
    classes = np.repeat([0, 1, 2], 400)
    real = np.concatenate([normal(400, 0), normal(400, 4), normal(400, 8)])
    first = np.concatenate([normal(400, 0), normal(400, 40), normal(400, 8)])
    second = np.concatenate([normal(400, 90), normal(400, 4), normal(400, 90)])
    choices, value = ensemble_fit.fit_choice(real, [first, second], classes)
    assert choices == {0: 0, 1: 1, 2: 0} and value < 0.5


@pytest.fixture
def models(tmp_path):
    narrow = {"data.groups": ("Smileys & Emotion",)}
    return ",".join(write(tmp_path / f"{i}.safetensors", seed=i, **narrow) for i in (0, 1))


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["eval", *arguments])
    with pytest.raises(SystemExit) as e:
        errors.run(program.main)
    return e.value.code, capsys.readouterr()


def test_the_command_writes_a_file_that_draws(models, tmp_path, monkeypatch, capsys):
    file = tmp_path / "both.json"
    flags = [f"--model={models}", f"--fit_ensemble={file}", "--n=100", "--data=validation"]
    code, printed = run(monkeypatch, capsys, *flags)
    assert code == 0, printed.err
    recipe = ensemble.recipe_of(str(file))
    assert recipe.fitted["judge"] == "emoji-encoder-2" and recipe.fitted["data"] == "validation"
    assert recipe.fitted["fd"] <= min(recipe.fitted["fd_alone"]) + 1e-9
    assert ensemble.Ensemble(recipe)([0, 1]).shape == (2, 16, 16, 4)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--ensemble=best_of"], "--ensemble=best_of: nothing is learned of it"),
        (["--ensemble=choice", "--n=100"], "these models are not asked by group"),
        (["--n=50"], "--n=50: too few images to fit by"),
    ],
)
def test_what_cannot_be_fitted_is_one_line(models, tmp_path, monkeypatch, capsys, flags, line):
    more = [f"--model={models}", f"--fit_ensemble={tmp_path / 'both.json'}", *flags]
    code, printed = run(monkeypatch, capsys, *more)
    assert code == 2 and line in printed.err and "Traceback" not in printed.err
    assert not (tmp_path / "both.json").exists()
