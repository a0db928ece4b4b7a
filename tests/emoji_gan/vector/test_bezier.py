"""Curves through lines of points."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoji_gan.vector import bezier


def _on(curve, count=2000):
    u = np.linspace(0, 1, count)[:, None]
    a, b, c, d = curve
    return (1 - u) ** 3 * a + 3 * u * (1 - u) ** 2 * b + 3 * u**2 * (1 - u) * c + u**3 * d


def _farthest(points, fitted):
    drawn = np.concatenate([_on(curve) for curve in fitted])
    return max(np.linalg.norm(drawn - p, axis=1).min() for p in points)


def _circle(radius, count=400):
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return 100 + radius * np.stack([np.cos(angle), np.sin(angle)], -1)


@settings(deadline=None, max_examples=20)
@given(st.floats(8, 90), st.floats(0.3, 2))
def test_a_circle_is_met_within_the_tolerance_by_few_curves(radius, tolerance):
    points = _circle(radius)
    fitted = bezier.fit(points, tolerance, reach=6, closed=True)
    assert _farthest(points, fitted) <= tolerance + 0.1
    assert len(fitted) <= 12
    assert np.allclose(fitted[0][0], fitted[-1][3])
    for one, following in itertools.pairwise(fitted):
        assert np.allclose(one[3], following[0])


def test_a_square_whose_corners_pixels_rounded_gets_them_back():
    side = np.arange(4, 97.0)
    top = np.stack([side, np.zeros_like(side)], -1)
    right = np.stack([np.full_like(side, 100), side], -1)
    points = np.concatenate([top, right, 100 - top, 100 - right])
    fitted = bezier.fit(points, 1.0, reach=8, closed=True)
    assert len(fitted) == 4
    corners = np.array(sorted(np.round(c[0], 1).tolist() for c in fitted))
    assert np.allclose(corners, [[0, 0], [0, 100], [100, 0], [100, 100]], atol=0.6)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=2, max_size=12))
def test_any_line_begins_and_ends_where_its_points_do(corners):
    points = np.array(corners, float)
    if np.allclose(points[0], points[-1]):
        return
    fitted = bezier.fit(points, 0.5, reach=5, closed=False)
    assert np.allclose(fitted[0][0], points[0]) and np.allclose(fitted[-1][3], points[-1])
    assert np.isfinite(np.stack(fitted)).all()


@pytest.mark.parametrize("closed", [True, False])
def test_smoothing_keeps_a_straight_line_and_takes_steps_away(closed):
    x = np.arange(60.0)
    straight = np.stack([x, 0.5 * x], -1)
    if not closed:
        assert np.allclose(bezier.smoothed(straight, 3, closed=False), straight, atol=1e-6)
    steps = _circle(40) if closed else np.stack([x, np.round(0.5 * x)], -1)
    rough = np.round(steps)
    smooth = bezier.smoothed(rough, 3, closed=closed)
    assert (
        np.abs(np.diff(smooth, n=2, axis=0)).max() < np.abs(np.diff(rough, n=2, axis=0)).max() / 2
    )
