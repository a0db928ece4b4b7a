"""Walks through latent space: from point to point, around one in a closed loop, in even steps.

A point is a latent and a condition; an emoji depends on nothing else. Walks are of the last kind of
latents that a model has, along which its images change most evenly: StyleGAN's W, a point of it for
each layer, else noise.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan import conditions
from emoji_gan.conditions import Condition, Spec
from emoji_gan.errors import UserError
from emoji_gan.methods import base
from emoji_gan.methods.base import Latents
from emoji_gan.trained.sampler import Sampler

_AT_ONCE = 16  # emoji between two ticks of long work
_DENSE = 4  # points drawn for each even step, to measure how fast a walk goes where
_LEAST = 1e-6  # of a length or an angle that a turn is defined by


@dataclasses.dataclass(frozen=True)
class Points:
    """Holds n points.

    Attributes:
      values: f32 [n ...], latents of `kind`, truncated.
      kind: of the latents.
      vectors: f32 [n dim], encoded conditions; dim is 0 where the model has none.
    """

    values: np.ndarray
    kind: str
    vectors: np.ndarray

    def __len__(self) -> int:
        """Returns the number of points."""
        return len(self.values)

    def __getitem__(self, rows: slice | Sequence[int]) -> "Points":
        """Returns some of the points."""
        return dataclasses.replace(self, values=self.values[rows], vectors=self.vectors[rows])


Path = Callable[[np.ndarray], Points]  # times f64 [n] in [0, 1] -> n points


def points(
    sampler: Sampler,
    seeds: Sequence[int],
    condition: Condition | None = None,
    *,
    truncation: float = 1.0,
) -> Points:
    """Returns the points that seeds are drawn from.

    Args:
      sampler: of any model.
      seeds: n integers in [0, 2^32).
      condition: arrays of n rows; None: no condition.
      truncation: psi; 0 is the mean emoji, 1 the full variety.
    """
    condition = sampler.spec.none(len(seeds)) | dict(condition or {})
    kind = list(sampler.generator.shapes)[-1]
    latents = sampler.latents(seeds, truncation, kind=kind, condition=condition)
    return Points(np.asarray(latents.values), kind, vectors_of(sampler.spec, condition, len(seeds)))


def vectors_of(spec: Spec, condition: Condition, count: int) -> np.ndarray:
    """Encodes the condition of `count` images as vectors, f32 [count dim]."""
    return np.asarray(_encode(spec, condition)) if spec.dim else np.zeros((count, 0), np.float32)


_encode = jax.jit(conditions.encode, static_argnums=0)  # one program, not eight


def draw(sampler: Sampler, where: Points) -> np.ndarray:
    """Draws the emoji of points: float32 [n h w 4], straight alpha, [0, 255], not rounded."""
    latents = Latents(where.values, np.float32(1), where.kind)
    return sampler.draw(latents, {conditions.VECTOR: where.vectors} if sampler.spec.dim else None)


def pictures(sampler: Sampler, where: Points) -> np.ndarray:
    """Draws the emoji of points as they are stored: uint8 [n h w 4], RGB = 0 where alpha is 0."""
    drawn = np.rint(draw(sampler, where))
    return np.where(drawn[..., 3:] > 0, drawn, 0).astype(np.uint8)


def images_of(
    sampler: Sampler, params: base.Params, values: jax.Array, vectors: jax.Array, *, kind: str
) -> jax.Array:
    """Computes the images of points, as a pure function that can be traced and differentiated.

    Args:
      sampler: of the model, for its generator.
      params: of the sampler.
      values: f32 [n ...], latents of `kind`.
      vectors: f32 [n dim], encoded conditions.
      kind: of the latents.

    Returns:
      f32 [n h w 4], premultiplied RGBA in [-1, 1].
    """
    condition = {conditions.VECTOR: vectors} if sampler.spec.dim else {}
    return sampler.generator.draw(params, Latents(values, jnp.float32(1), kind), condition)


def joined(parts: Sequence[Points]) -> Points:
    """Joins points of one model."""
    return dataclasses.replace(
        parts[0],
        values=np.concatenate([p.values for p in parts]),
        vectors=np.concatenate([p.vectors for p in parts]),
    )


def mixed(coarse: Points, fine: Points, first_fine_layer: int) -> Points:
    """Returns points whose first layers are of one, and the others of another (1812.04948).

    Raises:
      UserError: the model has no layers, or not as many.
    """
    if coarse.kind != "layers":
        raise UserError(f"latents of kind {coarse.kind!r} have no layers to mix; StyleGAN's have")
    count = coarse.values.shape[1]
    if not 0 <= first_fine_layer <= count:
        raise UserError(f"layer {first_fine_layer}: expected 0 to {count}")
    values = np.concatenate(
        [coarse.values[:, :first_fine_layer], fine.values[:, first_fine_layer:]], 1
    )
    return dataclasses.replace(coarse, values=values)


# ---- walks ---------------------------------------------------------------------------------------


def turned(first: np.ndarray, second: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Returns what lies between two vectors, on the arc through their directions.

    The length changes evenly from one to the other: of normal latents, which are all about as long,
    it so stays (1609.04468). Where there is no arc, as from or to 0, it is the straight line.

    Args:
      first: f32 [d].
      second: f32 [d].
      times: f64 [n]; 0 is the first, 1 the second.

    Returns:
      f32 [n d].
    """
    a, b, t = first.astype(np.float64), second.astype(np.float64), times[:, None]
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    straight = (1 - t) * a + t * b
    if min(lengths) < _LEAST:
        return straight.astype(np.float32)
    a, b = a / lengths[0], b / lengths[1]
    angle = np.arccos(np.clip(a @ b, -1, 1))
    if not _LEAST < angle < np.pi - _LEAST:
        return straight.astype(np.float32)
    directions = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return (((1 - t) * lengths[0] + t * lengths[1]) * directions).astype(np.float32)


def between(spec: Spec, ends: Points, times: np.ndarray, *, straight: bool = False) -> Points:
    """Returns the points at times between two.

    Args:
      spec: of the model's conditions, each of which turns by itself.
      ends: two points.
      times: f64 [n]; 0 is the first, 1 the second.
      straight: whether latents lie on the straight line; those of W always do (1812.04948).
    """
    first, second = ends.values.reshape(2, -1)
    if straight or ends.kind in base.STRAIGHT_KINDS:
        t = times[:, None]
        values = ((1 - t) * first + t * second).astype(np.float32)
    else:
        values = turned(first, second, times)
    sizes = [len(names) for _, names in spec.classes] + ([spec.text_dim] if spec.text_dim else [])
    parts, start = [np.zeros((len(times), 0), np.float32)], 0
    for size in sizes:
        part = slice(start, start + size)
        parts.append(turned(ends.vectors[0, part], ends.vectors[1, part], times))
        start += size
    shaped = values.reshape(len(times), *ends.values.shape[1:])
    return Points(shaped, ends.kind, np.concatenate(parts, 1))


def through(spec: Spec, stops: Points, *, closed: bool) -> Path:
    """Returns the walk from stop to stop, each stretch taking as long.

    Args:
      spec: of the model's conditions.
      stops: at least two points, three of a closed walk that does not go back as it came.
      closed: whether it ends where it began; else at the last stop.
    """
    ring = joined([stops, stops[:1]]) if closed else stops
    stretches = len(ring) - 1

    def path(times: np.ndarray) -> Points:
        number = np.minimum((times * stretches).astype(int), stretches - 1)
        parts = [
            between(spec, ring[i : i + 2], times[number == i] * stretches - i)
            for i in range(stretches)
        ]
        order = np.argsort(np.argsort(number, kind="stable"), kind="stable")
        return joined(parts)[order]

    return path


def around(sampler: Sampler, centre: Points, *, radius: float, seed: int = 0) -> Path:
    """Returns a circle around one point, whose condition stays.

    Args:
      sampler: of the model.
      centre: one point.
      radius: in (0, 1], of the way to an independent latent; normal latents keep their length.
      seed: of the plane in which the circle lies.
    """
    axes = _axes(sampler, centre, seed)

    def path(times: np.ndarray) -> Points:
        angle = 2 * np.pi * times[:, None]
        return _on_plane(centre, axes, np.cos(angle), np.sin(angle), np.float64(radius))

    return path


def plane(sampler: Sampler, centre: Points, *, seed: int = 0) -> Callable[[np.ndarray], Points]:
    """Returns a plane through one point, whose condition stays.

    Args:
      sampler: of the model.
      centre: one point.
      seed: of the plane; `around` walks in the plane of the same seed.

    Returns:
      Offsets f64 [n 2] -> n points; an offset's length is a radius as `around` has it.
    """
    axes = _axes(sampler, centre, seed)

    def at(offsets: np.ndarray) -> Points:
        radius = np.hypot(offsets[:, :1], offsets[:, 1:])
        x, y = (offsets[:, i : i + 1] / np.maximum(radius, _LEAST) for i in (0, 1))
        return _on_plane(centre, axes, x, y, radius)

    return at


def _axes(sampler: Sampler, centre: Points, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns one point and the two axes of a plane through it, f64 [d] each."""
    condition = {conditions.VECTOR: centre.vectors} if sampler.spec.dim else None
    others = [
        sampler.latents([seed], stream=stream, kind=centre.kind, condition=condition).values
        for stream in (1, 2)
    ]
    a, u, v = (np.asarray(x, np.float64).ravel() for x in (centre.values[0], *others))
    return a, *((u - a, v - a) if centre.kind in base.STRAIGHT_KINDS else _orthogonal(a, u, v))


def _on_plane(
    centre: Points,
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    radius: np.ndarray,
) -> Points:
    """Returns the points of directions x, y f64 [n 1] at radii from the centre of a plane."""
    a, u, v = axes
    ring = x * u + y * v
    if centre.kind in base.STRAIGHT_KINDS:
        values = a + radius * ring
    else:
        values = np.cos(radius * np.pi / 2) * a + np.sin(radius * np.pi / 2) * ring
    shaped = values.reshape(len(x), *centre.values.shape[1:]).astype(np.float32)
    return Points(shaped, centre.kind, centre.vectors.repeat(len(x), 0))


def _orthogonal(a: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns u and v without what they have of `a` and of each other, as long as `a`."""
    length = np.linalg.norm(a)
    basis = [a / max(length, _LEAST)]
    for x in (u, v):
        for b in basis:
            x = x - (x @ b) * b
        basis.append(x / np.linalg.norm(x))
    return length * basis[1], length * basis[2]


# ---- steps ---------------------------------------------------------------------------------------


def even_times(
    sampler: Sampler,
    path: Path,
    count: int,
    *,
    closed: bool,
    tick: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Returns the times at which emoji along a walk differ about equally: f64 [count].

    Args:
      sampler: of the model; it draws four times as many.
      path: the walk.
      count: of emoji.
      closed: whether the first follows the last, which then is one step before the end of the walk;
        else the last is the end.
      tick: called every few emoji; what it raises ends the search.
    """
    dense, frames = np.linspace(0, 1, _DENSE * count + 1), []
    for start in range(0, len(dense), _AT_ONCE):
        tick()
        frames.append(draw(sampler, path(dense[start : start + _AT_ONCE])))
    lengths = steps(np.concatenate(frames))
    gone = np.concatenate([[0], np.cumsum(lengths)])
    wanted = np.linspace(0, gone[-1], count + 1)[:-1] if closed else np.linspace(0, gone[-1], count)
    if gone[-1] == 0:  # nothing changes on the way
        return np.linspace(0, 1, count, endpoint=not closed)
    return np.interp(wanted, gone, dense)


def steps(frames: np.ndarray) -> np.ndarray:
    """Computes how much neighbouring frames differ: f64 [n - 1].

    Args:
      frames: [n h w 4], straight alpha, [0, 255].

    Returns:
      The root of the mean square of premultiplied RGBA, in levels of 255.
    """
    alpha = frames[..., 3:].astype(np.float64) / 255
    x = np.concatenate([frames[..., :3] * alpha, 255 * alpha], -1)
    return np.sqrt(np.mean(np.square(np.diff(x, axis=0)), (1, 2, 3)))


def loop_figures(frames: np.ndarray) -> dict[str, float]:
    """Measures a closed loop of frames [n h w 4], straight alpha, [0, 255].

    Returns:
      seam: the step from the last frame to the first, in levels; median_step and largest_step of
      all others; evenness: the median over the largest of all, 1 where all are the same.
    """
    all_steps = steps(np.concatenate([frames, frames[:1]]))
    median, largest = np.median(all_steps[:-1]), all_steps[:-1].max()
    evenness = np.median(all_steps) / max(all_steps.max(), _LEAST)
    return {
        "seam": float(all_steps[-1]),
        "median_step": float(median),
        "largest_step": float(largest),
        "evenness": float(evenness),
    }
