"""Trains a one-step generator: a flow's network, called once, learns adversarially (2405.20750).

G starts as a flow that is called at full noise, which draws blurred means, and learns from a critic
what a sharp emoji is. `model.steps=2` also trains a second call, at an image with noise in it.
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
from emoji_gan.conditions import Spec
from emoji_gan.methods import few_steps, flow, gan, step
from emoji_gan.methods.base import (
    Batch,
    Generator,
    Metrics,
    Program,
    Step,
    Summaries,
)
from emoji_gan.methods.step import Config
from emoji_gan.networks import critic as networks
from emoji_gan.networks import unet
from emoji_gan.runtime import learning_rate, rules

NETWORKS = gan.NETWORKS
_RECENT = 1024  # conditions
_SLOPE_DECAY = 0.99  # of its running norm, per step


class Draw(enum.IntEnum):
    """Names the random draws of a step."""

    NOISE = 0
    SECOND = 1
    REAL_AUGMENT = 3
    FAKE_AUGMENT = 4
    NEAR = 6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State(gan.GanState):
    """Holds all that training carries from one step to the next."""

    slope: jax.Array  # f32, running norm of the critic's gradient at a generated image
    recent: jax.Array  # f32 [n d], the last conditions: an image's own is told apart from them


# Losses of D and of G, of logits [b] of real and generated images.
_ADVERSARIAL = {
    "relativistic": (losses.d_relativistic, losses.g_relativistic),
    "nonsaturating": (losses.d_logistic, lambda _, fake: losses.g_nonsaturating(fake)),
}
_RULES = {
    "model.critic": rules.one_of("trunk", "scratch"),
    **flow.MODEL_RULES,
    "model.predict": rules.one_of("velocity", "image"),
    "model.steps": rules.one_of(1, 2),
    "model.second_time": few_steps.SECOND_TIME,
    "loss.kind": rules.one_of(*_ADVERSARIAL),
    "loss.gamma": rules.at_least(0),
    "loss.epsilon": rules.POSITIVE,
    "loss.drift": rules.at_least(0),
    "loss.guidance": rules.at_least(1),
    "loss.transport": rules.at_least(0),
    "loss.second": rules.FRACTION,
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    if config.augment.target:
        raise rules.UserError(
            "augment.target: a one-step generator does not move p by itself; set augment.p_init"
        )
    rules.check(config, {f"optim.{name}": rules.POSITIVE for name in ("g_lr", "d_lr")})
    rules.check(config, {f"optim.{name}": rules.BELOW_ONE for name in ("beta1", "beta2")})
    few_steps.resolve(config, num_devices, trained_steps=config.model.steps)


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
        recent=jnp.zeros((_RECENT if config.loss.guidance != 1 else 1, max(spec.dim, 1))),
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
class Call:
    """Calls G: images f32 [b h w 4] from what it sees, x [b h w 4] at the times t [b].

    Attributes:
      graph: of G.
      is_image: whether the network puts out an image; else a velocity, which leads to one.
    """

    graph: Any
    is_image: bool

    def __call__(
        self,
        g: Any,
        x: jax.Array,
        t: jax.Array,
        c: jax.Array | None,
        dtype: jnp.dtype = jnp.float32,
    ) -> jax.Array:
        """Calls the network once."""
        y = nnx.merge(self.graph, g)(x, t, c, dtype)
        return y if self.is_image else x + (1 - t)[:, None, None, None] * y


@dataclasses.dataclass(frozen=True)
class _Judged:
    """Holds what the critic says of a batch, f32 each: logits, and `Critic.name_among`.

    Attributes:
      reals: [b].
      fakes: [b].
      near_reals: [q], of points near every fourth real image.
      near_fakes: [q].
      named: [b], how surely real images are those of their conditions; None: no guidance.
    """

    reals: jax.Array
    fakes: jax.Array
    near_reals: jax.Array
    near_fakes: jax.Array
    named: jax.Array | None


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
    return few_steps.between(real, noise, t), t


def d_loss(config: Config, logits: _Judged) -> tuple[jax.Array, Metrics]:
    """Computes the critic's loss and its parts."""
    d_adversarial, _ = _ADVERSARIAL[config.loss.kind]
    adversarial = d_adversarial(logits.reals, logits.fakes).mean()
    some, far = losses.RANDOM_ROWS, config.loss.epsilon
    r1 = losses.random_r1(logits.near_reals, logits.reals[some], far).mean()
    r2 = losses.random_r1(logits.near_fakes, logits.fakes[some], far).mean()
    drift = (jnp.square(logits.reals) + jnp.square(logits.fakes)).mean()
    total = adversarial + config.loss.gamma / 2 * (r1 + r2) + config.loss.drift * drift
    metrics = {"loss/d": adversarial, "r1/penalty": r1, "r2/penalty": r2}
    if logits.named is not None:
        total -= (config.loss.guidance - 1) * logits.named.mean()
        metrics["guidance/real"] = logits.named.mean()
    return total, metrics


def g_loss(
    config: Config, reals: jax.Array, fakes: jax.Array, named: jax.Array | None
) -> tuple[jax.Array, Metrics]:
    """Computes G's loss and its parts, of logits [b] and `Critic.name_among` of the fakes [b]."""
    _, g_adversarial = _ADVERSARIAL[config.loss.kind]
    adversarial = g_adversarial(reals, fakes).mean()
    if named is None:
        return adversarial, {"loss/g": adversarial}
    # G moves to where the condition is plain among others: it is guided.
    total = adversarial - (config.loss.guidance - 1) * named.mean()
    return total, {"loss/g": adversarial, "guidance/fake": named.mean()}


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    graphs = _graphs(config, spec)

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        c = conditions.with_dropout(spec, config, batch)
        g_grads, d_grads, slope, metrics = gradients(config, graphs, state, batch, c)
        g_grads, d_grads, metrics = step.mean_over_devices((g_grads, d_grads, metrics))
        recent = state.recent
        if config.loss.guidance != 1:
            recent = jnp.concatenate([step.of_all_devices(c), recent])[: len(recent)]
        new = dataclasses.replace(state, slope=slope, recent=recent)
        return _updated(config, state, new, g_grads, d_grads, metrics)

    return Step({"main": Program(step.compiled(main, mesh))})


def gradients(
    config: Config, graphs: tuple[Any, Any], state: State, batch: Batch, c: jax.Array | None
) -> tuple[Any, Any, jax.Array, Metrics]:
    """Computes G's gradient, the critic's, the running norm of its slopes, and the losses.

    G's is that of its loss over the running norm (2511.22475).
    """
    g_graph, d_graph = graphs
    call, real = Call(g_graph, flow.predicts_image(config)), images.to_model(batch["image"])
    x, t = _what_g_sees(config, state, batch, real)
    fake, pull_g = jax.vjp(lambda g: call(g, x, t, c, jnp.dtype(config.dtype)), state.g)
    critic = _critic(config, d_graph, state, batch, c)
    # One pass of the critic over the fakes serves both: its own gradient, and G's.
    fakes, pull_fakes = jax.vjp(critic.of_fakes, state.d, fake)
    others, pull_others = jax.vjp(lambda d: critic.of_others(d, real, fake), state.d)

    (_, metrics), (to_fakes, to_others) = jax.value_and_grad(
        lambda fakes, others: d_loss(config, _Judged(fakes=fakes["logits"], **others)),
        (0, 1),
        has_aux=True,
    )(fakes, others)
    d_grads = jax.tree.map(jnp.add, pull_fakes(to_fakes)[0], pull_others(to_others)[0])

    (_, of_g), to_fakes = jax.value_and_grad(
        lambda fakes: g_loss(config, others["reals"], fakes["logits"], fakes["named"]),
        has_aux=True,
    )(fakes)
    slopes = len(real) * pull_fakes(to_fakes)[1]  # of each image's own loss
    squares = step.mean_over_devices(jnp.sum(jnp.square(slopes), (1, 2, 3)).mean())
    norm = jnp.sqrt(squares)
    running = jnp.where(state.slope > 0, step.lerp(norm, state.slope, _SLOPE_DECAY), norm)
    pull = slopes / running + config.loss.transport * (fake - x) / np.sqrt(x[0].size)
    (g_grads,) = pull_g(pull / len(real))
    metrics |= of_g | {"slope/g": running}
    logit_metrics = gan.logit_metrics(others["reals"], fakes["logits"])
    return g_grads, d_grads, running, metrics | logit_metrics


@dataclasses.dataclass(frozen=True)
class _Critic:
    """Computes the critic's logits of a batch on one device, in float32: slopes are differences."""

    graph: Any
    config: Config
    p: jax.Array | None  # probability of augmentation
    c: jax.Array | None  # condition vectors [b d]
    recent: jax.Array  # of others [n d]
    real_keys: jax.Array  # [b], of the augmentation, as the others
    fake_keys: jax.Array
    near_keys: jax.Array  # [b], of the points nearby

    def of_fakes(self, d: Any, fake: jax.Array) -> dict[str, jax.Array | None]:
        """Computes 'logits' [b] of generated images [b h w 4], and 'named': see `_Judged`."""
        critic = nnx.merge(self.graph, d)
        score, features = critic.read_image(self._seen(fake, self.fake_keys))
        return {
            "logits": score + critic.fit(features, self.c),
            "named": self._named(critic, features),
        }

    def of_others(self, d: Any, real: jax.Array, fake: jax.Array) -> dict[str, jax.Array | None]:
        """Computes all logits but those of the fakes, by their names in `_Judged`, in one pass."""
        b, c, some = len(real), self.c, losses.RANDOM_ROWS
        away = self.config.loss.epsilon * step.normal(self.near_keys[some], *real.shape[1:])
        x = jnp.concatenate([real, real[some] + away, fake[some] + away])
        keys = jnp.concatenate([self.real_keys, self.real_keys[some], self.fake_keys[some]])
        critic = nnx.merge(self.graph, d)
        score, features = critic.read_image(self._seen(x, keys))
        logits = score + critic.fit(
            features, None if c is None else jnp.concatenate([c, c[some], c[some]])
        )
        return {
            "reals": logits[:b],
            "near_reals": logits[b : b + len(away)],
            "near_fakes": logits[b + len(away) :],
            "named": self._named(critic, features[:b]),
        }

    def _named(self, critic: networks.Critic, features: jax.Array) -> jax.Array | None:
        if self.config.loss.guidance == 1:
            return None
        return critic.name_among(features, self.c, self.recent)

    def _seen(self, x: jax.Array, keys: jax.Array) -> jax.Array:
        return gan.d_input(x, keys, keys, self.p, self.config)


def _critic(config: Config, graph: Any, state: State, batch: Batch, c: jax.Array | None) -> _Critic:
    draws = (Draw.REAL_AUGMENT, Draw.FAKE_AUGMENT, Draw.NEAR)
    p = gan.augmentation_probability(state, config)
    return _Critic(
        graph, config, p, c, state.recent, *step.all_sample_keys(config, state, batch, draws)
    )


def _updated(
    config: Config, state: State, new: State, g_grads: Any, d_grads: Any, metrics: Metrics
) -> tuple[State, Metrics]:
    """Applies the gradients to a new state, moves the average and guards the step."""
    seen = step.images_seen(state, config)
    g_lr = config.optim.g_lr * learning_rate.factor(config, seen)
    d_lr = config.optim.d_lr * learning_rate.decay(config, seen)  # without G's warm-up
    g = step.apply_gradients(state.g, _optimizer(config, g_lr), state.g_opt, g_grads)
    d = step.apply_gradients(state.d, _optimizer(config, d_lr), state.d_opt, d_grads)
    new = dataclasses.replace(
        new,
        counters=step.next_step(state.counters),
        g=g.params,
        d=d.params,
        g_opt=g.opt_state,
        d_opt=d.opt_state,
        g_ema=step.ema(state.g_ema, g.params, state, config=config),
    )
    metrics |= g.metrics("g", g_lr) | d.metrics("d", d_lr)
    watched = (metrics["loss/g"], metrics["loss/d"], g.gradient_norm, d.gradient_norm)
    return gan.finish(state, new, metrics, *watched, config=None)


# ---- drawing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator; its latents are noise of the image's shape."""
    graph, _ = _graphs(config, spec)
    call = Call(graph, flow.predicts_image(config))
    return few_steps.generator(
        config, spec, call, field="g_ema", second_time=config.model.second_time
    )


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns the critic on a batch and the batch augmented; see `gan.summaries`."""
    _, graph = _graphs(config, spec)

    def logits(state: State, x: jax.Array, c: jax.Array | None) -> jax.Array:
        critic = nnx.merge(graph, state.d)
        score, features = critic.read_image(x)
        return score + critic.fit(features, c)

    return gan.summaries(config, spec, logits)
