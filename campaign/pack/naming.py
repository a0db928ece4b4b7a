"""Makes names that every importer takes as a short code: 2 to 32 of a-z, 0-9 and _."""

import re
import unicodedata
from collections.abc import Iterable

from campaign.manifest import NAME

LONGEST = 32
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d"})
_NAMELESS = "emoji"


def short_code(text: str) -> str:
    """Returns a text as a short code: without accents, lower case, the rest as `_`.

    `Cœur brisé !` becomes `coeur_brise`. What has no letter or digit becomes `emoji`, a single
    letter gets it behind.
    """
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(_LIGATURES))
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    code = words[:LONGEST].strip("_") or _NAMELESS
    return code if NAME.fullmatch(code) else f"{code}_{_NAMELESS}"


def unique(texts: Iterable[str]) -> list[str]:
    """Returns a short code for each text, in order; of equal ones later ones get a number."""
    wanted = [short_code(text) for text in texts]
    taken: set[str] = set()
    codes = []
    for code in wanted:
        chosen, number = code, 2
        while chosen in taken or (number > 2 and chosen in wanted):
            end = f"_{number}"
            chosen = code[: LONGEST - len(end)].rstrip("_") + end
            number += 1
        taken.add(chosen)
        codes.append(chosen)
    return codes
