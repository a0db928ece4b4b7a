"""Finds the lines of a drawing: where they run, and how wide they are."""

import dataclasses

import numpy as np
from scipy import ndimage
from skimage import morphology

from emoji_gan.vector import bezier

_EIGHT = np.ones((3, 3), int)
_STRAIGHT_FIRST = ((-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
_THICK = 1.6  # half widths of a line; what is thicker is no line
_THIN = 0.4  # half widths of a line; what is thinner on its own is no line
_DOT = 1.0  # squared half widths; a smaller dot is none
_USUAL = 0.5  # of the usual width, by which a width may be mistaken
_STRAIGHT_DEGREES = 40.0  # two lines that meet go on as one if it turns by less
_EVEN = 0.35  # half widths along a line, which takes the steps of its pixels away
_OFF = 0.6  # half widths by which an edge may be nearer or farther than a half width
_OFF_END = 1.0  # likewise, of the end of a line
_STEP_PX = 0.25  # between the pixels that are looked at across a line
_CAP = 1.2  # half widths before the end of a skeleton, which turns to a side within a round cap


@dataclasses.dataclass(frozen=True)
class Line:
    """Holds one line's points f64 [n 2], x and y in px, and whether it is closed."""

    points: np.ndarray
    closed: bool


def find(
    mask: np.ndarray, soft: np.ndarray, *, usual_width_px: float, most_width_px: float
) -> tuple[list[Line], float, np.ndarray]:
    """Finds the lines of one width in a mask.

    Args:
      mask: bool [h w], all that has the lines' colour.
      soft: f32 [h w], the same with edges that lie between pixels: where it is 0.5.
      usual_width_px: of the style's lines, which they have unless they are much thinner or wider.
      most_width_px: what is wider is no line.

    Returns:
      The lines, their width in px (0.0 without any), and the part of the mask that is none.
    """
    inside = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    skeleton = morphology.skeletonize(mask)
    halves = inside[skeleton & (inside < most_width_px / 2 + 1)]
    if len(halves) < most_width_px:
        return [], 0.0, mask
    half = float(np.median(halves)) - 0.25  # distances are to the centre of a pixel outside
    if abs(2 * half / usual_width_px - 1) < _USUAL:
        half = usual_width_px / 2
    deep = inside - 0.25 > _THICK * half
    outside = ndimage.distance_transform_edt(~deep) if deep.any() else np.full(mask.shape, np.inf)
    thick = mask & (outside <= _THICK * half + 1)
    # A branch in the corner of a thick part is longer than one at the end of a line, and no line.
    least = 2 * half if thick.any() else half
    hair = _hairs(mask, inside, half)
    joined = _joined(*_branches(skeleton & ~thick & ~hair), half)
    lines = [line for line in joined if _length(line.points) > least]
    if not lines:
        return [], 0.0, mask
    lines = [_centred(line, soft, half) for line in lines]
    covered = np.zeros(mask.shape, bool)
    for line in lines:
        x, y = np.round(line.points).astype(int).T
        covered[y.clip(0, mask.shape[0] - 1), x.clip(0, mask.shape[1] - 1)] = True
    covered = ndimage.distance_transform_edt(~covered) <= half + 1.5
    numbers, _ = ndimage.label(mask & ~covered & ~hair, _EIGHT)
    large = np.bincount(numbers.ravel()) >= _DOT * half**2
    large[0] = False
    return lines, 2 * half, thick | large[numbers]


def _hairs(mask: np.ndarray, inside: np.ndarray, half: float) -> np.ndarray:
    """Returns what is too thin for a line: bool [h w]. What joins two ends of lines is none.

    Args:
      mask: bool [h w].
      inside: f64 [h w], px to the nearest pixel outside.
      half: the half width of lines, px.
    """
    firm = mask & _around(mask & (inside >= _THIN * half), half)
    numbers, count = ndimage.label(mask & ~firm, _EIGHT)
    for number, window in enumerate(ndimage.find_objects(numbers, count), 1):
        around = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in window)
        hair = numbers[around] == number
        touched = ndimage.binary_dilation(hair, _EIGHT) & firm[around]
        if ndimage.label(touched, _EIGHT)[1] > 1:
            firm[around] |= hair
    return mask & ~firm


def _around(mask: np.ndarray, px: float) -> np.ndarray:
    """Returns what is within a distance of a mask, px."""
    return ndimage.distance_transform_edt(~mask) <= px if mask.any() else mask


def _length(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def _centred(line: Line, soft: np.ndarray, half: float) -> Line:
    """Moves a line to midway between its edges, and its free ends to where a half width is left.

    A skeleton runs along pixels, up to one beside the middle. Where no edge is near, as at a
    junction, the line moves as it does before and after.

    Args:
      line: as the skeleton has it.
      soft: f32 [h w], 1 inside the lines.
      half: the half width, px.
    """
    if len(line.points) < 4 * _CAP * half:  # too short to have a direction
        return line
    points = bezier.smoothed(line.points, _EVEN * half, closed=line.closed)
    if not line.closed:
        points = _with_ends(points, soft, half)
    ways = _ways(points, closed=line.closed)
    across = np.stack([-ways[:, 1], ways[:, 0]], -1)
    least, most = (1 - _OFF) * half, (1 + _OFF) * half
    edges = np.stack([_edge(soft, points, sign * across, least, most) for sign in (1, -1)])
    seen = np.isfinite(edges)
    away = np.where(seen, edges - half, 0) * np.array([[1], [-1]])
    mode = "wrap" if line.closed else "nearest"
    count, total = (
        ndimage.gaussian_filter1d(x.sum(0).astype(float), _EVEN * half, mode=mode)
        for x in (seen, away)
    )
    shift = np.where(count > 0.05, total / np.maximum(count, 0.05), 0)
    return Line(points + shift[:, None] * across, line.closed)


def _with_ends(points: np.ndarray, soft: np.ndarray, half: float) -> np.ndarray:
    """Ends an open line straight, a half width before the edge ahead; else it stays as it is."""
    cap = round(_CAP * half)
    for _ in range(2):
        points = points[::-1]
        way = _leaving(points[cap:], 0, half / 2)
        start = points[[cap]]
        edge = float(_edge(soft, start, -way[None], 0.0, cap + (1 + _OFF_END) * half)[0])
        if np.isfinite(edge):
            steps = np.arange(max(edge - half, 0), 0, -1.0)
            points = np.concatenate([start - steps[:, None] * way, points[cap:]])
    return points


def _ways(points: np.ndarray, *, closed: bool) -> np.ndarray:
    """Returns the directions f64 [n 2], of length 1, in which a line goes on at its points."""
    around = np.roll(points, -1, 0) - np.roll(points, 1, 0)
    ways = around if closed else np.gradient(points, axis=0)
    return ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)


def _edge(
    soft: np.ndarray, points: np.ndarray, ways: np.ndarray, least: float, most: float
) -> np.ndarray:
    """Returns how far each point [n 2] is from the edge along its way [n 2], px; else nan.

    The edge is between `least` and `most`: inside before, outside behind.
    """
    steps = np.arange(least, most + _STEP_PX, _STEP_PX)
    x, y = np.moveaxis(points[:, None] + steps[:, None] * ways[:, None], -1, 0)
    values = ndimage.map_coordinates(soft, [y, x], order=1, mode="constant")
    outside = values < 0.5
    i = np.maximum(outside.argmax(1), 1)[:, None]
    inner, outer = (np.take_along_axis(values, n, 1)[:, 0] for n in (i - 1, i))
    at = steps[i[:, 0] - 1] + _STEP_PX * (inner - 0.5) / np.maximum(inner - outer, 1e-6)
    return np.where(~outside[:, 0] & outside.any(1), at, np.nan)


def _branches(skeleton: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Cuts a skeleton at its junctions.

    Returns:
      Branches [n 2] of x and y, which reach into the junctions at their ends, and the junctions
      [m 2].
    """
    near = ndimage.convolve(skeleton.astype(int), _EIGHT, mode="constant") - 1
    junction = skeleton & (near >= 3)
    clusters, count = ndimage.label(junction, _EIGHT)
    centres = np.array(ndimage.center_of_mass(junction, clusters, range(1, count + 1)))
    centres = centres.reshape(-1, 2)[:, ::-1]
    pieces, many = ndimage.label(skeleton & ~junction, _EIGHT)
    branches = []
    for piece, window in enumerate(ndimage.find_objects(pieces, many), 1):
        y, x = np.nonzero(pieces[window] == piece)
        points = _walk(np.stack([x + window[1].start, y + window[0].start], -1))
        first, last = (_touched(clusters, points[end]) for end in (0, -1))
        before, after = (centres[n - 1 : n] if n else centres[:0] for n in (first, last))
        branches.append(np.concatenate([before, points, after]))
    return branches, centres


def _touched(clusters: np.ndarray, point: np.ndarray) -> int:
    """Returns the number of the cluster beside a point, or 0."""
    x, y = point
    return int(clusters[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].max())


def _walk(points: np.ndarray) -> np.ndarray:
    """Orders the pixels of a simple path or a loop by walking along them."""
    left = {tuple(p) for p in points.tolist()}

    def near(p: tuple) -> list[tuple]:
        x, y = p
        return [q for i, j in _STRAIGHT_FIRST if (q := (x + i, y + j)) in left]

    ends = [p for p in sorted(left) if len(near(p)) <= 1]
    at = ends[0] if ends else min(left)
    path = [at]
    left.discard(at)
    while following := near(at):
        at = following[0]
        path.append(at)
        left.discard(at)
    return np.array(path)


def _joined(branches: list[np.ndarray], centres: np.ndarray, half: float) -> list[Line]:
    """Joins branches that go straight on at a junction, after short spurs are cut."""
    ends = _ends_at(branches, centres)
    spurs = {
        i
        for i, b in enumerate(branches)
        if sum((i, e) in ends for e in (0, -1)) == 1 and _length(b) < 1.8 * half
    }
    branches = [b for i, b in enumerate(branches) if i not in spurs]
    ends = _ends_at(branches, centres)
    parts = dict(enumerate(branches))
    following: dict[tuple[int, int], tuple[int, int]] = {}
    for junction in range(len(centres)):
        here = [end for end, j in ends.items() if j == junction]
        ways = {end: _leaving(parts[end[0]], end[1], half) for end in here}
        pairs = sorted(
            (_turn(-ways[a], ways[b]), a, b) for k, a in enumerate(here) for b in here[k + 1 :]
        )
        only = len(here) == 2
        for turn, a, b in pairs:
            if (turn < _STRAIGHT_DEGREES or only) and a not in following and b not in following:
                following[a], following[b] = b, a
    return [_chain(start, parts, following) for start in _starts(parts, following)]


def _ends_at(branches: list[np.ndarray], centres: np.ndarray) -> dict[tuple[int, int], int]:
    """Returns the junction of each end (branch, 0 or -1) that has one."""
    index = {tuple(c): i for i, c in enumerate(centres)}
    ends = {(i, e): index.get(tuple(b[e])) for i, b in enumerate(branches) for e in (0, -1)}
    return {end: j for end, j in ends.items() if j is not None}


def _leaving(points: np.ndarray, end: int, half: float) -> np.ndarray:
    """Returns the direction in which a branch leaves its end, past the bend of the junction."""
    line = points if end == 0 else points[::-1]
    first, last = min(len(line) - 1, round(half)), min(len(line) - 1, round(3 * half))
    first = 0 if first == last else first
    way = line[last] - line[first]
    return way / max(float(np.linalg.norm(way)), 1e-9)


def _turn(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def _starts(parts: dict, following: dict) -> list[tuple[int, int]]:
    """Returns an end of each chain of branches: where it begins, or any of a loop."""
    starts, seen = [], set()
    free = [(i, e) for i in parts for e in (0, -1) if (i, e) not in following]
    for start in [*free, *((i, 0) for i in parts)]:
        if start[0] in seen:
            continue
        starts.append(start)
        at: tuple[int, int] | None = start
        while at is not None and at[0] not in seen:
            seen.add(at[0])
            at = following.get((at[0], -1 - at[1]))
    return starts


def _chain(start: tuple[int, int], parts: dict, following: dict) -> Line:
    points, at, seen = [], start, set()
    while at is not None and at[0] not in seen:
        seen.add(at[0])
        branch = parts[at[0]]
        points.append(branch if at[1] == 0 else branch[::-1])
        at = following.get((at[0], -1 - at[1]))
    line = np.concatenate(points)
    closed = at is not None and at[0] == start[0]
    if not closed and len(line) > 8:  # a loop without any junction begins anywhere
        closed = start not in following and bool(np.abs(line[0] - line[-1]).max() <= 1)
    return Line(bezier.even(line, closed=closed), closed)
