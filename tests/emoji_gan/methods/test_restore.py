"""Restoration: what it learns, on any devices, and what becomes of pictures of any size."""

import jax
import ml_collections
import numpy as np
import pytest

from configs import restore as restore_config
from emoji_gan import conditions, images, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import restore
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.base import Latents
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.trained import model_file, transfer
from emoji_gan.trained.restorer import Restorer
from emoji_gan.trained.sampler import Sampler
from emoji_gan.trained.source import open_trained
from emoji_gan.vector import palettes
from input_pipeline import degrade
from tests.input_pipeline.test_degrade import ART, pictures


def tiny_config(**changes):
    c = restore_config.get_config()
    c.batch_size, c.total_kimg = 8, 8.0
    c.data.resolution = ART
    c.degrade.update({"zoom": 1, "scale": 4})
    c.model.update({"width": 8, "blocks": 1, "critic_width": 4})
    c.optim.update({"g_lr": 0.003, "warmup_kimg": 0.0, "eps": 1e-4})
    c.ema.half_life_kimg = 0.02
    c.update_from_flattened_dict(changes)
    return c


def batch_of(step, count=8):
    samples = np.arange(step * count, (step + 1) * count, dtype=np.uint32)
    made = degrade.pairs(pictures(count, seed=step % 4), samples, seed=0, zoom=1, scale=4)
    return made | {"condition": {}, "sample": samples}


COLOURS = ("ff0000", "0000ff", "ffffff", "000000")
OF_COLOURS = {"model.colours": COLOURS, "degrade.own_colours": True, "loss.adversarial": 0.0}


def flags_of(step, count=8):
    """Squares of 16 px in four colours, some on grounds."""
    samples = np.arange(step * count, (step + 1) * count, dtype=np.uint32)
    numbers = np.random.default_rng(step).integers(0, 5, (count, 2, 2))
    pixels = np.rint(255 * restore.palette_of(COLOURS)).astype(np.uint8)
    art = pixels[numbers].repeat(16, 1).repeat(16, 2)
    made = degrade.pairs(art, samples, seed=0, zoom=1, scale=4, own_colours=True)
    return made | {"condition": {}, "sample": samples}


def clean_batch_of(step, count=8):
    whole = pictures(count, seed=step % 4)
    damaged = np.stack([degrade.shrink(picture, 4) for picture in whole])
    made = {"image": whole, "damaged": damaged, "background": np.zeros(count, np.float32)}
    return made | {"condition": {}, "sample": np.arange(count, dtype=np.uint32)}


def trained(config, steps, devices=1, batches=batch_of):
    mesh = mesh_lib.make_mesh(jax.devices()[:devices])
    config = methods.resolve(config, mesh.size)
    state = mesh_lib.replicate(mesh, restore.init(config, conditions.NONE, 0))
    run = restore.train_step(config, conditions.NONE, mesh)
    metrics = []
    for i in range(steps):
        state, m = run(state, mesh_lib.global_batch(mesh, batches(i)), i)
        metrics.append({name: float(value) for name, value in m.items()})
    return config, state, metrics


@pytest.mark.parametrize(("adversarial", "corrections"), [(0.0, 0), (0.02, 0), (0.0, 2)])
def test_it_learns_to_restore(adversarial, corrections):
    config = tiny_config(**{"loss.adversarial": adversarial, "model.corrections": corrections})
    config, state, metrics = trained(config, 100, batches=clean_batch_of)
    scalars = restore.summaries(config, conditions.NONE)(state, clean_batch_of(1))["scalars"]
    assert scalars["error/validation"] < 0.9 * scalars["error/bicubic_validation"]
    assert ("loss/d" in metrics[-1]) == bool(adversarial)
    assert metrics[-1]["bad_steps/total"] == 0


def test_it_learns_to_choose_colours():
    config, state, metrics = trained(tiny_config(**OF_COLOURS), 100, batches=flags_of)
    of_batch = restore.summaries(config, conditions.NONE)(state, flags_of(200))
    scalars = of_batch["scalars"]
    assert scalars["error/validation"] < 0.8 * scalars["error/bicubic_validation"]
    assert metrics[-1]["bad_steps/total"] == 0
    generator = restore.generator(config, conditions.NONE)
    grey = np.full((1, 8, 8, 4), 128, np.uint8)
    latents = Latents(images.to_model(grey), np.float32(1), "picture")
    drawn = generator.draw({"g_ema": state.g_ema}, latents, {"background": np.zeros(1, np.float32)})
    red, green, blue, alpha = np.moveaxis((np.asarray(drawn) + 1) / 2, -1, 0)
    # Green is of white alone, which has red and blue, too.
    assert (green <= np.minimum(red, blue) + 1e-6).all() and (alpha <= 1 + 1e-6).all()
    assert (alpha >= np.maximum(red, blue) - 1e-6).all()


def test_it_starts_from_a_restorer_of_any_colours(stored):
    config = methods.resolve(tiny_config(**OF_COLOURS), 1)
    state = restore.init(config, conditions.NONE, 5)
    frozen = ml_collections.FrozenConfigDict(config)
    started = transfer.start(state, frozen, conditions.NONE, stored)
    theirs = open_trained(stored).fields(("g_ema",))["g_ema"]
    for name in ("conv_in", "before", "middle", "after", "up", "down"):
        jax.tree.map(np.testing.assert_array_equal, started.g[name], theirs[name])
    jax.tree.map(np.testing.assert_array_equal, started.g["conv_out"], state.g["conv_out"])


@pytest.mark.parametrize("colours", [{}, OF_COLOURS])
def test_corrections_begin_with_what_the_restorer_drew(tmp_path, colours):
    batches = flags_of if colours else batch_of
    stored = written(tmp_path / "restorer.safetensors", tiny_config(**colours), batches)
    config = methods.resolve(tiny_config(**colours, **{"model.corrections": 2}), 1)
    state = restore.init(config, conditions.NONE, 5)
    frozen = ml_collections.FrozenConfigDict(config)
    started = transfer.start(state, frozen, conditions.NONE, stored)
    pictures = list(batches(3)["damaged"][:2])
    latents = Latents(images.to_model(np.stack(pictures)), np.float32(1), "picture")

    def drawn(config, params):
        generator = restore.generator(config, conditions.NONE)
        return generator.draw(params, latents, {"background": np.zeros(2, np.float32)})

    old = methods.resolve(tiny_config(**colours), 1)
    before = drawn(old, open_trained(stored).fields(("g_ema",)))
    np.testing.assert_allclose(drawn(config, {"g_ema": started.g}), before, atol=1e-5)


def test_the_variant_has_the_colours_of_openmoji():
    config = methods.resolve(restore_config.get_config("openmoji"), 1)
    colours = restore.palette_of(config.model.colours)
    np.testing.assert_array_equal(np.rint(255 * colours[:-1, :3]), palettes.OPENMOJI)
    np.testing.assert_array_equal(colours[-1], np.zeros(4))
    with pytest.raises(ValueError, match="'' and 'openmoji'"):
        restore_config.get_config("noto")


def test_devices_do_not_matter():
    _, _, one = trained(tiny_config(), 3)
    _, _, two = trained(tiny_config(), 3, devices=2)
    for a, b in zip(one, two, strict=True):
        for name, value in a.items():
            np.testing.assert_allclose(b[name], value, rtol=2e-3, atol=1e-5, err_msg=name)


def test_a_step_compiles_without_data():
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    config = methods.resolve(tiny_config(), 1)
    shapes = step_lib.batch_shapes(config, conditions.NONE, mesh)
    real = batch_of(0)
    assert {k: (v.shape, v.dtype) for k, v in shapes.items() if k != "condition"} == {
        k: (v.shape, v.dtype) for k, v in real.items() if k != "condition"
    }


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A model file of a restorer that is hardly trained."""
    return written(tmp_path_factory.mktemp("restorer") / "restorer.safetensors", tiny_config())


@pytest.fixture(scope="module")
def stored_of_colours(tmp_path_factory):
    """A model file of a restorer of four colours, hardly trained."""
    path = tmp_path_factory.mktemp("restorer") / "of_colours.safetensors"
    return written(path, tiny_config(**OF_COLOURS), flags_of)


def written(path, config, batches=batch_of):
    config, state, _ = trained(config, 2, batches=batches)
    model_file.write(
        path,
        {"g_ema": jax.device_get(state.g_ema)},
        config=config.to_dict(),
        spec=conditions.NONE,
        step=2,
        kimg_before=0.0,
        digest="",
        licence="",
    )
    return str(path)


def test_pictures_of_any_size_become_as_large_as_asked(stored):
    restorer = Restorer(stored)
    rng = np.random.default_rng(0)
    sizes = [(8, 8), (16, 9), (33, 20), (8, 8), (16, 9)]
    images = [rng.integers(0, 256, (*size, 4), np.uint8) for size in sizes]
    for scale in (1, 2, 4, 8):
        results = restorer(images, scale)
        assert [r.shape for r in results] == [(scale * h, scale * w, 4) for h, w in sizes]
    alone = restorer(images[2:3], 4)[0]
    np.testing.assert_array_equal(alone, restorer(images, 4)[2])
    assert restorer.to_size(np.stack([images[0], images[3]]), 50).shape == (2, 50, 50, 4)
    with pytest.raises(UserError, match="scale 3"):
        restorer(images, 3)
    with pytest.raises(UserError, match="at most 256 px"):
        restorer([np.zeros((300, 10, 4), np.uint8)], 1)
    for size in (4, 129):
        with pytest.raises(UserError, match=f"--size={size}: expected 8 to 128 px"):
            restorer.to_size(images[0][None], size)


def test_a_ground_that_stays_is_of_any_colour(stored, stored_of_colours):
    restorer, other = Restorer(stored_of_colours), Restorer()
    art = flags_of(0)["damaged"][:2]
    screen = degrade.over(art[0], (90, 200, 10))
    mixed = restorer([art[0], screen, art[1]], 4)
    np.testing.assert_array_equal(mixed[1], other([screen], 4)[0])
    assert mixed[1][..., 3].mean() > 250
    for i in (0, 1):
        np.testing.assert_array_equal(mixed[2 * i], restorer([art[i]], 4)[0])
    assert restorer.digest_of(art[0]) == restorer.checkpoint_hash != other.checkpoint_hash
    assert restorer.digest_of(screen) == other.checkpoint_hash
    assert restorer.digest_of(screen, remove_background=True) == restorer.checkpoint_hash


def test_a_restorer_does_not_sample(stored):
    with pytest.raises(UserError, match="draws nothing by itself"):
        Sampler(stored)
    with pytest.raises(UserError, match="give a restorer"):
        Restorer("models/onestep_32.safetensors")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data.conditions": ("group",)}, "a restorer has none"),
        ({"eval.every_kimg": 1.0}, "draws nothing of its own"),
        ({"data.resolution": 16}, "at least 8"),
        ({"degrade.scale": 3}, "one of 2, 4"),
        ({"model.colours": ("red",)}, "colours 'rrggbb'"),
        ({"model.colours": ("ff0000",)}, "give both or neither"),
        ({"degrade.own_colours": True}, "give both or neither"),
    ],
)
def test_what_cannot_work_is_refused(changes, reason):
    with pytest.raises(UserError, match=reason):
        methods.resolve(tiny_config(**changes), 1)
