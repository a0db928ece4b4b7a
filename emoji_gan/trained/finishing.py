"""Brings drawn emoji to the size and into the formats that are wanted."""

import argparse
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from emoji_gan import images
from emoji_gan.errors import UserError
from emoji_gan.trained import drawn_folder, vectoriser
from emoji_gan.trained.restorer import Restorer

FORMATS = ("png", "svg", "webp")


def add_arguments(p: argparse.ArgumentParser) -> None:
    """Adds the flags of programs that draw."""
    p.add_argument("--size", type=int, help="px, by the shipped restorer; default: the model's")
    p.add_argument("--format", default="png", help="of png,svg,webp; PNGs are always written")


class Finisher:
    """Enlarges drawn emoji and writes them in several formats; checks first that it can.

    Args:
      drawn_px: side of what is drawn.
      size_px: side that is wanted; None: as drawn.
      formats: names of `FORMATS`, with commas between them.

    Raises:
      UserError: no such format, or a size out of range.
    """

    def __init__(self, drawn_px: int, size_px: int | None, formats: str) -> None:
        names = [name.strip() for name in formats.split(",")]
        if unknown := [name for name in names if name not in FORMATS]:
            raise UserError(f"--format={formats}: no {unknown[0]!r}; choose of {','.join(FORMATS)}")
        self._formats = [name for name in FORMATS[1:] if name in names]
        self._size_px = size_px
        restores = size_px is not None or "svg" in self._formats
        self._restorer = Restorer() if restores else None
        if self._restorer is not None and size_px is not None:
            self._restorer.scale_to(drawn_px, size_px)

    def enlarged(self, drawn: np.ndarray) -> np.ndarray:
        """Returns pictures, uint8 [n h h 4], at the size that is wanted."""
        if self._restorer is None or self._size_px is None:
            return drawn
        return self._restorer.to_size(drawn, self._size_px)

    def texts(self) -> dict[str, str]:
        """Returns the text chunks that a picture gets because it was enlarged."""
        if self._restorer is None or self._size_px is None:
            return {}
        return self._restorer.provenance(self._size_px)

    def others(
        self,
        drawn: np.ndarray,
        large: np.ndarray,
        texts: Sequence[Mapping[str, str]],
        *,
        style: str = vectoriser.STYLES[0],
    ) -> dict[str, list[bytes]]:
        """Encodes pictures in the formats wanted besides PNG.

        Args:
          drawn: uint8 [n h h 4], straight alpha; SVGs are traced from them, not from what is large.
          large: what `enlarged` made of them.
          texts: of each picture, written into it.
          style: of `vectoriser.STYLES`.

        Returns:
          {suffix: n files}.
        """
        more: dict[str, list[bytes]] = {}
        if "svg" in self._formats:
            more[".svg"] = vectoriser.svgs(list(drawn), self._restorer, texts, style=style)
        if "webp" in self._formats:
            more[".webp"] = [images.webp_bytes(x, t) for x, t in zip(large, texts, strict=True)]
        return more

    def write(
        self,
        folder: pathlib.Path,
        drawn: np.ndarray,
        seeds: Sequence[int],
        *,
        provenance: Mapping[str, str],
        seeds_text: str,
        beside: np.ndarray | None = None,
    ) -> int:
        """Writes drawn emoji, as `drawn_folder.write` does, at the size and in the formats wanted.

        Args:
          folder: created if it does not exist.
          drawn: uint8 [n h h 4], straight alpha.
          seeds: n integers.
          provenance: text chunks of every picture.
          seeds_text: the seeds as the user typed them.
          beside: uint8 [m h h 4], first on the contact sheet.

        Returns:
          The number of earlier pictures that were removed.

        Raises:
          UserError: a file cannot be written.
        """
        large, texts = self.enlarged(drawn), dict(provenance) | self.texts()
        beside = None if beside is None else self.enlarged(beside)
        own = [drawn_folder.texts_of(texts, seed) for seed in seeds]
        more = self.others(drawn, large, own)
        return drawn_folder.write(
            folder, large, seeds, provenance=texts, seeds_text=seeds_text, beside=beside, more=more
        )
