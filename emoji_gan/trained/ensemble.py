"""Draws from several trained models as from one: by turns, by condition, the best of, averaged.

    python -m emoji_gan.sample --model=a.safetensors,b.safetensors --ensemble=mixture
    python -m eval --model=a.safetensors,b.safetensors --fit_ensemble=both.json   # learns weights
    python -m emoji_gan.sample --model=both.json

A picture depends on its seed, its condition and the ensemble alone. The judge of `best_of` is the
second emoji encoder, as the first one reports the figures.
"""

import dataclasses
import functools
import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan import conditions
from emoji_gan.conditions import Condition
from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from emoji_gan.methods import flow, ode, step
from emoji_gan.methods.base import Generator, Latents
from emoji_gan.runtime import paths, workdir
from emoji_gan.trained.sampler import Sampler

KINDS = ("mixture", "choice", "best_of", "average")
_FORMAT = 1
_TURN = 7  # the stream of a seed that says whose turn it is
_STRIDE = 0x9E3779B1  # odd, so that no two candidates of a seed have one seed
_BATCH = 16  # pictures that the judge sees at once; fixed, as in the sampler


@dataclasses.dataclass(frozen=True)
class Member:
    """Names a model of an ensemble, and how it is drawn from.

    Attributes:
      model: a workdir or model file.
      sample: changes of its `config.sample`, e.g. {'steps': 2}.
    """

    model: str
    sample: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Says who draws what.

    Attributes:
      kind: of KINDS.
      members: at least one.
      weights: of the members, which sum to 1; mixture, and choice where nothing is chosen.
      by: the condition that `choices` are of.
      choices: name of a class -> position of the member that draws it; choice only.
      candidates: pictures that one is the best of; the members draw them by turns.
      fitted: what weights and choices were learned from, for the reader.
    """

    kind: str
    members: tuple[Member, ...]
    weights: tuple[float, ...]
    by: str = "group"
    choices: Mapping[str, int] = dataclasses.field(default_factory=dict)
    candidates: int = 4
    fitted: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def is_ensemble(source: str, kind: str | None = None) -> bool:
    """Returns whether --model names several models, or the file of an ensemble."""
    one = pathlib.Path(source).exists()
    return kind is not None or source.endswith(".json") or ("," in source and not one)


def recipe_of(source: str, kind: str | None = None, candidates: int | None = None) -> Recipe:
    """Returns the ensemble that a command line describes.

    Args:
      source: models with commas between them, or a file that `save` wrote.
      kind: of KINDS; None: of the file, else a mixture.
      candidates: of `best_of`; None: of the file, else 4.

    Raises:
      UserError: no such kind or file, or a choice that nobody has learned.
    """
    if kind is not None and kind not in KINDS:
        raise UserError(f"--ensemble={kind}: choose of {', '.join(KINDS)}")
    if source.endswith(".json"):
        recipe = load(source)
    else:
        names = [name.strip() for name in source.split(",") if name.strip()]
        if not names:
            raise UserError(f"--model={source}: names no model")
        members = tuple(Member(paths.local(name)) for name in names)
        recipe = Recipe("mixture", members, (1 / len(members),) * len(members))
    recipe = dataclasses.replace(recipe, kind=kind or recipe.kind)
    if candidates is not None:
        recipe = dataclasses.replace(recipe, candidates=candidates)
    if recipe.candidates < 1:
        raise UserError(f"--candidates={recipe.candidates}: must be at least 1")
    if recipe.kind == "choice" and not recipe.choices:
        raise UserError(
            "--ensemble=choice: who draws which group is learned first: python -m eval "
            f"--model={source} --fit_ensemble=FILE.json, then --model=FILE.json"
        )
    return recipe


def save(path: str, recipe: Recipe) -> None:
    """Writes an ensemble as a small JSON file.

    Raises:
      UserError: it cannot be written.
    """
    text = json.dumps({"format": _FORMAT} | dataclasses.asdict(recipe), indent=1)
    workdir.write_atomic(pathlib.Path(path), f"{text}\n".encode())


def load(path: str) -> Recipe:
    """Reads a file that `save` wrote.

    Raises:
      UserError: it is missing or no ensemble.
    """
    try:
        values = json.loads(pathlib.Path(paths.local(path)).read_text())
        if values.pop("format") != _FORMAT:
            raise ValueError("its format is another")
        values["members"] = tuple(Member(**member) for member in values["members"])
        recipe = Recipe(**values | {"weights": tuple(map(float, values["weights"]))})
        size = len(recipe.members)
        if recipe.kind not in KINDS or len(recipe.weights) != size:
            raise ValueError("its kind or its weights are wrong")
        if min(recipe.weights) < 0 or abs(sum(recipe.weights) - 1) > 1e-6:
            raise ValueError("its weights must be at least 0 and sum to 1")
        if not all(type(i) is int and 0 <= i < size for i in recipe.choices.values()):
            raise ValueError("a choice is no member")
        if type(recipe.candidates) is not int:
            raise ValueError("its candidates are no whole number")
    except FileNotFoundError:
        raise UserError(f"no ensemble at {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise UserError(f"{path} is no ensemble of emoji_gan ({e}); fit it anew") from e
    return recipe


class Ensemble:
    """Draws from several models, as a `Sampler` does from one.

    Attributes:
      recipe: who draws what.
      members: their samplers.
      config: of the first member.
      spec: of the conditions, the same for all.

    Args:
      recipe: as `recipe_of` returns it.
      changes: of every member's `config.sample`.

    Raises:
      UserError: a model cannot be read, or the members are unlike.
    """

    def __init__(self, recipe: Recipe, changes: Mapping[str, Any] | None = None) -> None:
        self.recipe = recipe
        self.members = [
            Sampler(m.model, changes=dict(m.sample) | dict(changes or {})) for m in recipe.members
        ]
        _require_alike(recipe, self.members)
        self.config, self.spec = self.members[0].config, self.members[0].spec
        if recipe.kind == "average":
            self._averaged = _averaged(recipe, self.members)

    def __call__(
        self, seeds: Sequence[int], condition: Condition | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Draws the images of seeds: uint8 [n h w 4], as `Sampler` does."""
        whole = self.spec.none(len(seeds)) | dict(condition or {})
        if self.recipe.kind == "average":
            return self._averaged(seeds, whole, truncation)
        if self.recipe.kind == "best_of":
            return self._best_of(seeds, whole, truncation)
        return self._drawn_by(self.whose(seeds, whole), seeds, whole, truncation=truncation)

    def whose(self, seeds: Sequence[int], condition: Condition) -> np.ndarray:
        """Returns the position of the member that draws each seed: int [n]."""
        edges = np.cumsum(self.recipe.weights)[:-1]
        keys = step.seed_keys(jnp.asarray(np.asarray(seeds), jnp.uint32), _TURN)
        whose = np.searchsorted(edges, np.asarray(jax.vmap(jax.random.uniform)(keys)), "right")
        if self.recipe.kind == "choice" and self.recipe.by in condition:
            given = np.asarray(condition[self.recipe.by])
            for name, member in self.recipe.choices.items():
                whose = np.where(given == self.spec.number(self.recipe.by, name), member, whose)
        return whose

    def _drawn_by(
        self, whose: np.ndarray, seeds: Sequence[int], condition: Condition, *, truncation: float
    ) -> np.ndarray:
        px = self.config.data.resolution
        drawn = np.zeros((len(seeds), px, px, 4), np.uint8)
        for i in np.unique(whose):
            rows = np.flatnonzero(whose == i)
            own = {name: np.asarray(values)[rows] for name, values in condition.items()}
            drawn[rows] = self.members[i](np.asarray(seeds)[rows], own, truncation)
        return drawn

    def _best_of(self, seeds: Sequence[int], condition: Condition, truncation: float) -> np.ndarray:
        """Draws several pictures of each seed, and keeps the one that the judge is surest of."""
        best, highest = None, np.full(len(seeds), -np.inf)
        for j in range(self.recipe.candidates):
            own_seeds = (np.asarray(seeds, np.uint64) + j * _STRIDE) % 2**32
            drawn = self.members[j % len(self.members)](own_seeds, condition, truncation)
            sure = confidence(drawn)
            best = (
                drawn
                if best is None
                else np.where((sure > highest)[:, None, None, None], drawn, best)
            )
            highest = np.maximum(highest, sure)
        return best

    def provenance(
        self, seed: int, truncation: float, request: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Returns the text chunks of a PNG, as `Sampler.provenance`; they name every member."""
        each = [m.provenance(seed, truncation, request) for m in self.members]
        texts = dict(each[0])
        for other in each[1:]:
            for name, value in other.items():
                if value not in texts.setdefault(name, value).split("; "):
                    texts[name] += f"; {value}"
        names = [pathlib.Path(m.model).name for m in self.recipe.members]
        texts |= {"ensemble": self.recipe.kind, "members": "; ".join(names)}
        if self.recipe.kind == "best_of":
            return texts | {"candidates": str(self.recipe.candidates)}
        if self.recipe.kind != "average":
            texts["weights"] = "; ".join(f"{w:.6g}" for w in self.recipe.weights)
        if self.recipe.kind == "choice":
            choices = json.dumps([self.recipe.by, dict(self.recipe.choices)], sort_keys=True)
            texts["choices_sha256"] = hashlib.sha256(choices.encode()).hexdigest()
        return texts


def _require_alike(recipe: Recipe, members: Sequence[Sampler]) -> None:
    """Checks that all members draw the same size by the same conditions.

    Raises:
      UserError: two do not, or one cannot be averaged.
    """
    first = members[0]
    for name, other in zip(recipe.members[1:], members[1:], strict=True):
        sizes = (first.config.data.resolution, other.config.data.resolution)
        if sizes[0] != sizes[1]:
            why = f"they draw {sizes[0]} and {sizes[1]} px"
        elif first.spec != other.spec:
            why = "their conditions or classes differ"
        else:
            continue
        raise UserError(
            f"{recipe.members[0].model} and {name.model} make no ensemble: {why}; give models of "
            "one resolution and one data set"
        )
    if recipe.kind == "average":
        for name, member in zip(recipe.members, members, strict=True):
            if member.config.method != "flow":
                raise UserError(
                    f"--ensemble=average: {name.model} is a model of {member.config.method!r}; "
                    "only the velocities of flows can be averaged: give models of 'flow'"
                )


def _averaged(recipe: Recipe, members: Sequence[Sampler]) -> Sampler:
    """Returns a sampler that follows the mean of the members' velocities, by the first's solver."""
    first = members[0]
    velocities = [flow.velocity_function(m.config, m.spec) for m in members]
    guidances = [m.config.sample.guidance for m in members]
    weights = recipe.weights

    def draw(params: Any, latents: Latents, condition: Condition) -> jax.Array:
        c = conditions.encode(first.spec, condition)
        guided = [
            flow.guided_velocity(velocity, p["v_ema"], c, guidance)
            for velocity, p, guidance in zip(velocities, params, guidances, strict=True)
        ]

        def mean(x: jax.Array, t: jax.Array) -> jax.Array:
            return sum(w * v(x, t) for w, v in zip(weights, guided, strict=True))

        return ode.solve(mean, latents.values, flow.solver_of(first.config))

    generator = Generator(("v_ema",), first.generator.shapes, first.generator.latents, draw)
    return first.drawing_with(generator, tuple(m.params for m in members))


@functools.cache
def _judge() -> Callable[[np.ndarray], np.ndarray]:
    """Returns (pictures u8 [16 h w 4]) -> the second encoder's logits f32 [16 k]."""
    params, _ = encoder.load(encoder.SECOND_WEIGHTS)
    return functools.partial(jax.jit(lambda p, x: encoder.apply(p, x)["logits"]), params)


def confidence(pictures: np.ndarray) -> np.ndarray:
    """Computes how surely the second emoji encoder names each picture.

    Args:
      pictures: uint8 [n h w 4], straight alpha.

    Returns:
      f32 [n], the probability of its first guess.
    """
    sure = []
    for i in range(0, len(pictures), _BATCH):
        rows = np.resize(np.arange(i, min(i + _BATCH, len(pictures))), _BATCH)
        logits = jax.nn.softmax(_judge()(pictures[rows]), -1).max(-1)
        sure.append(np.asarray(logits)[: len(pictures) - i])
    return np.concatenate(sure)
