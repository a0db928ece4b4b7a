"""Turns what recipes name into files, and back from the JSON that makes them again."""

import json
import math
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from emoji_gan import images
from emoji_gan.errors import UserError
from emoji_gan.media import animation
from emoji_gan.runtime import workdir
from emoji_gan.trained import vectoriser
from explore import recipe
from explore.messages import Refused
from explore.session import Session

STILL_FORMATS = ("png", "svg", "webp", "sheet")
FORMATS = (*STILL_FORMATS, *(f for f in animation.FORMATS if f not in STILL_FORMATS))
_NAMES = {"sheet": "sheet.png", "apng": "loop.png"}
_MADE_BY, _VERSION = "emoji_gan explore", 1


def available() -> list[str]:
    """Returns the formats whose encoders are installed."""
    missing = animation.missing()
    return [form for form in FORMATS if form not in missing]


def file_events(session: Session, data: Any) -> Iterator[dict[str, Any]]:
    """Makes a file, and says meanwhile how far it is.

    Args:
      session: that draws.
      data: parsed JSON: a wish under 'wish', and one of `FORMATS` under 'format'.

    Yields:
      {'done': of 'total' steps}, and last {'name': of the file, 'type': media type, 'file': bytes,
      'recipe': JSON that makes it again}.

    Raises:
      Refused: the request or one of its values is wrong, or a format cannot hold it.
    """
    if not isinstance(data, dict) or data.get("format") not in FORMATS:
        raise Refused("bad_request", where="format", expected=", ".join(FORMATS))
    form, wish = data["format"], recipe.read_wish(data.get("wish"))
    _check(form, wish)
    again = {
        "made_by": _MADE_BY,
        "version": _VERSION,
        "model_sha256": session.sampler.checkpoint_hash,
        "format": form,
        "wish": data["wish"],
    }
    first = wish.items[0] if wish.items else wish.walk.stops[0]
    texts = session.provenance(first) | {"recipe": json.dumps(again, ensure_ascii=True)}
    drawn = yield from _drawn(session, wish)
    if form == "svg":
        traced = vectoriser.trace_all(list(drawn), session.restorer, quick=True)
        svg = vectoriser.svgs(traced, [texts])[0]
        yield _file("emoji.svg", "image/svg+xml", svg, again)
        return
    pictures = yield from _enlarged(session, drawn, wish.size_px)
    if pictures.shape[1] != drawn.shape[1]:
        texts |= session.restorer.provenance(wish.size_px)
    if form == "png":
        yield _file("emoji.png", "image/png", images.png_bytes(pictures[0], texts), again)
    elif form == "sheet":
        sheet, layout = _sheet(pictures)
        yield _file("sheet.png", "image/png", images.png_bytes(sheet, texts | layout), again)
    elif wish.walk is None:
        yield _file("emoji.webp", "image/webp", images.webp_bytes(pictures[0], texts), again)
    else:
        encoded = animation.encode(form, pictures, wish.frame_ms, texts)
        name = _NAMES.get(form, f"loop.{form}")
        yield _file(name, animation.MEDIA_TYPES[form], encoded, again)


def _check(form: str, wish: recipe.Wish) -> None:
    if form in ("png", "svg") and (wish.walk or len(wish.items) > 1):
        raise Refused("one_picture", format=form)
    if form == "webp" and len(wish.items) > 1:
        raise Refused("one_picture", format=form)
    if form not in STILL_FORMATS and wish.walk is None:
        raise Refused("no_loop", format=form)
    if form == "webm" and "webm" not in available():
        raise Refused("no_webm")  # before it draws for nothing
    if form == "avif" and "avif" not in available():
        raise Refused("no_avif")


def _drawn(session: Session, wish: recipe.Wish) -> Iterator[dict[str, Any]]:
    """Draws all that is wished; yields how far it is and returns the pictures."""
    if wish.walk:
        parts = []
        for part in session.frames(wish.walk):
            parts.append(part)
            yield {"done": sum(map(len, parts)), "total": wish.walk.count}
        return np.concatenate(parts)
    by_row: dict[int, np.ndarray] = {}
    for drawn in session.draw(wish.items):
        by_row |= dict(zip(drawn.rows, drawn.pictures, strict=True))
        yield {"done": len(by_row), "total": len(wish.items)}
    side = max(picture.shape[0] for picture in by_row.values())
    same = all(picture.shape[0] == side for picture in by_row.values())
    if not same:  # emoji of the explored model beside those of the larger flow
        for row, picture in by_row.items():
            (by_row[row],) = next(session.enlarged(picture[None], side))
    return np.stack([by_row[row] for row in range(len(by_row))])


def _enlarged(session: Session, drawn: np.ndarray, size_px: int) -> Iterator[dict[str, Any]]:
    """Enlarges pictures; yields how far it is and returns them."""
    parts = []
    for part in session.enlarged(drawn, size_px):
        parts.append(part)
        yield {"done": sum(map(len, parts)), "total": len(drawn)}
    return np.concatenate(parts)


def _sheet(pictures: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
    """Lays pictures row by row on a transparent sheet, without gaps; says how."""
    n, px = pictures.shape[:2]
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    cells = np.zeros((rows * columns, px, px, 4), np.uint8)
    cells[:n] = pictures
    sheet = cells.reshape(rows, columns, px, px, 4).transpose(0, 2, 1, 3, 4)
    layout = {"sheet": f"{n} pictures of {px} px in {columns} columns"}
    return sheet.reshape(rows * px, columns * px, 4), layout


def _file(name: str, media_type: str, data: bytes, again: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "type": media_type, "file": data, "recipe": dict(again)}


def replay(session: Session, path: str, out: str) -> pathlib.Path:
    """Makes the file of an exported recipe again, byte by byte, in a folder.

    Raises:
      UserError: the recipe cannot be read or is another model's, or the file cannot be written.
    """
    try:
        data = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise UserError(f"--replay={path}: {e.strerror}") from e
    except ValueError as e:
        raise UserError(f"--replay={path}: not a recipe of the explorer ({e})") from e
    if not isinstance(data, dict) or (data.get("made_by"), data.get("version")) != (
        _MADE_BY,
        _VERSION,
    ):
        raise UserError(f"--replay={path}: not a recipe of this version of the explorer")
    if data.get("model_sha256") != session.sampler.checkpoint_hash:
        wanted = str(data.get("model_sha256"))[:12]
        raise Refused("other_model", wanted=wanted, have=session.sampler.checkpoint_hash[:12])
    *_, last = file_events(session, data)
    folder = pathlib.Path(out)
    workdir.make_folder(folder)
    workdir.write_atomic(folder / last["name"], last["file"])
    return folder / last["name"]
