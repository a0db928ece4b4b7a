"""The training step: the same on any devices, compiled once, safe against non-finite numbers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import default
from emoji_gan import conditions, methods
from emoji_gan.methods import stylegan2
from emoji_gan.runtime import mesh as mesh_lib
from tests.emoji_gan.methods.test_methods import CONDITIONED, SPEC, step_of, trained


def tiny(**overrides):
    c = default.get_config()
    c.batch_size, c.data.resolution = 16, 16
    c.model.channel_base, c.model.channel_max = 128, 8
    c.model.z_dim = c.model.w_dim = 8
    c.model.mbstd_group = 2
    c.augment.p_init = 0.5
    c.augment.kimg = 1.0
    c.loss.r1_every, c.loss.pl_every = 2, 2
    c.update_from_flattened_dict(overrides)
    return c


# Of most tests below, so that they share the one program: no regularisers.
ALONE = {"loss.pl_weight": 0.0, "loss.r1_gamma": 0.0, "augment.every": 2}


def run(config, devices, steps, spec=conditions.NONE, change=lambda state: state):
    """Returns each step's metrics, the last state and the step function, on so many devices."""
    mesh = mesh_lib.make_mesh(jax.devices()[:devices])
    config = methods.resolve(config, devices)
    state = jax.device_put(stylegan2.init(config, spec, 0), mesh_lib.replicated(mesh))
    state = jax.device_put(change(state), mesh_lib.replicated(mesh))
    step_fn = step_of(config, spec, mesh)
    rng = np.random.default_rng(0)
    history = []
    for step in range(steps):
        b, res = config.batch_size, config.data.resolution
        image = rng.integers(0, 256, (b, res, res, 4), np.uint8)
        batch = {
            "image": image,
            "condition": {"group": (np.arange(b) % 3).astype(np.int32)} if spec.dim else {},
            "sample": np.arange(step * b, (step + 1) * b, dtype=np.uint32),
        }
        state, metrics = step_fn(state, mesh_lib.global_batch(mesh, batch), step)
        history.append({k: float(v) for k, v in metrics.items()})
    return history, state, step_fn


@pytest.mark.slow
def test_losses_do_not_depend_on_the_number_of_devices():
    # On one device, the programs of test_methods.py.
    one, eight = (trained("stylegan2", n, SPEC, **CONDITIONED)[1] for n in (1, 8))
    for step, (a, b) in enumerate(zip(one, eight, strict=True)):
        assert a.keys() == b.keys()
        for name in a:
            if name.startswith(("loss", "r1", "path_length", "logits", "ada")):
                assert b[name] == pytest.approx(a[name], rel=1e-5, abs=1e-6), (step, name)


@pytest.mark.slow
def test_compiles_once_and_learns_with_classes_in_bfloat16():
    history, state, step_fn = run(
        tiny(dtype="bfloat16"), 2, 5, conditions.Spec((("group", ("a", "b", "c")),))
    )
    assert {name: p.run._cache_size() for name, p in step_fn.programs.items()} == {
        "main": 1,
        "path_length": 1,
        "r1": 1,
    }
    assert int(state.counters.step) == 5
    assert all(np.isfinite(v) for m in history for v in m.values())
    assert history[0]["update_norm/g"] > 0 and history[0]["update_norm/d"] > 0
    assert "r1/penalty" in history[2] and "r1/penalty" not in history[1]


@pytest.mark.slow
def test_a_non_finite_step_is_skipped_and_counted():
    def poison(state):
        d = dict(state.d)
        d["b4"] = d["b4"] | {"out": d["b4"]["out"] | {"bias": jnp.full((1,), jnp.nan)}}
        return dataclasses.replace(state, d=d)

    history, state, _ = run(tiny(**ALONE), 1, 2, change=poison)  # R1 would stay finite, and go on
    assert history[-1]["bad_steps/in_a_row"] == 2 and int(state.counters.step) == 2
    start = stylegan2.init(methods.resolve(tiny(), 1), conditions.NONE, 0)
    jax.tree.map(np.testing.assert_array_equal, state.g, start.g)
    jax.tree.map(np.testing.assert_array_equal, state.g_ema, start.g_ema)
    np.testing.assert_array_equal(
        state.d["b8"]["conv0"]["weight"], start.d["b8"]["conv0"]["weight"]
    )


@pytest.mark.slow
def test_p_moves_by_the_images_seen_and_ema_ramps_up():
    history, state, _ = run(tiny(**ALONE), 1, 4)
    p = [m["ada/p"] for m in history]
    assert p[0] == 0.5
    for before, after in ((p[0], p[1]), (p[2], p[3])):
        assert (
            abs(after - before) == pytest.approx(2 * 16 / 1000) or after == before
        )  # sign may be 0
    assert p[1] != p[0]
    # 5 % of 64 images is far less than a batch of half-life: the average is all but the last
    # parameters.
    distance = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), state.g_ema, state.g)
    assert max(jax.tree.leaves(distance)) < 0.05


@pytest.mark.slow
def test_first_step_of_the_average_copies_the_parameters():
    _, state, _ = run(tiny(**ALONE), 1, 1)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-7), state.g_ema, state.g)


def test_lazy_regularisation_corrects_adam():
    config = methods.resolve(tiny(**{"loss.r1_every": 16, "loss.pl_every": 4}), 1)
    opts = stylegan2._optimizers(config)
    for optimizer, every in zip((opts.g, opts.d), (4, 16), strict=True):
        state = optimizer.init({"w": jnp.zeros(())})
        with jax.numpy_dtype_promotion("standard"):
            updates, _ = optimizer.update({"w": jnp.ones(())}, state)
        assert float(updates["w"]) == pytest.approx(-0.0025 * every / (every + 1), rel=1e-5)
