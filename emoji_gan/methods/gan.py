"""Holds what adversarial methods share: the state, D's input, the tail of a step, control of p."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import ml_collections
import optax
from flax import nnx

from emoji_gan import augment, conditions, images, losses
from emoji_gan.conditions import Spec
from emoji_gan.methods.base import Batch, Counters, Metrics, Summaries
from emoji_gan.methods.step import Config, bad_step_metrics, guarded, images_seen
from emoji_gan.runtime import learning_rate, rules

NETWORKS = {"g": "generator", "d": "discriminator"}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TwoNetworks:
    """Holds what the training of two networks carries from one step to the next."""

    counters: Counters
    g: Any  # parameters of the one that is used: generator, restorer, restyler, writer
    d: Any  # parameters of its critic, the discriminator
    g_ema: Any  # moving average of g
    g_opt: Any  # state of g's optimiser
    d_opt: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class GanState(TwoNetworks):
    """Holds what every generator from noise carries from one step to the next."""

    ada_p: jax.Array  # f32, augmentation probability
    ada_signs: jax.Array  # f32, sum of mean sign D(real) since p was last updated


State = TypeVar("State", bound=GanState)


def started(
    networks: tuple[nnx.Module, nnx.Module],
    optimizers: tuple[optax.GradientTransformation, optax.GradientTransformation],
) -> TwoNetworks:
    """Returns the state before the first step of two networks and their optimisers, g first."""
    g, d = (nnx.to_pure_dict(nnx.state(network)) for network in networks)
    g_opt, d_opt = optimizers
    return TwoNetworks(
        counters=Counters.zeros(),
        g=g,
        d=d,
        g_ema=jax.tree.map(jnp.copy, g),
        g_opt=g_opt.init(g),
        d_opt=d_opt.init(d),
    )


def initial_scalars(config: Config) -> dict[str, Any]:
    """Returns the fields of `GanState` before the first step that are no network's."""
    return {
        "counters": Counters.zeros(),
        "ada_p": jnp.zeros(()) + config.augment.p_init,
        "ada_signs": jnp.zeros(()),
    }


def resolve_penalty(config: ml_collections.ConfigDict, *more_forms: str) -> None:
    """Checks the form of the gradient penalty, in place; raises `UserError`.

    Configs from before there was a choice lack the field.

    Args:
      config: of a method with a penalty.
      more_forms: that the method has besides those of all.
    """
    if "penalty" not in config.loss:
        config.loss.penalty = "exact"
    rules.check(config, {"loss.penalty": rules.one_of(*losses.PENALTY_FORMS, *more_forms)})


# ---- the optimisers ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Optimizers:
    """Holds the optimisers of G and D at the learning rates of one step."""

    g: optax.GradientTransformation
    d: optax.GradientTransformation
    g_lr: float | jax.Array
    d_lr: float | jax.Array


def learning_rates(config: Config, state: State | None) -> tuple[float | jax.Array, ...]:
    """Returns the learning rates of G and D in the step after a state; None: of the config."""
    o = config.optim
    rate = 1.0 if state is None else learning_rate.factor(config, images_seen(state, config))
    return o.g_lr * rate, o.d_lr * rate


# ---- the discriminator's input -------------------------------------------------------------------


def augmentation_probability(state: GanState, config: Config) -> jax.Array | None:
    """Returns p for `d_input`; None where no controller ever raises it above 0."""
    return state.ada_p if config.augment.target or config.augment.p_init else None


def d_input(
    x: jax.Array, keys: jax.Array, colour_keys: jax.Array, p: jax.Array | None, config: Config
) -> jax.Array:
    """Returns what D sees of images.

    Args:
      x: f32 [b h w 4], premultiplied.
      keys: [b], of the augmentation.
      colour_keys: [b], of the background.
      p: probability of each augmentation; None is 0 for good and compiles no code for it.
      config: resolved.

    Returns:
      f32 [b h w 4], augmented; with `model.composite` followed by its composite over a random
      colour, [b h w 7].
    """
    if p is not None:
        x = augment.augment(x, keys, p, config.augment)
    if not config.model.get("composite", False):
        return x
    colour = jax.vmap(lambda k: jax.random.uniform(k, (1, 1, 3)))(colour_keys)
    return jnp.concatenate([x, images.composite(x, colour)], -1)


def trainable_mask(d: Any, config: Config, depth: Callable[[tuple, int], int | None]) -> Any:
    """Returns for each parameter of D whether it is trained (FreezeD, 2002.10964).

    Args:
      d: parameters of D, or gradients.
      config: resolved; the `optim.freeze_d` maps nearest to the image stay as they are.
      depth: (path, resolution) -> the map that a parameter belongs to, counted from the image.
    """

    def trained(path: tuple, _: jax.Array) -> bool:
        number = depth(tuple(key.key for key in path), config.data.resolution)
        return number is None or number >= config.optim.freeze_d

    return jax.tree_util.tree_map_with_path(trained, d)


def mask_gradients(grads: Any, config: Config, depth: Callable[[tuple, int], int | None]) -> Any:
    """Returns D's gradients, 0 where `trainable_mask` says that a parameter is not trained."""
    if not config.optim.freeze_d:
        return grads
    mask = trainable_mask(grads, config, depth)
    return jax.tree.map(lambda g, trained: g if trained else jnp.zeros_like(g), grads, mask)


# ---- the tail of a step --------------------------------------------------------------------------


def finish(
    old: State, new: State, metrics: Metrics, *watched: jax.Array, config: Config | None
) -> tuple[State, Metrics]:
    """Ends the first program of a step: guards it, updates p, adds the curves of both.

    Args:
      old: state before the step.
      new: after it.
      metrics: of the step.
      *watched: f32 scalars, which must be finite or the step is skipped.
      config: resolved; None where p follows a schedule and has no controller.
    """
    new = guarded(old, new, *watched)
    if config is not None:
        new = update_ada_p(new, config)
    return new, metrics | {"ada/p": new.ada_p} | bad_step_metrics(new.counters)


def update_ada_p(state: State, config: Config) -> State:
    """Adjusts the augmentation probability every `augment.every` steps (2006.06676, section 3)."""
    a = config.augment
    if not a.target:
        return state
    p = augment.update_p(state.ada_p, state.ada_signs / a.every, config.batch_size * a.every, a)
    due = state.counters.step % a.every == 0
    return dataclasses.replace(
        state,
        ada_p=jnp.where(due, p, state.ada_p),
        ada_signs=jnp.where(due, 0.0, state.ada_signs),
    )


def logit_metrics(real: jax.Array, fake: jax.Array) -> Metrics:
    """Names what D says of real and generated images, logits [b] each."""
    return {
        "logits/real": real.mean(),
        "logits/fake": fake.mean(),
        "signs/real": jnp.sign(real).mean(),
        "signs/fake": jnp.sign(fake).mean(),
    }


# ---- showing -------------------------------------------------------------------------------------


def summaries(
    config: Config,
    spec: Spec,
    logits: Callable[[Any, jax.Array, jax.Array | None], jax.Array],
    p_of: Callable[[Any, Config], jax.Array | None] = augmentation_probability,
) -> Summaries:
    """Returns the summaries of an adversarial method: D on a batch, and the batch augmented.

    Args:
      config: resolved.
      spec: of the conditions.
      logits: (state, D's input [b h w c], condition vectors) -> [b].
      p_of: (state, config) -> augmentation probability; None: never augmented, no such picture.
    """

    @jax.jit
    def of_batch(state: Any, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        c = conditions.encode(spec, batch["condition"])
        keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(config.seed), i))(
            batch["sample"]
        )
        x, pictures = images.to_model(batch["image"]), {}
        if (p := p_of(state, config)) is not None:
            pictures["augmented"] = x = augment.augment(x, keys, p, config.augment)
        value = logits(state, d_input(x, keys, keys, None, config), c)
        scalars = {"signs/validation": jnp.sign(value).mean(), "logits/validation": value.mean()}
        return {"scalars": scalars, "images": pictures}

    return of_batch
