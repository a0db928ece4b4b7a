"""Consistency tuning: the gap of a pair, one picture learned, what a run may start from."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emoji_gan import conditions, images, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import consistency, flow
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.trained import model_file, transfer
from emoji_gan.trained.sampler import Sampler
from tests.emoji_gan.methods.test_methods import SPEC, batch_of, condition_of, sampler, tiny_config
from tests.support import runs as runs_lib

NETWORK = ("width=16", "multipliers=(1,2)", "heads=2")
GUIDED = {"loss.guidance": 3.0, "data.conditions": ("group", "style", "text"), "init_from": "flow"}


def test_the_gap_shrinks_and_never_reaches_beyond_the_image():
    config = methods.resolve(tiny_config("consistency"), 1)
    t = jnp.asarray([0.0, 0.5, 0.9, 0.998])
    by_stage = [
        np.asarray(consistency.gaps(config, t, jnp.float32(4000.0 * stage))) for stage in range(12)
    ]
    np.testing.assert_allclose(by_stage[0], [0.5, 0.5, 0.1, 0.002], rtol=1e-4)  # a flow's own loss
    np.testing.assert_allclose([gap[0] for gap in by_stage[:8]], 0.5 ** np.arange(1, 9))
    widening = 1 + 8 / (1 + np.exp(0.002 / 0.998))
    np.testing.assert_allclose(by_stage[7][3], 0.002 * widening / 256, rtol=1e-3)
    np.testing.assert_array_equal(by_stage[7], by_stage[11])


@pytest.mark.parametrize("predict", ["velocity", "image"])
def test_the_image_is_its_own_endpoint(predict):
    config = methods.resolve(tiny_config("consistency", **{"model.predict": predict}), 1)
    params = flow.init(config, conditions.NONE, 0).v
    params["leave"]["weight"] = params["leave"]["weight"] + 0.1  # it starts at 0
    f = consistency.endpoint_function(config, conditions.NONE)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 16, 16, 4)), jnp.float32)
    np.testing.assert_array_equal(f(params, x, jnp.ones(2), None), x)
    assert np.abs(f(params, x, jnp.full(2, 0.5), None) - x).max() > 0.1


def test_it_learns_one_picture():
    """It comes to draw the only image it is given, in one call and in two."""
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    changes = {"model.predict": "image", "ema.half_life_kimg": 0.2, "loss.stage_kimg": 0.4}
    once, twice = (
        methods.resolve(tiny_config("consistency", **changes, **{"sample.steps": n}), 1)
        for n in (1, 2)
    )
    state = consistency.init(once, conditions.NONE, 0)
    state = jax.device_put(state, mesh_lib.replicated(mesh))
    step_fn = consistency.train_step(once, conditions.NONE, mesh)
    one = np.zeros((16, 16, 4), np.uint8)
    one[4:12, 4:12] = (255, 128, 0, 255)
    for step in range(150):
        batch = {
            "image": np.tile(one, (16, 1, 1, 1)),
            "condition": {},
            "sample": np.arange(step * 16, (step + 1) * 16, dtype=np.uint32),
        }
        state, _ = step_fn(state, mesh_lib.global_batch(mesh, batch), step)
    real = np.asarray(images.to_model(jnp.asarray(one[None])))
    for config in (once, twice):
        x = sampler("consistency", state, config)(range(4))
        assert np.abs(x - real).mean() < 0.2  # noise: 1.2


def test_guidance_moves_the_nearer_point_where_there_is_a_condition():
    config = methods.resolve(tiny_config("consistency", **GUIDED), 1)
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    state, batch = consistency.init(config, SPEC, 0), batch_of(mesh, config, 0, SPEC)
    pair = consistency.draw_pair(config, state, batch, images.to_model(batch["image"]))

    def velocity(params, x, t, c):  # each image's own condition, and nothing without one
        return x * params * jnp.sum(jnp.square(c), 1)[:, None, None, None]

    c = conditions.encode(SPEC, condition_of(SPEC, np.random.default_rng(0), 16)).at[8:].set(0.0)
    bent = consistency.guided(pair, velocity, 1.0, c, 3.0)
    np.testing.assert_array_equal(bent.x_r[8:], pair.x_r[8:])
    gap = (pair.r - pair.t)[:8, None, None, None]
    np.testing.assert_allclose(bent.x_r[:8] - pair.x_r[:8], gap * 2 * 3 * pair.x_t[:8], atol=1e-5)
    assert consistency.guided(pair, velocity, 1.0, c, 1) is pair


def test_a_guided_step_keeps_its_teacher():
    config = methods.resolve(tiny_config("consistency", **GUIDED), 1)
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    state = consistency.init(config, SPEC, 0)
    kept = jax.device_get(state.teacher)
    state = jax.device_put(state, mesh_lib.replicated(mesh))
    step_fn = consistency.train_step(config, SPEC, mesh)
    state, metrics = step_fn(state, batch_of(mesh, config, 0, SPEC), 0)
    assert np.isfinite(metrics["loss/consistency"]) and int(state.counters.bad_total) == 0
    jax.tree.map(np.testing.assert_array_equal, kept, jax.device_get(state.teacher))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample.steps": 3}, "sample.steps=3: this model was trained for 1 or 2 steps"),
        ({"sample.guidance": 2.0}, "trained with the guidance 1 and draws with no other"),
        ({"loss.guidance": 2.0}, "nothing guides without data.conditions"),
        ({"loss.guidance": 2.0, "data.conditions": ("group",)}, "give --init_from"),
        ({"loss.guidance": 0.5}, "loss.guidance=0.5: must be at least 1"),
        ({"loss.q": 1.0}, "loss.q=1.0: must be above 1"),
        ({"sample.second_time": 1.0}, "sample.second_time=1.0: must be above 0 and below 1"),
        ({"model.patch": 3}, "too many for 16 px in patches of 3"),
        ({"batch_size": 7}, "batch_size=7 does not divide over 2 devices"),
    ],
)
def test_bad_fields_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        methods.resolve(tiny_config("consistency", **changes), 2)


@pytest.mark.slow
def test_the_real_program_starts_from_a_flow_and_goes_on(tmp_path):
    old, file, new = tmp_path / "old", tmp_path / "old.safetensors", tmp_path / "new"
    flags = ["--config.batch_size=16", "--config.data.resolution=16", "--config.log.grid=1"]
    flags += [f"--config.model.{field}" for field in NETWORK]
    code, _, err = runs_lib.in_process(
        "--config=configs/flow.py:cpu", *flags, "--config.total_kimg=0.016", f"--workdir={old}"
    )
    assert code == 0, err
    model_file.save(file, old)
    flags = ["--config=configs/consistency.py:cpu", f"--init_from={file}", *flags]
    for kimg in (0.016, 0.032):
        code, _, err = runs_lib.in_process(
            *flags, f"--workdir={new}", f"--config.total_kimg={kimg}"
        )
        assert code == 0, err
    assert runs_lib.sealed(new) == [1, 2]
    once, twice = (Sampler(str(new), changes={"steps": n})([3, 4]) for n in (1, 2))
    assert once.shape == (2, 16, 16, 4) and (once != twice).any()
    with pytest.raises(UserError, match="trained for 1 or 2 steps"):
        Sampler(str(new), changes={"steps": 4})


def test_what_is_no_flow_is_refused(monkeypatch):
    config = methods.resolve(tiny_config("consistency"), 1)
    state = consistency.init(config, conditions.NONE, 0)
    theirs = flow.init(config, conditions.NONE, 5).v

    @dataclasses.dataclass
    class Stored:
        config: dict
        spec: conditions.Spec = conditions.NONE
        is_file: bool = True

        def fields(self, names):
            return {name: theirs for name in names}

    stored = Stored(config.to_dict() | {"method": "dcgan"})
    monkeypatch.setattr(transfer, "open_trained", lambda _: stored)
    with pytest.raises(UserError, match=r"of method 'dcgan', .* starts from a model of 'flow' or"):
        transfer.start(state, config, conditions.NONE, "old")
    stored.config["method"] = "consistency"
    guided = methods.resolve(tiny_config("consistency", **GUIDED), 1)
    with pytest.raises(UserError, match="has no teacher"):
        transfer.start(consistency.init(guided, SPEC, 0), guided, SPEC, "old")
    stored.config["method"] = "flow"
    started = transfer.start(state, config, conditions.NONE, "old")
    for field in ("teacher", "v", "v_ema"):
        jax.tree.map(np.testing.assert_array_equal, getattr(started, field), theirs)
