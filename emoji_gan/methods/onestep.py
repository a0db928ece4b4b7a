"""Trains a one-step generator: a flow's network, called once, learns adversarially (2405.20750).

G starts as a flow that is called at full noise, which draws blurred means, and learns from a critic
alone what a sharp emoji is. `model.steps=2` also trains a second call, at an image with noise in it.
"""

import dataclasses
import enum
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import conditions, images, losses
from emoji_gan.conditions import Condition, Spec
from emoji_gan.methods import flow, gan, step
from emoji_gan.methods.base import (
    Batch,
    Generator,
    Latents,
    Metrics,
    Params,
    Program,
    Step,
    Summaries,
)
from emoji_gan.methods.step import Config
from emoji_gan.networks import critic as networks
from emoji_gan.networks import unet
from emoji_gan.runtime import rules

NETWORKS = gan.NETWORKS
_PENALISED = 4  # of so many images one is penalised: the slope at it is enough of an estimate


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    NOISE = 0
    SECOND = 1
    SECOND_NOISE = 2
    REAL_AUGMENT = 3
    FAKE_AUGMENT = 4
    BACKGROUND = 5
    NEAR = 6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State(gan.GanState):
    """Holds all that training carries from one step to the next."""

    slope: jax.Array  # f32, running norm of the critic's gradient at a generated image


_RULES = {
    "model.critic": rules.one_of("trunk", "scratch"),
    **flow.MODEL_RULES,
    "model.predict": rules.one_of("velocity", "image"),
    "model.steps": rules.one_of(1, 2),
    "loss.kind": rules.one_of("relativistic", "nonsaturating"),
    "loss.gamma": rules.at_least(0),
    "loss.epsilon": rules.POSITIVE,
    "loss.drift": rules.at_least(0),
    "loss.guidance": rules.at_least(1),
    "loss.transport": rules.at_least(0),
    "loss.second": rules.FRACTION,
    "optim.warmup_kimg": rules.at_least(0),
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    rules.check(config, {f"optim.{name}": rules.POSITIVE for name in ("g_lr", "d_lr")})
    rules.check(config, {f"optim.{name}": rules.BELOW_ONE for name in ("beta1", "beta2")})
    flow.check_maps(config)
    guidance, steps = config.loss.guidance, config.model.steps
    if config.sample.guidance is None:
        config.sample.guidance = guidance
    if config.sample.guidance != guidance:
        raise rules.UserError(
            f"sample.guidance={config.sample.guidance}: this model was trained with the guidance "
            f"{guidance:g} and draws with no other"
        )
    if guidance != 1 and not config.data.conditions:
        raise rules.UserError("loss.guidance: nothing guides without data.conditions; set it to 1")
    if config.sample.steps not in range(1, steps + 1):
        raise rules.UserError(
            f"sample.steps={config.sample.steps}: this model was trained for "
            + ("1 step" if steps == 1 else "1 or 2 steps")
        )
    if config.batch_size is None:
        config.batch_size = -(-32 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_networks(config: Config, spec: Spec, seed: int) -> tuple[unet.UNet, networks.Critic]:
    """Builds G and the critic of a resolved config with initial weights from `seed`."""
    rng, sizes = np.random.default_rng(seed), flow.network_sizes(config, spec)
    return unet.UNet(rng, **sizes), networks.Critic(rng, px=config.data.resolution, **sizes)


def _graphs(config: Config, spec: Spec) -> tuple[Any, Any]:
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def init(config: Config, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device."""
    g, d = (nnx.to_pure_dict(nnx.state(x)) for x in make_networks(config, spec, seed))
    return State(
        **gan.initial_scalars(config),
        g=g,
        d=d,
        g_ema=jax.tree.map(jnp.copy, g),
        g_opt=_optimizer(config, config.optim.g_lr).init(g),
        d_opt=_optimizer(config, config.optim.d_lr).init(d),
        slope=jnp.zeros(()),
    )


def starts_from(config: Config) -> dict[str, dict[str, str]]:
    """Returns what a run may start from besides its own method.

    By the name of another method: the field of its state that each of these fields takes; what a
    network has more than that one starts anew.
    """
    fields = {"g": "v_ema", "g_ema": "v_ema"}
    return {"flow": fields | ({"d": "v_ema"} if config.model.critic == "trunk" else {})}


def _optimizer(config: Config, lr: float | jax.Array) -> Any:
    o = config.optim
    return step.adam(lr, beta1=o.beta1, beta2=o.beta2, eps=o.eps)


# ---- training ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Call:
    """Calls G: images f32 [b h w 4] from what it sees, x [b h w 4] at the times t [b]."""

    g_def: Any
    is_image: bool  # what the network puts out; else a velocity

    def __call__(
        self,
        g: Any,
        x: jax.Array,
        t: jax.Array,
        c: jax.Array | None,
        dtype: jnp.dtype = jnp.float32,
    ) -> jax.Array:
        y = nnx.merge(self.g_def, g)(x, t, c, dtype)
        return y if self.is_image else x + (1 - t)[:, None, None, None] * y


def _between(image: jax.Array, noise: jax.Array, t: jax.Array) -> jax.Array:
    """Returns the point at time t [b] of the straight path from noise to image [b h w 4]."""
    t = t[:, None, None, None]
    return (1 - t) * noise + t * image


def _what_g_sees(
    config: Config, state: State, batch: Batch, real: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Draws what G is called at, x [b h w 4] and t [b]: noise, or a real image with noise in it."""
    noise_keys, second_keys = step.all_sample_keys(config, state, batch, (Draw.NOISE, Draw.SECOND))
    noise = step.normal(noise_keys, *real.shape[1:])
    t = jnp.zeros(len(real))
    if config.model.steps == 1:
        return noise, t
    is_second = jax.vmap(jax.random.uniform)(second_keys) < config.loss.second
    t = jnp.where(is_second, config.model.second_time, t)
    return _between(real, noise, t), t


def _d_loss(
    config: Config, fakes: jax.Array, others: dict[str, jax.Array]
) -> tuple[jax.Array, Metrics]:
    """Computes the critic's loss of logits [b] of images, and of others by what they are."""
    reals, q = others["reals"], len(others["near_reals"])
    if config.loss.kind == "relativistic":
        adversarial = losses.d_relativistic(reals, fakes).mean()
    else:
        adversarial = losses.d_logistic(reals, fakes).mean()
    # The slope towards a random point nearby (2511.22475, eq. 14), in place of a gradient's norm.
    r1 = jnp.square((others["near_reals"] - reals[:q]) / config.loss.epsilon).mean()
    r2 = jnp.square((others["near_fakes"] - fakes[:q]) / config.loss.epsilon).mean()
    drift = (jnp.square(reals) + jnp.square(fakes)).mean()
    total = adversarial + config.loss.gamma / 2 * (r1 + r2) + config.loss.drift * drift
    if config.loss.guidance != 1:
        # An emoji with another one's condition counts as less real (1605.05396, section 4.2), so
        # that G moves to where the condition is plain: it is guided.
        mistaken = losses.d_relativistic(reals, others["mistaken"]).mean()
        total += (config.loss.guidance - 1) * mistaken
    return total, {"loss/d": adversarial, "r1/penalty": r1, "r2/penalty": r2}


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    g_def, d_def = _graphs(config, spec)
    call = _Call(g_def, flow.predicts_image(config))

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        c, real = conditions.with_dropout(spec, config, batch), images.to_model(batch["image"])
        x, t = _what_g_sees(config, state, batch, real)
        real_keys, fake_keys, near_keys = step.all_sample_keys(
            config, state, batch, (Draw.REAL_AUGMENT, Draw.FAKE_AUGMENT, Draw.NEAR)
        )
        p = gan.augmentation_probability(state, config)

        def read(d: Any, x: jax.Array, keys: jax.Array) -> tuple[jax.Array, jax.Array, Any]:
            critic = nnx.merge(d_def, d)
            return *critic.read_image(gan.d_input(x, keys, keys, p, config)), critic

        def of_fakes(d: Any, fake: jax.Array) -> jax.Array:
            score, features, critic = read(d, fake, fake_keys)
            return score + critic.fit(features, c)

        q = -(-len(real) // _PENALISED)
        away = config.loss.epsilon * step.normal(near_keys[:q], *real.shape[1:])
        fake, pull_g = jax.vjp(lambda g: call(g, x, t, c, jnp.dtype(config.dtype)), state.g)

        def of_others(d: Any) -> dict[str, jax.Array]:
            seen = jnp.concatenate([real, real[:q] + away, fake[:q] + away])
            keys = jnp.concatenate([real_keys, real_keys[:q], fake_keys[:q]])
            score, features, critic = read(d, seen, keys)
            b = len(real)
            near = None if c is None else jnp.concatenate([c, c[:q], c[:q]])
            logits = score + critic.fit(features, near)
            others = {
                "reals": logits[:b],
                "near_reals": logits[b : b + q],
                "near_fakes": logits[b + q :],
            }
            if config.loss.guidance != 1:
                others["mistaken"] = score[:b] + critic.fit(features[:b], jnp.roll(c, 1, 0))
            return others

        # One pass of the critic over the images serves both: its own gradient, and G's.
        fakes, pull_fakes = jax.vjp(of_fakes, state.d, fake)
        others, pull_others = jax.vjp(of_others, state.d)
        (_, metrics), (to_fakes, to_others) = jax.value_and_grad(
            lambda fakes, others: _d_loss(config, fakes, others), (0, 1), has_aux=True
        )(fakes, others)
        d_grads = jax.tree.map(jnp.add, pull_fakes(to_fakes)[0], pull_others(to_others)[0])

        def g_loss(fakes: jax.Array) -> jax.Array:
            if config.loss.kind == "relativistic":
                return losses.g_relativistic(others["reals"], fakes).mean()
            return losses.g_nonsaturating(fakes).mean()

        loss_g, to_fakes = jax.value_and_grad(g_loss)(fakes)
        slopes = len(real) * pull_fakes(to_fakes)[1]  # of each image's own loss
        squares = step.mean_over_devices(jnp.sum(jnp.square(slopes), (1, 2, 3)).mean())
        norm = jnp.sqrt(squares)
        running = jnp.where(state.slope > 0, step.lerp(norm, state.slope, 0.99), norm)
        pull = slopes / running + config.loss.transport * (fake - x) / np.sqrt(x[0].size)
        (g_grads,) = pull_g(pull / len(real))

        metrics |= {"loss/g": loss_g, "slope/g": norm}
        metrics |= gan.logit_metrics(others["reals"], fakes)
        g_grads, d_grads, metrics = step.mean_over_devices((g_grads, d_grads, metrics))
        return _updated(config, state, g_grads, d_grads, running, metrics)

    return Step({"main": Program(step.compiled(main, mesh))})


def _updated(
    config: Config, state: State, g_grads: Any, d_grads: Any, slope: jax.Array, metrics: Metrics
) -> tuple[State, Metrics]:
    """Applies the gradients, moves the average and guards the step."""
    g_lr = flow.warmed_up(config, config.optim.g_lr, step.images_seen(state, config))
    g = step.apply_gradients(state.g, _optimizer(config, g_lr), state.g_opt, g_grads)
    d = step.apply_gradients(
        state.d, _optimizer(config, config.optim.d_lr), state.d_opt, d_grads
    )
    new = dataclasses.replace(
        state,
        counters=step.next_step(state.counters),
        g=g.params,
        d=d.params,
        g_opt=g.opt_state,
        d_opt=d.opt_state,
        g_ema=step.ema(state.g_ema, g.params, state, config=config),
        slope=slope,
    )
    metrics |= g.metrics("g", g_lr) | d.metrics("d", config.optim.d_lr)
    watched = (metrics["loss/g"], metrics["loss/d"], g.gradient_norm, d.gradient_norm)
    return gan.finish(state, new, metrics, *watched, config=None)


# ---- drawing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator; its latents are noise of the image's shape."""
    g_def, _ = _graphs(config, spec)
    call = _Call(g_def, flow.predicts_image(config))
    shape = (config.data.resolution, config.data.resolution, 4)

    def latents(seeds: jax.Array, truncation: jax.Array, stream: int = 0) -> Latents:
        return step.normal_latents(seeds, shape, truncation, stream, kind="noise")

    def draw(params: Params, latents: Latents, condition: Condition) -> jax.Array:
        c, noise = conditions.encode(spec, condition), latents.values
        x = call(params["g_ema"], noise, jnp.zeros(len(noise)), c)
        if config.sample.steps == 1:
            return x
        # The mirrored noise is independent of the first, pixel by pixel, and as good as new: an
        # image depends on its latent alone.
        t = jnp.full(len(noise), config.model.second_time)
        return call(params["g_ema"], _between(x, jnp.flip(noise, 2), t), t, c)

    return Generator(("g_ema",), {"noise": shape}, latents, draw)


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns the critic on a batch and the batch augmented; see `gan.summaries`."""
    _, d_def = _graphs(config, spec)

    def logits(state: State, x: jax.Array, c: jax.Array | None) -> jax.Array:
        critic = nnx.merge(d_def, state.d)
        score, features = critic.read_image(x)
        return score + critic.fit(features, c)

    return gan.summaries(config, spec, logits)
