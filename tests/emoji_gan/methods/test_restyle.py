"""Restyling: what it learns, its losses, on any devices, and what is refused."""

import jax
import numpy as np
import pytest

from configs import restyle as restyle_config
from emoji_gan import conditions, images, methods, train
from emoji_gan.edit import parents
from emoji_gan.errors import UserError
from emoji_gan.methods import restyle
from emoji_gan.methods import step as step_lib
from emoji_gan.methods.base import Latents
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.trained import even_changes, model_file, transfer
from emoji_gan.trained.restyler import Restyler
from emoji_gan.trained.sampler import SHIPPED_FLOW, Sampler
from input_pipeline.art import style_palettes

SPEC = conditions.Spec((("style", ("blue", "noto", "openmoji")),))
COLOURS = {0: (0, 0, 255), 1: (255, 200, 0), 2: (200, 0, 0)}  # of the styles


def tiny_config(**changes):
    c = restyle_config.get_config()
    c.batch_size, c.data.resolution = 16, 16
    c.data.sources = ("openmoji", "noto=PATH", "blue=PATH")
    c.model.update({"width": 16, "blocks": (1, 1, 1), "critic_width": 16})
    c.optim.update({"g_lr": 0.01, "warmup_kimg": 0.0, "decay": "constant"})
    c.ema.half_life_kimg = 0.1
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
        {"g_ema": jax.device_get(state.g_ema)},
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
    config, state, _ = trained(tiny_config(), 4)
    return write(tmp_path_factory.mktemp("restyler") / "restyler.safetensors", config, state)


@pytest.mark.slow
def test_it_learns_the_style_and_keeps_the_emoji(tmp_path):
    config, state, history = trained(tiny_config(), 250)
    assert history[-1]["bad_steps/total"] == 0
    restyler = Restyler(write(tmp_path / "restyler.safetensors", config, state))
    corners = [2, 4, 6, 8]
    given = np.stack([drawing(0, corner) for corner in corners])

    def distance(drawn, style, where):
        real = np.stack([drawing(style, corner) for corner in where])
        return np.abs(np.asarray(images.to_model(drawn)) - images.to_model(real)).mean()

    drawn = restyler(given, "noto")
    right = distance(drawn, 1, corners)
    assert right < 0.5 * distance(given, 1, corners)  # half of no change
    assert right < 0.5 * distance(drawn, 0, corners)  # no longer in its own style
    assert right < 0.5 * distance(drawn, 1, corners[::-1])  # the emoji of the picture, no other
    mirrored = restyler(given[:, :, ::-1], "noto")[:, :, ::-1]  # seen in mirrored pairs only
    assert distance(mirrored, 1, corners) < 0.7 * distance(given, 1, corners)
    summary = restyle.summaries(config, SPEC)(state, batch_of(999))
    assert summary["images"]["source_restyled_target"].shape == (48, 16, 16, 4)
    assert 0 < summary["scalars"]["error/validation"] < 40


def test_devices_do_not_change_the_losses():
    _, _, one = trained(tiny_config(), 3)
    _, _, two = trained(tiny_config(), 3, devices=2)
    for a, b in zip(one, two, strict=True):
        for name in ("loss/g", "loss/d", "loss/keep", "loss/pair", "r1/penalty"):
            np.testing.assert_allclose(b[name], a[name], rtol=1e-3, err_msg=name)


def test_a_step_compiles_without_data():
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    config = methods.resolve(tiny_config(), 1)
    shapes = step_lib.batch_shapes(config, SPEC, mesh)
    real = batch_of(0)
    assert shapes.keys() == real.keys()
    for name in ("image", "source", "sample"):
        assert (shapes[name].shape, shapes[name].dtype) == (real[name].shape, real[name].dtype)


def test_the_picture_is_what_it_starts_from():
    """Untrained, it changes nothing."""
    config = methods.resolve(tiny_config(), 1)
    g = restyle.init(config, SPEC, 0).g
    picture = images.to_model(batch_of(0)["source"])
    draw = restyle.generator(config, SPEC).draw
    drawn = draw({"g_ema": g}, Latents(picture, 1.0, "picture"), {"style": np.zeros(16, np.int32)})
    np.testing.assert_allclose(drawn, picture, atol=1e-6)


def test_pairs_are_moved_together():
    keys = jax.random.split(jax.random.key(0), 64), jax.random.split(jax.random.key(1), 64)
    given = np.stack([drawing(0, 4)] * 64)
    first, second = (np.asarray(restyle.moved(given, *keys)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    alpha = first[..., 3] > 0
    assert (alpha.sum((1, 2)) == 49).all()  # nothing is lost
    tops, lefts = alpha.any(2).argmax(1), alpha.any(1).argmax(1)
    assert set(tops) == {2, 3, 4, 5, 6}  # 4, by up to two pixels
    assert set(lefts) == {2, 3, 4, 5, 6} | {3, 4, 5, 6, 7}  # or mirrored, 5


def test_the_loss_is_of_the_change_and_its_edges_and_of_the_mean_colours():
    config = methods.resolve(tiny_config(), 1)
    real = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 4)).astype(np.float32)
    picture = np.zeros_like(real)
    shuffled = real.reshape(3, 4, 4, 4, 4, 4)[:, :, ::-1, :, ::-1].reshape(real.shape)
    loss, metrics = restyle.restyler_loss(
        config, lambda x: x.mean((1, 2, 3)), shuffled, picture, real
    )
    np.testing.assert_allclose(metrics["loss/pair"], 0, atol=1e-6)  # same colours in every square
    np.testing.assert_allclose(metrics["loss/keep"], np.abs(real).mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/g"], np.log(2), rtol=1e-5)  # the critic sees no odds
    across = [np.abs(np.diff(shuffled, axis=axis)).mean() for axis in (1, 2)]
    np.testing.assert_allclose(metrics["loss/flat"], sum(across), rtol=1e-5)
    expected = 0.05 * np.log(2) + 0.5 * np.abs(real).mean() + 0.3 * sum(across)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_an_outline_is_no_part_of_the_picture_where_the_pair_has_none():
    config = methods.resolve(tiny_config(), 1)
    plain = drawing(1, 4)
    given = plain.copy()
    given[[4, 10], 4:11, :3] = given[4:11, [4, 10], :3] = 0
    given[7, 7, :3] = plain[7, 7, :3] = 0  # a pupil
    open_line = np.where((given[..., :3].sum(-1) == 0)[..., None], given, 0)
    given, plain, open_line = (images.to_model(x)[None] for x in (given, plain, open_line))
    np.testing.assert_array_equal(restyle.without_outline(given), plain)
    np.testing.assert_array_equal(restyle.without_outline(plain), plain)
    shares = [float(restyle.outlined(x)[0]) for x in (given, plain, open_line)]
    assert shares == pytest.approx([0.6, 0.0, 1.0])  # of the rim, two pixels wide: 24 of 40

    def change(drawn, pair):
        metrics = restyle.restyler_loss(config, lambda x: x.mean((1, 2, 3)), drawn, given, pair)[1]
        return metrics["loss/keep"]

    assert change(plain, plain) == 0 < change(given, plain)
    assert change(given, given) == 0 < change(plain, given)
    assert change(given, open_line) == 0  # line art is nothing but outline


def test_a_style_of_one_s_own_stands_beside_the_old_ones(stored):
    new = conditions.Spec((("style", ("blue", "mine", "noto", "openmoji")),))
    config = methods.resolve(tiny_config(init_from=stored), 1)
    before = restyle.init(config, new, 7)
    state = transfer.start(before, config, new, stored)
    old = model_file.load(stored)[1]["g_ema"]
    rows = np.asarray(state.g["style"]["weight"])
    np.testing.assert_array_equal(rows[[0, 2, 3]], old["style"]["weight"])
    np.testing.assert_array_equal(rows[1], np.asarray(before.g["style"]["weight"])[1])
    np.testing.assert_array_equal(state.g["conv_in"]["weight"], old["conv_in"]["weight"])


def test_a_result_depends_on_its_own_picture(stored):
    restyler = Restyler(stored)
    given = np.stack([drawing(i % 3, i) for i in range(8)] * 3)
    whole = restyler(given, "noto")
    assert whole.shape == given.shape and whole.dtype == np.uint8
    np.testing.assert_array_equal(restyler(given[17:18], "noto"), whole[17:18])
    assert (restyler(given[17:18], "blue") != whole[17:18]).any()


def test_line_art_is_contours_and_other_styles_are_of_the_network_made_even(stored, tmp_path):
    config, state, _ = trained(tiny_config(), 4)
    palettes = ("blue=00000000 000000ff", "noto=00000000 ffc800ff 0000ffff c80000ff")
    config = methods.resolve(tiny_config(**{"data.pairs.palettes": palettes}), 1)
    restyler = Restyler(write(tmp_path / "r.safetensors", config, state))
    given = np.stack([drawing(1, corner) for corner in range(2, 8)])
    line = restyler(given, "blue")[0]
    assert line[2, 2:9, 3].all() and not line[3:8, 3:8].any()  # the rim of the square, no more
    assert restyler.provenance("blue")["drawn by"] == "contours"
    assert restyler.provenance("noto")["drawn by"] == "network, its changes evened"
    free = Restyler(stored)
    alone = images.to_model(free.by_network(given, "noto"))
    evened = even_changes.evened(alone, images.to_model(given))
    np.testing.assert_allclose(images.to_model(free(given, "noto")), evened, atol=0.02)


def test_a_model_keeps_names_of_files_and_of_the_hub_alone():
    config = {"data": {"sources": ("openmoji", "noto=/home/me/noto.json")}, "init_from": "/a/b"}
    passed_on = model_file.without_folders(config)
    assert passed_on == {"data": {"sources": ("openmoji", "noto=noto.json")}, "init_from": "b"}
    of_hub = config | {"init_from": "hub:someone/emoji@0123"}
    assert model_file.without_folders(of_hub)["init_from"] == "hub:someone/emoji@0123"


def test_a_result_has_the_colours_of_its_style(stored, tmp_path):
    _, state, _ = trained(tiny_config(), 4)
    given = np.stack([drawing(2, corner) for corner in range(2, 8)])
    free = Restyler(stored)(given, "noto")
    art = np.concatenate([given, [drawing(1, 3), drawing(1, 5)]])
    styles = ["openmoji"] * 6 + ["noto"] * 2
    palettes = style_palettes.fit(art, styles, 2)
    assert palettes == ("noto=00000000 ffc800ff", "openmoji=00000000 c80000ff")
    with_palettes = methods.resolve(tiny_config(**{"data.pairs.palettes": palettes}), 1)
    bound = Restyler(write(tmp_path / "r.safetensors", with_palettes, state))(given, "noto")
    colours = {tuple(pixel) for pixel in bound.reshape(-1, 4)}
    assert colours <= {(0, 0, 0, 0), (255, 200, 0, 255)} and len(colours) > 1
    assert (free != bound).any() and {tuple(pixel) for pixel in free.reshape(-1, 4)} - colours


@pytest.mark.slow
def test_training_fits_the_colours_of_each_style(tmp_path):
    for style, name in enumerate(("blue", "noto")):
        for i in range(40):
            path = tmp_path / name / f"{0x1F600 + i:x}.png"
            images.save_png(path, drawing(style, i % 8))
    config = tiny_config(total_kimg=0.032)
    config.data.sources = tuple(f"{name}={tmp_path / name}" for name in ("blue", "noto"))
    config.data.common_box, config.data.pairs.colours = False, 2
    assert train.train(config, str(tmp_path / "run"), train.Options()) == 0
    model_file.save(tmp_path / "run.safetensors", str(tmp_path / "run"))
    restyler = Restyler(str(tmp_path / "run.safetensors"))
    sources = tuple(restyler.config.data.sources)
    assert sources == ("blue=blue", "noto=noto")  # a model is passed on, its folders are not
    assert restyler.config.data.pairs.palettes == (
        "blue=00000000 0000ffff",
        "noto=00000000 ffc800ff",
    )
    config.data.pairs.palettes = ("blue=00000000 0000feff", "noto=00000000 ffc700ff")
    assert train.train(config, str(tmp_path / "run"), train.Options()) == 0  # another scipy's


def test_the_shipped_one_draws_in_each_of_its_styles():
    restyler = Restyler()
    assert restyler.styles == ("fluent", "noto", "openmoji", "openmoji line", "twemoji")
    given = restyler.prepared(parents.of_openmoji("1F355", 64).image)[None]
    drawn = {style: restyler(given, style) for style in restyler.styles}
    for style, x in drawn.items():
        palette = {bytes.fromhex(colour) for colour in restyler.palettes[style]}
        assert {pixel.tobytes() for pixel in x.reshape(-1, 4)} <= palette
    spread = {s: np.ptp(x[..., :3], -1)[x[..., 3] > 128].mean() for s, x in drawn.items()}
    assert spread["openmoji line"] < 5 and min(spread["noto"], spread["fluent"]) > 60  # in colour
    sources = [text.partition("=")[2] for text in restyler.config.data.sources]
    assert sources == ["", "icons.json", "icons.json", "icons.json"]  # no folders


def test_a_restyler_does_not_sample_and_others_do_not_restyle(stored, monkeypatch, tmp_path):
    with pytest.raises(UserError, match=r"draws nothing by itself.*edit restyle"):
        Sampler(stored)
    with pytest.raises(UserError, match="give a restyler"):
        Restyler(str(SHIPPED_FLOW))
    old = tiny_config()
    del old.data.pairs.palettes
    state = restyle.init(methods.resolve(tiny_config(), 1), SPEC, 0)
    with pytest.raises(UserError, match="trained by an earlier version"):
        Restyler(write(tmp_path / "old.safetensors", old, state))
    monkeypatch.setattr("emoji_gan.trained.restyler.SHIPPED_RESTYLER", SHIPPED_FLOW / "absent")
    with pytest.raises(UserError, match="trains one"):
        Restyler()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data.conditions": ("group", "style")}, "a restyler is given the style alone"),
        ({"eval.every_kimg": 1.0}, "draws nothing of its own"),
        ({"data.pairs.identity": 1.0}, r"data.pairs.identity=1.0: must be in \[0, 1\)"),
        ({"loss.square": 3}, "at least 16 px, and whole squares"),
        ({"model.blocks": (1, 2)}, "three numbers of blocks"),
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
