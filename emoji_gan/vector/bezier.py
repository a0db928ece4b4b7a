"""Fits cubic Bézier curves to lines of points.

After P. J. Schneider, An Algorithm for Automatically Fitting Digitized Curves, Graphics Gems, 1990:
one curve by least squares, its parameters made better by Newton's method; split at the worst point
where that is not near enough. Points are f64 [n 2], x and y; a curve is f64 [4 2].
"""

import itertools

import numpy as np
from scipy import ndimage

_CORNER_DEGREES = 42.0  # a turn that is sharper, within the reach of a corner, is kept as one
_SUDDEN = 0.7  # of a turn, that a corner makes within the reach and not within twice of it
_REPARAMETRISATIONS = 2  # more cost time, and gain nothing
_STRAIGHT = 0.8  # times the tolerance; what is so near to its chord is straight
_NEAR = 4.0  # squared times the tolerance; below it the parameters are worth making better


def fit(points: np.ndarray, tolerance: float, *, reach: float, closed: bool) -> list[np.ndarray]:
    """Fits curves that pass within a tolerance of all points, and turn sharply only at corners.

    Args:
      points: f64 [n 2], n at least 2; the first is not repeated where they are closed.
      tolerance: the largest distance, in units of the points.
      reach: the length before and after a point in which its turn is looked at.
      closed: whether the last point is joined to the first.

    Returns:
      Curves f64 [4 2], each beginning where the one before it ended.
    """
    points = even(points, closed=closed)
    if len(points) < 3:
        return [_straight(points[0], points[-1])]
    corners = _corners(points, reach, closed=closed)
    points = _sharpened(points, corners, reach)
    if not closed:
        ends = sorted({0, *corners, len(points) - 1})
        parts = [points[a : b + 1] for a, b in itertools.pairwise(ends)]
        return [c for part in parts for c in _fit_part(part, tolerance, reach)]
    start = corners[0] if corners else 0
    points = np.roll(points, -start, axis=0)
    points = np.concatenate([points, points[:1]])
    ends = sorted({0, *(c - start for c in corners), len(points) - 1})
    smooth = None if corners else _direction(points[1] - points[-2])
    curves = []
    for a, b in itertools.pairwise(ends):
        curves += _fit_part(points[a : b + 1], tolerance, reach, smooth)
    return curves


def even(points: np.ndarray, *, closed: bool) -> np.ndarray:
    """Resamples a line to points about one unit apart; the ends of an open one stay."""
    if closed:
        points = np.concatenate([points, points[:1]])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    keep = np.concatenate([[True], steps > 1e-9])
    points, at = points[keep], np.concatenate([[0.0], np.cumsum(steps[steps > 1e-9])])
    count = max(2, round(at[-1]) + 1)
    wanted = np.linspace(0, at[-1], count)
    resampled = np.stack([np.interp(wanted, at, points[:, i]) for i in (0, 1)], -1)
    return resampled[:-1] if closed and count > 2 else resampled


def smoothed(points: np.ndarray, sigma: float, *, closed: bool) -> np.ndarray:
    """Smooths a line of even points by a Gaussian along it; the ends of an open one stay."""
    if closed:
        return ndimage.gaussian_filter1d(points, sigma, axis=0, mode="wrap")
    # Mirrored through the end points: a straight line stays as it is.
    n = min(len(points) - 1, int(4 * sigma) + 1)
    before, after = 2 * points[0] - points[n:0:-1], 2 * points[-1] - points[-2 : -n - 2 : -1]
    line = np.concatenate([before, points, after])
    out = ndimage.gaussian_filter1d(line, sigma, axis=0, mode="nearest")[n : n + len(points)]
    out[0], out[-1] = points[0], points[-1]
    return out


def _corners(points: np.ndarray, reach: float, *, closed: bool) -> list[int]:
    """Returns the indices of the points where the line turns sharply.

    Within twice the reach a corner turns no more than within the reach, an arc twice as much.
    """
    k = max(1, round(reach))
    if len(points) < 4 * k + 1:
        return []
    turn, farther = (_turns_within(points, n, closed=closed) for n in (k, 2 * k))
    turn = np.where(turn > _SUDDEN * farther, turn, 0)
    if not closed:
        turn[:k] = turn[-k:] = 0
    mode = "wrap" if closed else "nearest"
    highest = ndimage.maximum_filter1d(turn, 2 * k + 1, mode=mode)
    corners: list[int] = []
    for i in np.flatnonzero((turn == highest) & (turn > _CORNER_DEGREES)):
        if not corners or i - corners[-1] > k:
            corners.append(int(i))
    return corners


def _turns_within(points: np.ndarray, k: int, *, closed: bool) -> np.ndarray:
    """Returns by how many degrees the line turns from k points before to k points after each."""
    if closed:
        before, after = np.roll(points, k, 0), np.roll(points, -k, 0)
    else:
        padded = np.pad(points, ((k, k), (0, 0)), mode="edge")
        before, after = padded[: -2 * k], padded[2 * k :]
    return _turns(points - before, after - points)


def _sharpened(points: np.ndarray, corners: list[int], reach: float) -> np.ndarray:
    """Moves corners to where the lines on either side would meet, as pixels round them off."""
    n, k = len(points), max(1, round(reach / 2))
    moved = points.copy()
    for c in corners:
        sides = [points[(c + sign * np.arange(k, 4 * k)) % n] for sign in (-1, 1)]
        ways = [_direction(side[-1] - side[0]) for side in sides]
        cross = ways[0][0] * ways[1][1] - ways[0][1] * ways[1][0]
        if abs(cross) < np.sin(np.radians(_CORNER_DEGREES)):
            continue
        away = sides[1].mean(0) - sides[0].mean(0)
        along = (away[0] * ways[1][1] - away[1] * ways[1][0]) / cross
        corner = sides[0].mean(0) + along * ways[0]
        if np.linalg.norm(corner - points[c]) > reach:
            continue
        for sign in (-1, 1):
            steps = np.arange(k)
            end = points[(c + sign * k) % n]
            moved[(c + sign * steps) % n] = corner + np.outer(steps / k, end - corner)
    return moved


def _turns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the angles, in degrees, between directions [n 2]."""
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return np.abs(np.degrees(np.arctan2(cross, (a * b).sum(1))))


def _direction(v: np.ndarray) -> np.ndarray:
    return v / max(float(np.linalg.norm(v)), 1e-12)


def _straight(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([a, a + (b - a) / 3, b - (b - a) / 3, b])


def _fit_part(
    points: np.ndarray, tolerance: float, reach: float, smooth: np.ndarray | None = None
) -> list[np.ndarray]:
    """Fits curves to a line without corners; `smooth`: its direction where it closes."""
    k = min(len(points) - 1, max(1, round(reach / 2)))
    left = _direction(points[k] - points[0]) if smooth is None else smooth
    right = _direction(points[-1 - k] - points[-1]) if smooth is None else -smooth
    return _split(points, left, right, tolerance)


def _split(
    points: np.ndarray, left: np.ndarray, right: np.ndarray, tolerance: float
) -> list[np.ndarray]:
    chord = points[-1] - points[0]
    length = float(np.linalg.norm(chord))
    if len(points) <= 2 or (
        length > 0 and _off_chord(points, chord / length) <= _STRAIGHT * tolerance
    ):
        return [_straight(points[0], points[-1])]
    steps = points[1:] - points[:-1]
    at = np.zeros(len(points))
    np.cumsum(np.sqrt((steps * steps).sum(1)), out=at[1:])
    u = at / at[-1]
    for _ in range(_REPARAMETRISATIONS):
        curve = _least_squares(points, u, left, right)
        squared = ((_at(curve, u) - points) ** 2).sum(1)
        worst = int(squared.argmax())
        if squared[worst] <= tolerance**2:
            return [curve]
        if squared[worst] > _NEAR**2 * tolerance**2:
            break
        u = _newton(curve, points, u)
    worst = min(max(worst, 1), len(points) - 2)
    k = max(1, min(worst, len(points) - 1 - worst, 4))
    middle = _direction(points[worst - k] - points[worst + k])
    return [
        *_split(points[: worst + 1], left, middle, tolerance),
        *_split(points[worst:], -middle, right, tolerance),
    ]


def _off_chord(points: np.ndarray, direction: np.ndarray) -> float:
    away = points - points[0]
    return float(np.abs(away[:, 0] * direction[1] - away[:, 1] * direction[0]).max())


def _weights(u: np.ndarray) -> np.ndarray:
    """Returns Bernstein's polynomials of degree 3 [n 4]."""
    weights = np.empty((len(u), 4))
    v = 1 - u
    weights[:, 0], weights[:, 1] = v**3, 3 * u * v**2
    weights[:, 2], weights[:, 3] = 3 * u**2 * v, u**3
    return weights


def _at(curve: np.ndarray, u: np.ndarray) -> np.ndarray:
    return _weights(u) @ curve


def _least_squares(
    points: np.ndarray, u: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Returns the nearest curve with given ends and directions there."""
    b = _weights(u)
    first, last = points[0], points[-1]
    rest = points - (b[:, 0] + b[:, 1])[:, None] * first - (b[:, 2] + b[:, 3])[:, None] * last
    a1, a2 = b[:, 1:2] * left, b[:, 2:3] * right
    c11, c12, c22 = (a1 * a1).sum(), (a1 * a2).sum(), (a2 * a2).sum()
    x1, x2 = (a1 * rest).sum(), (a2 * rest).sum()
    determinant = c11 * c22 - c12**2
    length = float(np.linalg.norm(last - first))
    alpha = beta = 0.0
    if abs(determinant) > 1e-9:
        alpha = (x1 * c22 - x2 * c12) / determinant
        beta = (c11 * x2 - c12 * x1) / determinant
    # Handles that point backwards, or reach far beyond the ends, would make loops.
    if not (1e-3 * length < alpha < 4 * length and 1e-3 * length < beta < 4 * length):
        alpha = beta = length / 3
    return np.stack([first, first + alpha * left, last + beta * right, last])


def _newton(curve: np.ndarray, points: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Moves each parameter to where the curve is nearer to its point."""
    first = curve[1:] - curve[:-1]
    d1, d2 = 3 * first, 6 * (first[1:] - first[:-1])
    off = _at(curve, u) - points
    v = 1 - u
    weights = np.empty((len(u), 3))
    weights[:, 0], weights[:, 1], weights[:, 2] = v**2, 2 * u * v, u**2
    q1 = weights @ d1
    weights[:, 0], weights[:, 1] = v, u
    q2 = np.ascontiguousarray(weights[:, :2]) @ d2
    slope = (q1 * q1).sum(1) + (off * q2).sum(1)
    step = np.where(np.abs(slope) > 1e-12, (off * q1).sum(1) / np.where(slope == 0, 1, slope), 0)
    return np.maximum.accumulate(np.clip(u - step, 0, 1))
