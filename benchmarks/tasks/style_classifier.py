"""Tells which emoji set a picture is from, by its colours and its edges.

The emoji encoder was taught to look past the style: a linear classifier of its features is right on
less than half of held-out emoji. Sets differ in their palettes and in how hard their shapes meet,
so the features here are a soft histogram of colours, and how many neighbouring pixels differ by how
much. Ridge regression onto the styles, in closed form, does the rest. It is fitted to the art and
to the art with grain, as a generator leaves it; else grain alone moves a quarter of the pictures to
another set.
"""

import dataclasses

import numpy as np

_LEVELS = 9  # of each colour channel
_STEPS = (0.06, 0.1, 0.2, 0.4)  # of premultiplied RGBA in [0, 1], between neighbours
_RIDGE = 10.0
_GRAIN = 10.0  # of 255, the largest standard deviation
_AXES = 32  # principal axes that the features for distances have


def _colours(images: np.ndarray) -> np.ndarray:
    """Returns the root of each picture's histogram of colours, f32 [n _LEVELS^3].

    A pixel counts by its alpha, to the eight colours around its own.
    """
    count, bins = len(images), _LEVELS**3
    alpha = images[..., 3].astype(np.float32) / 255
    levels = images[..., :3].astype(np.float32) / 255 * (_LEVELS - 1)
    low = np.minimum(levels.astype(int), _LEVELS - 2)
    above = levels - low
    histogram = np.zeros(count * bins)
    first = bins * np.arange(count)[:, None, None]
    for corner in np.ndindex(2, 2, 2):
        weight = alpha * np.prod(np.where(corner, above, 1 - above), -1)
        index = first + np.ravel_multi_index(np.moveaxis(low + corner, -1, 0), (_LEVELS,) * 3)
        histogram += np.bincount(index.ravel(), weight.ravel(), count * bins)
    histogram = histogram.reshape(count, bins)
    return np.sqrt(histogram / np.maximum(histogram.sum(1, keepdims=True), 1e-6))


def _edges(images: np.ndarray) -> np.ndarray:
    """Returns how many neighbours differ by how much, and how much is drawn: f32 [n d]."""
    alpha = images[..., 3:].astype(np.float32) / 255
    x = np.concatenate([images[..., :3] / 255 * alpha, alpha], -1)
    parts = [alpha.mean((1, 2)), (alpha > 0.98).mean((1, 2))]
    for axis in (1, 2):
        steps = np.abs(np.diff(x, axis=axis)).reshape(len(images), -1, 4)
        parts += [(steps > least).mean(1) for least in _STEPS]
    return np.concatenate(parts, 1)


@dataclasses.dataclass(frozen=True)
class StyleClassifier:
    """Tells the styles of pictures apart.

    Attributes:
      mean: f64 [d], of the features of the training art.
      std: f64 [d], likewise.
      weights: f64 [d + 1, styles].
      axes: f64 [d, _AXES], the principal axes of the standardised features.
    """

    mean: np.ndarray
    std: np.ndarray
    weights: np.ndarray
    axes: np.ndarray

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the style of each picture, int [n], and features for distances, f64 [n _AXES].

        Args:
          images: uint8 [n h w 4], straight alpha.
        """
        x = (_features(images) - self.mean) / self.std
        return (_with_one(x) @ self.weights).argmax(1), x @ self.axes


def _features(images: np.ndarray) -> np.ndarray:
    return np.concatenate([_colours(images), _edges(images)], 1).astype(np.float64)


def _with_one(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, np.ones((len(x), 1))], 1)


def with_grain(images: np.ndarray, seed: int) -> np.ndarray:
    """Adds grain of any strength up to `_GRAIN` to images uint8 [n h w 4]."""
    rng = np.random.default_rng(seed)
    strength = rng.uniform(0, _GRAIN, (len(images), 1, 1, 1)).astype(np.float32)
    grain = strength * rng.standard_normal(images.shape, np.float32)
    grained = np.clip(np.round(images + grain), 0, 255)
    return np.where(images[..., 3:] > 0, grained, 0).astype(np.uint8)


def trained(images: np.ndarray, styles: np.ndarray, seed: int = 0) -> StyleClassifier:
    """Fits the classifier.

    Args:
      images: uint8 [n h w 4], straight alpha.
      styles: int [n], from 0 on without gaps.
      seed: of the grain.
    """
    features = np.concatenate([_features(images), _features(with_grain(images, seed))])
    styles = np.tile(styles, 2)
    mean, std = features.mean(0), features.std(0) + 1e-3
    x = (features - mean) / std
    a = _with_one(x)
    targets = np.eye(int(styles.max()) + 1)[styles]
    weights = np.linalg.solve(a.T @ a + _RIDGE * np.eye(a.shape[1]), a.T @ targets)
    _, vectors = np.linalg.eigh(x.T @ x)
    return StyleClassifier(mean, std, weights, vectors[:, -_AXES:])
