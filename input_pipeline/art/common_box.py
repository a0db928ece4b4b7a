"""Resamples straight-alpha pictures, as they are or cropped to the box that all styles share."""

import numpy as np
from PIL import Image

BOX_SHARE = 0.875  # fraction of the square's side that the drawing's longer side covers
_OPAQUE_FROM = 8  # alpha in [0, 255] that counts as drawn; less is an antialiasing fringe


def resize(image: np.ndarray, size_px: int) -> np.ndarray:
    """Scales `image` into a square, centred, aspect kept.

    Args:
      image: h w 4 uint8, straight alpha.
      size_px: side of the result.

    Returns:
      size_px size_px 4 uint8, straight alpha, RGB = 0 where alpha = 0.
    """
    height, width = image.shape[:2]
    return _resample(image, width / 2, height / 2, max(width, height), size_px)


def fit(image: np.ndarray, size_px: int) -> np.ndarray:
    """Scales what is drawn in `image` into the common box, centred, aspect kept.

    Args:
      image: h w 4 uint8, straight alpha; larger than the result, or the result is blurred.
      size_px: side of the result; the drawing's longer side covers BOX_SHARE of it.

    Returns:
      size_px size_px 4 uint8, straight alpha, RGB = 0 where alpha = 0; blank if nothing is drawn.
    """
    drawn = image[..., 3] >= _OPAQUE_FROM
    if not drawn.any():
        return np.zeros((size_px, size_px, 4), np.uint8)
    ys, xs = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    top, bottom, left, right = ys[0], ys[-1] + 1, xs[0], xs[-1] + 1
    side = max(bottom - top, right - left) / BOX_SHARE
    return _resample(image, (left + right) / 2, (top + bottom) / 2, side, size_px)


def _resample(image: np.ndarray, x: float, y: float, side: float, size_px: int) -> np.ndarray:
    """Resamples the square of `side` px around (x, y); outside the picture is transparent."""
    height, width = image.shape[:2]
    if side == size_px and height == width == size_px and x == y == side / 2:
        return np.where(image[..., 3:] > 0, image, 0).astype(np.uint8)
    # Channel by channel, as contiguous planes are several times faster than strided ones.
    alpha = image[..., 3].astype(np.float32)
    planes = [image[..., c].astype(np.float32) * (alpha / 255) for c in range(3)] + [alpha]
    # Padded where the window, and two pixels for the filter, reach beyond the picture. Where they
    # do not, the filter ends at the edge: a picture that fills its square stays opaque there.
    over = [(side / 2 - y, y + side / 2 - height), (side / 2 - x, x + side / 2 - width)]
    pads = [tuple(int(o) + 3 if o > 0 else 0 for o in axis) for axis in over]
    if any(sum(axis) for axis in pads):
        planes = [np.pad(plane, pads) for plane in planes]
    x, y = x + pads[1][0], y + pads[0][0]
    window = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    # Hamming is never negative: no halo round the edges, and RGB <= A stays true.
    size = (size_px, size_px)
    *colours, alpha = (
        np.asarray(Image.fromarray(p).resize(size, Image.Resampling.HAMMING, window))
        for p in planes
    )
    out = np.zeros((*size, 4), np.uint8)
    out[..., 3] = np.clip(np.round(alpha), 0, 255)
    visible, divisor = out[..., 3] > 0, np.maximum(alpha, 1e-6)
    for c, plane in enumerate(colours):
        out[..., c] = np.where(visible, np.clip(np.round(plane / divisor * 255), 0, 255), 0)
    return out
