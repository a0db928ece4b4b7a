"""Augments drawings of emoji at random, so that the encoder learns what they show in any style."""

import numpy as np
from PIL import Image, ImageFilter

from input_pipeline.art import common_box

_CANVAS_PX = 104  # leaves room to rotate, translate and zoom out
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GREY = np.full(3, 3**-0.5, np.float32)


def augment_shape(
    image: np.ndarray, rng: np.random.Generator, *, size_px: int, may_mirror: bool
) -> np.ndarray:
    """Transforms the shape of a drawing at random.

    It is rotated, sheared, stretched, translated and scaled. It may also be mirrored, blurred, or
    reduced to few pixels and magnified again.

    Args:
      image: uint8 [h h 4], premultiplied, in the common box.
      rng: of everything random.
      size_px: side of the result.
      may_mirror: whether the drawing means the same when it is mirrored.

    Returns:
      uint8 [size_px size_px 4], premultiplied.
    """
    side = len(image)
    picture = Image.frombytes("RGBa", (side, side), image.tobytes())
    picture = picture.transform(
        (_CANVAS_PX, _CANVAS_PX),
        Image.Transform.AFFINE,
        _affine_map(rng, side, may_mirror),
        Image.Resampling.BILINEAR,
    )
    if rng.random() < 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6)))
    # The longer side of the drawing covers 0.6 to 1.05 of the result.
    window = common_box.BOX_SHARE * side / rng.uniform(0.6, 1.05)
    room = min(max(window - common_box.BOX_SHARE * side, 0) / 2 + 2, (_CANVAS_PX - window) / 2)
    x, y = rng.uniform(-room, room, 2) + (_CANVAS_PX - window) / 2
    crop = (x, y, x + window, y + window)
    if rng.random() < 0.4:
        few = int(rng.integers(16, size_px + 1))
        picture = picture.resize((few, few), Image.Resampling.BILINEAR, crop)
        filters = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST)
        picture = picture.resize((size_px, size_px), filters[rng.integers(3)])
    else:
        picture = picture.resize((size_px, size_px), Image.Resampling.BILINEAR, crop)
    return np.asarray(picture)


def _affine_map(
    rng: np.random.Generator, side: int, may_mirror: bool
) -> tuple[float, float, float, float, float, float]:
    """Returns a random map from the canvas back to a drawing of `side` px, as PIL takes it."""
    angle = np.radians(rng.normal(0, 10))
    shear = rng.normal(0, 0.08)
    stretch = np.exp(rng.normal(0, 0.08))
    mirror = -1.0 if may_mirror and rng.random() < 0.3 else 1.0
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = (
        np.array([[mirror * stretch, 0], [0, 1 / stretch]])
        @ [[1, shear], [0, 1]]
        @ [[cos, sin], [-sin, cos]]
    )
    shift = side / 2 - matrix @ [_CANVAS_PX / 2, _CANVAS_PX / 2]
    return (*matrix[0], shift[0], *matrix[1], shift[1])


def augment_colour(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Changes the colours of drawings; some lose a part, get a background, or get noise.

    Args:
      images: uint8 [b h w 4], premultiplied.
      rng: of everything random.

    Returns:
      f32 [b h w 4], model images: premultiplied, in [-1, 1], which noise exceeds.
    """
    b, h, w, _ = images.shape
    x = images.astype(np.float32) / 255
    alpha = x[..., 3:]
    matrices, offsets = zip(*(_colour_map(rng) for _ in range(b)), strict=True)
    flat = x[..., :3].reshape(b, h * w, 3) @ np.stack(matrices).swapaxes(1, 2)
    rgb = flat.reshape(b, h, w, 3) + np.stack(offsets)[:, None, None] * alpha
    x = np.concatenate([np.clip(rgb, 0, alpha), alpha], -1)
    for image in x:
        if rng.random() < 0.2:
            _cut_out(image, rng)
        if rng.random() < 0.35:
            _add_background(image, rng)
    x = 2 * x - 1
    for i in np.flatnonzero(rng.random(b) < 0.25):
        x[i] += np.float32(rng.uniform(0, 0.12)) * rng.standard_normal(x[i].shape, np.float32)
    return x


def _colour_map(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns a random map of straight colours in [0, 1]: c -> C c + t."""
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.08 else rng.normal(0, 0.25)
    kx, ky, kz = _GREY
    cross = np.array([[0, -kz, ky], [kz, 0, -kx], [-ky, kx, 0]], np.float32)
    rotation = (
        np.eye(3) * np.cos(angle)
        + np.sin(angle) * cross
        + (1 - np.cos(angle)) * np.outer(_GREY, _GREY)
    )
    saturation = 0.0 if rng.random() < 0.12 else np.exp(rng.normal(0, 0.35))
    grey = np.outer(np.ones(3), _LUMA)
    contrast, brightness = np.exp(rng.normal(0, 0.25)), rng.normal(0, 0.12)
    matrix = contrast * (saturation * np.eye(3) + (1 - saturation) * grey) @ rotation
    offset = np.full(3, 0.5 * (1 - contrast) + brightness)
    return matrix.astype(np.float32), offset.astype(np.float32)


def _cut_out(image: np.ndarray, rng: np.random.Generator) -> None:
    """Makes a random rectangle of an image f32 [h w 4] transparent, in place."""
    h, w, _ = image.shape
    dy, dx = (int(s * rng.uniform(0.15, 0.45)) for s in (h, w))
    top, left = rng.integers(h - dy + 1), rng.integers(w - dx + 1)
    image[top : top + dy, left : left + dx] = 0


def _add_background(image: np.ndarray, rng: np.random.Generator) -> None:
    """Puts an image f32 [h w 4], premultiplied in [0, 1], on one colour, in place."""
    choice = rng.random()
    # Half of the backgrounds have any colour, 35 % are white and 15 % black.
    colour = rng.random(3, np.float32) if choice < 0.5 else np.full(3, choice < 0.85, np.float32)
    image[..., :3] += (1 - image[..., 3:]) * colour
    image[..., 3] = 1
