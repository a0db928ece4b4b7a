"""The masked transformer: its order, its palette, what it learns, and what it keeps."""

import jax
import numpy as np
import pytest

from configs import masked as masked_config
from emoji_gan import conditions, images, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import masked
from emoji_gan.methods.base import Latents, Parents
from emoji_gan.networks import masked_transformer
from emoji_gan.runtime import mesh as mesh_lib
from tests.emoji_gan.methods.test_methods import tiny_config

SPEC = conditions.Spec((("group", ("red", "blue")),))
RED, BLUE, CLEAR = (210, 47, 39, 255), (0, 0, 255, 255), (0, 0, 0, 0)
PALETTE = tuple(bytes(c).hex() for c in (CLEAR, RED, BLUE))


def config_of(**changes):
    given = {
        "data.conditions": ("group",),
        "model.palette": PALETTE,
        "ema.half_life_kimg": 0.1,
        "optim.lr": 0.003,
    }
    return methods.resolve(tiny_config("masked", **given | changes), 1)


def squares(groups, corners):
    """A square of the group's colour on a clear ground."""
    x = np.zeros((len(groups), 16, 16, 4), np.uint8)
    for i, (group, corner) in enumerate(zip(groups, corners, strict=True)):
        x[i, corner : corner + 8, corner : corner + 8] = (RED, BLUE)[group]
    return x


def trained(config, steps):
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    state = mesh_lib.replicate(mesh, masked.init(config, SPEC, 0))
    run = masked.train_step(config, SPEC, mesh)
    for i in range(steps):
        rng = np.random.default_rng(i)
        groups = rng.integers(0, 2, 16).astype(np.int32)
        batch = {
            "image": squares(groups, rng.integers(0, 9, 16)),
            "condition": {"group": groups},
            "sample": np.arange(16 * i, 16 * (i + 1), dtype=np.uint32),
        }
        state, _ = run(state, mesh_lib.global_batch(mesh, batch), i)
    return state


def drawn(config, state, groups, **more):
    generator = masked.generator(config, SPEC)
    latents = generator.latents(np.arange(len(groups), dtype=np.uint32), np.float32(1.0))
    condition = {"group": np.asarray(groups, np.int32)}
    x = (generator.vary if more else generator.draw)(
        {"v_ema": state.v_ema}, *more.get("parents", ()), latents, condition, *more.get("to", ())
    )
    return np.asarray(images.to_uint8(x))


@pytest.mark.slow
def test_it_learns_colour_and_form():
    config = config_of()
    state = trained(config, 400)
    for order in ("halton", "confidence"):
        changed = config_of(**{"sample.order": order, "sample.steps": 8})
        x = drawn(changed, state, [0] * 8 + [1] * 8)
        filled = x[..., 3] > 0
        assert 40 < filled.mean(0).sum() < 90  # a square has 64 px
        own = [(x[i][filled[i]] == c).all(-1).mean() for i, c in enumerate([RED] * 8 + [BLUE] * 8)]
        assert np.mean(own) > 0.9, order
        beside = (filled[:, :, 1:] & filled[:, :, :-1]).sum() / filled.sum()
        assert beside > 0.6, order  # 7/8 in squares, 1/4 of pixels at random


@pytest.mark.parametrize("order", ["halton", "confidence"])
def test_every_pixel_is_settled_in_a_colour_of_the_palette(order):
    config = config_of(**{"sample.order": order, "sample.steps": 5})
    x = drawn(config, masked.init(config, SPEC, 0), [0, 1, 0])
    colours = {tuple(pixel) for pixel in x.reshape(-1, 4).tolist()}
    assert colours == {CLEAR, RED, BLUE}
    assert (drawn(config, masked.init(config, SPEC, 0), [0, 1, 0]) == x).all()


def test_variations_keep_what_is_not_masked():
    config = config_of()
    state = masked.init(config, SPEC, 0)
    parents = images.to_model(squares([0, 1], [2, 5]))
    changeable = np.zeros((2, 16, 16, 1), np.float32)
    changeable[:, 8:] = 1.0

    def at(strength):
        given = Parents(parents, changeable)
        return drawn(config, state, [0, 1], parents=(given,), to=(strength,))

    whole, half = at(1.0), at(0.5)
    kept = np.asarray(images.to_uint8(parents))
    np.testing.assert_array_equal(whole[:, :8], kept[:, :8])
    assert 0 < (half != kept).any(-1).mean() < (whole != kept).any(-1).mean()


def test_the_order_is_even_from_the_first_pixels_on():
    ranks = masked_transformer.halton_ranks(32)
    assert sorted(ranks.ravel().tolist()) == list(range(1024))
    for count in (64, 256):  # of 16 squares of 8 px, each has about its part
        parts = (ranks < count).reshape(4, 8, 4, 8).sum((1, 3))
        assert abs(parts - count / 16).max() <= 0.3 * count / 16


def test_the_nearest_colour_is_that_of_premultiplied_pixels():
    palette = masked.palette_of(config_of())
    seen = np.array([[[(210, 47, 39, 250), (9, 9, 200, 255), (255, 255, 255, 3)]]], np.uint8)
    tokens = masked.to_tokens(images.to_model(seen), palette)
    np.testing.assert_array_equal(tokens, [[[1, 2, 0]]])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model.palette": ("00000000", "red")}, "a tuple of two or more colours 'rrggbbaa'"),
        ({"model.palette": ("00000000",)}, "a tuple of two or more colours"),
        ({"model.patch": 5}, "must divide the resolution"),
        ({"model.heads": 3}, "must divide the resolution"),
        ({"sample.order": "spiral"}, "one of 'halton', 'confidence'"),
        ({"data.conditions": (), "sample.guidance": 2.0}, "nothing guides"),
    ],
)
def test_what_cannot_work_is_refused(changes, reason):
    with pytest.raises(UserError, match=reason):
        config_of(**changes)


def test_a_variant_is_the_path_of_a_palette(tmp_path):
    (tmp_path / "mine.txt").write_text("00000000\nff0000ff\n")
    assert masked_config.get_config(str(tmp_path / "mine.txt")).model.palette == (
        "00000000",
        "ff0000ff",
    )
    with pytest.raises(ValueError, match="the path of a palette"):
        masked_config.get_config(str(tmp_path / "none.txt"))


def test_latents_near_each_other_draw_nearly_the_same():
    config = config_of()
    generator = masked.generator(config, SPEC)
    state = masked.init(config, SPEC, 0)
    z = generator.latents(np.arange(4, dtype=np.uint32), np.float32(1.0)).values
    condition = {"group": np.zeros(4, np.int32)}

    def draw(values):
        latents = Latents(values, np.float32(1.0), "noise")
        return np.asarray(generator.draw({"v_ema": state.v_ema}, latents, condition))

    other = np.random.default_rng(0).standard_normal(z.shape).astype(np.float32)
    first, near, far = draw(z), draw(z + 0.01 * other), draw(other)
    assert (first != near).any(-1).mean() < 0.1 < (first != far).any(-1).mean()
