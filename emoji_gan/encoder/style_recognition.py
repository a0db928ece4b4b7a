"""Measures how well a trained encoder recognises drawings of a style that it was not trained on."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from emoji_gan import images as image_lib
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.encoder.training_art import Art

_SIZES_PX = (16, 22, 32, 64)  # to which the drawings are also reduced


def rows_of(art: Art, style: str, codepoints: Sequence[str]) -> np.ndarray:
    """Returns the rows of a style's drawings that show emoji of `codepoints`, i64 [n]."""
    classes = set(codepoints)
    pairs = zip(art.codepoints.tolist(), art.styles.tolist(), strict=True)
    return np.array([row for row, (c, s) in enumerate(pairs) if s == style and c in classes])


def figures(
    params: encoder.Params,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    groups: Sequence[str],
    other_classes: Mapping[str, np.ndarray],
) -> tuple[dict[str, Any], np.ndarray]:
    """Measures the recognition of drawings.

    Args:
      params: as `encoder.load` returns them.
      images: uint8 [n h w 4], straight alpha.
      labels: int [n], the right class in [0, k).
      groups: k names, the group of each class.
      other_classes: f32 [k d] vectors by name, to measure in place of `params["classes"]`.

    Returns:
      The accuracies, as `recogniser.scores` returns them: of all classes; among the classes of the
      drawings only; by the other class vectors; of drawings reduced to few pixels; on white; and of
      each group. And the features of the drawings, f32 [n d].
    """
    features, logits = recogniser.extract(params, images)
    result: dict[str, Any] = recogniser.scores(logits, labels, groups)

    has_drawing = np.zeros(len(groups), bool)
    has_drawing[labels] = True
    result["among_shared"] = recogniser.scores(
        np.where(has_drawing, logits, -np.inf), labels, groups
    )
    scale = float(jnp.exp(params["log_scale"]))
    for name, classes in other_classes.items():
        result[name] = recogniser.scores(scale * features @ classes.T, labels, groups)
    for px in _SIZES_PX:
        _, small_logits = recogniser.extract(params, _reduced(images, px))
        result[f"{px}px"] = recogniser.scores(small_logits, labels, groups)
    _, white_logits = recogniser.extract(params, _on_white(images))
    result["on_white"] = recogniser.scores(white_logits, labels, groups)
    result["by_group"] = _by_group(logits, labels, groups)
    return result, features


def _by_group(
    logits: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Returns the accuracies over the drawings of each group."""
    ranks = (logits > np.take_along_axis(logits, labels[:, None], 1)).sum(1)
    ranks_of_group = collections.defaultdict(list)
    for label, rank in zip(labels, ranks, strict=True):
        ranks_of_group[groups[label]].append(rank)
    return {
        group: {
            "n": len(ranks),
            "top1": float(np.mean(np.array(ranks) < 1)),
            "top5": float(np.mean(np.array(ranks) < 5)),
        }
        for group, ranks in sorted(ranks_of_group.items())
    }


def _on_white(images: np.ndarray) -> np.ndarray:
    """Returns the pictures on opaque white."""
    alpha = images[..., 3:].astype(np.float32) / 255
    rgb = np.rint(images[..., :3] * alpha + 255 * (1 - alpha))
    return np.concatenate([rgb, np.full_like(alpha, 255)], -1).astype(np.uint8)


def _reduced(images: np.ndarray, px: int) -> np.ndarray:
    """Returns the pictures with sides of `px`, uint8 straight alpha, as files have them."""
    return np.asarray(image_lib.to_uint8(encoder.preprocess(jnp.asarray(images), px)))
