"""Holds an emoji to be packed: its description and its frames."""

import dataclasses
import functools
import math
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from campaign.language import Language
from campaign.manifest import Entry
from emoji_gan.errors import UserError
from input_pipeline.art import common_box

MOST_PX = 2048  # a side of a picture that is read
MOST_FRAMES = 500
_CACHED_PX = 128
_KEPT_BYTES = 256 << 20  # of frames as they are in their files
_STEP_MS = 10  # of GIF, to which durations are rounded
_LEAST_MS = 20  # what browsers play faster, they play at 100
_COMPARED_PX = 64
_ENOUGH = 0.8  # of the most that any frame shows, for the first one


@dataclasses.dataclass(frozen=True)
class Artwork:
    """Holds one emoji.

    Attributes:
      entry: its description; the file is what was read.
      path: of the picture.
      count: of frames; 1: a still.
      frame_ms: of a frame, a multiple of 10; 0 of a still.
      px: side of the frames.
      large: uint8 [h h 4], a still that was restored to a larger size; None: as it is in the file.
      start: the frame of the file that comes first.
      encoded: files of it that several targets want, kept by `budget.fit`.
    """

    entry: Entry
    path: pathlib.Path
    count: int
    frame_ms: int
    px: int
    large: np.ndarray | None = None
    start: int = 0
    encoded: dict[tuple, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    @property
    def moves(self) -> bool:
        """Returns whether it has more than one frame."""
        return self.count > 1

    def frames(self, px: int | None = None) -> np.ndarray:
        """Returns the frames at a size: uint8 [n px px 4], straight alpha; None: as they are."""
        if self.large is None and px is not None and px <= _CACHED_PX:
            return np.roll(_small(self.path, px, self.path.stat().st_mtime_ns), -self.start, 0)
        drawn = _read(self.path)[0] if self.large is None else self.large[None]
        drawn = np.roll(drawn, -self.start, 0)[: self.count]
        if px is None or drawn.shape[1] == px:
            return drawn
        return np.stack([common_box.resize(frame, px) for frame in drawn])

    def well_started(self) -> "Artwork":
        """Returns the same loop, from a frame on that shows as good as all of the drawing.

        The first frame is what shows wherever the loop does not play: thumbnails, mail programs
        and the end of a loop in WhatsApp.
        """
        if not self.moves:
            return self
        coverage = self.frames(_COMPARED_PX)[..., 3].mean((1, 2))
        if coverage[0] >= _ENOUGH * coverage.max():
            return self
        start = (self.start + int(coverage.argmax())) % self.count
        return dataclasses.replace(self, start=start)

    def texts(self) -> dict[str, str]:
        """Returns what is written into its files: how it was made, and under which licence."""
        e = self.entry
        rights = {"Copyright": e.attribution, "License": e.licence, "Author": e.author}
        return e.provenance | {key: text for key, text in rights.items() if text}


@functools.lru_cache(maxsize=100)  # most targets want the same sizes, of 2 MB a loop
def _small(path: pathlib.Path, px: int, _: int) -> np.ndarray:
    """Returns the frames of a file, which has a time of change, at a small size."""
    return np.stack([common_box.resize(frame, px) for frame in _read(path)[0]])


class _Recent:
    """Keeps the frames of the files that were read last, as every target wants them."""

    def __init__(self) -> None:
        self._files: dict[tuple[pathlib.Path, int], tuple[np.ndarray, int]] = {}

    def __call__(self, path: pathlib.Path) -> tuple[np.ndarray, int]:
        """Returns what `read_frames` does, which is not to be changed."""
        key = path, path.stat().st_mtime_ns
        frames = self._files.pop(key, None) or read_frames(path)
        self._files[key] = frames  # the last
        while sum(f.nbytes for f, _ in self._files.values()) > _KEPT_BYTES and self._files:
            del self._files[next(iter(self._files))]
        return frames


_read = _Recent()


def read_frames(path: pathlib.Path) -> tuple[np.ndarray, int]:
    """Reads a PNG or APNG, in frames that all last as long.

    Frames that an encoder merged, as they were equal, are repeated. A loop of equal frames is a
    still.

    Returns:
      uint8 [n h h 4], straight alpha, centred in a square, RGB = 0 where alpha = 0; and the
      duration of a frame, ms; 0 of a still.

    Raises:
      OSError, ValueError: it is no PNG, or too large.
    """
    with Image.open(path, formats=("PNG",)) as picture:
        if max(picture.size) > MOST_PX:
            raise ValueError(f"{max(picture.size)} px")
        pictures, durations = [], []
        for i in range(getattr(picture, "n_frames", 1)):
            picture.seek(i)
            pictures.append(np.asarray(picture.convert("RGBA")))
            duration = float(picture.info.get("duration", 0) or 0)
            durations.append(max(_STEP_MS * round(duration / _STEP_MS), _LEAST_MS))
    if all(np.array_equal(p, pictures[0]) for p in pictures):
        pictures, frame_ms = pictures[:1], 0
    else:
        frame_ms = max(math.gcd(*durations), _LEAST_MS)
        counts = [max(1, duration // frame_ms) for duration in durations]
        if sum(counts) > MOST_FRAMES:
            raise ValueError(f"{sum(counts)} frames")
        pictures = [p for p, n in zip(pictures, counts, strict=True) for _ in range(n)]
    side = max(pictures[0].shape[:2])
    return np.stack([common_box.resize(p, side) for p in pictures]), frame_ms


def read(path: pathlib.Path, entry: Entry, language: Language) -> Artwork:
    """Reads the head of an emoji's picture.

    Raises:
      UserError: the picture cannot be read, or nothing is drawn in it.
    """
    try:
        drawn, frame_ms = _read(path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise UserError(
            language.pick(
                f"{path} cannot be read ({e}): give a PNG or APNG of at most {MOST_PX} px and "
                f"{MOST_FRAMES} frames",
                f"{path} n'est pas lisible ({e}) : donnez un PNG ou APNG d'au plus {MOST_PX} px "
                f"et {MOST_FRAMES} images",
            )
        ) from None
    if not drawn[..., 3].any():
        raise UserError(
            language.pick(
                f"{path}: nothing is drawn in it; leave it out",
                f"{path} : rien n'y est dessiné ; retirez-le",
            )
        )
    return Artwork(entry, path, len(drawn), frame_ms, drawn.shape[1])
