"""Ensembles: whose turn it is, the best of, the mean of velocities, and models that are unlike."""

import json
import sys

import jax
import numpy as np
import PIL.Image
import pytest

from emoji_gan import conditions, errors, methods, sample
from emoji_gan.errors import UserError
from emoji_gan.trained import ensemble, model_file
from emoji_gan.trained.ensemble import Ensemble, Member, Recipe
from emoji_gan.trained.sampler import Sampler
from tests.emoji_gan.methods.test_methods import tiny_config

SPEC = conditions.Spec((("group", ("Flags", "Food", "Objects")),), 0, "")
SEEDS = [3, 1, 4, 15, 92, 65, 35, 8]


def write(path, method="dcgan", *, seed=0, spec=conditions.NONE, **changes):
    if spec.classes:
        changes["data.conditions"] = tuple(spec.names)
    config = methods.resolve(tiny_config(method, **changes), 1)
    made = methods.load(method)
    state = made.init(config, spec, seed)
    if method == "flow":  # whose last layer starts at 0
        rng = np.random.default_rng(seed)
        noisy = jax.tree.map(lambda x: x + 0.1 * rng.normal(size=x.shape), state.v_ema)
        fields = {"v_ema": jax.tree.map(lambda x: np.asarray(x, np.float32), noisy)}
    else:
        fields = {k: getattr(state, k) for k in made.generator(config, spec).fields}
    model_file.write(
        path,
        fields,
        config=config.to_dict(),
        spec=spec,
        step=500,
        kimg_before=0.0,
        digest="",
        licence="",
    )
    return str(path)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return tuple(
        write(folder / f"{name}.safetensors", seed=seed, spec=SPEC)
        for seed, name in enumerate("ab")
    )


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flows")
    return tuple(
        write(folder / f"{name}.safetensors", "flow", seed=seed) for seed, name in enumerate("ab")
    )


def of(pair, kind, weights=(0.5, 0.5), **more):
    return Ensemble(Recipe(kind, tuple(map(Member, pair)), weights, **more))


def test_a_mixture_takes_turns_by_the_seed_alone(pair):
    mixture = of(pair, "mixture")
    drawn, whose = mixture(SEEDS), mixture.whose(SEEDS, {})
    assert set(whose) == {0, 1}
    each = np.stack([Sampler(path)(SEEDS) for path in pair])
    assert (each[0] != each[1]).any((1, 2, 3)).all()
    np.testing.assert_array_equal(drawn, each[whose, np.arange(len(SEEDS))])
    np.testing.assert_array_equal(mixture(SEEDS[::-1])[::-1], drawn)
    np.testing.assert_array_equal(of(pair, "mixture", (0.0, 1.0))(SEEDS), each[1])
    turns = of(pair, "mixture", (0.8, 0.2)).whose(range(2000), {})
    assert 0.16 < turns.mean() < 0.24


def test_a_choice_follows_the_condition(pair):
    chosen = of(pair, "choice", (1.0, 0.0), choices={"Food": 1, "Objects": 0})
    condition = {"group": np.array([0, 1, 2, -1, 1, 1, 0, 2], np.int32)}
    assert chosen.whose(SEEDS, condition).tolist() == [0, 1, 0, 0, 1, 1, 0, 0]
    drawn, second = chosen(SEEDS, condition), Sampler(pair[1])(SEEDS, condition)
    np.testing.assert_array_equal(drawn[[1, 4, 5]], second[[1, 4, 5]])


def test_the_best_is_the_one_that_the_judge_is_surest_of(pair):
    one = of(pair[:1], "best_of", (1.0,), candidates=1)(SEEDS)
    np.testing.assert_array_equal(one, Sampler(pair[0])(SEEDS))
    best = of(pair, "best_of", candidates=3)(SEEDS)
    sure = ensemble.confidence(best)
    assert (sure >= ensemble.confidence(one)).all() and (best != one).any()
    np.testing.assert_array_equal(of(pair, "best_of", candidates=3)(SEEDS[:3]), best[:3])


def test_the_mean_of_a_flow_and_itself_is_the_flow(flows):
    alone, other = (Sampler(path)(SEEDS).astype(int) for path in flows)
    same = of((flows[0], flows[0]), "average")(SEEDS).astype(int)
    both = of(flows, "average")(SEEDS).astype(int)
    assert np.abs(same - alone).max() <= 1
    assert np.abs(alone - other).mean() > 1
    assert 0 < np.abs(both - alone).mean() < np.abs(alone - other).mean()
    np.testing.assert_array_equal(of(flows, "average", (1.0, 0.0))(SEEDS), alone)


def test_models_that_are_unlike_are_refused(pair, flows, tmp_path):
    larger = write(
        tmp_path / "c.safetensors", spec=SPEC, **{"data.resolution": 32, "batch_size": 16}
    )
    with pytest.raises(UserError, match=r"make no ensemble: they draw 16 and 32 px"):
        of((pair[0], larger), "mixture")
    with pytest.raises(UserError, match=r"make no ensemble: their conditions or classes differ"):
        of((pair[0], flows[0]), "mixture")
    with pytest.raises(UserError, match=r"a model of 'dcgan'; only the velocities of flows"):
        of(pair, "average")
    source = ",".join(pair)
    for arguments, line in (
        ((source, "vote"), r"--ensemble=vote: choose of mixture, choice, best_of, average"),
        ((source, "choice"), r"learned first: python -m eval"),
        ((source, "best_of", 0), r"--candidates=0: must be at least 1"),
        ((",",), r"--model=,: names no model"),
        ((str(tmp_path / "no.json"),), r"no ensemble at .*no\.json"),
    ):
        with pytest.raises(UserError, match=line) as e:
            ensemble.recipe_of(*arguments)
        assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 9},
        {"weights": [0.5]},
        {"weights": [0.5, 0.6]},
        {"kind": "vote"},
        {"choices": {"Food": 2}},
        {"choices": {"Food": 0.0}},
        {"candidates": "4"},
        {"members": ["a"]},
        {"else": 1},
    ],
)
def test_a_broken_file_is_one_line(pair, tmp_path, change):
    path = tmp_path / "both.json"
    recipe = Recipe("mixture", tuple(map(Member, pair)), (0.25, 0.75))
    ensemble.save(str(path), recipe)
    assert ensemble.load(str(path)) == recipe
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match="is no ensemble of emoji_gan") as e:
        ensemble.load(str(path))
    assert "\n" not in str(e.value)


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["sample", *arguments])
    with pytest.raises(SystemExit) as e:
        errors.run(sample.main)
    return e.value.code, capsys.readouterr().err


def test_the_command_names_every_member_in_its_pictures(pair, tmp_path, monkeypatch, capsys):
    file = tmp_path / "both.json"
    ensemble.save(str(file), Recipe("mixture", tuple(map(Member, pair)), (0.25, 0.75)))
    for model, kind in ((",".join(pair), []), (str(file), ["--ensemble=mixture"])):
        out = tmp_path / str(len(kind))
        flags = [f"--model={model}", *kind, "--seeds=0-3", f"--out={out}", "--group=Food"]
        code, err = run(monkeypatch, capsys, *flags)
        assert code == 0, err
    texts = PIL.Image.open(out / "seed0000000002.png").text
    assert texts["members"] == "a.safetensors; b.safetensors"
    assert texts["ensemble"] == "mixture" and texts["weights"] == "0.25; 0.75"
    assert len(set(texts["checkpoint_sha256"].split("; "))) == 2 and texts["seed"] == "2"
    code, err = run(monkeypatch, capsys, f"--model={','.join(pair)}", "--step=5")
    assert code == 2 and "--step=5: of one run" in err and "Traceback" not in err
