"""The one-step generator: where it starts, what guides it, its second call."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from emoji_gan import conditions, losses, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import onestep
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.trained import transfer
from tests.emoji_gan.methods.test_methods import (
    CONDITIONED,
    SPEC,
    batch_of,
    condition_of,
    sampler,
    tiny_config,
    trained,
)

CONDITIONS = {"data.conditions": ("group",)}  # any: which ones the spec says


def flow_start(monkeypatch, spec=SPEC, changes=None, **new):
    """Starts a run from a flow with weights of its own, as if from a workdir."""
    flow = methods.resolve(tiny_config("flow", **(changes or {})), 1)
    v = methods.load("flow").init(flow, spec, 3).v_ema
    source = types.SimpleNamespace(
        config=flow.to_dict(), spec=spec, is_file=True, fields=lambda names: {n: v for n in names}
    )
    monkeypatch.setattr(transfer, "open_trained", lambda _: source)
    config = methods.resolve(tiny_config("onestep", **{"model.predict": "velocity"} | new), 1)
    return v, transfer.start(onestep.init(config, SPEC, 7), config, SPEC, "old"), config


def flat(tree):
    return {transfer._path(p): v for p, v in jax.tree_util.tree_flatten_with_path(tree)[0]}


def test_generator_and_trunk_start_as_the_flow(monkeypatch):
    v, state, config = flow_start(monkeypatch)
    for g in (state.g, state.g_ema):
        assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), g, v))
    flow, d, new = flat(v), flat(state.d), flat(onestep.init(config, SPEC, 7).d)
    heads = {
        "local",
        "pixels0",
        "pixels1",
        "pixels2",
        "shrink",
        "gather",
        "score",
        "project",
        "name",
    }
    for path, value in d.items():
        np.testing.assert_array_equal(value, new[path] if path[0] in heads else flow[path])
    _, scratch, _ = flow_start(monkeypatch, **{"model.critic": "scratch"})
    assert (flat(scratch.d)["enter", "weight"] != flow["enter", "weight"]).any()


def test_its_first_image_is_what_the_flow_expects_of_noise(monkeypatch):
    v, state, config = flow_start(monkeypatch)
    condition = condition_of(SPEC, np.random.default_rng(0), 4)
    drawn = sampler("onestep", state, config, SPEC)(range(4), condition)
    flow = methods.load("flow")
    flow_config = methods.resolve(tiny_config("flow", **{"sample.steps": 1}), 1)
    latents = flow.generator(flow_config, SPEC).latents(jnp.arange(4, dtype=jnp.uint32), 1.0)
    velocity = flow.velocity_function(flow_config, SPEC)(
        v, latents.values, jnp.zeros(4), conditions.encode(SPEC, condition)
    )
    np.testing.assert_allclose(drawn, latents.values + velocity, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ({"changes": {"data.resolution": 32}}, {}, "it draws 32 px, this run 16; set"),
        ({"spec": conditions.NONE}, {}, r"conditions are none, those .* group \(3\), style \(2\),"),
        ({"changes": {"model.predict": "image"}}, {}, "set --config.model.predict=image"),
        ({}, {"model.width": 32}, r"does not fit: g/.*; give the new run the model\.\* fields"),
    ],
)
def test_another_teacher_is_refused(monkeypatch, old, new, message):
    with pytest.raises(UserError, match=message):
        flow_start(monkeypatch, **old, **new)


def test_a_teacher_of_another_method_is_refused(monkeypatch):
    other = methods.resolve(tiny_config("dcgan"), 1)
    source = types.SimpleNamespace(config=other.to_dict(), spec=SPEC)
    monkeypatch.setattr(transfer, "open_trained", lambda _: source)
    config = methods.resolve(tiny_config("onestep"), 1)
    with pytest.raises(UserError, match=r"of method 'dcgan', .* starts from a model of 'flow' or"):
        transfer.start(onestep.init(config, SPEC, 7), config, SPEC, "old")


def test_both_gradients_are_those_of_the_losses(monkeypatch):
    """One pass of the critic serves both; each equals the derivative of its own loss."""
    changes = CONDITIONS | {"loss.guidance": 2.0, "augment.p_init": 0.0}
    state, _, config = trained("onestep", spec=SPEC, count=1, **changes)
    batch = jax.device_get(batch_of(mesh_lib.make_mesh(jax.devices()[:1]), config, 1, SPEC))
    monkeypatch.setattr(onestep.step, "mean_over_devices", lambda tree: tree)
    graphs = onestep._graphs(config, SPEC)
    c = conditions.with_dropout(SPEC, config, batch)
    real = onestep.images.to_model(batch["image"])
    x, t = onestep._what_g_sees(config, state, batch, real)
    g_grads, d_grads, slope, _ = jax.jit(
        lambda state: onestep.gradients(config, graphs, state, batch, c)
    )(state)
    critic = onestep._critic(config, graphs[1], state, batch, c)
    call = onestep.Call(graphs[0], config.model.predict == "image")
    reals = critic.of_others(state.d, real, real)["reals"]

    def loss_d(d):
        fake = call(state.g, x, t, c)
        others = critic.of_others(d, real, fake)
        fakes = critic.of_fakes(d, fake)["logits"]
        return onestep.d_loss(config, onestep._Judged(fakes=fakes, **others))[0]

    def loss_g(g):
        fakes = critic.of_fakes(state.d, call(g, x, t, c))
        return losses.g_relativistic(reals, fakes["logits"]).mean() - fakes["named"].mean()

    def near(a, b):
        scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(b))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4 * scale), a, b)

    near(d_grads, jax.jit(jax.grad(loss_d))(state.d))
    near(g_grads, jax.tree.map(lambda v: v / slope, jax.jit(jax.grad(loss_g))(state.g)))


def test_a_second_call_is_trained_and_drawn():
    changes = {"model.steps": 2, "loss.second": 0.5}
    state, history, _ = trained("onestep", spec=SPEC, **changes, **CONDITIONED)
    assert all(np.isfinite(v) for metrics in history for v in metrics.values())
    once, twice = (
        sampler(
            "onestep",
            state,
            methods.resolve(tiny_config("onestep", **changes, **{"sample.steps": n}), 1),
            SPEC,
        )
        for n in (1, 2)
    )
    assert (once(range(4)) != twice(range(4))).any()
    np.testing.assert_allclose(twice([3]), twice(range(4))[3:], atol=2e-5)


def test_the_critic_reads_a_picture_once_for_any_condition():
    config = methods.resolve(tiny_config("onestep"), 1)
    _, critic = onestep.make_networks(config, SPEC, 0)
    x = jax.random.normal(jax.random.key(0), (4, 16, 16, 4))
    score, features = critic.read_image(x)
    assert score.shape == (4,) and features.shape == (4, 256)
    c = conditions.encode(SPEC, condition_of(SPEC, np.random.default_rng(0), 4))
    assert critic.fit(features, c).shape == (4,)
    assert not critic.fit(features, None).any()
    # Neither its own condition nor an absent one counts as another.
    absent = jnp.concatenate([c[:1], jnp.zeros_like(c)])
    np.testing.assert_array_equal(critic.name_among(features[:1], c[:1], absent), 0)
    assert critic.name_among(features, c.at[1].set(0), c)[1] == 0
    surely = critic.name_among(features, c, 2 * c)  # four others
    assert (surely < 0).all()
    np.testing.assert_allclose(critic.name_among(0 * features, c, 2 * c), -np.log(5), rtol=1e-5)
    assert "project" not in nnx.to_pure_dict(
        nnx.state(onestep.make_networks(config, conditions.NONE, 0)[1])
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment.target": 0.6}, "augment.target: a one-step generator does not move p"),
        ({"sample.guidance": 2.0}, "was trained with the guidance 1 and draws with no"),
        ({"sample.steps": 2}, "sample.steps=2: this model was trained for 1 step"),
        (
            {"sample.steps": 3, "model.steps": 2},
            "sample.steps=3: this model was trained for 1 or 2 steps",
        ),
        ({"loss.guidance": 2.0}, "nothing guides without data.conditions"),
        ({"model.steps": 4}, "model.steps=4: must be one of 1, 2"),
    ],
)
def test_what_was_not_trained_for_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        methods.resolve(tiny_config("onestep", **changes), 1)
