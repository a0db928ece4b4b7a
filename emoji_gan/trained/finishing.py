"""Brings drawn emoji to the size and into the formats that are wanted."""

import argparse
import dataclasses
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from emoji_gan import images
from emoji_gan.errors import UserError
from emoji_gan.trained import drawn_folder, vectoriser
from emoji_gan.trained.restorer import Restorer
from emoji_gan.vector.drawing import Shape
from input_pipeline.art import common_box

FORMATS = ("png", "svg", "webp")
FINISHES = ("traced", "restored")
GUIDED = "guided"  # by a large picture that the drawn one was made of
GUIDE_PX = 256  # a side of such pictures, at least, where they are traced


def add_arguments(p: argparse.ArgumentParser) -> None:
    """Adds the flags of programs that draw."""
    p.add_argument("--size", type=int, help="px, by the shipped restorer; default: the model's")
    p.add_argument("--format", default="png", help="of png,svg,webp; PNGs are always written")
    p.add_argument(
        "--finish",
        help="of what --size enlarges: traced, flat colours and even lines, or restored, as the "
        "model has them; restyle also: guided by the picture; default: traced of OpenMoji's "
        "style, restored or guided of others",
    )


def traced_style(sources: Iterable[str]) -> str:
    """Returns how art of styles, or of `data.sources`, is traced: one of `vectoriser.STYLES`."""
    of_openmoji = all(re.split("[ =]", source)[0] == "openmoji" for source in sources)
    return vectoriser.STYLES[0 if of_openmoji else 1]


def restorer_of(style: str, source: str | None = None) -> Restorer:
    """Returns a restorer, by default a shipped one, with the colours of a traced style."""
    return Restorer(source, colours="openmoji" if style == vectoriser.STYLES[0] else "own")


@dataclasses.dataclass(frozen=True)
class Finished:
    """Holds emoji as they are to be written.

    Attributes:
      large: uint8 [n h h 4], straight alpha.
      shapes: of each, that it was rendered from or that its SVG has; None: it was not traced.
    """

    large: np.ndarray
    shapes: list[list[Shape]] | None


class Finisher:
    """Enlarges drawn emoji and writes them in several formats; checks first that it can.

    Args:
      drawn_px: side of what is drawn.
      size_px: side that is wanted; None: as drawn.
      formats: names of `FORMATS`, with commas between them.
      finish: one of `FINISHES`; None: as suits the style.
      style: of `vectoriser.STYLES`.
      has_guides: whether there are large pictures that the drawn ones were made of.

    Attributes:
      guide_px: side of the large pictures that are wanted; None: none are.

    Raises:
      UserError: no such format or finish, or a size out of range.
    """

    def __init__(
        self,
        drawn_px: int,
        size_px: int | None,
        formats: str,
        finish: str | None = None,
        style: str = vectoriser.STYLES[0],
        *,
        has_guides: bool = False,
    ) -> None:
        names = [name.strip() for name in formats.split(",")]
        if unknown := [name for name in names if name not in FORMATS]:
            raise UserError(f"--format={formats}: no {unknown[0]!r}; choose of {','.join(FORMATS)}")
        finishes = (*FINISHES, GUIDED) if has_guides else FINISHES
        if finish not in (None, *finishes):
            raise UserError(f"--finish={finish}: choose from {', '.join(finishes)}")
        if finish and size_px is None:
            raise UserError(f"--finish={finish} says how to enlarge: give a --size, too")
        self._formats = [name for name in FORMATS[1:] if name in names]
        self._size_px, self._style = size_px, style
        self._finish = finish or ("traced" if style == vectoriser.STYLES[0] else finishes[-1])
        restores = size_px is not None or "svg" in self._formats
        self._restorer = restorer_of(style) if restores else None
        if self._restorer is not None and size_px is not None:
            self._restorer.scale_to(drawn_px, size_px)
        self.guide_px = None
        if self._finish == GUIDED and restores:
            self.guide_px = max(size_px or 0, GUIDE_PX if "svg" in self._formats else 0)

    def guide(self, picture: np.ndarray) -> np.ndarray:
        """Enlarges a picture, uint8 [h w 4], until it is sharp at `guide_px`: a square."""
        sharp_px = min(self.guide_px, vectoriser.TRACED_PX)
        return vectoriser.enlarged([picture], self._restorer, sharp_px, 2 * self.guide_px)[0]

    def finished_by(self, guided: np.ndarray, drawn: np.ndarray) -> Finished:
        """Brings pictures that were drawn at `guide_px`, uint8 [n s s 4], to the size wanted.

        Args:
          guided: drawn large.
          drawn: the same at the model's size.
        """
        shapes = None
        if "svg" in self._formats:
            shapes = vectoriser.trace_all(
                list(guided), self._restorer, style=self._style, quick=True
            )
        if self._size_px is None:
            return Finished(drawn, shapes)
        large = np.stack([common_box.resize(x, self._size_px) for x in guided])
        return Finished(large, shapes)

    def finished(self, drawn: np.ndarray) -> Finished:
        """Brings pictures, uint8 [n h h 4], to the size that is wanted."""
        is_traced = self._size_px is not None and self._finish == "traced"
        shapes = None
        if is_traced or "svg" in self._formats:
            shapes = vectoriser.trace_all(
                list(drawn), self._restorer, style=self._style, quick=True
            )
        if self._size_px is None:
            return Finished(drawn, shapes)
        if is_traced:
            return Finished(vectoriser.rendered(shapes, self._size_px), shapes)
        return Finished(self._restorer.to_size(drawn, self._size_px), shapes)

    def texts(self) -> dict[str, str]:
        """Returns the text chunks that a picture gets because it was enlarged."""
        if self._restorer is None or self._size_px is None:
            return {}
        return self._restorer.provenance(self._size_px) | {"finish": self._finish}

    def others(
        self, finished: Finished, texts: Sequence[Mapping[str, str]]
    ) -> dict[str, list[bytes]]:
        """Encodes pictures in the formats wanted besides PNG: {suffix: n files}.

        Args:
          finished: n emoji.
          texts: of each picture, written into it.
        """
        more: dict[str, list[bytes]] = {}
        if "svg" in self._formats:
            more[".svg"] = vectoriser.svgs(finished.shapes, texts)
        if "webp" in self._formats:
            pairs = zip(finished.large, texts, strict=True)
            more[".webp"] = [images.webp_bytes(x, own) for x, own in pairs]
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
        finished, texts = self.finished(drawn), dict(provenance) | self.texts()
        return drawn_folder.write(
            folder,
            finished.large,
            seeds,
            provenance=texts,
            seeds_text=seeds_text,
            beside=None if beside is None else self.finished(beside).large,
            more=self.others(finished, [drawn_folder.texts_of(texts, seed) for seed in seeds]),
        )
