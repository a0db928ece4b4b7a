"""Fits few colours to flat art, and snaps pictures to them."""

from collections.abc import Sequence

import numpy as np
from scipy.cluster import vq

_PIXELS = 200_000  # that are not one of the frequent colours, at most
_SEED = 20261129
_FLAT = 0.5  # fraction of the palette that is given to the most frequent colours, as they are


def fit(images: np.ndarray, colours: int) -> list[str]:
    """Fits a palette: the most frequent colours as they are, and k-means of all others.

    Flat art is made of few colours and of their mixtures along edges.

    Args:
      images: uint8 [n h w 4], straight alpha.
      colours: of the palette, at least 2.

    Returns:
      `colours` of 'rrggbbaa' or, where the images have fewer, all of them.
    """
    pixels = images.reshape(-1, 4)
    packed = np.ascontiguousarray(pixels).view("<u4")[:, 0]
    distinct, counts = np.unique(packed, return_counts=True)
    by_count = np.argsort(-counts, kind="stable")
    if len(distinct) <= colours:
        return [_name(distinct[i]) for i in by_count]
    flat = distinct[by_count[: max(1, int(_FLAT * colours))]]
    rest = pixels[~np.isin(packed, flat)]
    rng = np.random.default_rng(_SEED)
    rest = rest[rng.permutation(len(rest))[:_PIXELS]]
    centres, _ = vq.kmeans2(
        _premultiplied(rest), colours - len(flat), iter=30, minit="++", seed=_SEED
    )
    return [_name(x) for x in flat] + [_straight(x).tobytes().hex() for x in centres]


def snap(images: np.ndarray, palette: Sequence[str]) -> np.ndarray:
    """Replaces each pixel by the nearest colour of a palette, in premultiplied RGBA.

    Args:
      images: uint8 [n h w 4], straight alpha.
      palette: as `fit` returns it.

    Returns:
      uint8 [n h w 4], straight alpha.
    """
    colours = np.array([list(bytes.fromhex(c)) for c in palette], np.uint8)
    codes, _ = vq.vq(_premultiplied(images.reshape(-1, 4)), _premultiplied(colours))
    return colours[codes].reshape(images.shape)


def error(images: np.ndarray, palette: Sequence[str]) -> float:
    """Returns the mean absolute error, in levels of premultiplied RGBA, of the nearest colours."""
    pairs = (_premultiplied(x.reshape(-1, 4)) for x in (snap(images, palette), images))
    return float(np.abs(np.subtract(*pairs)).mean())


def _name(packed: np.uint32) -> str:
    return int(packed).to_bytes(4, "little").hex()


def _premultiplied(pixels: np.ndarray) -> np.ndarray:
    """Returns f32 [n 4] in levels of 255."""
    x = pixels.astype(np.float32)
    return np.concatenate([x[:, :3] * x[:, 3:] / 255, x[:, 3:]], 1)


def _straight(x: np.ndarray) -> np.ndarray:
    """Undoes `_premultiplied` for one colour: uint8 [4]."""
    rgb = x[:3] * 255 / max(x[3], 1e-6)
    return np.clip(np.rint(np.append(rgb, x[3])), 0, 255).astype(np.uint8)
