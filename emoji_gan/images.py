"""Converts images between disk, model and eye.

Stored images are uint8 straight-alpha RGBA, with RGB = 0 where alpha = 0. Model images are f32
premultiplied RGBA in [-1, 1], x = 2 * premultiplied01 - 1; transparent is (-1, -1, -1, -1).
"""

import functools
import io
import os
import pathlib
from collections.abc import Callable, Mapping
from xml.sax import saxutils

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan.runtime import workdir

_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt><rdf:li '
    'xml:lang="x-default">{}</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF>'
    "</x:xmpmeta>"
)


def to_model(u8: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """Converts stored images to model images, NumPy's to NumPy's.

    Args:
      u8: uint8 [b h w 4], straight alpha.

    Returns:
      f32 [b h w 4], premultiplied, in [-1, 1], RGB <= A.
    """
    alpha = u8[..., 3:].astype(jnp.float32)
    rgb = u8[..., :3].astype(jnp.float32) * alpha * (2.0 / 255.0**2)
    xp = np if isinstance(u8, np.ndarray) else jnp
    return xp.concatenate([rgb, alpha * (2.0 / 255.0)], axis=-1) - 1.0


@jax.jit  # else ten programs for each size
def to_uint8(x: jax.Array) -> jax.Array:
    """Converts model images to stored images.

    `to_uint8(to_model(u8)) == u8` wherever alpha > 0.

    Args:
      x: f32 [b h w 4], premultiplied, nominally in [-1, 1]; RGB is clipped into [0, A] first.

    Returns:
      uint8 [b h w 4], straight alpha, RGB = 0 where alpha rounds to 0.
    """
    straight = jnp.round(to_straight(x))
    return jnp.where(straight[..., 3:] > 0.0, straight, 0.0).astype(jnp.uint8)


def to_straight(x: jax.Array) -> jax.Array:
    """Converts model images as `to_uint8` does, without rounding: f32 [b h w 4] in [0, 255]."""
    x = x.astype(jnp.float32)
    alpha = jnp.clip((x[..., 3:] + 1.0) / 2.0, 0.0, 1.0)
    rgb = jnp.clip((x[..., :3] + 1.0) / 2.0, 0.0, alpha)
    return jnp.concatenate([rgb / jnp.maximum(alpha, 1e-6), alpha], axis=-1) * 255.0


def composite(x: jax.Array, background_rgb01: jax.Array) -> jax.Array:
    """Lays model images over a background: rgb + (1 - alpha) background.

    It is differentiable, and nothing is clipped.

    Args:
      x: f32 [b h w 4], premultiplied, in [-1, 1].
      background_rgb01: f32 in [0, 1]: [3], [h w 3] (as `checker` gives) or [b 1 1 3].

    Returns:
      f32 [b h w 3] in [-1, 1].
    """
    background = jnp.expand_dims(background_rgb01, tuple(range(4 - jnp.ndim(background_rgb01))))
    return x[..., :3] + (1.0 - x[..., 3:]) * background


def checker(h: int, w: int) -> jax.Array:
    """Draws the grey checkerboard that stands for transparency, in squares of 8 px.

    Args:
      h: height, px.
      w: width, px.

    Returns:
      f32 [h w 3] in [0, 1].
    """
    return jnp.asarray(_checker(h, w), jnp.float32) / 255.0


def _checker(h: int, w: int) -> np.ndarray:
    """Draws `checker` as uint8."""
    y, x = np.mgrid[:h, :w] // 8
    return np.where((y + x) % 2 == 0, 230, 204).astype(np.uint8)[:, :, None].repeat(3, axis=2)


def grid(images_u8_rgba: np.ndarray, rows: int, cols: int, pad: int = 2) -> np.ndarray:
    """Lays images in reading order on one checkerboard.

    Args:
      images_u8_rgba: uint8 [n h w 4], straight alpha, n <= rows * cols; the cells that remain show
        the checkerboard.
      rows: of images.
      cols: of images.
      pad: px between and around the images.

    Returns:
      uint8 [rows * (h + pad) + pad, cols * (w + pad) + pad, 3].

    Raises:
      ValueError: there are more images than cells.
    """
    images = np.asarray(images_u8_rgba)
    n, h, w, _ = images.shape
    if n > rows * cols:
        raise ValueError(f"{n} images do not fit a grid of {rows} x {cols}")
    board = _checker(rows * (h + pad) + pad, cols * (w + pad) + pad)
    for i, image in enumerate(images):
        y, x = pad + (i // cols) * (h + pad), pad + (i % cols) * (w + pad)
        alpha = image[..., 3:].astype(np.float32) / 255
        cell = board[y : y + h, x : x + w]
        cell[...] = np.rint(image[..., :3] * alpha + cell * (1 - alpha)).astype(np.uint8)
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


def webp_bytes(u8: np.ndarray, text: Mapping[str, str]) -> bytes:
    """Encodes an image as lossless WebP: of flat art it is smaller than lossy WebP, and exact.

    Args:
      u8: uint8 [h w 4], straight alpha.
      text: provenance, written as an XMP description.
    """
    import PIL.Image

    file = io.BytesIO()
    picture = PIL.Image.fromarray(np.ascontiguousarray(u8))
    picture.save(file, "WEBP", lossless=True, quality=100, xmp=xmp(text))
    return file.getvalue()


def xmp(text: Mapping[str, str]) -> bytes:
    """Returns provenance as an XMP description."""
    described = saxutils.escape("; ".join(f"{key}: {value}" for key, value in text.items()))
    return _XMP.format(described).encode()


def save_png(
    path: str | os.PathLike, u8: np.ndarray, text: Mapping[str, str] | None = None
) -> None:
    """Writes a PNG atomically, and makes its folder where it is missing.

    A reader sees the old file or the new one.

    Args:
      path: the file.
      u8: uint8 [h w 3] RGB or [h w 4] straight-alpha RGBA.
      text: provenance, written as text chunks.

    Raises:
      UserError: the file cannot be written (full disk, permission, a file where a folder belongs).
    """
    workdir.make_folder(pathlib.Path(path).parent)
    workdir.write_atomic(path, png_bytes(u8, text))


def alpha_statistics(x: jax.Array) -> dict[str, jax.Array]:
    """Measures how the alpha channel of a batch looks; runs under jit.

    Args:
      x: f32 [b h w 4], premultiplied, in [-1, 1].

    Returns:
      f32 scalars:
      binary: fraction of the pixels with alpha < 0.1 or > 0.9; drawings have most.
      coverage: mean alpha, in [0, 1].
      edge_px: softness, the width of the transition in px: partly transparent pixels (0.1 to 0.9)
        per pixel of outline. About 1 for an antialiased drawing, 0 for hard edges.
      stray: fraction of the visible pixels (alpha > 0.1) with none of their eight neighbours
        visible: speckle.
    """
    alpha = jnp.clip((x[..., 3].astype(jnp.float32) + 1.0) / 2.0, 0.0, 1.0)
    partial = (alpha >= 0.1) & (alpha <= 0.9)
    inside = alpha > 0.5
    outline = inside & ~_combine_neighbours(inside, jnp.logical_and, count=4)
    visible = alpha > 0.1
    alone = visible & ~_combine_neighbours(visible, jnp.logical_or, count=8)

    def total(mask: jax.Array) -> jax.Array:
        return jnp.sum(mask, dtype=jnp.float32)

    return {
        "binary": 1.0 - jnp.mean(partial, dtype=jnp.float32),
        "coverage": jnp.mean(alpha),
        "edge_px": total(partial) / jnp.maximum(total(outline), 1.0),
        "stray": total(alone) / jnp.maximum(total(visible), 1.0),
    }


def _combine_neighbours(
    mask: jax.Array, combine: Callable[[jax.Array, jax.Array], jax.Array], *, count: int
) -> jax.Array:
    """Combines the 4 or 8 (`count`) neighbours of each pixel of a mask [b h w].

    Outside the image the mask is False.
    """
    b, h, w = mask.shape
    padded = jnp.zeros((b, h + 2, w + 2), bool).at[:, 1:-1, 1:-1].set(mask)
    offsets = [(0, 1), (1, 0), (1, 2), (2, 1)]
    if count == 8:
        offsets += [(0, 0), (0, 2), (2, 0), (2, 2)]
    neighbours = [padded[:, y : y + h, x : x + w] for y, x in offsets]
    return functools.reduce(combine, neighbours)
