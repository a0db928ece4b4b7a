"""Holds what all training steps share: random keys, updates, the finite guard, averages.

Pure functions of arrays and the resolved config. What is random in a step derives from (seed,
rollbacks, sample number, draw), never from a device or a position in a batch.
"""

import dataclasses
import enum
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import ml_collections
import optax
from jax import lax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from emoji_gan.conditions import LANGUAGES, Spec
from emoji_gan.methods.base import Batch, Counters, Latents, Metrics
from emoji_gan.runtime.mesh import AXIS, over_batch

Config = ml_collections.ConfigDict | ml_collections.FrozenConfigDict
State = TypeVar("State")  # with a field `counters`


# ---- compiling -----------------------------------------------------------------------------------


def compiled(f: Callable[..., tuple[State, Metrics]], mesh: Mesh) -> Callable:
    """Jits `f(state, batch) -> state, metrics` on each device's rows; the state is donated."""
    f = jax.shard_map(f, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=(P(), P()), check_vma=False)
    return jax.jit(f, donate_argnums=0)


def mean_over_devices(tree: Any) -> Any:
    """Averages every array over the devices of the mesh."""
    return lax.pmean(tree, AXIS)


def of_all_devices(x: jax.Array) -> jax.Array:
    """Gathers the rows of all devices of the mesh, in their order; every device has them all."""
    return lax.all_gather(x, AXIS, tiled=True)


def batch_shapes(config: Config, spec: Spec, mesh: Mesh) -> Batch:
    """Returns the shapes of the global batch on `mesh`, to compile a step without data."""
    b, px = config.batch_size, config.data.resolution
    batch = {
        "condition": spec.none(b),
        "sample": jax.ShapeDtypeStruct((b,), jnp.uint32),
    }
    if "degrade" in config:
        px //= config.degrade.zoom
        small = px // config.degrade.scale
        batch["damaged"] = jax.ShapeDtypeStruct((b, small, small, 4), jnp.uint8)
        batch["background"] = jax.ShapeDtypeStruct((b,), jnp.float32)
    if "pairs" in config.data:
        batch["source"] = jax.ShapeDtypeStruct((b, px, px, 4), jnp.uint8)
    if spec.captions:
        dim, length = spec.captions.picture_dim, config.data.captions.length
        numbers = jax.ShapeDtypeStruct((b,), jnp.int32)
        batch["features"] = jax.ShapeDtypeStruct((b, dim), jnp.float32)
        tokens = jax.ShapeDtypeStruct((b, length), jnp.int32)
        batch["caption"] = {"tokens": tokens, "language": numbers, "kind": numbers}
        words = (b, LANGUAGES, spec.captions.words)
        batch["caption"]["words"] = jax.ShapeDtypeStruct(words, jnp.int32)
        batch["caption"]["emoji"] = numbers
    batch["image"] = jax.ShapeDtypeStruct((b, px, px, 4), jnp.uint8)
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=over_batch(mesh)), batch
    )


# ---- random numbers ------------------------------------------------------------------------------


def sample_keys(config: Config, state: State, batch: Batch, draw: enum.IntEnum) -> jax.Array:
    """Returns a key [b] for each sample of the batch, for one kind of draw of a method."""
    key = jax.random.fold_in(jax.random.key(config.seed), state.counters.rollbacks)
    key = jax.random.fold_in(key, int(draw))
    return jax.vmap(jax.random.fold_in, (None, 0))(key, batch["sample"])


def all_sample_keys(
    config: Config, state: State, batch: Batch, draws: Iterable[enum.IntEnum]
) -> Iterator[jax.Array]:
    """Returns the keys [b] of several draws, in their order."""
    return (sample_keys(config, state, batch, draw) for draw in draws)


def normal(keys: jax.Array, *shape: int) -> jax.Array:
    """Draws unit normal f32 [b, *shape], a key a row.

    Also for bf16 activations: drawn as bf16 there are 128 values, none above 2.52.
    """
    return jax.vmap(lambda k: jax.random.normal(k, shape))(keys)


def seed_keys(seeds: jax.Array, stream: int = 0) -> jax.Array:
    """Returns a key [b] for each seed u32 [b]; every stream of a seed is independent."""
    keys = jax.vmap(jax.random.key)(seeds)
    return jax.vmap(jax.random.fold_in, (0, None))(keys, stream) if stream else keys


def normal_latents(
    seeds: jax.Array, shape: tuple[int, ...], truncation: jax.Array, stream: int, *, kind: str
) -> Latents:
    """Draws unit normal latents of seeds u32 [b], scaled by the truncation."""
    # XLA would fold the truncation into a factor inside `normal` and round otherwise: the barrier
    # keeps the bits the same in every program, jitted or not.
    values = lax.optimization_barrier(normal(seed_keys(seeds, stream), *shape))
    return Latents(truncation * values, jnp.float32(1), kind)


# ---- updates -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Update:
    """Holds what one optimiser step made of a network, and the norms (f32) of its gradients."""

    params: Any
    opt_state: Any
    gradient_norm: jax.Array
    update_norm: jax.Array

    def metrics(self, network: str, learning_rate: float | jax.Array) -> Metrics:
        """Names the norms and the learning rate as curves of a network."""
        return {
            f"grad_norm/{network}": self.gradient_norm,
            f"update_norm/{network}": self.update_norm,
            f"learning_rate/{network}": jnp.float32(learning_rate),
        }


def apply_gradients(
    params: Any, optimizer: optax.GradientTransformation, opt_state: Any, grads: Any
) -> Update:
    """Updates the parameters of a network by its gradients."""
    with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
        updates, opt_state = optimizer.update(grads, opt_state, params)
    params = optax.apply_updates(params, updates)
    return Update(params, opt_state, tree_norm(grads), tree_norm(updates))


def adam(lr: float, *, beta1: float, beta2: float, eps: float) -> optax.GradientTransformation:
    """Returns Adam (1412.6980); its state has one layout, whether `lr` is a number or traced.

    At beta1 = 0 the updates are the same without a copy of the gradients in the state.
    """
    if beta1 == 0.0:
        rms = optax.scale_by_rms(beta2, eps=eps, eps_in_sqrt=False, bias_correction=True)
        return optax.chain(rms, optax.scale(-lr))
    return optax.adam(lr, b1=beta1, b2=beta2, eps=eps)


def muon(lr: float, *, beta1: float, beta2: float, eps: float) -> optax.GradientTransformation:
    """Returns Muon for the kernels of convolutions, and Nesterov's Adam for all that is no kernel.

    A kernel is a matrix from its inputs `kh kw ci` to its outputs `co`, and its momentum is made
    orthogonal, so that no direction of it learns slowly. Updates are as large as Adam's
    (2502.16982, section 2.2).
    """

    def matrices(params: Any) -> Any:
        as_matrix = optax.contrib.MuonDimensionNumbers((0, 1, 2), (3,))
        return jax.tree.map(lambda p: as_matrix if p.ndim == 4 else None, params)

    unscaled = optax.contrib.muon(
        1.0,
        consistent_rms=0.2,
        muon_weight_dimension_numbers=matrices,
        adam_b1=beta1,
        adam_b2=beta2,
        eps=eps,
    )
    return optax.chain(unscaled, optax.scale(lr))


def tree_norm(tree: Any) -> jax.Array:
    """Returns the Euclidean norm of all arrays as one vector: f32 scalar, summed in float32."""
    squares = [jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(squares, start=jnp.float32(0.0)))


# ---- the finite guard ----------------------------------------------------------------------------


def guarded(old: State, new: State, *watched: jax.Array) -> State:
    """Returns the new state, or the old one where a watched value is not finite.

    The counters move on either way; such a step is counted as bad.
    """
    ok = jnp.all(jnp.stack([jnp.isfinite(v) for v in watched]))
    bad = 1 - ok.astype(jnp.int32)
    counters = dataclasses.replace(
        new.counters,
        bad_in_a_row=(old.counters.bad_in_a_row + 1) * bad,
        bad_total=old.counters.bad_total + bad,
    )
    kept = jax.tree.map(lambda a, b: jnp.where(ok, a, b), new, old)
    return dataclasses.replace(kept, counters=counters)


def guarded_again(old: State, new: State, *watched: jax.Array) -> State:
    """Guards a later program of the same step.

    It ends no row of bad steps, and a step that is bad twice counts once.
    """
    before = old.counters
    new = guarded(old, new, *watched)
    already = before.bad_in_a_row > 0
    counters = dataclasses.replace(
        new.counters,
        bad_in_a_row=jnp.where(already, before.bad_in_a_row, new.counters.bad_in_a_row),
        bad_total=jnp.where(already, before.bad_total, new.counters.bad_total),
    )
    return dataclasses.replace(new, counters=counters)


def next_step(counters: Counters) -> Counters:
    """Returns the counters with one more step done."""
    return dataclasses.replace(counters, step=counters.step + 1)


def bad_step_metrics(counters: Counters) -> Metrics:
    """Names the counters of bad steps as curves."""
    return {
        "bad_steps/in_a_row": counters.bad_in_a_row.astype(jnp.float32),
        "bad_steps/total": counters.bad_total.astype(jnp.float32),
    }


# ---- averages ------------------------------------------------------------------------------------


def lerp(new: Any, old: Any, decay: Any) -> Any:
    """Returns `decay` of the old value and the rest of the new."""
    return new + (old - new) * decay


def ema(
    average: Any,
    params: Any,
    state: State,
    *,
    config: Config,
    half_life_kimg: float | jax.Array | None = None,
    steps: int = 1,
) -> Any:
    """Moves an average of parameters by some steps.

    Args:
      average: the same tree as `params`.
      params: after these steps.
      state: before them.
      config: resolved; its half-life is used, at most `ema.rampup` of the images seen (2006.06676,
        appendix).
      half_life_kimg: in place of the config's, thousands of images.
      steps: how many at once.
    """
    half_life = 1000.0 * (
        config.ema.half_life_kimg if half_life_kimg is None else half_life_kimg
    )  # images
    if config.ema.rampup:
        half_life = jnp.minimum(half_life, images_seen(state, config) * config.ema.rampup)
    decay = 0.5 ** (steps * config.batch_size / jnp.maximum(half_life, 1e-8))
    return jax.tree.map(lambda e, p: lerp(p, e, decay), average, params)


def images_seen(state: State, config: Config) -> jax.Array:
    """Returns how many real images were shown before this step, f32."""
    return state.counters.step.astype(jnp.float32) * config.batch_size
