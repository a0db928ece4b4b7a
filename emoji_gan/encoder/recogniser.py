"""Recognises which emoji pictures show, and measures the accuracy."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from input_pipeline.art import common_box, picture_folder, rasterise
from input_pipeline.unicode import emoji_names

_BATCH = 64
_FIT_PX = 64  # pictures are cropped into the common box at this size

_apply = jax.jit(encoder.apply)


def extract(params: encoder.Params, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features and logits of pictures.

    Args:
      params: as `encoder.load` returns them.
      images: uint8 `n h w 4`, straight alpha.

    Returns:
      Features f32 `n d` of unit length, and logits f32 `n k`.
    """
    features, logits = [], []
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        rows = np.arange(_BATCH) % len(batch)  # pads the last batch: one compiled program
        out = jax.device_get(_apply(params, encoder.preprocess(batch[rows])))
        features.append(out["features"][: len(batch)])
        logits.append(out["logits"][: len(batch)])
    return np.concatenate(features), np.concatenate(logits)


def scores(logits: np.ndarray, labels: np.ndarray, groups: Sequence[str]) -> dict[str, float]:
    """Computes the top-1 and top-5 accuracy over the emoji, and the accuracy over their groups.

    Args:
      logits: [n k].
      labels: [n], the right class in [0, k).
      groups: k names, the group of each class.

    Returns:
      n, and top1, top5 and group in [0, 1].
    """
    right = np.take_along_axis(logits, labels[:, None], 1)
    rank = (logits > right).sum(1)
    names = sorted(set(groups))
    group = np.array([names.index(name) for name in groups])
    predicted = group_probabilities(logits, group).argmax(1)
    return {
        "n": len(labels),
        "top1": float((rank < 1).mean()),
        "top5": float((rank < 5).mean()),
        "group": float((predicted == group[labels]).mean()),
    }


def group_probabilities(logits: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sums the softmax of logits over the classes of each group.

    Args:
      logits: f32 [n k].
      group: int [k], the number of each class's group.

    Returns:
      f32 [n groups].
    """
    p = _softmax(logits)
    return p @ np.eye(group.max() + 1, dtype=p.dtype)[group]


def _softmax(logits: np.ndarray) -> np.ndarray:
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Holds the pictures of a folder and the emoji that their names give.

    Attributes:
      images: uint8 [n 64 64 4], straight alpha, cropped into the common box.
      files: n file names.
      labels: int32 [n], index of the emoji in the encoder's code points; -1 where the name gives
        none of them.
      skipped: (file name, reason) of each picture that cannot be read.
    """

    images: np.ndarray
    files: tuple[str, ...]
    labels: np.ndarray
    skipped: tuple[tuple[str, str], ...]


def read(directory: str, codepoints: Sequence[str]) -> Pictures:
    """Reads the pictures of a folder, whose names may spell code points.

    Args:
      directory: the folder; its PNGs are read.
      codepoints: of the encoder's classes.

    Raises:
      DataError: there is no such folder, or it has no PNG.
      UserError: none of its PNGs can be read.
    """
    index = {c: i for i, c in enumerate(codepoints)}
    images, files, labels, skipped = [], [], [], []
    paths = picture_folder.files(directory)
    for path in paths:
        try:
            images.append(common_box.fit(rasterise.read_png(path.read_bytes()), _FIT_PX))
        except (rasterise.BadImage, OSError) as e:
            skipped.append((path.name, f"unreadable: {e}"))
            continue
        files.append(path.name)
        labels.append(index.get(emoji_names.normalise(path.stem), -1))
    if not images:
        raise UserError(
            f"{directory}: none of its {len(paths)} PNGs can be read, "
            f"first {skipped[0][0]}: {skipped[0][1]}"
        )
    return Pictures(np.stack(images), tuple(files), np.array(labels, np.int32), tuple(skipped))


def guesses(
    logits: np.ndarray, codepoints: Sequence[str], count: int = 3
) -> list[list[tuple[str, float]]]:
    """Returns the most probable emoji of each picture: (code points, probability in [0, 1]).

    Args:
      logits: f32 [n k].
      codepoints: k names of the classes.
      count: number of emoji for each picture.
    """
    p = _softmax(logits)
    best = np.argsort(-p, axis=1, kind="stable")[:, :count]
    return [
        [(codepoints[i], float(row[i])) for i in indices]
        for row, indices in zip(p, best, strict=True)
    ]
