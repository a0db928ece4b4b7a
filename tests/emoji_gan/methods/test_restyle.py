"""Restyling: what it learns, from what it starts, on any devices, and what is refused."""

import jax
import numpy as np
import pytest

from configs import restyle as restyle_config
from emoji_gan import conditions, images, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import flow, restyle
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.base import Latents
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.trained import model_file, transfer
from emoji_gan.trained.restyler import Restyler
from emoji_gan.trained.sampler import SHIPPED_FLOW, Sampler

SPEC = conditions.Spec((("style", ("blue", "noto", "openmoji")),))
COLOURS = {0: (0, 0, 255), 1: (255, 200, 0), 2: (200, 0, 0)}  # of the styles


def tiny_config(**changes):
    c = restyle_config.get_config()
    c.batch_size, c.data.resolution = 16, 16
    c.data.sources = ("openmoji", "noto=PATH", "blue=PATH")
    c.model.update({"width": 16, "multipliers": (1, 2), "heads": 2})
    c.optim.update({"lr": 0.003, "warmup_kimg": 0.0})
    c.ema.half_life_kimg = 0.2
    c.sample.update({"steps": 4})
    c.update_from_flattened_dict(changes)
    return c


def drawing(style, corner, px=16):
    """A square in the colour of its style, whose corner says which emoji it is."""
    x = np.zeros((px, px, 4), np.uint8)
    x[corner : corner + 7, corner : corner + 7] = (*COLOURS[style], 255)
    return x


def batch_of(step, count=16):
    rng = np.random.default_rng(step)
    sources, targets = rng.integers(0, 3, (2, count))
    corners = rng.integers(1, 9, count)
    return {
        "image": np.stack([drawing(s, c) for s, c in zip(targets, corners, strict=True)]),
        "source": np.stack([drawing(s, c) for s, c in zip(sources, corners, strict=True)]),
        "condition": {"style": targets.astype(np.int32)},
        "sample": np.arange(step * count, (step + 1) * count, dtype=np.uint32),
    }


def trained(config, steps, devices=1):
    mesh = mesh_lib.make_mesh(jax.devices()[:devices])
    config = methods.resolve(config, mesh.size)
    state = mesh_lib.replicate(mesh, restyle.init(config, SPEC, 0))
    run, history = restyle.train_step(config, SPEC, mesh), []
    for i in range(steps):
        state, metrics = run(state, mesh_lib.global_batch(mesh, batch_of(i)), i)
        history.append({name: float(value) for name, value in metrics.items()})
    return config, state, history


def write(path, config, state):
    model_file.write(
        path,
        {"v_ema": jax.device_get(state.v_ema)},
        config=config.to_dict(),
        spec=SPEC,
        step=2,
        kimg_before=0.0,
        digest="",
        licence="",
    )
    return str(path)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A model file of a restyler that is hardly trained."""
    config, state, _ = trained(tiny_config(), 2)
    return write(tmp_path_factory.mktemp("restyler") / "restyler.safetensors", config, state)


@pytest.mark.slow
def test_it_learns_the_style_and_keeps_the_emoji(tmp_path):
    config, state, history = trained(tiny_config(**{"sample.guidance": 1.0}), 250)
    assert history[-1]["bad_steps/total"] == 0
    restyler = Restyler(write(tmp_path / "restyler.safetensors", config, state))
    corners, seeds = [2, 4, 6, 8], list(range(4))
    given = np.stack([drawing(0, corner) for corner in corners])

    def distance(drawn, style, where):
        real = np.stack([drawing(style, corner) for corner in where])
        return np.abs(np.asarray(images.to_model(drawn)) - images.to_model(real)).mean()

    drawn = restyler(given, "noto", seeds)
    right = distance(drawn, 1, corners)
    assert right < 0.5 * distance(given, 1, corners)  # half of no change
    assert right < 0.5 * distance(drawn, 0, corners)  # no longer in its own style
    assert right < 0.5 * distance(drawn, 1, corners[::-1])  # the emoji of the picture, no other
    mirrored = restyler(given[:, :, ::-1], "noto", seeds)[:, :, ::-1]  # seen in mirrored pairs only
    assert distance(mirrored, 1, corners) < 0.7 * distance(given, 1, corners)
    summary = restyle.summaries(config, SPEC)(state, batch_of(999))
    assert summary["images"]["source_restyled_target"].shape == (48, 16, 16, 4)
    assert 0 < summary["scalars"]["error/validation"] < 40


def test_devices_do_not_change_the_losses():
    _, _, one = trained(tiny_config(), 3)
    _, _, two = trained(tiny_config(), 3, devices=2)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(b["loss/v"], a["loss/v"], rtol=1e-5)


def test_a_step_compiles_without_data():
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    config = methods.resolve(tiny_config(), 1)
    shapes = step_lib.batch_shapes(config, SPEC, mesh)
    real = batch_of(0)
    assert shapes.keys() == real.keys()
    for name in ("image", "source", "sample"):
        assert (shapes[name].shape, shapes[name].dtype) == (real[name].shape, real[name].dtype)


def test_the_path_begins_at_the_picture():
    """Where the velocity is 0, the picture stays, under the noise that is added to it."""
    config = methods.resolve(tiny_config(**{"model.predict": "velocity"}), 1)
    v = jax.tree.map(np.zeros_like, restyle.init(config, SPEC, 0).v)
    picture = images.to_model(batch_of(0)["source"])
    noise = np.random.default_rng(0).normal(size=picture.shape).astype(np.float32)
    condition = {"style": np.zeros(16, np.int32), "picture": picture}
    draw = restyle.generator(config, SPEC).draw
    drawn = draw({"v_ema": v}, Latents(noise, 1.0, "noise"), condition)
    np.testing.assert_allclose(drawn, picture + 0.5 * noise, atol=1e-6)


def test_it_starts_as_the_flow_that_it_is_made_of():
    """The shipped flow has other conditions; where no picture is seen, a restyler is that flow."""
    config = restyle_config.get_config()
    config.init_from = str(SHIPPED_FLOW)
    config = methods.resolve(config, 1)
    state = transfer.start(restyle.init(config, SPEC, 0), config, SPEC, str(SHIPPED_FLOW))
    sampler, v = Sampler(str(SHIPPED_FLOW)), state.v_ema
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 4)).astype(np.float32)
    t = np.array([0.1, 0.7], np.float32)
    picture = np.stack([np.kron(drawing(1, 3), np.ones((2, 2, 1), np.uint8))] * 2)
    velocity = restyle.velocity_function(config, SPEC, np.zeros_like(x))
    theirs = flow.velocity_function(sampler.config, sampler.spec)(
        sampler.params["v_ema"], x, t, conditions.encode(sampler.spec, sampler.spec.none(2))
    )
    unseen = velocity(v, x, t, conditions.encode(SPEC, SPEC.none(2)))
    np.testing.assert_allclose(unseen, theirs, atol=1e-4)
    seeing = restyle.velocity_function(config, SPEC, images.to_model(picture))
    seen = seeing(v, x, t, conditions.encode(SPEC, SPEC.none(2)))
    assert np.abs(seen - theirs).max() > 0.1
    np.testing.assert_array_equal(v["enter_picture"]["weight"], v["enter"]["weight"])


def test_a_style_of_one_s_own_stands_beside_the_old_ones(stored):
    new = conditions.Spec((("style", ("blue", "mine", "noto", "openmoji")),))
    config = methods.resolve(tiny_config(init_from=stored), 1)
    before = restyle.init(config, new, 7)
    state = transfer.start(before, config, new, stored)
    old = model_file.load(stored)[1]["v_ema"]
    rows = np.asarray(state.v["condition0"])
    np.testing.assert_array_equal(rows[[0, 2, 3]], old["condition0"])
    np.testing.assert_array_equal(rows[1], np.asarray(before.v["condition0"])[1])
    np.testing.assert_array_equal(state.v["enter"]["weight"], old["enter"]["weight"])


def test_a_result_depends_on_its_own_picture_and_seed(stored):
    restyler = Restyler(stored)
    given = np.stack([drawing(i % 3, i) for i in range(8)] * 3)
    whole = restyler(given, "noto", range(24))
    assert whole.shape == given.shape and whole.dtype == np.uint8
    np.testing.assert_array_equal(restyler(given[17:18], "noto", [17]), whole[17:18])
    assert (restyler(given[:1], "noto", [1]) != whole[:1]).any()


def test_a_restyler_does_not_sample_and_others_do_not_restyle(stored, monkeypatch, tmp_path):
    with pytest.raises(UserError, match="draws nothing by itself"):
        Sampler(stored)
    with pytest.raises(UserError, match="give a restyler"):
        Restyler(str(SHIPPED_FLOW))
    with pytest.raises(UserError, match="has no such choice"):
        Restyler(stored, {"colour": 1})
    from_noise = tiny_config()
    del from_noise.loss.start_noise
    state = restyle.init(methods.resolve(tiny_config(), 1), SPEC, 0)
    with pytest.raises(UserError, match="trained by an earlier version"):
        Restyler(write(tmp_path / "old.safetensors", from_noise, state))
    monkeypatch.setattr("emoji_gan.trained.restyler.SHIPPED_RESTYLER", SHIPPED_FLOW / "absent")
    with pytest.raises(UserError, match="trains one"):
        Restyler()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data.conditions": ("group", "style")}, "a restyler is given the style alone"),
        ({"eval.every_kimg": 1.0}, "draws nothing of its own"),
        ({"data.pairs.identity": 1.0}, r"data.pairs.identity=1.0: must be in \[0, 1\)"),
        ({"condition.drop_all": 0.0}, "needs images without a condition"),
    ],
)
def test_what_cannot_work_is_refused(changes, reason):
    with pytest.raises(UserError, match=reason):
        methods.resolve(tiny_config(**changes), 1)


def test_the_variants_are_what_they_say():
    mine = restyle_config.get_config("mine")
    assert tuple(mine.data.pairs.targets) == ("mine",) and mine.method == "restyle"
    with pytest.raises(ValueError, match="the variants are '' and 'mine'"):
        restyle_config.get_config("cpu")
