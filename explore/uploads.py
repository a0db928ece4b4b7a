"""Reads pictures that a user drops on the page, which may be anything."""

import base64
import functools
import re

import numpy as np

from emoji_gan import images
from explore.messages import Refused
from input_pipeline.art import common_box, rasterise, svg_text

MAX_BYTES = 8 << 20
PICTURE_PX = 64  # side of what is kept of a picture
_MAX_PX = 4096


def read(data: bytes) -> np.ndarray:
    """Reads an uploaded PNG or SVG as a square: uint8 [64 64 4], straight alpha.

    The file's name and the type that its sender claims count for nothing.

    Raises:
      Refused: it cannot be read, is too large, or nothing is drawn in it.
    """
    try:
        if re.match(rb"(\xef\xbb\xbf)?\s*<(\?xml|svg|!--|!DOCTYPE svg)", data[:200], re.IGNORECASE):
            with rasterise.Rasteriser(PICTURE_PX) as rasteriser:
                image = rasteriser.render(svg_text.decode(data))
        else:
            image = common_box.resize(rasterise.read_png(data, _MAX_PX), PICTURE_PX)
    except (rasterise.BadImage, UnicodeError, ValueError) as e:
        raise Refused("bad_picture", reason=str(e).partition("\n")[0]) from e
    if not image[..., 3].any():
        raise Refused("empty_picture")
    return image


def packed(image: np.ndarray) -> str:
    """Returns a picture as base64 of a PNG, as recipes hold it."""
    return base64.b64encode(images.png_bytes(image)).decode()


@functools.lru_cache(maxsize=64)
def unpacked(png: bytes) -> np.ndarray:
    """Reads the PNG of a recipe: uint8 [64 64 4]; raises as `read` does."""
    try:
        image = rasterise.read_png(png, PICTURE_PX)
    except rasterise.BadImage as e:
        raise Refused("bad_picture", reason=str(e)) from e
    if image.shape[:2] != (PICTURE_PX, PICTURE_PX):
        raise Refused("bad_picture", reason=f"{PICTURE_PX} x {PICTURE_PX} px")
    if not image[..., 3].any():
        raise Refused("empty_picture")
    return image
