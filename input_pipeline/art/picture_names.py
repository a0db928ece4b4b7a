"""Finds the emoji that the name of a picture says, and whether the name can be nothing else."""

import re

from input_pipeline.unicode import emoji_names, icon_names

_PREFIXED = re.compile(r"(emoji[-_]?)?u\+?[0-9a-f]{2,6}([-_ ](u\+?)?[0-9a-f]{2,6})*", re.IGNORECASE)
_SHORT_WORD = 3  # letters; codes of countries and languages are as short


def lookup(stem: str) -> str | None:
    """Returns the emoji that a name spells in code points, in words, or as the character itself.

    Args:
      stem: the name without its ending: 'emoji_u1f680', '1F680', 'rocket', 'fusée', '🚀'.

    Returns:
      Its key in the Unicode list, or None.
    """
    return emoji_names.normalise(stem) or _character(stem) or icon_names.lookup(stem)


def is_certain(stem: str) -> bool:
    """Returns whether a name that spells an emoji can mean nothing else.

    Two kinds are doubtful: bare hexadecimal digits that could be a number or the code of a country
    (AE, 2600), and words of at most three letters (om, ewe, ox).
    """
    if emoji_names.canonical(stem) is None:
        return _character(stem) is not None or len(re.sub(r"[\W_]", "", stem)) > _SHORT_WORD
    if _PREFIXED.fullmatch(stem.strip()):
        return True
    return any(
        len(part) >= 5 or (len(part) == 4 and not part.isdecimal() and not part.isalpha())
        for part in re.split(r"[-_ ]", stem.strip())
    )


def is_code(file: str) -> bool:
    """Returns whether the name of a file is written in code points rather than words."""
    stem = file.rpartition("/")[2].rpartition(".")[0]
    return emoji_names.canonical(stem) is not None or _character(stem) is not None


def _character(stem: str) -> str | None:
    """Returns the code points of a name that is an emoji itself."""
    if stem.isascii():
        return None
    return emoji_names.normalise("-".join(f"{ord(c):04X}" for c in stem.strip()))
