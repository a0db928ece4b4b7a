"""Lists the emoji that can be suggested, and what their families are."""

import dataclasses
import functools
import re

from input_pipeline.unicode import emoji_names
from input_pipeline.unicode.emoji_names import Meta

_HAIR_AND_DIRECTION = re.compile(r"-200D-(2640|2642|27A1|1F9B[0-3])")
_ADULT = re.compile(r"^(1F468|1F469|1F9D1)(?=-)")  # man, woman, person: with a profession
_ADULTS = {"1F468": "1F9D1", "1F469": "1F9D1"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """Describes an emoji without a skin tone.

    Attributes:
      meta: what Unicode says of it.
      character: the emoji itself, as usually spelled.
      family: the same for a profession's man, woman and person, for all flags of countries, ...
      kind: a looser family, such as hearts or clocks; few of it are suggested at once.
    """

    meta: Meta
    character: str
    family: str
    kind: str


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Returns the emoji that can be suggested, in Unicode's order."""
    metas = [emoji_names.lookup(key) for key in emoji_names.every()]
    return tuple(
        Entry(m, spelled(m.codepoints), _family(m), m.subgroup)
        for m in metas
        if m.base == m.codepoints and m.name_fr and m.group != "Component"
    )


def spelled(codepoints: str) -> str:
    """Returns the characters of an emoji, FE0F where it asks for the coloured form."""
    points = [int(p, 16) for p in codepoints.split("-")]
    out = []
    for point in points:
        out.append(chr(point))
        if _is_text_by_default(point):
            out.append("\ufe0f")
    return "".join(out)


def _is_text_by_default(point: int) -> bool:
    ranges = _EMOJI_IN_BMP if point < 0x10000 else _TEXT_ABOVE_BMP
    inside = any(first <= point <= last for first, last in ranges)
    return inside if point >= 0x10000 else point != 0x200D and point != 0x20E3 and not inside


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    bounds = (part.partition("-") for part in text.split())
    return tuple((int(first, 16), int(last or first, 16)) for first, _, last in bounds)


# Of emoji-data.txt: characters below U+10000 with Emoji_Presentation, and emoji above without it.
_EMOJI_IN_BMP = _ranges(
    "231A-231B 23E9-23EC 23F0 23F3 25FD-25FE 2614-2615 2648-2653 267F 2693 26A1 26AA-26AB 26BD-26BE"
    " 26C4-26C5 26CE 26D4 26EA 26F2-26F3 26F5 26FA 26FD 2705 270A-270B 2728 274C 274E 2753-2755 2757"
    " 2795-2797 27B0 27BF 2B1B-2B1C 2B50 2B55"
)
_TEXT_ABOVE_BMP = _ranges(
    "1F170-1F171 1F17E-1F17F 1F202 1F237 1F321 1F324-1F32C 1F336 1F37D 1F396-1F397 1F399-1F39B "
    "1F39E-1F39F 1F3CB-1F3CE 1F3D4-1F3DF 1F3F3 1F3F5 1F3F7 1F43F 1F441 1F4FD 1F549-1F54A "
    "1F56F-1F570 1F573-1F579 1F587 1F58A-1F58D 1F590 1F5A5 1F5A8 1F5B1-1F5B2 1F5BC 1F5C2-1F5C4 "
    "1F5D1-1F5D3 1F5DC-1F5DE 1F5E1 1F5E3 1F5E8 1F5EF 1F5F3 1F5FA 1F6CB 1F6CD-1F6CF 1F6E0-1F6E5 "
    "1F6E9 1F6F0 1F6F3"
)


def _family(meta: Meta) -> str:
    if meta.subgroup in ("country-flag", "subdivision-flag"):
        return meta.subgroup
    key = _HAIR_AND_DIRECTION.sub("", meta.codepoints)
    key = _ADULT.sub("1F9D1", key)
    return _ADULTS.get(key, key)
