"""Trains the encoder by one step: optimiser, loss and the compiled step over a batch.

Two drawings of an emoji in different styles, its names and its keywords are pulled towards
one vector, that of their class, and pushed away from those of other emoji. Batches without phrases
train on pictures only.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from emoji_gan.encoder import encoder
from emoji_gan.runtime import mesh as mesh_lib

_WARMUP_FRACTION = 0.05
_LABEL_SMOOTHING = 0.1
_TEMPERATURE = 0.1  # of pictures among themselves and with phrases
_WEIGHTS = {
    "classes": 1.0,
    "text": 0.5,
    "styles": 0.5,
    "phrases": 0.25,
    "subgroups": 0.25,
}

Arrays = dict[str, jax.Array]
State = dict[str, Any]  # params, ema, opt and step
Step = Callable[[State, Arrays], tuple[State, Arrays]]


def make_optimizer(steps: int, learning_rate: float) -> optax.GradientTransformation:
    """Returns AdamW with gradient clipping, warm-up and a cosine decay to 0 over `steps`."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, max(1, int(_WARMUP_FRACTION * steps)), steps
    )
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(
            schedule,
            b2=0.98,
            weight_decay=0.03,
            mask=lambda params: jax.tree.map(lambda x: x.ndim > 1, params),
        ),
    )


def make_loss(mesh: Mesh) -> Callable[[encoder.Params, Arrays], tuple[jax.Array, Arrays]]:
    """Returns the loss of (params, batch of `training_batches.Batches`), with metrics."""
    # The fast convolutions of `ops` must see local rows; all else is one global batch.
    embed_images = jax.shard_map(
        encoder.embed_images,
        mesh=mesh,
        in_specs=(jax.P(), jax.P(mesh_lib.AXIS)),
        out_specs=jax.P(mesh_lib.AXIS),
        check_vma=False,
    )

    def loss(params: encoder.Params, batch: Arrays) -> tuple[jax.Array, Arrays]:
        label = batch["label"]
        b = len(label)
        image = embed_images(params, batch["image"])
        scale = jnp.exp(params["log_scale"])
        classes = encoder.unit(params["classes"])
        logits = scale * image @ classes.T
        same = label[:, None] == label[None]
        other = ~jnp.eye(b, dtype=bool)
        parts = {
            "classes": _cross_entropy(logits, label, _LABEL_SMOOTHING),
            "styles": _contrastive(image @ image.T, same, other),
            "subgroups": _cross_entropy(
                encoder.dense(params, "subgroup", scale * image), batch["subgroup"], 0.0
            ),
        }
        if "bag" in batch:
            text = encoder.embed_bags(params, batch["bag"])
            parts |= {
                "text": _cross_entropy(scale * text @ classes.T, batch["text_label"], 0.0),
                "phrases": _contrastive(image @ text[:b].T, same, None)
                + _contrastive(text[:b] @ image.T, same, None),
            }
        total = sum(w * parts[name] for name, w in _WEIGHTS.items() if name in parts)
        top1 = jnp.mean((jnp.argmax(logits, 1) == label).astype(jnp.float32))
        return total, parts | {"loss": total, "top1": top1, "scale": scale}

    return loss


def _cross_entropy(logits: jax.Array, label: jax.Array, smoothing: float) -> jax.Array:
    """Computes the mean cross-entropy with label smoothing (1512.00567)."""
    log_p = jax.nn.log_softmax(logits)
    right = jnp.take_along_axis(log_p, label[:, None], 1)
    return -jnp.mean((1 - smoothing) * right) - smoothing * jnp.mean(log_p)


def _contrastive(similarity: jax.Array, same: jax.Array, allowed: jax.Array | None) -> jax.Array:
    """Computes the supervised contrastive loss (2004.11362, equation 2).

    Args:
      similarity: [n m].
      same: bool [n m], which pairs are of one emoji.
      allowed: bool [n m], which pairs count; None: all.
    """
    logits = similarity / _TEMPERATURE
    if allowed is not None:
        logits, same = jnp.where(allowed, logits, -1e9), same & allowed
    log_p = jax.nn.log_softmax(logits)
    same = same.astype(jnp.float32)
    return -jnp.mean(jnp.sum(log_p * same, 1) / jnp.sum(same, 1))


def make_step(mesh: Mesh, optimizer: optax.GradientTransformation, *, ema_decay: float) -> Step:
    """Returns the jitted step: (state, batch) -> (state, metrics); it donates the state."""
    gradient = jax.value_and_grad(make_loss(mesh), has_aux=True)

    def step(state: State, batch: Arrays) -> tuple[State, Arrays]:
        (_, metrics), grads = gradient(state["params"], batch)
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            updates, opt = optimizer.update(grads, state["opt"], state["params"])
        params = optax.apply_updates(state["params"], updates)
        t = state["step"].astype(jnp.float32)
        decay = jnp.minimum(ema_decay, (1.0 + t) / (10.0 + t))
        ema = jax.tree.map(lambda e, p: p + decay * (e - p), state["ema"], params)
        new = {"params": params, "ema": ema, "opt": opt, "step": state["step"] + 1}
        return new, metrics | {"grad_norm": optax.global_norm(grads)}

    return jax.jit(step, donate_argnums=0, out_shardings=mesh_lib.replicated(mesh))


def init_state(params: encoder.Params, optimizer: optax.GradientTransformation) -> State:
    """Returns the state before the first step."""
    return {
        "params": params,
        "ema": jax.tree.map(jnp.copy, params),
        "opt": optimizer.init(params),
        "step": jnp.zeros((), jnp.int32),
    }
