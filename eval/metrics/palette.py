"""Computes the distance between the colours of two sets of images, weighted by their alpha."""

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics import resample, sets
from eval.metrics.sets import Estimate, SampleSet

_DIRECTIONS = 24
_BINS = 96
_RANGE = (-0.5, 1.2)  # of Oklab colours of sRGB, along any direction of the hemisphere L >= 0
_PIXELS = 256  # drawn of an image
_MOST = 10_000  # images of a side
_LEAST = 20  # images of a side that are not empty
_RESAMPLES = 100  # of the bootstrap


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Converts sRGB uint8 [... 3] to Oklab f32 [... 3]: L in [0, 1], a, b (Ottosson 2020)."""
    s = np.arange(256) / 255.0
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)[rgb]
    return np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T


def histograms(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Computes histograms of each image's colours along directions through Oklab.

    Args:
      images: uint8 [n h w 4], straight alpha.
      rng: draws 256 pixels of each image, with a probability in proportion to their alpha.

    Returns:
      f32 [k directions bins], each histogram of sum 1, of the k images that are not empty.
    """
    directions = _directions()
    per_image = []
    for image in images.reshape(len(images), -1, 4):
        mass = np.cumsum(image[:, 3], dtype=np.int64)
        if mass[-1] == 0:
            continue
        drawn = np.searchsorted(mass, rng.integers(0, mass[-1], _PIXELS), side="right")
        along = oklab(image[drawn, :3]) @ directions.T  # pixels directions
        bins = (
            ((along - _RANGE[0]) * (_BINS / (_RANGE[1] - _RANGE[0])))
            .astype(np.int64)
            .clip(0, _BINS - 1)
        )
        flat = np.bincount(
            (bins + np.arange(_DIRECTIONS) * _BINS).ravel(), minlength=_DIRECTIONS * _BINS
        )
        per_image.append(flat.reshape(_DIRECTIONS, _BINS).astype(np.float32) / _PIXELS)
    return np.stack(per_image) if per_image else np.empty((0, _DIRECTIONS, _BINS), np.float32)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Computes the sliced 1-Wasserstein distance of two mean histograms, in Oklab units.

    Args:
      a: f32 [directions bins].
      b: f32 [directions bins].
    """
    width = (_RANGE[1] - _RANGE[0]) / _BINS
    return float(np.abs(np.cumsum(a - b, axis=-1)).sum(-1).mean() * width)


def evaluate(real: SampleSet, fake: SampleSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Computes 'palette', bootstrapped over images.

    Every image counts the same, however much of its square it covers.

    Raises:
      UserError: fewer than 20 images on a side that are not empty.
    """
    sets.require("palette", real, fake, least_real=_LEAST, least_fake=_LEAST)
    sides, notes = [], []
    for what, images in (("real", real.images), ("generated", fake.images)):
        if len(images) > _MOST:
            notes.append(f"of {_MOST} of the {len(images)} {what} images")
            images = images[rng.choice(len(images), _MOST, replace=False)]
        sides.append(histograms(images, rng))
        if len(sides[-1]) < len(images):
            notes.append(f"{len(images) - len(sides[-1])} empty {what} images left out")
        if len(sides[-1]) < _LEAST:
            raise UserError(
                f"palette: {len(sides[-1])} {what} images are not empty, it needs at least {_LEAST}"
            )
    a, b = sides
    value = distance(a.mean(0), b.mean(0))
    replicates = np.array(
        [distance(x, y) for x, y in zip(_means(a, rng), _means(b, rng), strict=True)]
    )
    low, high = resample.centred(value, replicates)
    return {"palette": Estimate(value, low, high, len(a), len(b), sets.join(*notes))}


def _means(histograms: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Computes mean histograms of images drawn with replacement, as one matrix product.

    Args:
      histograms: f32 [k directions bins].
      rng: draws the images.

    Returns:
      f32 [resamples directions bins].
    """
    n = len(histograms)
    counts = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(_RESAMPLES)])
    means = (counts.astype(np.float32) / n) @ histograms.reshape(n, -1)
    return means.reshape(_RESAMPLES, _DIRECTIONS, _BINS)


def _directions() -> np.ndarray:
    """Returns unit vectors spread evenly over half a sphere (a golden spiral): f32 [directions 3].

    The other half gives the same distances.
    """
    i = np.arange(_DIRECTIONS) + 0.5
    z = 1 - i / _DIRECTIONS
    angle = np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z**2)
    return np.stack([z, r * np.cos(angle), r * np.sin(angle)], axis=1).astype(np.float32)


_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
