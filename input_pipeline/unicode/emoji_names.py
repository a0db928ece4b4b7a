"""Names each emoji by its key of the Unicode 17 list, whatever spelling a set uses."""

import dataclasses
import functools
import gzip
import json
import pathlib
import re

TONES = ("light", "medium-light", "medium", "medium-dark", "dark")  # U+1F3FB to U+1F3FF

_DATA = pathlib.Path(__file__).parent
_PREFIX = re.compile(r"emoji[-_]?(?=u)", re.IGNORECASE)  # Noto's emoji_u1f600
_CODE_POINT = re.compile(r"(?:u\+?)?([0-9a-f]{2,6})", re.IGNORECASE)
_VARIATION_SELECTOR = 0xFE0F  # asks for the coloured form; sets disagree on where to write it


@dataclasses.dataclass(frozen=True)
class Meta:
    """Holds what Unicode says of one emoji. CLDR's names and keywords are those of the base.

    Attributes:
      codepoints: its key, '1F468-200D-1F4BB'.
      name: of the Unicode list.
      group: of the Unicode list.
      subgroup: of the Unicode list.
      version: of Emoji, when it was added; 0: not in the list.
      base: code points of the toneless form; its own where it has no tone.
      tones: of TONES, one for each person.
      name_en: CLDR's English short name.
      name_fr: CLDR's French short name.
      keywords_en: CLDR's English keywords.
      keywords_fr: CLDR's French keywords.
    """

    codepoints: str
    name: str
    group: str
    subgroup: str
    version: float
    base: str
    tones: tuple[str, ...]
    name_en: str
    name_fr: str
    keywords_en: tuple[str, ...]
    keywords_fr: tuple[str, ...]


def canonical(stem: str) -> str | None:
    """Spells code points as the Unicode list does.

    That is in upper case, with 4 digits or more, joined by '-', without FE0F.

    Args:
      stem: 'emoji_u1f468_200d_1f4bb', '1F468-200D-1F4BB', 'U+1F600', '23-fe0f-20e3', ...

    Returns:
      The key, whether or not it is in the list, or None if `stem` does not spell code points.
    """
    parts = re.split(r"[-_ ]", _PREFIX.sub("", stem.strip(), count=1))
    matches = [_CODE_POINT.fullmatch(p) for p in parts]
    if not all(matches):
        return None
    points = [int(m[1], 16) for m in matches]
    if any(p > 0x10FFFF or 0xD800 <= p < 0xE000 for p in points):
        return None
    return "-".join(f"{p:04X}" for p in points if p != _VARIATION_SELECTOR) or None


def normalise(stem: str) -> str | None:
    """Returns the key of the Unicode 17 list that `stem` (see `canonical`) spells, or None."""
    key = canonical(stem)
    return key if key in _metas() else None


def lookup(codepoints: str) -> Meta | None:
    """Returns what Unicode says of `codepoints`, a key of the list; None if it is not one."""
    return _metas().get(codepoints)


def every() -> tuple[str, ...]:
    """Returns the 3,953 keys of the list, in its order."""
    return tuple(_metas())


@functools.cache
def _metas() -> dict[str, Meta]:
    emoji, english, french = (_read(f) for f in ("emoji17_meta", "cldr48_en", "cldr48_fr"))
    toneless = {e["n"]: key for key, e in emoji.items() if not e["t"]}
    metas = {}
    for key, e in emoji.items():
        # Two people of two tones have no base in the list, but share its name before the colon.
        base = (e["b"] or toneless[e["n"].split(":")[0]]) if e["t"] else key
        # CLDR leaves out the nine components (tones and hair), which are no emoji of their own.
        en = english.get(base, {"n": e["n"], "k": ()})
        fr = french.get(base, {"n": "", "k": ()})
        metas[key] = Meta(
            codepoints=key,
            name=e["n"],
            group=e["g"],
            subgroup=e["s"],
            version=float(e["v"]),
            base=base,
            tones=tuple(TONES[t - 1] for t in e["t"]),
            name_en=en["n"],
            name_fr=fr["n"],
            keywords_en=tuple(en["k"]),
            keywords_fr=tuple(fr["k"]),
        )
    return metas


def _read(name: str) -> dict:
    return json.loads(gzip.decompress((_DATA / f"{name}.json.gz").read_bytes()))
