"""Images between disk, model and eye.

Stored: uint8 straight-alpha RGBA, RGB = 0 where alpha = 0.
Model:  f32 premultiplied RGBA in [-1, 1], x = 2 * premultiplied01 - 1; fully transparent is (-1, -1, -1, -1).
"""

import io
import os
import pathlib
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan import errors
from emoji_gan.runtime import workdir


def to_model(u8: jax.Array) -> jax.Array:
    """Stored images to model images.

    Args:
      u8: uint8 [b h w 4], straight alpha.

    Returns:
      f32 [b h w 4], premultiplied, in [-1, 1], RGB <= A.
    """
    alpha = u8[..., 3:].astype(jnp.float32)
    rgb = u8[..., :3].astype(jnp.float32) * alpha * (2.0 / 255.0**2)
    return jnp.concatenate([rgb, alpha * (2.0 / 255.0)], axis=-1) - 1.0


def to_uint8(x: jax.Array) -> jax.Array:
    """Model images to stored images; `to_uint8(to_model(u8)) == u8` wherever alpha > 0.

    Args:
      x: f32 [b h w 4], premultiplied, nominally in [-1, 1]; RGB is clipped into [0, A] first.

    Returns:
      uint8 [b h w 4], straight alpha, RGB = 0 where alpha rounds to 0.
    """
    straight = jnp.round(to_straight(x))
    return jnp.where(straight[..., 3:] > 0.0, straight, 0.0).astype(jnp.uint8)


def to_straight(x: jax.Array) -> jax.Array:
    """As `to_uint8` before rounding: f32 [b h w 4] in [0, 255]."""
    x = x.astype(jnp.float32)
    alpha = jnp.clip((x[..., 3:] + 1.0) / 2.0, 0.0, 1.0)
    rgb = jnp.clip((x[..., :3] + 1.0) / 2.0, 0.0, alpha)
    return jnp.concatenate([rgb / jnp.maximum(alpha, 1e-6), alpha], axis=-1) * 255.0


def composite(x: jax.Array, background_rgb01: jax.Array) -> jax.Array:
    """Lays model images over a background: rgb + (1 - alpha) background. Differentiable, nothing is clipped.

    Args:
      x: f32 [b h w 4], premultiplied, in [-1, 1].
      background_rgb01: f32 in [0, 1]: [3], [h w 3] (as `checker` gives) or [b 1 1 3].

    Returns:
      f32 [b h w 3] in [-1, 1].
    """
    background = jnp.expand_dims(background_rgb01, tuple(range(4 - jnp.ndim(background_rgb01))))
    return x[..., :3] + (1.0 - x[..., 3:]) * background


def checker(h: int, w: int) -> jax.Array:
    """The grey checkerboard that stands for transparency: f32 [h w 3] in [0, 1], squares of 8 px."""
    return jnp.asarray(_checker(h, w), jnp.float32) / 255.0


def _checker(h, w):
    y, x = np.mgrid[:h, :w] // 8
    return np.where((y + x) % 2 == 0, 230, 204).astype(np.uint8)[:, :, None].repeat(3, axis=2)


def grid(images_u8_rgba: np.ndarray, rows: int, cols: int, pad: int = 2) -> np.ndarray:
    """Lays images in reading order on one checkerboard.

    Args:
      images_u8_rgba: uint8 [n h w 4], straight alpha, n <= rows * cols; missing ones leave the
        board bare.
      rows: of images.
      cols: of images.
      pad: px between and around the images.

    Returns:
      uint8 [rows * (h + pad) + pad, cols * (w + pad) + pad, 3].

    Raises:
      ValueError: more images than places.
    """
    images = np.asarray(images_u8_rgba)
    n, h, w, _ = images.shape
    if n > rows * cols:
        raise ValueError(f"{n} images do not fit a grid of {rows} x {cols}")
    board = _checker(rows * (h + pad) + pad, cols * (w + pad) + pad)
    for i, image in enumerate(images):
        y, x = pad + (i // cols) * (h + pad), pad + (i % cols) * (w + pad)
        alpha = image[..., 3:].astype(np.float32) / 255
        under = board[y : y + h, x : x + w]
        board[y : y + h, x : x + w] = np.rint(image[..., :3] * alpha + under * (1 - alpha)).astype(
            np.uint8
        )
    return board


def png_bytes(u8: np.ndarray, text: Mapping[str, str] | None = None) -> bytes:
    """Encodes an image as PNG.

    Args:
      u8: uint8 [h w 3] RGB or [h w 4] straight-alpha RGBA.
      text: provenance, written as text chunks.

    Returns:
      The file's bytes.
    """
    import PIL.Image  # where PNGs are written; a training step needs no Pillow
    import PIL.PngImagePlugin

    info = PIL.PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_text(key, value)
    file = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(u8)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def save_png(
    path: str | os.PathLike, u8: np.ndarray, text: Mapping[str, str] | None = None
) -> None:
    """Writes a PNG atomically (a reader sees the old file or the new one), making its folder if need be.

    Args:
      path: the file.
      u8: uint8 [h w 3] RGB or [h w 4] straight-alpha RGBA.
      text: provenance, written as text chunks.

    Raises:
      UserError: the file cannot be written (full disk, permission, a file where a folder should
        be).
    """
    path = pathlib.Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise errors.UserError(f"cannot write {path}: {e.strerror}") from e
    workdir.write_atomic(path, png_bytes(u8, text))


def alpha_statistics(x: jax.Array) -> dict[str, jax.Array]:
    """How the alpha channel of a batch looks; runs under jit.

    Args:
      x: f32 [b h w 4], premultiplied, in [-1, 1].

    Returns:
      f32 scalars:
      binary: share of pixels with alpha < 0.1 or > 0.9; drawings have most.
      coverage: mean alpha, in [0, 1].
      edge_px: softness, the width of the transition in px: partly transparent pixels (0.1 to 0.9)
        per pixel of outline. About 1 for an antialiased drawing, 0 for hard edges.
      stray: share of the visible pixels (alpha > 0.1) with none of their eight neighbours visible:
        speckle.
    """
    alpha = jnp.clip((x[..., 3].astype(jnp.float32) + 1.0) / 2.0, 0.0, 1.0)
    partial = (alpha >= 0.1) & (alpha <= 0.9)
    inside = alpha > 0.5
    outline = inside & ~_pool(inside, jnp.logical_and, cross=True)
    visible = alpha > 0.1
    alone = visible & ~_pool(visible, jnp.logical_or, cross=False)

    def total(mask):
        return jnp.sum(mask, dtype=jnp.float32)

    return {
        "binary": 1.0 - jnp.mean(partial, dtype=jnp.float32),
        "coverage": jnp.mean(alpha),
        "edge_px": total(partial) / jnp.maximum(total(outline), 1.0),
        "stray": total(alone) / jnp.maximum(total(visible), 1.0),
    }


def _pool(mask, combine, cross):
    # Combines the four (cross) or eight neighbours of each pixel of mask [b h w]; outside the image
    # is False.
    b, h, w = mask.shape
    padded = jnp.zeros((b, h + 2, w + 2), bool).at[:, 1:-1, 1:-1].set(mask)
    steps = [(0, 1), (1, 0), (1, 2), (2, 1)] + ([] if cross else [(0, 0), (0, 2), (2, 0), (2, 2)])
    neighbours = [padded[:, y : y + h, x : x + w] for y, x in steps]
    result = neighbours[0]
    for neighbour in neighbours[1:]:
        result = combine(result, neighbour)
    return result
