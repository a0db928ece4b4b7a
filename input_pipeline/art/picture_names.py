"""Which emoji the name of a picture says, and whether it says so beyond doubt."""

import re

from input_pipeline.unicode import emoji_names, icon_names

_PREFIXED = re.compile(r"(emoji[-_]?)?u\+?[0-9a-f]{2,6}([-_ ](u\+?)?[0-9a-f]{2,6})*", re.IGNORECASE)
_SHORT_WORD = 3  # letters; so short are codes of countries and languages


def lookup(stem: str) -> str | None:
    """Returns the code points of a picture's name: of code points, words or the emoji itself.

    Args:
      stem: without the ending: 'emoji_u1f680', '1F680', 'rocket', 'fusée', '🚀'.
    """
    return emoji_names.normalise(stem) or _character(stem) or icon_names.lookup(stem)


def is_certain(stem: str) -> bool:
    """Returns whether a name can be nothing else.

    Doubtful are bare hexadecimal digits that could be a number or a code of a country (AE, 2600),
    and words of at most three letters (om, ewe, ox).
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
    if stem.isascii():
        return None
    return emoji_names.normalise("-".join(f"{ord(c):04X}" for c in stem.strip()))
