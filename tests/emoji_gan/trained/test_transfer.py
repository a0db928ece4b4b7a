"""Starting from another run: same emoji, new classes, twice the resolution, frozen maps of D."""

import types

import jax
import numpy as np
import pytest
from flax import nnx

from emoji_gan import conditions, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import onestep
from emoji_gan.trained import model_file, transfer
from tests.emoji_gan.methods.test_methods import METHODS, tiny_config, trained
from tests.support import runs as runs_lib

OLD = conditions.Spec((("group", ("Animals", "Food")),), 3, "hash")
NEW = conditions.Spec((("group", ("Animals", "Flags", "Food")), ("style", ("a", "b"))), 3, "hash")


def stored(monkeypatch, method, old_spec=OLD, **changes):
    """A run's state, read back as if from a workdir."""
    config, module = methods.resolve(tiny_config(method), 1), methods.load(method)
    state = module.init(config, old_spec, 3)
    names = (*module.NETWORKS, *module.generator(config, OLD).fields)
    fields = {f: jax.device_get(getattr(state, f)) for f in names}
    trained = types.SimpleNamespace(config=config.to_dict(), spec=old_spec)
    monkeypatch.setattr(transfer, "_read", lambda *_: (trained, fields))
    new = methods.resolve(tiny_config(method, init_from="old", **changes), 1)
    return fields, new


@pytest.mark.parametrize("method", METHODS)
def test_new_classes_stand_beside_the_old_ones(method, monkeypatch):
    fields, config = stored(monkeypatch, method)
    before = methods.load(method).init(config, NEW, 7)
    state = transfer.start(before, config, NEW, "old")
    taken = {
        field: {transfer._path(p): v for p, v in jax.tree_util.tree_flatten_with_path(tree)[0]}
        for field, tree in fields.items()
    }
    embeddings = 0
    for field, old in taken.items():
        for p, value in jax.tree_util.tree_flatten_with_path(getattr(state, field))[0]:
            path, value = transfer._path(p), np.asarray(value)
            if methods.load(method).networks.is_embedding(path):
                embeddings += 1
                # Animals and Food, not Flags; no style; the axes of the phrases.
                np.testing.assert_array_equal(value[[0, 2, 5, 6, 7]], old[path])
                initial = dict(jax.tree_util.tree_flatten_with_path(getattr(before, field))[0])[p]
                np.testing.assert_array_equal(value[[1, 3, 4]], np.asarray(initial)[[1, 3, 4]])
            else:
                np.testing.assert_array_equal(value, old[path], err_msg=f"{field} {path}")
    assert embeddings and int(state.counters.step) == 0
    assert config.ema.rampup == 0  # else the average would forget at once


@pytest.mark.parametrize("method", METHODS)
def test_networks_grow(method, monkeypatch):
    half = (
        {"model.width": 2} if method in ("dcgan", "wgan_gp") else {}
    )  # its widths count from the image
    fields, config = stored(monkeypatch, method, **{"data.resolution": 32}, **half)
    before = methods.load(method).init(config, OLD, 7)
    state = transfer.start(before, config, OLD, "old")
    for field in methods.load(method).NETWORKS:
        after, initial = (jax.tree.leaves(getattr(s, field)) for s in (state, before))
        changed = sum(
            a.size for a, b in zip(after, initial, strict=True) if (np.asarray(a) != b).any()
        )
        # The last layer of a one-step generator's critic counts the positions of a map.
        least = 0.2 if (method, field) == ("onestep", "d") else 0.3
        assert changed > least * sum(x.size for x in jax.tree.leaves(fields[field])), field
    if "d" in fields:  # D's smallest maps carry over, whose numbers count from the image
        last = {
            "stylegan2": ("b4", "out", "weight"),
            "r3gan": ("stages", 3, "linear"),
            "onestep": ("score", "weight"),
        }.get(method, ("out",))
        was = {"r3gan": ("stages", 2, "linear")}.get(method, last)
        new, old = state.d, fields["d"]
        for a, b in zip(last, was, strict=True):
            new, old = new[a], old[b]
        np.testing.assert_array_equal(new, old)


def test_larger_patches_draw_the_old_images_enlarged(monkeypatch):
    fields, config = stored(monkeypatch, "onestep", **{"data.resolution": 32, "model.patch": 2})
    noise = np.random.default_rng(0).standard_normal((2, 32, 32, 4), np.float32)
    means = noise.reshape(2, 16, 2, 16, 2, 4).mean((2, 4))
    np.testing.assert_allclose(np.std(2 * means), 1, atol=0.1)  # what the old one was called at
    old, c = methods.resolve(tiny_config("onestep"), 1), np.zeros((2, OLD.dim), np.float32)

    def drawn(config, g, x):
        network = onestep.make_networks(config, OLD, 0)[0]
        nnx.update(network, g)
        return np.asarray(network(x, np.zeros(2, np.float32), c))

    rng = np.random.default_rng(1)  # else the last layer draws nothing
    leave = rng.standard_normal(fields["g"]["leave"]["weight"].shape, np.float32)
    fields["g"]["leave"]["weight"] = leave
    state = transfer.start(onestep.init(config, OLD, 7), config, OLD, "old")
    want = drawn(old, fields["g"], 2 * means)
    assert np.std(want) > 0.1
    got = drawn(config, state.g, noise)
    np.testing.assert_allclose(got, want.repeat(2, 1).repeat(2, 2), atol=1e-4)


def test_what_does_not_fit_is_one_line(monkeypatch, tmp_path):
    _, config = stored(monkeypatch, "dcgan", **{"model.width": 8})
    state = methods.load("dcgan").init(config, OLD, 0)
    with pytest.raises(
        UserError, match=r"old does not fit: g/kernels/0 .*and \d+ more; give .* model\.\*"
    ):
        transfer.start(state, config, OLD, "old")
    monkeypatch.undo()
    with pytest.raises(UserError, match="no good checkpoint in"):
        transfer.start(state, config, OLD, str(tmp_path))
    with pytest.raises(UserError, match="no model at"):
        transfer.start(state, config, OLD, str(tmp_path / "x.safetensors"))
    with pytest.raises(UserError, match="would freeze initial weights"):
        methods.resolve(tiny_config("dcgan", **{"optim.freeze_d": 1}), 1)


@pytest.mark.parametrize("method", ["stylegan2", "dcgan", "r3gan"])
def test_frozen_maps_of_d_stay(method):
    changes = {
        "optim.freeze_d": 1,
        "init_from": "somewhere",
        "augment.p_init": 0.0,
        "augment.target": 0.0,
    }
    if method == "stylegan2":
        changes["loss.pl_weight"] = 0.0  # of G alone
    state, _, config = trained(method, count=2, **changes)
    start = methods.load(method).init(config, conditions.NONE, 0)
    same = {
        transfer._path(p): bool((np.asarray(a) == np.asarray(b)).all())
        for (p, a), b in zip(
            jax.tree_util.tree_flatten_with_path(state.d)[0], jax.tree.leaves(start.d), strict=True
        )
    }
    first = {"stylegan2": "b16", "r3gan": ("stages", 0)}.get(method, ("kernels", 0))
    frozen = {p for p in same if p[0] == first or p[:2] == first}
    assert frozen and all(same[p] for p in frozen)
    last = {"stylegan2": ("b4", "out", "weight"), "r3gan": ("stages", 2, "linear")}.get(
        method, ("out",)
    )
    assert not same[last]


@pytest.mark.slow
def test_the_real_program_starts_from_a_run_and_from_a_file(tmp_path):
    old, file = tmp_path / "old", tmp_path / "old.safetensors"
    flags = [
        "--config=configs/dcgan.py:cpu",
        "--config.batch_size=16",
        "--config.data.resolution=16",
        "--config.model.width=4",
        "--config.model.z_dim=8",
        "--config.log.grid=1",
        "--config.total_kimg=0.016",
    ]
    code, _, err = runs_lib.in_process(*flags, f"--workdir={old}")
    assert code == 0, err
    model_file.save(file, old)
    food = "--config.data.groups=('Food & Drink',)"
    for source, more in ((old, ["--config.optim.freeze_d=1"]), (file, [])):
        new = tmp_path / f"from_{source.name}"
        code, _, err = runs_lib.in_process(
            *flags, f"--workdir={new}", f"--init_from={source}", food, *more
        )
        assert code == 0, err
        assert runs_lib.sealed(new) == [1]
    code, _, err = runs_lib.in_process(
        "--config=configs/flow.py:cpu", f"--workdir={tmp_path / 'x'}", f"--init_from={old}"
    )
    assert code == 2 and "it is of method 'dcgan', this run of 'flow'" in err
