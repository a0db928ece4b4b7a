"""Holds the palettes of styles, and makes one for a picture of another."""

import numpy as np
from PIL import Image

# The colours of OpenMoji 17's fills and lines, with how many of its 4,495 files have each.
# Two more, which 14 files have, are left out.
# fmt: off
_FILES = {
    "000000": 4495, "3f3f3f": 605, "9b9b9a": 687, "d0cfce": 1004, "ffffff": 1254, "6a462f": 803,
    "a57939": 1155, "c19a65": 471, "debb90": 471, "fadcbc": 468, "d22f27": 574, "ea5a47": 760,
    "e67a94": 48, "ffa7c0": 74, "e27022": 187, "f4aa41": 195, "f1b31c": 367, "fcea2b": 1201,
    "b1cc33": 328, "5c9e31": 319, "186648": 18, "1e50a0": 157, "61b2e4": 393, "92d3f5": 1178,
    "8967aa": 78, "b399c8": 64,
}
# fmt: on
OPENMOJI = np.array([tuple(bytes.fromhex(colour)) for colour in _FILES], np.uint8)
OPENMOJI_FREQUENCY = np.array(list(_FILES.values())) / 4495
_CANDIDATES = 32
_APART = 28.0  # of RGB in [0, 255]; nearer colours are one
_LEAST_FRACTION = 0.004  # of what is opaque; a colour of less is a mixture


def of_picture(picture: np.ndarray, most: int = 16) -> np.ndarray:
    """Returns the colours that a flat picture is drawn with, uint8 [k 3], the commonest first.

    Args:
      picture: uint8 [h w 4], straight alpha.
      most: colours.
    """
    opaque = picture[picture[..., 3] >= 250][:, :3]
    if not len(opaque):
        return np.zeros((1, 3), np.uint8)
    reduced = Image.fromarray(opaque[None]).quantize(_CANDIDATES, Image.Quantize.MEDIANCUT)
    counts = np.bincount(np.asarray(reduced).ravel(), minlength=_CANDIDATES)
    colours = np.zeros((_CANDIDATES, 3), np.uint8)
    table = np.array(reduced.getpalette(), np.uint8).reshape(-1, 3)[:_CANDIDATES]
    colours[: len(table)] = table
    kept: list[np.ndarray] = []
    for i in np.argsort(-counts, kind="stable"):
        if counts[i] < _LEAST_FRACTION * len(opaque) or len(kept) == most:
            break
        if all(np.linalg.norm(colours[i].astype(float) - c) >= _APART for c in kept):
            kept.append(colours[i])
    return np.stack(kept) if kept else opaque[:1]
