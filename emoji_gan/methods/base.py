"""Defines the contract of a method: what the loop, the sampler and every other room may call.

A method is a module of `emoji_gan.methods` with these names:

  State       a frozen dataclass of arrays, all that training carries from one step to the next. One
              field is `counters`; the others are parameters, averages, optimiser states.
  NETWORKS    field of the state -> what that network is called, e.g. {"g": "generator"}.
  networks    the module of its networks, which says of a parameter's path: is_embedding,
              depends_on_condition, and discriminator_depth(path, resolution); finer(field, path,
              value, times), a parameter for larger patches, only where there are patches.
  resolve     (config, num_devices) -> None: fills the method's auto fields and checks its own, in
              place; raises `UserError`.
  init        (config, spec, seed) -> State: the state before the first step.
  train_step  (config, spec, mesh) -> Step.
  generator   (config, spec) -> Generator.
  summaries   (config, spec) -> Summaries: what is shown besides the losses.
  HELD_OUT_LOSS  the scalar of the summaries that falls as the method learns; only where one does.
  starts_from (config) -> {method: {field: its field}}: which fields of another method's state a
              run may start from; only where a method has it.

Other rooms rely on this besides:

  - Of the networks' names in a state, `d` is a discriminator and `NAME_ema` the average of `NAME`;
    parameters are nested dicts with names or numbers as keys, and `Generator.fields` begins with
    the average. `init` is also traced for shapes, and no two of its arrays share a buffer.
  - The first program of a step moves the counters on (`step.next_step`) and is guarded
    (`step.guarded`), later ones by `step.guarded_again`. Its metrics hold `step.bad_step_metrics`.
  - Programs come from `step.compiled`: what they return must be averaged by
    `step.mean_over_devices`, or each device keeps its own.
  - `resolve` also fills the fields that all methods share: batch_size and ema.half_life_kimg. A
    config section `sample` (steps, solver, guidance) is what the sampler's flags change.

`emoji_gan.trained.sampler.Sampler` opens a run or a model file by this contract and has `latents`
and `draw` of its own, for arrays of the host.

`config` is resolved, `spec` says which conditions there are (`emoji_gan.conditions`), and a batch
holds image u8 [b h w 4] straight alpha, condition (a dict of arrays [b ...]) and sample u32 [b],
global sample numbers; with a config section `degrade` also what `input_pipeline.degrade.pairs`
makes of the images, with `data.pairs` also source u8 [b h w 4], the emoji in another style.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import ml_collections
from jax.sharding import Mesh

from emoji_gan.conditions import Condition, Spec

Batch = dict[str, Any]
Metrics = dict[str, jax.Array]  # f32 scalars by name
Params = Mapping[str, Any]  # the fields of a state that a generator reads, by name


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Counters:
    """Counts steps and what went wrong in them; each is i32, replicated."""

    step: jax.Array  # training steps done
    bad_in_a_row: jax.Array  # non-finite steps skipped since the last finite one
    bad_total: jax.Array  # non-finite steps skipped
    rollbacks: jax.Array  # part of the seed, so that a step that is run again draws anew

    @classmethod
    def zeros(cls) -> "Counters":
        """Returns the counters before the first step; each has a buffer of its own to donate."""
        return cls(*(jnp.zeros((), jnp.int32) for _ in dataclasses.fields(cls)))


class State(Protocol):
    """Types whatever training carries from one step to the next."""

    counters: Counters


# ---- training ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Program:
    """Describes one compiled part of a step.

    Attributes:
      run: the jitted (state, batch) -> (state, metrics); it donates the state.
      runs_on: whether it runs on a step, counted from 0 by the host.
      runs_per_step: how often that is on average.
    """

    run: Callable[[Any, Batch], tuple[Any, Metrics]]
    runs_on: Callable[[int], bool] = lambda step: True
    runs_per_step: float = 1.0


def every(
    run: Callable[[Any, Batch], tuple[Any, Metrics]], interval: int, offset: int = 0
) -> Program:
    """Returns a program that runs on the steps `offset`, `offset + interval`, ..."""
    return Program(run, lambda step: step % interval == offset, 1 / interval)


@dataclasses.dataclass(frozen=True)
class Step:
    """Runs one training step over the global batch: its programs by name, in their order.

    Called with (state, batch, step), where `step` is the host's count, equal to
    `state.counters.step`, it returns the new state and the metrics of the programs that ran.
    """

    programs: Mapping[str, Program]

    def __call__(self, state: Any, batch: Batch, step: int) -> tuple[Any, Metrics]:
        """Runs the programs that are due; the state is donated."""
        metrics: Metrics = {}
        for program in self.programs.values():
            if program.runs_on(step):
                state, more = program.run(state, batch)
                metrics |= more
        return state, metrics


# ---- drawing -------------------------------------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Latents:
    """Points that a generator draws from, one a row.

    Attributes:
      values: f32 [b ...]; the shape of a row is the generator's `shapes[kind]`.
      truncation: f32 scalar or [b], psi of what is still to be truncated; 1 where it is done.
      kind: 'z' (unit normal), 'w' (StyleGAN's, behind the mapping), 'layers' (a w for each layer),
        or 'noise' (a flow's start).
    """

    values: jax.Array
    truncation: jax.Array
    kind: str = dataclasses.field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Parents:
    """Holds images that others are made from, one a row.

    Attributes:
      images: f32 [b h w 4], premultiplied RGBA in [-1, 1].
      changeable: f32 [b h w 1] in [0, 1], where an image may become another; elsewhere it stays.
    """

    images: jax.Array
    changeable: jax.Array


def keep_kind(params: Params, latents: Latents, condition: Condition, kind: str) -> Latents:
    """Returns the latents as they are: of a generator that has one kind only."""
    del params, condition, kind
    return latents


@dataclasses.dataclass(frozen=True)
class Generator:
    """Draws images from latents; pure functions, not jitted.

    Attributes:
      fields: of the state, what `draw` reads as `params`.
      shapes: the shape of one latent by kind; the first kind is what `latents` returns.
      latents: (seeds u32 [b], truncation f32, stream=0) -> Latents. A seed has independent latents,
        one a stream. None: the method draws from pictures only, as restoration does.
      draw: (params, latents, condition) -> f32 [b h w 4], premultiplied RGBA in [-1, 1]. Takes
        latents of every kind. An image depends on its own row only.
      convert: (params, latents, condition, kind) -> Latents: to a later kind, e.g. 'z' to 'w',
        truncation applied.
      vary: (params, parents, latents, condition, strength) -> f32 [b h w 4] as `draw` returns:
        images like the parents; the nearer the float `strength`, in (0, 1], is to 1, the less, and
        at 1 they are those of `draw`. None: the method has no such way.
      invert: (params, images f32 [b h w 4], condition) -> Latents that `draw` makes about these
        images of. None: the method has no way back; `emoji_gan.trained.inversion` searches.
    """

    fields: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    latents: Callable[..., Latents] | None
    draw: Callable[[Params, Latents, Condition], jax.Array]
    convert: Callable[[Params, Latents, Condition, str], Latents] = keep_kind
    vary: Callable[[Params, Parents, Latents, Condition, float], jax.Array] | None = None
    invert: Callable[[Params, jax.Array, Condition], Latents] | None = None

    def sample(
        self, params: Params, seeds: jax.Array, condition: Condition, truncation: jax.Array
    ) -> jax.Array:
        """Draws the images of seeds: f32 [b h w 4], premultiplied RGBA in [-1, 1].

        Args:
          params: what `fields` names.
          seeds: u32 [b].
          condition: arrays [b ...]; an absent one is not asked for; `spec.none(b)`: nothing is.
          truncation: f32 scalar, psi: 0 draws the mean emoji, 1 the full variety.
        """
        return self.draw(params, self.latents(seeds, truncation), condition)

    def params_of(self, state: Any) -> Params:
        """Returns what `draw` reads of a training state."""
        return {name: getattr(state, name) for name in self.fields}


STRAIGHT_KINDS = (
    "w",
    "layers",
)  # of latents between which images change evenly along straight lines


def interpolate(first: Latents, second: Latents, t: jax.Array) -> Latents:
    """Returns the latents at t in [0, 1] of the walk from the first to the second.

    Normal ones turn by t of a right angle, so that their length stays (1609.04468); those of W lie
    on the straight line, along which StyleGAN's images change evenly (1812.04948).
    """
    if first.kind in STRAIGHT_KINDS:
        values = first.values + t * (second.values - first.values)
    else:
        angle = t * (jnp.pi / 2)
        values = jnp.cos(angle) * first.values + jnp.sin(angle) * second.values
    return dataclasses.replace(first, values=values)


# ---- showing -------------------------------------------------------------------------------------


class Summaries(Protocol):
    """Shows what a state says of a batch."""

    def __call__(self, state: Any, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        """Returns {'scalars': ..., 'images': f32 [b h w 4] premultiplied, in [-1, 1]}, by name.

        The caller shows the scalars of held-out emoji and the images of training ones.
        """


class Method(Protocol):
    """Types the module of a method."""

    State: type
    networks: types.ModuleType
    NETWORKS: Mapping[str, str]

    def resolve(self, config: ml_collections.ConfigDict, num_devices: int) -> None:
        """Fills the auto fields and checks the method's own."""

    def init(self, config: ml_collections.ConfigDict, spec: Spec, seed: int) -> Any:
        """Returns the state before the first step."""

    def train_step(self, config: ml_collections.ConfigDict, spec: Spec, mesh: Mesh) -> Step:
        """Returns the training step over the global batch of `mesh`."""

    def generator(self, config: ml_collections.ConfigDict, spec: Spec) -> Generator:
        """Returns the generator of a trained state."""

    def summaries(self, config: ml_collections.ConfigDict, spec: Spec) -> Summaries:
        """Returns what is shown besides the losses."""
