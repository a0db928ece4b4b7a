"""Trains a captioner: pictures become short texts, in English or French, of one of three kinds.

A text may take words of emoji that the picture is like, which the state remembers (recall.py). The
loss is the negative log-likelihood of the next piece; with `loss.adversarial` also the opinion
of a critic that sees the picture and a text drawn by straight-through Gumbel-softmax (1611.01144),
relativistic (2501.05441). A batch has `features`, vectors of its pictures by a network that is not
trained here, and `caption`: `tokens`, `language`, `kind`, and of the emoji its number and all its
`words` (input_pipeline/unicode/captions.py).
"""

import dataclasses
import enum
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from emoji_gan import images, losses
from emoji_gan.conditions import LANGUAGES, Condition, Spec
from emoji_gan.methods import decoding, gan, recall, step
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
from emoji_gan.methods.decoding import SoftlyDrawn
from emoji_gan.methods.gan import TwoNetworks
from emoji_gan.methods.recall import Recalled
from emoji_gan.methods.step import Config
from emoji_gan.networks import captioner_networks as networks
from emoji_gan.runtime import learning_rate, rules

NETWORKS = {"g": "writer", "d": "critic"}
HELD_OUT_LOSS = "nll/validation"
KINDS = 3  # how many there are (input_pipeline/unicode/captions.py)
_MAX_GRADIENT_NORM = 1.0
_SPACE = 12  # pieces a text, on average, for which training computes logits: most are padding


class Draw(enum.IntEnum):
    """Names what a step draws; values are part of the random numbers and never change."""

    DROPPED = 1  # pictures
    NOISE = 2  # added to their vectors
    GUMBEL = 3  # of texts that the critic sees
    FORGOTTEN = 4  # emoji that are not recalled
    OWN = 5  # whether the picture's own is
    UNLIKE = 6  # noise of the vector by which others are recalled
    HOW_UNLIKE = 7  # the amount of that noise


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State(TwoNetworks):
    """Holds what training carries from one step to the next."""

    memory: recall.Memory


_RULES = {
    **{
        f"model.{name}": rules.at_least(1)
        for name in ("width", "embedding", "critic_width", "recalled")
    },
    "data.captions.length": rules.at_least(2),
    "data.captions.words": rules.at_least(1),
    "loss.adversarial": rules.at_least(0),
    "loss.gamma": rules.at_least(0),
    "loss.gumbel": rules.POSITIVE,
    "loss.noise": rules.at_least(0),
    "loss.own": rules.FRACTION,
    "optim.g_lr": rules.POSITIVE,
    "optim.d_lr": rules.POSITIVE,
    "optim.beta1": rules.BELOW_ONE,
    "optim.beta2": rules.BELOW_ONE,
}


def resolve(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Fills the auto fields and checks the method's own, in place; raises `UserError`."""
    rules.check(config, _RULES)
    if config.data.conditions:
        raise rules.UserError("data.conditions: a captioner has none; leave it empty")
    if config.eval.every_kimg:
        raise rules.UserError(
            "eval.every_kimg: a captioner draws no pictures to be judged; set it to 0"
        )
    if config.batch_size is None:
        config.batch_size = -(-64 // num_devices) * num_devices
    rules.check_batch(config.batch_size, num_devices)
    if config.ema.half_life_kimg is None:
        config.ema.half_life_kimg = config.batch_size * 10 / 32


def make_networks(config: Config, spec: Spec, seed: int) -> tuple[networks.Writer, networks.Critic]:
    """Builds the networks of a resolved config with initial weights from `seed`."""
    if spec.captions is None:
        raise rules.UserError("a captioner needs texts: its data come with data.captions")
    if not spec.captions.emoji:
        raise rules.UserError("a captioner of an older version, without a memory: train it anew")
    m, rng = config.model, np.random.default_rng(seed)
    sizes = {
        "pieces": len(spec.captions.pieces),
        "embedding": m.embedding,
        "condition": {
            "picture_dim": spec.captions.picture_dim,
            "languages": LANGUAGES,
            "kinds": KINDS,
        },
    }
    g = networks.Writer(rng, width=m.width, **sizes)
    return g, networks.Critic(rng, width=m.critic_width, **sizes)


def _graphs(config: Config, spec: Spec) -> tuple[Any, Any]:
    g, d = nnx.eval_shape(lambda: make_networks(config, spec, 0))
    return nnx.graphdef(g), nnx.graphdef(d)


def _optimizers(
    config: Config, rate: float | jax.Array
) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    o = config.optim
    options = {"beta1": o.beta1, "beta2": o.beta2, "eps": o.eps}
    return step.adam(rate * o.g_lr, **options), step.adam(rate * o.d_lr, **options)


def init(config: Config, spec: Spec, seed: int) -> State:
    """Returns the state before the first step, on the default device."""
    started = gan.started(make_networks(config, spec, seed), _optimizers(config, 1.0))
    of = spec.captions
    memory = recall.empty(len(of.emoji), of.picture_dim, LANGUAGES, of.words)
    return State(**vars(started), memory=memory)


# ---- training ------------------------------------------------------------------------------------


def recalled_of(config: Config, state: State, batch: Batch) -> Recalled:
    """Returns the words that training recalls: of half of the emoji, seldom of the picture's own.

    So what is learned of taking words is what a picture of no emoji that was seen will need, and
    one of an emoji that was. How like it the picture is varies, as that of drawn emoji does.
    """
    features, emoji = batch["features"], batch["caption"]["emoji"]
    draws = (Draw.FORGOTTEN, Draw.OWN, Draw.UNLIKE, Draw.HOW_UNLIKE)
    forgotten, own, unlike, how_unlike = step.all_sample_keys(config, state, batch, draws)
    chance = jax.vmap(lambda key: jax.random.uniform(key, state.memory["times"].shape))(forgotten)
    amount = jax.vmap(jax.random.uniform)(how_unlike)[:, None] * _rms(features)
    is_own = jax.vmap(jax.random.uniform)(own) < config.loss.own
    return recall.recalled(
        state.memory,
        features + amount * step.normal(unlike, features.shape[-1]),
        batch["caption"]["language"],
        count=config.model.recalled,
        emoji=jnp.where(is_own, -1, emoji),
        chance=chance,
    )


def _rms(features: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(jnp.square(features), -1, keepdims=True))


def seen_features(config: Config, state: State, batch: Batch) -> jax.Array:
    """Returns the vectors f32 [b d] of pictures as training shows them: noisy, some left out."""
    features = batch["features"]
    dropped, noisy = step.all_sample_keys(config, state, batch, (Draw.DROPPED, Draw.NOISE))
    noise = step.normal(noisy, features.shape[-1])
    kept = jax.vmap(jax.random.uniform)(dropped) >= config.condition.drop_all
    return jnp.where(kept[:, None], features + config.loss.noise * _rms(features) * noise, 0.0)


@dataclasses.dataclass(frozen=True)
class _Seen:
    """Holds what a step sees of its pictures: vectors f32 [b d], and the words that they recall."""

    features: jax.Array
    recalled: Recalled


@dataclasses.dataclass(frozen=True)
class _Losses:
    """Computes the losses of a run.

    Attributes:
      config: resolved.
      g_def: the static half of the writer.
      d_def: that of the critic.
    """

    config: Config
    g_def: Any
    d_def: Any

    def texts(self, g: Any, state: State, batch: Batch, seen: "_Seen") -> SoftlyDrawn:
        """Draws a text of each picture, the same for both networks of a step."""
        writer, caption = nnx.merge(self.g_def, g), batch["caption"]
        c = writer.condition(seen.features, caption["language"], caption["kind"])
        (keys,) = step.all_sample_keys(self.config, state, batch, (Draw.GUMBEL,))
        length, softness = self.config.data.captions.length, self.config.loss.gumbel
        return decoding.draw_softly(
            writer, c, seen.recalled, keys, length=length, softness=softness
        )

    def of_critic(
        self, d: Any, batch: Batch, features: jax.Array, fake: jax.Array
    ) -> tuple[jax.Array, Metrics]:
        """Computes the critic's loss, with penalties on its slope by the vectors of the pieces.

        Args:
          d: parameters of the critic.
          batch: with `caption`, the real texts.
          features: f32 [b d], of the pictures.
          fake: drawn texts, i32 [b t].
        """
        critic, caption = nnx.merge(self.d_def, d), batch["caption"]
        c = critic.condition(features, caption["language"], caption["kind"])

        def scored(tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
            alive = decoding.alive_in(tokens).astype(jnp.float32)
            logits, pull = jax.vjp(lambda x: critic(x, alive, c), critic.embedded(tokens))
            (slopes,) = pull(jnp.ones_like(logits))
            return logits, jnp.sum(jnp.square(slopes), (1, 2))

        real_logits, r1 = scored(caption["tokens"])
        fake_logits, r2 = scored(fake)
        adversarial = losses.d_relativistic(real_logits, fake_logits)
        metrics = {
            "logits/real": real_logits.mean(),
            "logits/fake": fake_logits.mean(),
            "r1/penalty": r1.mean(),
            "loss/d": adversarial.mean(),
        }
        return (adversarial + 0.5 * self.config.loss.gamma * (r1 + r2)).mean(), metrics

    def of_writer(
        self, g: Any, d: Any, state: State, batch: Batch, seen: "_Seen"
    ) -> tuple[jax.Array, Metrics]:
        """Computes the writer's loss: likelihood, and the critic's opinion if it counts."""
        writer, caption = nnx.merge(self.g_def, g), batch["caption"]
        tokens = caption["tokens"]
        c = writer.condition(seen.features, caption["language"], caption["kind"])
        space = min(_SPACE * len(tokens), tokens.size)
        nll = decoding.mean_nll(writer, tokens, c, seen.recalled, space)
        if not self.config.loss.adversarial:
            return nll, {"nll/train": nll}
        critic, fake = nnx.merge(self.d_def, d), self.texts(g, state, batch, seen)
        c = critic.condition(seen.features, caption["language"], caption["kind"])

        def logits(numbers: jax.Array, pieces: jax.Array) -> jax.Array:
            alive = decoding.alive_in(numbers).astype(jnp.float32)
            return critic(critic.embedded(pieces), alive, c)

        real, drawn = logits(tokens, tokens), logits(fake.tokens, fake.one_hot)
        adversarial = losses.g_relativistic(real, drawn).mean()
        loss = nll + self.config.loss.adversarial * adversarial
        return loss, {"nll/train": nll, "loss/g": adversarial}


def train_step(config: Config, spec: Spec, mesh: Mesh) -> Step:
    """Returns the training step over the global batch of `mesh`."""
    of_run = _Losses(config, *_graphs(config, spec))
    clip = optax.clip_by_global_norm(_MAX_GRADIENT_NORM)  # without a state

    def main(state: State, batch: Batch) -> tuple[State, Metrics]:
        rate = learning_rate.factor(config, step.images_seen(state, config))
        g_adam, d_adam = _optimizers(config, rate)
        seen = _Seen(seen_features(config, state, batch), recalled_of(config, state, batch))
        d, d_opt, metrics = state.d, state.d_opt, {}
        if config.loss.adversarial:
            fake = of_run.texts(state.g, state, batch, seen).tokens
            (_, metrics), grads = step.mean_over_devices(
                jax.value_and_grad(of_run.of_critic, has_aux=True)(d, batch, seen.features, fake)
            )
            update = step.apply_gradients(d, d_adam, d_opt, grads)
            d, d_opt = update.params, update.opt_state
            metrics |= update.metrics("d", rate * config.optim.d_lr)
        (loss, of_g), grads = step.mean_over_devices(
            jax.value_and_grad(of_run.of_writer, has_aux=True)(state.g, d, state, batch, seen)
        )
        norm = step.tree_norm(grads)
        grads, _ = clip.update(grads, optax.EmptyState())
        g = step.apply_gradients(state.g, g_adam, state.g_opt, grads)
        new = State(
            counters=step.next_step(state.counters),
            g=g.params,
            d=d,
            g_ema=step.ema(state.g_ema, g.params, state, config=config),
            g_opt=g.opt_state,
            d_opt=d_opt,
            memory=_remembered(state.memory, batch),
        )
        new = step.guarded(state, new, loss, norm)
        metrics |= of_g | {"grad_norm/g": norm, "learning_rate/g": rate * config.optim.g_lr}
        return new, metrics | step.bad_step_metrics(new.counters)

    return Step({"main": Program(step.compiled(main, mesh))})


def _remembered(memory: recall.Memory, batch: Batch) -> recall.Memory:
    caption = batch["caption"]
    of_all = (batch["features"], caption["emoji"], caption["words"])
    return recall.remembered(memory, *map(step.of_all_devices, of_all))


# ---- writing -------------------------------------------------------------------------------------


def generator(config: Config, spec: Spec) -> Generator:
    """Returns the generator, which has no latents: it writes of pictures.

    Its `draw` takes latents of the kind 'picture', vectors f32 [b d], and the condition: language
    and kind i32 [b], seed and candidate u32 [b], temperature f32 [b]. It returns a `decoding.Drawn`
    in place of images.
    """

    def draw(params: Params, latents: Latents, condition: Condition) -> Any:
        writer = nnx.merge(_graphs(config, spec)[0], params["g_ema"])
        language = condition["language"]
        c = writer.condition(latents.values, language, condition["kind"])
        recalled = recall.recalled(
            params["memory"], latents.values, language, count=config.model.recalled
        )
        seeds = step.seed_keys(condition["seed"])
        keys = jax.vmap(jax.random.fold_in)(seeds, condition["candidate"])
        length = config.data.captions.length
        return decoding.draw(writer, c, recalled, keys, condition["temperature"], length=length)

    return Generator(("g_ema", "memory"), {}, None, draw)


def summaries(config: Config, spec: Spec) -> Summaries:
    """Returns the likelihood of held-out emoji's texts, in nats a piece, and a batch's pictures.

    `nll/blind_validation` is that of a writer who sees no picture and recalls nothing.
    """
    g_def, _ = _graphs(config, spec)

    @jax.jit
    def of_batch(state: State, batch: Batch) -> dict[str, dict[str, jax.Array]]:
        writer, caption = nnx.merge(g_def, state.g_ema), batch["caption"]
        features, language = batch["features"], caption["language"]
        recalled = recall.recalled(state.memory, features, language, count=config.model.recalled)

        def nll(features: jax.Array, recalled: Recalled) -> jax.Array:
            c = writer.condition(features, language, caption["kind"])
            return decoding.mean_nll(writer, caption["tokens"], c, recalled)

        scalars = {
            "nll/validation": nll(features, recalled),
            "nll/blind_validation": nll(jnp.zeros_like(features), recall.nothing(recalled)),
        }
        return {"scalars": scalars, "images": {"pictures": images.to_model(batch["image"])}}

    return of_batch
