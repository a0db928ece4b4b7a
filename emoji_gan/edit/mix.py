"""Crosses two emoji and ranks the results by how much of both is in them."""

import argparse
import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Sequence

import jax.numpy as jnp
import numpy as np

from emoji_gan import conditions, errors, images
from emoji_gan.conditions import Condition
from emoji_gan.edit import parents, unwanted_pairs, vary
from emoji_gan.edit.parents import Parent
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.errors import UserError
from emoji_gan.trained import drawn_folder, finishing
from emoji_gan.trained.sampler import Sampler
from input_pipeline.art import common_box

_JUDGED_PX = 64
_ON_SIZE = 0.55  # of the lower picture's side, that of one laid upon it
_ON_STRENGTH = 0.6  # of the strength, where both are whole already


def add_arguments(p: argparse.ArgumentParser) -> None:
    """Adds the flags of this verb."""
    p.add_argument("--emoji", action="append", required=True, help="as in vary; give two")
    p.add_argument("--strength", type=float, default=0.75, help="as in vary; default: 0.75")
    p.add_argument("--keep", type=int, default=16, help="write the best of them; default: 16")
    vary.add_common_arguments(p, out="mixed")
    p.set_defaults(seeds="0-47")


def run(a: argparse.Namespace) -> int:
    """Runs the verb by its flags."""
    seeds = drawn_folder.parse_seeds(a.seeds)
    if len(a.emoji) != 2:
        raise UserError(f"--emoji: {len(a.emoji)} given; give two to cross")
    if not 0 < a.strength <= 1:
        raise UserError(f"--strength={a.strength:g}: expected above 0, at most 1")
    if a.keep < 1:
        raise UserError(f"--keep={a.keep}: expected at least 1")
    sampler = vary.open_sampler(a)
    px, line = sampler.config.data.resolution, "line" in (a.style or "")
    style = finishing.traced_style(sampler.config.data.sources)
    finisher = finishing.Finisher(px, a.size, a.format, a.finish, style)
    pair = [parents.open_parent(text, px, line=line) for text in a.emoji]
    unwanted_pairs.refuse(*(parent.codepoints for parent in pair))
    for parent in pair:
        if parent.recognised:
            print(f"{parent.source}: taken for {parent.meta.name} ({parent.codepoints})")
    request = {"style": a.style} if a.style else {}
    mixed = mix(sampler, pair, seeds, strength=a.strength, request=request)
    best = mixed.ranked()[: a.keep]
    kept = [seeds[i] for i in best]
    out = pathlib.Path(a.out)
    provenance = vary.provenance_of(sampler, pair, a.strength, request)
    finisher.write(
        out,
        mixed.images[best],
        kept,
        provenance=provenance,
        seeds_text=a.seeds,
        beside=np.stack([parent.image for parent in pair]),
    )
    names = " and ".join(parent.meta.name for parent in pair)
    print(
        f"the best {len(kept)} of {len(seeds)} crosses of {names} in {out}, best first beside both "
        f"in {out / drawn_folder.SHEET}"
    )
    for i in best[:3]:
        of_both = " and ".join(f"{fraction:.0%}" for fraction in mixed.likeness[i])
        print(f"seed {seeds[i]}: {mixed.recipes[i]}; likeness to them {of_both}")
    return errors.EXIT_OK


@dataclasses.dataclass(frozen=True)
class Mixed:
    """Holds crosses of two emoji.

    Attributes:
      images: uint8 [n h w 4], straight alpha.
      recipes: n, what each is made of.
      pair: the two emoji.
    """

    images: np.ndarray
    recipes: Sequence[str]
    pair: Sequence[Parent]

    @functools.cached_property
    def likeness(self) -> np.ndarray:
        """Measures the likeness to either parent: f32 [n 2].

        It is the recogniser's similarity to the parent, where it is most, as a fraction of that of
        the parent's own picture.
        """
        return _likeness(self.images, self.pair)

    def ranked(self) -> np.ndarray:
        """Returns the rows with most of both parents first: by the likeness to the lesser one."""
        return np.argsort(-self.likeness.min(1), kind="stable")


@dataclasses.dataclass(frozen=True)
class _Recipe:
    """Holds what crosses begin with, and how far they leave it."""

    name: str
    image: np.ndarray
    condition: Condition
    strength: float


def mix(
    sampler: Sampler,
    pair: Sequence[Parent],
    seeds: Sequence[int],
    *,
    strength: float,
    request: dict[str, str],
) -> Mixed:
    """Crosses two emoji, as `mix_each` does."""
    return mix_each(sampler, [pair], seeds, strength=strength, request=request)[0]


def mix_each(
    sampler: Sampler,
    pairs: Sequence[Sequence[Parent]],
    seeds: Sequence[int],
    *,
    strength: float,
    request: dict[str, str],
) -> list[Mixed]:
    """Crosses the two emoji of each pair, by five recipes in turn; all pairs share batches.

    These are the picture of one with the name of the other, both ways; the mean of both pictures
    and names; and one of them small upon the other, both ways, which is left less far.

    Args:
      sampler: of a flow.
      pairs: two parents each, at the model's resolution.
      seeds: of each pair, n integers in [0, 2^32); seed s is of recipe s modulo 5.
      strength: in (0, 1], as `Sampler.vary` has it.
      request: class name by condition.

    Raises:
      UserError: the model cannot vary, or has no such condition or class.
    """
    recipes: list[_Recipe] = []
    for pair in pairs:
        each = _recipes(sampler, pair, strength, request)
        recipes += [each[seed % len(each)] for seed in seeds]
    all_seeds = [seed for _ in pairs for seed in seeds]
    px = sampler.config.data.resolution
    drawn = np.zeros((len(recipes), px, px, 4), np.uint8)
    strengths = np.array([recipe.strength for recipe in recipes])
    for one in np.unique(strengths):  # recipes of one strength share batches
        rows = np.flatnonzero(strengths == one)
        own = [recipes[i] for i in rows]
        starts = np.stack([recipe.image for recipe in own])
        condition = {
            name: np.concatenate([recipe.condition[name] for recipe in own])
            for name in own[0].condition
        }
        drawn[rows] = sampler.vary(
            starts, [all_seeds[row] for row in rows], condition, strength=float(one)
        )
    n = len(seeds)
    return [
        Mixed(drawn[i * n : (i + 1) * n], [r.name for r in recipes[i * n : (i + 1) * n]], pair)
        for i, pair in enumerate(pairs)
    ]


def _recipes(
    sampler: Sampler, pair: Sequence[Parent], strength: float, request: dict[str, str]
) -> list[_Recipe]:
    (a, b), (name_a, name_b) = pair, (parent.meta.name for parent in pair)
    of_a, of_b = (vary.condition_of(sampler, parent, 1, request) for parent in pair)
    both = _mean_condition(of_a, of_b)
    less = round(_ON_STRENGTH * strength, 6)  # a variation's strength, and so its program
    return [
        _Recipe(f"{name_a} as {name_b}", a.image, of_b, strength),
        _Recipe(f"{name_b} as {name_a}", b.image, of_a, strength),
        _Recipe("both in one", _mean_image(a.image, b.image), both, strength),
        _Recipe(f"{name_a} with {name_b}", _on(a.image, b.image), both, less),
        _Recipe(f"{name_b} with {name_a}", _on(b.image, a.image), both, less),
    ]


def _on(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Lays a picture, at _ON_SIZE of its size, over the lower right corner of another."""
    px = len(below)
    small = common_box.fit(above, round(_ON_SIZE * px))
    top = np.zeros_like(below)
    top[px - len(small) :, px - len(small) :] = small
    over, under = images.to_model(jnp.stack([jnp.asarray(top), jnp.asarray(below)])) + 1
    x = over + under * (1 - over[..., 3:] / 2) - 1
    return np.asarray(images.to_uint8(x[None]))[0]


def _mean_image(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the mean of two pictures, as light and coverage mix: of premultiplied colours."""
    both = images.to_model(jnp.stack([jnp.asarray(first), jnp.asarray(second)]))
    return np.asarray(images.to_uint8(both.mean(0, keepdims=True)))[0]


def _mean_condition(first: Condition, second: Condition) -> Condition:
    """Returns what two conditions have in common, and a phrase halfway between their phrases."""
    mean = {}
    for name, values in first.items():
        if name == conditions.TEXT:
            total = values + second[name]
            mean[name] = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-6)
        else:
            mean[name] = np.where(values == second[name], values, -1)
    return mean


def _likeness(drawn: np.ndarray, pair: Sequence[Parent]) -> np.ndarray:
    """Measures the likeness of pictures to either parent, as `Mixed.likeness` has it.

    A parent counts wherever it is best seen: in the whole picture, or in one of its corners, as a
    small emoji upon another fills only that.
    """
    params, meta = encoder.load()
    index = {codepoints: i for i, codepoints in enumerate(meta["codepoints"])}
    classes = np.asarray(params["classes"])[[index[parent.meta.base] for parent in pair]]

    def similarity(pictures: Iterable[np.ndarray]) -> np.ndarray:
        boxed = np.stack([common_box.fit(picture, _JUDGED_PX) for picture in pictures])
        return recogniser.extract(params, boxed)[0] @ classes.T

    side, px = round(_ON_SIZE * drawn.shape[1]), drawn.shape[1]
    ends = (slice(0, side), slice(px - side, px))
    views = [drawn, *(drawn[:, rows, columns] for rows in ends for columns in ends)]
    best = np.max([similarity(view) for view in views], axis=0)
    return best / np.diagonal(similarity([parent.image for parent in pair]))
