"""What the training steps of all methods share: keys, updates, guards, averages.

Pure functions of arrays and the resolved config. What is random in a step derives from (seed,
rollbacks, sample number, purpose), never from a device or a position in a batch. A state has the
fields that `emoji_gan.methods` asks for.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from emoji_gan.conditions import Spec
from emoji_gan.runtime.mesh import AXIS, over_batch

Batch = dict[str, Any]  # image u8 [b h w 4], condition (see `conditions`), sample u32 [b]
Metrics = dict[str, jax.Array]
State = TypeVar("State")


def batch_shapes(config, spec: Spec, mesh: Mesh) -> Batch:
    """Of the global batch on `mesh`, to compile a step without data."""
    b, res = config.batch_size, config.data.resolution
    image, sample = (
        jax.ShapeDtypeStruct(*s) for s in (((b, res, res, 4), jnp.uint8), ((b,), jnp.uint32))
    )
    batch = {"image": image, "condition": spec.none(b), "sample": sample}
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=over_batch(mesh)), batch
    )


def keys_of(config, rollbacks: jax.Array, samples: jax.Array, purpose: int) -> jax.Array:
    """A key `b` for each sample number."""
    key = jax.random.fold_in(jax.random.key(config.seed), rollbacks)
    key = jax.random.fold_in(key, purpose)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, samples)


def seed_keys(seeds: jax.Array) -> jax.Array:
    """A key `b` for each seed u32 `b`, to sample with."""
    return jax.vmap(jax.random.key)(seeds)


def normal(keys: jax.Array, *shape: int) -> jax.Array:
    """Unit normal f32 `b shape`, a key a row."""
    return jax.vmap(lambda k: jax.random.normal(k, shape))(keys)


def latents(
    seeds: jax.Array, shape: tuple[int, ...], truncation: jax.Array, toward: jax.Array
) -> jax.Array:
    """Unit normal f32 `b shape` of seeds u32 `b`, to sample with.

    Turned by `toward` of a right angle to a second one, so that their length stays (1609.04468),
    then scaled.
    """
    keys = seed_keys(seeds)
    first, second = (
        normal(k, *shape) for k in (keys, jax.vmap(jax.random.fold_in, (0, None))(keys, 1))
    )
    angle = toward * (jnp.pi / 2)
    return truncation * (jnp.cos(angle) * first + jnp.sin(angle) * second)


def apply(params: Any, opt: optax.GradientTransformation, opt_state: Any, grads: Any):
    """New parameters, the optimiser's new state, the norm of the update."""
    with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
        updates, opt_state = opt.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, tree_norm(updates)


def adam(lr: float, beta1: float, beta2: float, eps: float) -> optax.GradientTransformation:
    """Adam; at beta1 = 0 the same updates without a copy of the gradients in the state."""
    if beta1 == 0.0:
        rms = optax.scale_by_rms(beta2, eps=eps, eps_in_sqrt=False, bias_correction=True)
        return optax.chain(rms, optax.scale(-lr))
    return optax.adam(lr, b1=beta1, b2=beta2, eps=eps)


def keep_if_finite(old: State, new: State, *values: jax.Array) -> State:
    """The new state, or the old one but for its counters where a value is not finite."""
    ok = jnp.all(jnp.stack([jnp.isfinite(v) for v in values]))
    kept = jax.tree.map(lambda a, b: jnp.where(ok, a, b), new, old)
    bad = 1 - ok.astype(jnp.int32)
    return dataclasses.replace(
        kept,
        step=new.step,
        bad_in_a_row=(old.bad_in_a_row + 1) * bad,
        bad_total=old.bad_total + bad,
    )


def bad_steps(state: Any) -> Metrics:
    """The counters as curves."""
    return {
        "bad_steps/in_a_row": state.bad_in_a_row.astype(jnp.float32),
        "bad_steps/total": state.bad_total.astype(jnp.float32),
    }


def lerp(new: Any, old: Any, decay: Any) -> Any:
    """`decay` of the old, the rest of the new."""
    return new + (old - new) * decay


def ema(
    average: Any, params: Any, images_seen: jax.Array, config, half_life_kimg=None, steps: int = 1
) -> Any:
    """The moving average after so many steps.

    Its half-life is in images, at most a share of those seen (2006.06676, appendix).
    """
    half_life = (config.ema.half_life_kimg if half_life_kimg is None else half_life_kimg) * 1000.0
    if config.ema.rampup:
        half_life = jnp.minimum(half_life, images_seen * config.ema.rampup)
    decay = 0.5 ** (steps * config.batch_size / jnp.maximum(half_life, 1e-8))
    return jax.tree.map(lambda e, p: lerp(p, e, decay), average, params)


def images_seen(state: Any, config) -> jax.Array:
    """Real images shown before this step, f32."""
    return state.step.astype(jnp.float32) * config.batch_size


def mean(tree: Any) -> Any:
    """Over the devices of the mesh."""
    return lax.pmean(tree, AXIS)


def compiled(f: Callable, mesh: Mesh) -> Callable:
    """Jits `f(state, batch) -> state, metrics` on each device's rows; the state is donated."""
    f = jax.shard_map(f, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=(P(), P()), check_vma=False)
    return jax.jit(f, donate_argnums=0)


def tree_norm(tree) -> jax.Array:
    """The Euclidean norm of all arrays of a pytree as one vector: f32 scalar, summed in float32."""
    squares = [jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(squares, start=jnp.float32(0.0)))
