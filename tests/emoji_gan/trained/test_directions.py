"""Directions: what they raise, what they leave, and what a model does not have."""

import jax.numpy as jnp
import numpy as np
import pytest

from emoji_gan.errors import UserError
from emoji_gan.trained import attributes, directions, latent
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler, ask


@pytest.fixture(scope="module")
def sampler():
    return Sampler(str(SHIPPED_MODEL), changes={"steps": 1})


@pytest.fixture(scope="module")
def lab(sampler):
    return directions.Directions(sampler)


@pytest.fixture(scope="module")
def woman(sampler):
    request = ask(sampler.spec, {"text": "woman", "style": "openmoji"}, 1)
    return latent.points(sampler, [8], request, truncation=0.7)


def test_attributes_of_drawn_shapes():
    at = np.arange(32) - 15.5
    disc = (at[:, None] ** 2 + at**2 < 100)[..., None]
    bar = ((abs(at[:, None]) < 3) & (abs(at) < 14))[..., None]
    red, blue = np.array([1.0, 0, 0, 1]), np.array([0, 0, 0.5, 1])
    x = jnp.asarray(np.stack([disc * red, bar * red, disc * blue]) * 2 - 1, jnp.float32)
    of = dict(zip(attributes.ATTRIBUTES, np.asarray(attributes.of(x)).T, strict=True))
    assert of["rounder"][0] == pytest.approx(1, abs=0.02) and of["rounder"][1] < 0.6
    np.testing.assert_allclose(of["redder"], [1, 1, 0], atol=0.01)
    np.testing.assert_allclose(of["warmer"], [0.5, 0.5, -0.5], atol=0.01)
    np.testing.assert_allclose(of["brighter"], [1 / 3, 1 / 3, 1 / 6], atol=0.01)
    np.testing.assert_allclose(of["fuller"], [disc.mean(), bar.mean(), disc.mean()], atol=0.01)
    assert np.isfinite(np.asarray(attributes.of(jnp.full((1, 32, 32, 4), -1.0)))).all()


def test_a_named_direction_moves_its_attribute_and_holds_the_others(lab, woman):
    for number, name in enumerate(("brighter", "redder")):
        moved = lab.moved(woman, name, [-1.0, 0.0, 1.0])
        np.testing.assert_allclose(moved.changes[:, number], [-1, 0, 1], atol=0.25)
        assert np.abs(np.delete(moved.changes, number, 1)).mean() < 0.2
        np.testing.assert_allclose(moved.points.values[1], woman.values[0], atol=0.02)
        lengths = np.linalg.norm(moved.points.values.reshape(3, -1), axis=1)
        np.testing.assert_allclose(lengths, np.linalg.norm(woman.values), rtol=1e-3)


def test_words_turn_the_condition_and_keep_its_length(sampler, lab, woman):
    for name in ("happier", "sad>happy"):
        moved = lab.moved(woman, name, [0.0, 1.0]).points
        text = moved.vectors[:, -sampler.spec.text_dim :]
        np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1, rtol=1e-3)
        assert np.linalg.norm(text[1] - text[0]) > 0.1
    as_line = lab.moved(woman, "line_art", [0.0, 1.0, 3.0]).points
    line = latent.points(sampler, [8], ask(sampler.spec, {"style": "line"}, 1)).vectors
    styles = as_line.vectors[:, : -sampler.spec.text_dim]
    np.testing.assert_allclose(styles[1] - styles[0], styles[2] - styles[0])
    assert (styles[1] * line[0, : -sampler.spec.text_dim]).sum() == pytest.approx(1)


def test_a_direction_that_a_model_does_not_have_is_named(lab, woman):
    with pytest.raises(UserError, match=r"direction 'taller': .* choose brighter, .*PHRASE>PHRASE"):
        lab.moved(woman, "taller", [1.0])
    with pytest.raises(UserError, match="'xqzw': xqzw unknown"):
        lab.moved(woman, "xqzw>vwxq", [1.0])


@pytest.mark.slow
def test_directions_of_most_effect_are_orthogonal_and_visible(sampler, woman):
    best = directions.most_effective(sampler, 2)
    flat = best.reshape(2, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(2), atol=1e-4)
    rng = np.random.default_rng(0)
    chance = rng.standard_normal(best[0].shape).astype(np.float32)
    chance /= np.linalg.norm(chance)

    def effect(direction):
        return latent.steps(latent.draw(sampler, directions.along(woman, direction, [0.0, 0.2])))[0]

    assert effect(best[0]) > effect(chance)
    with pytest.raises(UserError, match="no principal components"):
        directions.principal(sampler, 2)


@pytest.mark.slow
def test_principal_components_of_latents_behind_a_mapping(whole):
    sampler = Sampler(str(whole.workdir))
    where = latent.points(sampler, [1])
    (first,) = directions.principal(sampler, 1)
    moved = directions.along(where, first, [-0.5, 0.0, 0.5])
    np.testing.assert_allclose(moved.values[1], where.values[0], atol=1e-6)
    both = moved.values[2] - moved.values[0]
    np.testing.assert_allclose(both, np.linalg.norm(where.values) * first, atol=1e-4)
    lab = directions.Directions(sampler)
    assert lab.names == tuple(attributes.ATTRIBUTES)
    with pytest.raises(UserError, match="none of that name; choose brighter"):
        lab.moved(where, "sad>happy", [1.0])
