"""Finds the emoji of a set that is one icon JSON, in Iconify's form."""

import json
from collections.abc import Iterator

from input_pipeline import DataError
from input_pipeline.art import vendors
from input_pipeline.art.picture import (
    MAX_JSON_BYTES,
    NOT_IN_LIST,
    READ_ERRORS,
    Files,
    Picture,
    Reader,
    Skipped,
)
from input_pipeline.unicode import emoji_names, icon_names


def pictures(name: str, files: Files, skipped: Skipped) -> Iterator[Picture]:
    """Yields the icons that are emoji, by the code points of `chars` or else by their names.

    Args:
      name: of the JSON. Beside icons.json, info.json and chars.json count before its own fields.
      files: of the set.
      skipped: receives the other icons, and why.

    Raises:
      DataError: it is no icon JSON, or a vendor's whose art is proprietary.
    """
    folder = name[: -len("icons.json")] if name.endswith("icons.json") else None
    data = _json_object(name, files[name])
    icons, aliases, info, chars = (data.get(k) or {} for k in ("icons", "aliases", "info", "chars"))
    if not icons or not all(isinstance(d, dict) for d in (icons, aliases, info, chars)):
        raise DataError(
            f"{name}: no icon JSON: its 'icons' (or aliases, info, chars) is missing or no object"
        )
    if folder is not None:
        info, chars = (
            _json_object(folder + n, files[folder + n]) if folder + n in files else own
            for n, own in (("info.json", info), ("chars.json", chars))
        )
    # Not the samples of `info`: a red apple is no Apple.
    vendor = vendors.of_words(
        json.dumps([data.get("prefix"), info.get("name"), info.get("author")])
    )
    if vendor:
        raise DataError(vendors.refusal(vendor, name))
    # A set without a palette is drawn in one colour, that of the text around it.
    domain = "line" if info.get("palette") is False else "full"
    by_icon: dict[str, str] = {}
    for key, icon in chars.items():
        codepoints = emoji_names.normalise(key)
        if codepoints and isinstance(icon, str):
            by_icon.setdefault(icon, codepoints)
    for icon in [*sorted(icons), *sorted(aliases)]:
        codepoints = by_icon.get(icon) or emoji_names.normalise(icon) or icon_names.lookup(icon)
        try:
            svg = _icon_svg(data, icon)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            skipped.append((icon, "its entry is malformed"))
            continue
        if codepoints is None:
            plain_alias = icon in aliases and set(aliases[icon]) == {"parent"}
            why = f"the same emoji as {aliases[icon]['parent']}" if plain_alias else NOT_IN_LIST
            skipped.append((icon, why))
        else:
            yield Picture(icon, codepoints, domain, True, lambda limit, svg=svg: svg[:limit])


def _icon_svg(data: dict, name: str) -> bytes:
    """Returns the SVG of an icon or alias; an alias may flip and turn its parent."""
    turn, flip_h, flip_v = 0, False, False
    entry = dict(data["aliases"][name] if name not in data["icons"] else data["icons"][name])
    for _ in range(8):  # the depth of aliases is bounded, so a circle ends here
        turn += int(entry.pop("rotate", 0))
        flip_h ^= bool(entry.pop("hFlip", False))
        flip_v ^= bool(entry.pop("vFlip", False))
        if "parent" not in entry:
            break
        parent = entry.pop("parent")
        entry = (data["icons"].get(parent) or data["aliases"][parent]) | entry
        if "parent" in data["icons"].get(parent, {}):
            raise ValueError("an icon with a parent")
    left, top, width, height = (
        float(entry.get(k, data.get(k, d)))
        for k, d in (("left", 0), ("top", 0), ("width", 16), ("height", 16))
    )
    transform = ""
    if turn % 4:
        transform += f"rotate({turn % 4 * 90} {left + width / 2} {top + height / 2}) "
    if flip_h:
        transform += f"translate({2 * left + width} 0) scale(-1 1) "
    if flip_v:
        transform += f"translate(0 {2 * top + height}) scale(1 -1)"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">'
        f'<g transform="{transform.strip()}">{entry["body"]}</g></svg>'
    ).encode()


def _json_object(name: str, get: Reader) -> dict:
    """Returns the object that a JSON file is; raises DataError if it is none."""
    try:
        text = get(MAX_JSON_BYTES + 1)
        if len(text) > MAX_JSON_BYTES:
            raise DataError(f"{name}: larger than {MAX_JSON_BYTES >> 20} MiB")
        data = json.loads(text)
    except (ValueError, *READ_ERRORS) as e:  # a deep nest is a RuntimeError too
        raise DataError(f"{name}: not readable as JSON ({e})") from e
    if not isinstance(data, dict):
        raise DataError(f"{name}: no icon JSON: a {type(data).__name__}, not an object")
    return data
