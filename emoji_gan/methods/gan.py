"""What the steps of adversarial methods share: their state, D's input, the controller of augmentation."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import ml_collections

from emoji_gan import augment, conditions, images
from emoji_gan.conditions import Spec
from emoji_gan.methods.step import Batch, Metrics

State = TypeVar("State")  # with the fields of `Base`
NETWORKS = {"g": "generator", "d": "discriminator"}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Base:
    """What the loop reads and the functions here move, in the state of every adversarial method."""

    step: jax.Array  # i32
    g: Any  # parameters of the generator
    d: Any  # parameters of the discriminator
    g_ema: Any  # moving average of g
    g_opt: Any
    d_opt: Any
    ada_p: jax.Array  # augmentation probability
    ada_signs: jax.Array  # sum of mean sign D(real) since p last moved
    bad_in_a_row: jax.Array  # i32, non-finite steps skipped since the last finite one
    bad_total: jax.Array  # i32
    rollbacks: jax.Array  # i32; part of the seed, so that a step run again draws anew


def counters(config: ml_collections.ConfigDict) -> dict[str, jax.Array]:
    """The scalars of `Base` before the first step, each its own buffer: they are donated together."""
    counts = {
        k: jnp.zeros((), jnp.int32) for k in ("step", "bad_in_a_row", "bad_total", "rollbacks")
    }
    return counts | {"ada_p": jnp.zeros(()) + config.augment.p_init, "ada_signs": jnp.zeros(())}


def d_input(
    x: jax.Array, keys: jax.Array, colour_keys: jax.Array, p: jax.Array | None, config
) -> jax.Array:
    """What D sees of `b h w 4`.

    Augmented with probability p (None: 0 for good, and no code for it), and with `model.composite`
    followed by its composite over a random colour: `b h w 7`.
    """
    if p is not None:
        x = augment.augment(x, keys, p, config.augment)
    if not config.model.composite:
        return x
    colour = jax.vmap(lambda k: jax.random.uniform(k, (1, 1, 3)))(colour_keys)
    return jnp.concatenate([x, images.composite(x, colour)], -1)


def trained_only(grads: Any, config) -> Any:
    """D's gradients, 0 in its `optim.freeze_d` maps nearest to the image (2002.10964)."""
    if not config.optim.freeze_d:
        return grads

    def frozen(path) -> bool:
        name, resolution = path[0].key, config.data.resolution
        if name in (
            "enter",
            "stages",
            "kernels",
            "biases",
            "norms",
        ):  # those after the first are normalised
            place = 0 if name == "enter" else path[1].key + (name == "norms")
        elif name.startswith("b") and name[1:].isdecimal():
            place = (resolution // int(name[1:])).bit_length() - 1
        else:
            return False
        return place < config.optim.freeze_d

    return jax.tree_util.tree_map_with_path(
        lambda path, g: jnp.zeros_like(g) if frozen(path) else g, grads
    )


def p_of(state: Any, config) -> jax.Array | None:
    """The augmentation probability for `d_input` where feedback moves it."""
    return state.ada_p if config.augment.target or config.augment.p_init else None


def count_once(new: State, old: State) -> State:
    """A second program of a step ends no row of bad steps, and a step that is bad twice counts once."""
    counted = old.bad_in_a_row > 0
    return dataclasses.replace(
        new,
        bad_in_a_row=jnp.where(counted, old.bad_in_a_row, new.bad_in_a_row),
        bad_total=jnp.where(counted, old.bad_total, new.bad_total),
    )


def move_p(state: State, config) -> State:
    """Adjusts the augmentation probability every `augment.every` steps (2006.06676, section 3)."""
    a = config.augment
    if not a.target:
        return state
    p = augment.update_p(state.ada_p, state.ada_signs / a.every, config.batch_size * a.every, a)
    due = state.step % a.every == 0
    return dataclasses.replace(
        state, ada_p=jnp.where(due, p, state.ada_p), ada_signs=jnp.where(due, 0.0, state.ada_signs)
    )


def logit_metrics(real: jax.Array, fake: jax.Array) -> Metrics:
    """What D says of its batch, `b` each."""
    return {
        "logits/real": real.mean(),
        "logits/fake": fake.mean(),
        "signs/real": jnp.sign(real).mean(),
        "signs/fake": jnp.sign(fake).mean(),
    }


def make_summaries(
    config,
    logits_of: Callable[[Any, jax.Array, jax.Array | None], jax.Array],
    spec: Spec,
    p_of: Callable[[Any, Any], jax.Array | None] = p_of,
):
    """Returns `summaries(state, batch)`: scalars, D's signs on a held-out batch, and images, it augmented.

    Args:
      config: resolved.
      logits_of: (state, D's input `b h w c`, classes) to logits `b`.
      spec: of the conditions.
      p_of: (state, config) to the augmentation probability; None: never augmented, and no such
        picture.
    """

    @jax.jit
    def summaries(state, batch: Batch):
        c = conditions.encode(spec, batch["condition"])
        keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(config.seed), i))(
            batch["sample"]
        )
        x, shown = images.to_model(batch["image"]), {}
        if (p := p_of(state, config)) is not None:
            shown["augmented"] = x = augment.augment(x, keys, p, config.augment)
        logits = logits_of(state, d_input(x, keys, keys, None, config), c)
        scalars = {"signs/validation": jnp.sign(logits).mean(), "logits/validation": logits.mean()}
        return {"scalars": scalars, "images": shown}

    return summaries
