"""Recognises which emoji a picture shows, and scores it against the right one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from input_pipeline.art import common_box, picture_folder, rasterise
from input_pipeline.unicode import emoji_names

_BATCH = 64
_FIT_PX = 64  # pictures are cropped into the common box at this size

_apply = jax.jit(encoder.apply)


def extract(params: encoder.Params, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features f32 `n d` and logits f32 `n k` of pictures uint8 `n h w 4`, in batches of one size."""
    features, logits = [], []
    for start in range(0, len(images), _BATCH):
        share = images[start : start + _BATCH]
        rows = np.arange(_BATCH) % len(share)  # the last batch is filled up: one compiled program
        out = jax.device_get(_apply(params, encoder.preprocess(jnp.asarray(share[rows]))))
        features.append(out["features"][: len(share)])
        logits.append(out["logits"][: len(share)])
    return np.concatenate(features), np.concatenate(logits)


def scores(logits: np.ndarray, labels: np.ndarray, groups: list[str]) -> dict[str, float]:
    """How often the right emoji is first, among the first five, and the right group.

    Args:
      logits: n k.
      labels: n, the right class in [0, k).
      groups: k, the group of each class.

    Returns:
      n, and top1, top5 and group, shares in [0, 1].
    """
    right = np.take_along_axis(logits, labels[:, None], 1)
    rank = (logits > right).sum(1)
    kinds = sorted(set(groups))
    kind = np.array([kinds.index(g) for g in groups])
    found = group_probabilities(logits, kind).argmax(1)
    return {
        "n": len(labels),
        "top1": float((rank < 1).mean()),
        "top5": float((rank < 5).mean()),
        "group": float((found == kind[labels]).mean()),
    }


def group_probabilities(logits: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Sums the softmax of `n k` over the classes of each kind, given as numbers `k`."""
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p @ np.eye(kind.max() + 1, dtype=p.dtype)[kind]


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The pictures of a folder, and what their names say they show.

    Attributes:
      images: uint8 [n 64 64 4], cropped into the common box.
      files: n names.
      labels: int32 [n], number in the encoder's code points; -1 where the name says none of them.
      skipped: (file, why) of those that cannot be read.
    """

    images: np.ndarray
    files: tuple[str, ...]
    labels: np.ndarray
    skipped: tuple[tuple[str, str], ...]


def read(directory: str, codepoints: list[str]) -> Pictures:
    """Reads the pictures of a folder, named by code points or not.

    Raises:
      DataError: no such folder, no PNG in it; UserError: none of them can be read.
    """
    number = {c: i for i, c in enumerate(codepoints)}
    images, files, labels, skipped = [], [], [], []
    paths = picture_folder.files(directory)
    for path in paths:
        try:
            images.append(common_box.fit(rasterise.read_png(path.read_bytes()), _FIT_PX))
        except (rasterise.BadImage, OSError) as e:
            skipped.append((path.name, f"unreadable: {e}"))
            continue
        files.append(path.name)
        labels.append(number.get(emoji_names.normalise(path.stem), -1))
    if not images:
        raise UserError(
            f"{directory}: none of its {len(paths)} PNGs can be read, "
            f"first {skipped[0][0]}: {skipped[0][1]}"
        )
    return Pictures(np.stack(images), tuple(files), np.array(labels, np.int32), tuple(skipped))


def guesses(
    logits: np.ndarray, codepoints: list[str], count: int = 3
) -> list[list[tuple[str, float]]]:
    """Returns the likeliest emoji of each picture: (code points, probability in [0, 1]).

    Args:
      logits: f32 [n k].
      codepoints: k.
      count: of each picture.
    """
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    best = np.argsort(-p, axis=1, kind="stable")[:, :count]
    return [
        [(codepoints[i], float(row[i])) for i in chosen]
        for row, chosen in zip(p, best, strict=True)
    ]
