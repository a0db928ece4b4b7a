"""Walks through latent space: their ends, their lengths, and how even their steps are."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoji_gan import conditions
from emoji_gan.errors import UserError
from emoji_gan.trained import latent
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler, ask
from input_pipeline import degrade


@pytest.fixture(scope="module")
def sampler():
    return Sampler(str(SHIPPED_MODEL), changes={"steps": 1})


@pytest.fixture(scope="module")
def apples(sampler):
    """Three points of a red apple."""
    request = ask(sampler.spec, {"text": "red apple", "style": "line"}, 3)
    return latent.points(sampler, [1, 2, 3], request, truncation=0.7)


def test_a_point_is_what_its_seed_draws(sampler, apples):
    request = ask(sampler.spec, {"text": "red apple", "style": "line"}, 3)
    drawn = sampler([1, 2, 3], request, 0.7)
    with_alpha = drawn[..., 3:] > 0  # elsewhere colours say nothing
    again = latent.draw(sampler, apples)
    np.testing.assert_allclose(again * with_alpha, drawn, atol=0.51)
    assert len(apples[[2, 0]]) == 2 and len(latent.joined([apples, apples[:1]])) == 4


def test_a_walk_meets_its_stops_and_keeps_their_length(sampler, apples):
    face = latent.points(sampler, [9], ask(sampler.spec, {"text": "grinning face"}, 1))
    stops = latent.joined([apples[:2], face])
    path = latent.through(sampler.spec, stops, closed=True)
    at = path(np.array([2 / 3, 0, 1 / 3, 1, 0.5]))
    for row, stop in zip(at[:4].values, stops[[2, 0, 1, 0]].values, strict=True):
        np.testing.assert_allclose(row, stop, atol=1e-4)
    np.testing.assert_allclose(at.vectors[:4], stops.vectors[[2, 0, 1, 0]], atol=1e-4)
    # Half way from an apple as line art to a face of any style.
    text = at.vectors[4, -sampler.spec.text_dim :]
    np.testing.assert_allclose(np.linalg.norm(text), 1, rtol=1e-4)
    assert np.linalg.norm(at.vectors[4]) == pytest.approx(np.sqrt(1.25), rel=1e-3)
    lengths = np.linalg.norm(at.values.reshape(5, -1), axis=1)
    assert lengths[4] == pytest.approx((lengths[0] + lengths[2]) / 2, rel=1e-4)

    middle = latent.between(sampler.spec, apples[:2], np.array([0.5]), straight=True)
    np.testing.assert_allclose(middle.values[0], apples.values[:2].mean(0), atol=1e-6)

    open_path = latent.through(sampler.spec, stops, closed=False)
    np.testing.assert_allclose(open_path(np.ones(1)).values, face.values, atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.floats(0.01, 100))
def test_a_turn_goes_evenly_from_end_to_end(seed, size, length):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, size)).astype(np.float32)
    second *= length
    between = latent.turned(first, second, np.linspace(0, 1, 5)).astype(np.float64)
    np.testing.assert_allclose(between[[0, 4]], [first, second], atol=2e-6 * (1 + length) * 10)
    lengths = np.linalg.norm(between, axis=1)
    np.testing.assert_allclose(np.diff(lengths, 2), 0, atol=1e-5 * lengths.max())
    directions = between / lengths[:, None]
    cosines = np.sum(directions[1:] * directions[:-1], 1)
    np.testing.assert_allclose(cosines, cosines[0], atol=1e-5)


def test_where_there_is_no_arc_it_is_the_straight_line():
    half, ones = np.array([0.5]), np.ones(3, np.float32)
    for first, second in ((0 * ones, ones), (ones, 0 * ones), (ones, ones), (ones, -ones)):
        np.testing.assert_allclose(latent.turned(first, second, half)[0], (first + second) / 2)


def test_a_loop_closes_in_even_steps(sampler, apples):
    path = latent.around(sampler, apples[:1], radius=0.4, seed=5)
    np.testing.assert_allclose(path(np.zeros(1)).values, path(np.ones(1)).values, atol=1e-4)
    lengths = np.linalg.norm(path(np.linspace(0, 1, 7)).values.reshape(7, -1), axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(apples.values[0]), rtol=1e-5)
    even = latent.even_times(sampler, path, 10, closed=True)
    assert even[0] == 0 and 0.8 < even[-1] < 1 and (np.diff(even) > 0).all()
    as_even, as_it_is = (
        latent.loop_figures(latent.draw(sampler, path(times)))
        for times in (even, np.arange(10) / 10)
    )
    assert as_even["seam"] < 1.5 * as_even["median_step"]
    assert as_even["evenness"] > as_it_is["evenness"]
    tick = mock.Mock(side_effect=[None, InterruptedError])
    with pytest.raises(InterruptedError):
        latent.even_times(sampler, path, 10, closed=True, tick=tick)
    assert tick.call_count == 2


def test_nothing_that_changes_has_even_steps_too(sampler):
    still = latent.points(sampler, [0], sampler.spec.none(1), truncation=0.0)
    path = latent.around(sampler, still, radius=1.0)
    assert (path(np.linspace(0, 1, 3)).values == 0).all()
    times = latent.even_times(sampler, path, 4, closed=True)
    np.testing.assert_allclose(times, [0, 0.25, 0.5, 0.75])


def test_the_figures_of_a_loop():
    frames = np.zeros((4, 2, 2, 4))
    frames[..., 3] = np.array([0, 10, 20, 30])[:, None, None]
    figures = latent.loop_figures(frames)
    assert figures["median_step"] == figures["largest_step"] == pytest.approx(5)
    assert figures["seam"] == pytest.approx(15) and figures["evenness"] == pytest.approx(1 / 3)


@pytest.mark.slow
def test_behind_a_mapping_network_walks_are_straight_lines_in_w(whole):
    sampler = Sampler(str(whole.workdir))
    ends = latent.points(sampler, [0, 1])
    assert ends.kind == "layers"
    middle = latent.between(sampler.spec, ends, np.array([0.5]))
    np.testing.assert_allclose(middle.values[0], ends.values.mean(0), atol=1e-6)
    path = latent.around(sampler, ends[:1], radius=0.5)
    np.testing.assert_allclose(path(np.zeros(1)).values, path(np.ones(1)).values, atol=1e-5)
    # Where almost nothing is drawn, straight colours hang on the last bit.
    for from_w, from_seed in zip(
        latent.draw(sampler, ends), sampler([0, 1], sampler.spec.none(2)), strict=True
    ):
        np.testing.assert_allclose(
            degrade.premultiply(from_w), degrade.premultiply(from_seed), atol=1.01 / 255
        )

    layers = ends.values.shape[1]
    none, all_of_it, some = (
        latent.draw(sampler, latent.mixed(ends[:1], ends[1:], n)) for n in (layers, 0, layers // 2)
    )
    coarse, fine = latent.draw(sampler, ends)
    np.testing.assert_array_equal(none[0], coarse)
    np.testing.assert_array_equal(all_of_it[0], fine)
    assert np.abs(some[0] - coarse).max() > 1 and np.abs(some[0] - fine).max() > 1
    with pytest.raises(UserError, match=f"expected 0 to {layers}"):
        latent.mixed(ends[:1], ends[1:], layers + 1)


def test_without_layers_nothing_is_mixed(apples):
    with pytest.raises(UserError, match="no layers"):
        latent.mixed(apples[:1], apples[1:2], 0)


def test_an_encoded_condition_goes_before_all_others(sampler):
    spec = sampler.spec
    vector = np.asarray(conditions.encode(spec, ask(spec, {"style": "line"}, 2)))
    again = conditions.encode(spec, spec.none(2) | {conditions.VECTOR: vector})
    np.testing.assert_array_equal(again, vector)
