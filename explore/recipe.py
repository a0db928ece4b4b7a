"""Reads recipes: what a page wishes to be drawn, as JSON that draws the same again.

A recipe names an emoji by all that it is made from, so that the server keeps nothing of a page, and
a page's state, an exported file and a request are the same JSON. All of it comes from outside and
is checked here.
"""

import base64
import binascii
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from explore.messages import Refused

MOST_ITEMS = 64
MOST_STOPS = 12
MOST_FRAMES = 48
MOST_SHIFTS = 24
MOST_AMOUNT = 4.0  # standard deviations of a direction
FARTHEST = 2.0  # quarter turns of a map: the antipode
SIZES = (32, 64, 128, 256, 512)  # px
_PICTURE_BYTES = 40_000
_TEXT_CHARS = 200


@dataclasses.dataclass(frozen=True)
class Shift:
    """Moves a point in a plane through it: x and y in quarter turns (see `latent.plane`)."""

    plane: int
    x: float
    y: float


@dataclasses.dataclass(frozen=True)
class Move:
    """Moves a point in a named direction, by standard deviations."""

    name: str
    amount: float


@dataclasses.dataclass(frozen=True)
class Point:
    """Names a point of latent space.

    Attributes:
      seed: that it begins with, unless a picture is given.
      picture: a PNG that is inverted; None: the seed counts.
      text: phrase; '' is none.
      lang: of the phrase, 'en' or 'fr'; None: either.
      style: of the model's styles; '' is none.
      truncation: psi, in [0, 2].
      steps: from there, in turn.
    """

    seed: int = 0
    picture: bytes | None = None
    text: str = ""
    lang: str | None = None
    style: str = ""
    truncation: float = 0.7
    steps: tuple[Shift | Move, ...] = ()


@dataclasses.dataclass(frozen=True)
class Source:
    """Names what a variation or a cross is made from: an emoji's code points, or a PNG."""

    codepoints: str | None
    picture: bytes | None


@dataclasses.dataclass(frozen=True)
class Variation:
    """Names a variation of a source, as `emoji_gan.edit.vary` draws it."""

    of: Source
    seed: int
    strength: float
    text: str
    lang: str | None
    line: bool


@dataclasses.dataclass(frozen=True)
class Cross:
    """Names a cross of two sources, as `emoji_gan.edit.mix` draws it."""

    of: tuple[Source, Source]
    seed: int
    strength: float
    line: bool


Item = Point | Variation | Cross


@dataclasses.dataclass(frozen=True)
class Walk:
    """Names a walk from stop to stop.

    Attributes:
      stops: at least two.
      closed: whether it ends where it began.
      count: of frames.
      even: whether frames differ about equally, else times do.
    """

    stops: tuple[Point, ...]
    closed: bool
    count: int
    even: bool


@dataclasses.dataclass(frozen=True)
class Wish:
    """Names what is drawn, and how it is finished.

    Attributes:
      items: single emoji; none where there is a walk.
      walk: frames.
      size_px: of `SIZES`; 0: as drawn.
      frame_ms: of a walk's frame, a multiple of 10, at least 20.
    """

    items: tuple[Item, ...]
    walk: Walk | None
    size_px: int
    frame_ms: int


def read_wish(data: Any) -> Wish:
    """Reads a wish from parsed JSON.

    Raises:
      Refused: anything is missing, of another type, or out of range.
    """
    fields = _object(data, "wish")
    if "walk" in fields:
        items, walk = (), _walk(fields["walk"])
    else:
        listed = _list(fields.get("items"), "items", 1, MOST_ITEMS)
        items, walk = tuple(_item(item) for item in listed), None
    size_px = _integer(fields, "size_px", 0, SIZES[-1], 0)
    if size_px and size_px not in SIZES:
        raise _bad("size_px", f"0, {', '.join(map(str, SIZES))}")
    frame_ms = _integer(fields, "frame_ms", 20, 1000, 80)
    if frame_ms % 10:  # GIFs have no finer steps
        raise _bad("frame_ms", "10, 20, 30, ...")
    return Wish(items, walk, size_px, frame_ms)


def read_source(data: Any, where: str = "of") -> Source:
    """Reads a source from parsed JSON; raises as `read_wish` does."""
    fields = _object(data, where)
    if "picture" in fields:
        return Source(None, _picture(fields["picture"]))
    codepoints = fields.get("emoji")
    if not isinstance(codepoints, str) or not 0 < len(codepoints) <= 60:
        raise _bad(f"{where}.emoji", "code points")
    return Source(codepoints, None)


def _item(data: Any) -> Item:
    fields = _object(data, "item")
    if "variation" in fields:
        inner = _object(fields["variation"], "variation")
        return Variation(
            read_source(inner.get("of")),
            _integer(inner, "seed", 0, 2**32 - 1, 0),
            _strength(inner),
            _text(inner, "text"),
            _language(inner),
            _flag(inner, "line", False),
        )
    if "cross" in fields:
        inner = _object(fields["cross"], "cross")
        first, second = (read_source(s) for s in _list(inner.get("of"), "of", 2, 2))
        seed = _integer(inner, "seed", 0, 2**32 - 1, 0)
        return Cross((first, second), seed, _strength(inner), _flag(inner, "line", False))
    return _point(fields)


def _walk(data: Any) -> Walk:
    fields = _object(data, "walk")
    stops = _list(fields.get("stops"), "stops", 2, MOST_STOPS)
    return Walk(
        tuple(_point(stop) for stop in stops),
        _flag(fields, "closed", True),
        _integer(fields, "count", 2, MOST_FRAMES, 24),
        _flag(fields, "even", True),
    )


def _point(data: Any) -> Point:
    fields = _object(data, "point")
    shifts = [
        _object(s, "shifts") for s in _list(fields.get("shifts", []), "shifts", 0, MOST_SHIFTS)
    ]
    moves = _object(fields.get("moves", {}), "moves")
    if len(moves) > 32:
        raise _bad("moves", "0 to 32 directions")
    return Point(
        seed=_integer(fields, "seed", 0, 2**32 - 1, 0),
        picture=_picture(fields["picture"]) if "picture" in fields else None,
        text=_text(fields, "text"),
        lang=_language(fields),
        style=_text(fields, "style"),
        truncation=_number(fields, "truncation", 0, 2, 0.7),
        steps=(*map(_step, shifts), *(_move(name, moves, name) for name in moves)),
    )


def _step(fields: Mapping[str, Any]) -> Shift | Move:
    if "name" in fields:
        return _move(_text(fields, "name"), fields, "amount")
    return Shift(
        _integer(fields, "plane", 0, 2**32 - 1, 0),
        _number(fields, "x", -FARTHEST, FARTHEST, 0),
        _number(fields, "y", -FARTHEST, FARTHEST, 0),
    )


def _move(name: str, fields: Mapping[str, Any], key: str) -> Move:
    return Move(name, _number(fields, key, -MOST_AMOUNT, MOST_AMOUNT, 0))


def _bad(where: str, expected: str) -> Refused:
    return Refused("bad_request", where=where, expected=expected)


def _object(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise _bad(where, "{...}")
    return data


def _list(data: Any, where: str, least: int, most: int) -> list[Any]:
    if not isinstance(data, list) or not least <= len(data) <= most:
        raise _bad(where, f"[...] ({least} - {most})")
    return data


def _integer(fields: Mapping[str, Any], name: str, least: int, most: int, default: int) -> int:
    value = fields.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise _bad(name, f"{least} ... {most}")
    return value


def _number(
    fields: Mapping[str, Any], name: str, least: float, most: float, default: float
) -> float:
    value = fields.get(name, default)
    is_number = type(value) in (int, float) and math.isfinite(value)
    if not is_number or not least <= value <= most:
        raise _bad(name, f"{least:g} ... {most:g}")
    return float(value)


def _strength(fields: Mapping[str, Any]) -> float:
    return _number(fields, "strength", 0.01, 1, 0.6)


def _flag(fields: Mapping[str, Any], name: str, default: bool) -> bool:
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise _bad(name, "true / false")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > _TEXT_CHARS or "\0" in value:
        raise _bad(name, f"0 ... {_TEXT_CHARS} characters")
    return value.strip()


def _language(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("lang")
    if value not in (None, "en", "fr"):
        raise _bad("lang", "en / fr")
    return value


def _picture(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > _PICTURE_BYTES:
        raise _bad("picture", f"PNG, base64, at most {_PICTURE_BYTES} characters")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as e:
        raise _bad("picture", "base64") from e
