"""Recognises which emoji a picture shows, and scores it against the right one."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from input_pipeline.art import common_box, rasterise
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


def read(
    directory: str, codepoints: list[str]
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Reads the PNGs of a folder whose names spell one of `codepoints`.

    Returns:
      images uint8 `n 64 64 4`, cropped into the common box; their numbers in `codepoints`, int32
      `n`; and (file, why) of the others.

    Raises:
      UserError: no such folder, no PNG, or none that can be judged.
    """
    root = pathlib.Path(directory).expanduser()
    if not root.is_dir():
        raise UserError(f"{directory}: no such folder")
    number = {c: i for i, c in enumerate(codepoints)}
    files = sorted(p for p in root.iterdir() if p.suffix.lower() == ".png")
    if not files:
        raise UserError(f"{directory}: no PNG in it; pictures are named by code points (1F600.png)")
    images, labels, skipped = [], [], []
    for file in files:
        key = emoji_names.normalise(file.stem)
        if key not in number:
            toned = key is not None and emoji_names.lookup(key).tones
            why = "it has a skin tone" if toned else "its name is no emoji that the encoder knows"
            skipped.append((file.name, why))
            continue
        try:
            images.append(common_box.fit(rasterise.read_png(file.read_bytes()), _FIT_PX))
            labels.append(number[key])
        except (rasterise.BadImage, OSError) as e:
            skipped.append((file.name, f"unreadable: {e}"))
    if not images:
        raise UserError(
            f"{directory}: none of its {len(files)} PNGs can be judged, "
            f"first {skipped[0][0]}: {skipped[0][1]}"
        )
    return np.stack(images), np.array(labels, np.int32), skipped
