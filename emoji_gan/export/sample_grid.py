"""Draws what a model makes: a labelled row a phrase where it takes phrases, else seed by seed."""

import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emoji_gan import conditions, images
from emoji_gan.trained import finishing
from emoji_gan.trained import sampler as sampler_lib
from emoji_gan.trained.sampler import Sampler

PHRASES = ("chat souriant", "red apple", "heart", "horloge", "smiling face", "drapeau")
EACH = 4  # samples of a phrase and style
_STYLES = ("openmoji", "openmoji line")
_LEAST_PX, _GAP_PX = 76, 4  # of an emoji; around it
_LABEL_PX = 150
_UNASKED = 36  # samples of a model that takes no phrases
_UNASKED_PX = 64


@dataclasses.dataclass(frozen=True)
class Grid:
    """Holds a picture of samples.

    Attributes:
      picture: uint8 [h w 3].
      caption: what is on it, in English.
      texts: the PNG's text chunks.
    """

    picture: np.ndarray
    caption: str
    texts: dict[str, str]


def draw(sampler: Sampler, truncation: float, size_px: int | None = None) -> Grid:
    """Draws a model's samples, nothing chosen.

    Args:
      sampler: of the model.
      truncation: as of `sample`.
      size_px: to which those of phrases are brought, as `sample --size` does; None: as drawn.

    Raises:
      UserError: the size is out of the restorer's range.
    """
    texts: dict[str, str] = {}
    if conditions.TEXT in sampler.spec.names:
        style = finishing.traced_style(sampler.config.data.sources)
        finisher = finishing.Finisher(sampler.config.data.resolution, size_px, "png", style=style)
        drawn = rows(sampler, truncation)
        large = finisher.finished(drawn.reshape(-1, *drawn.shape[2:])).large
        picture = labelled(large.reshape(*drawn.shape[:2], *large.shape[1:]))
        texts, seeds = finisher.texts(), f"0-{EACH - 1}"
        caption = f"A row a phrase, seeds {seeds} of each style, nothing chosen."
    else:
        drawn = sampler(list(range(_UNASKED)), truncation=truncation)
        side = math.isqrt(_UNASKED)
        picture = images.grid(drawn, side, side)
        magnify = max(1, _UNASKED_PX // drawn.shape[1])
        picture, seeds = picture.repeat(magnify, 0).repeat(magnify, 1), f"0-{_UNASKED - 1}"
        caption = f"Seeds {seeds}, nothing chosen."
    texts = sampler.provenance(0, truncation) | texts | {"seed": seeds}
    return Grid(picture, caption, texts)


def rows(sampler: Sampler, truncation: float) -> np.ndarray:
    """Draws a row a phrase: uint8 [phrases, samples, h, w, 4], straight alpha; seeds from 0."""
    known_styles = dict(sampler.spec.classes).get("style", ())
    styles = [{"style": style} for style in _STYLES if style in known_styles] or [{}]
    seeds = list(range(EACH))
    drawn = []
    for phrase in PHRASES:
        asks = [
            sampler_lib.ask(sampler.spec, {conditions.TEXT: phrase, **style}, EACH)
            for style in styles
        ]
        drawn.append(np.concatenate([sampler(seeds, ask, truncation) for ask in asks]))
    return np.stack(drawn)


def labelled(drawn: np.ndarray) -> np.ndarray:
    """Lays the rows out on white with their phrases: uint8 [h w 3]."""
    count, columns = drawn.shape[:2]
    px = max(drawn.shape[2], _LEAST_PX)
    cell = px + 2 * _GAP_PX
    board = Image.new("RGB", (_LABEL_PX + columns * cell, count * cell), "white")
    pen, font = ImageDraw.Draw(board), ImageFont.load_default(17)
    for i, (phrase, row) in enumerate(zip(PHRASES, drawn, strict=True)):
        middle = i * cell + cell // 2
        pen.text((8, middle), phrase, fill="black", font=font, anchor="lm")
        for j, picture in enumerate(row):
            emoji = Image.fromarray(picture)
            if emoji.width != px:
                emoji = emoji.resize((px, px), Image.Resampling.LANCZOS)
            corner = (_LABEL_PX + j * cell + _GAP_PX, i * cell + _GAP_PX)
            board.paste(emoji, corner, emoji)
    return np.asarray(board)
