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
          drawn: uint8 [n h h 4], straight alpha; SVGs are traced from them, not from what is large.
          seeds: n integers.
          provenance: text chunks of every picture.
          seeds_text: the seeds as the user typed them.
          beside: uint8 [m h h 4], first on the contact sheet.

        Returns:
          The number of earlier pictures that were removed.

        Raises:
          UserError: a file cannot be written.
        """
        large, texts = drawn, dict(provenance)
        if self._restorer is not None and self._size_px is not None:
            large = self._restorer.to_size(drawn, self._size_px)
            beside = None if beside is None else self._restorer.to_size(beside, self._size_px)
            texts |= self._restorer.provenance(self._size_px)
        own = [drawn_folder.texts_of(texts, seed) for seed in seeds]
        more: dict[str, list[bytes]] = {}
        if "svg" in self._formats:
            more[".svg"] = vectoriser.svgs(list(drawn), self._restorer, own)
        if "webp" in self._formats:
            more[".webp"] = [images.webp_bytes(x, t) for x, t in zip(large, own, strict=True)]
        return drawn_folder.write(
            folder, large, seeds, provenance=texts, seeds_text=seeds_text, beside=beside, more=more
        )
