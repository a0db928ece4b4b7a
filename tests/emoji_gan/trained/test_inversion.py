"""Inversion: a picture is found again, whatever else is in the batch."""

import numpy as np
import pytest

from emoji_gan.errors import UserError
from emoji_gan.trained import inversion, latent
from emoji_gan.trained.sampler import SHIPPED_FLOW, SHIPPED_MODEL, Sampler, ask


def error(sampler, points, pictures):
    """Returns the mean difference of premultiplied RGBA of each picture, in levels."""
    drawn = latent.draw(sampler, points)
    return [
        latent.steps(np.stack(pair).astype(np.float32))[0]
        for pair in zip(drawn, pictures, strict=True)
    ]


@pytest.fixture(scope="module")
def one_step():
    return Sampler(str(SHIPPED_MODEL), changes={"steps": 1})


@pytest.fixture(scope="module")
def pictures(one_step):
    """Two emoji that the one-step model drew."""
    request = ask(one_step.spec, {"text": "cat", "style": "openmoji"}, 2)
    return one_step([3, 4], request, truncation=0.7)


def test_a_search_finds_a_picture(one_step, pictures):
    guess = inversion.invert(one_step, pictures, steps=0)
    again = inversion.invert(one_step, pictures, steps=20)
    before, after = error(one_step, guess, pictures), error(one_step, again, pictures)
    assert max(after) < 0.8 * min(before)
    lengths = np.sqrt(np.square(again.values).mean((1, 2, 3)))
    np.testing.assert_allclose(lengths, 1, atol=1e-3)  # as noise is, so that walks may start there
    alone = inversion.invert(one_step, pictures[1:], steps=20)
    np.testing.assert_array_equal(alone.values, again.values[1:])
    np.testing.assert_array_equal(alone.vectors, again.vectors[1:])
    ticks = []

    def tick():
        ticks.append(None)
        if len(ticks) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        inversion.invert(one_step, pictures, steps=20, tick=tick)


@pytest.mark.slow
def test_a_flow_goes_back_along_its_path(pictures):
    flow = Sampler(str(SHIPPED_FLOW))
    request = ask(flow.spec, {"text": "cat", "style": "openmoji"}, 2)
    where = inversion.invert(flow, pictures, request)
    assert max(error(flow, where, pictures)) < 15
    spread = np.sqrt(np.square(where.values).mean())
    assert 0.8 < spread < 1.6  # about that of noise


def test_pictures_of_another_size_are_refused(one_step):
    with pytest.raises(UserError, match="48x48 px: this model draws 32x32"):
        inversion.invert(one_step, np.zeros((1, 48, 48, 4), np.uint8))


@pytest.mark.slow
def test_latents_behind_a_mapping_are_searched_for_from_the_best_seed(whole):
    sampler = Sampler(str(whole.workdir))
    drawn = sampler([5], truncation=1.0)
    start = inversion.invert(sampler, drawn, steps=0)
    where = inversion.invert(sampler, drawn, steps=30)
    assert where.kind == "layers"
    assert error(sampler, where, drawn)[0] < error(sampler, start, drawn)[0]
