"""Reads in which style a segment's emoji are drawn, as people name it in English or French."""

import difflib
import re

from emoji_gan.encoder import text_features

LINE = "line"
_NAMES = {
    "": (
        *("", "colour", "colours", "color", "colors", "in colour", "in color", "openmoji"),
        *("couleur", "couleurs", "en couleur", "en couleurs", "openmoji color", "flat", "aplat"),
    ),
    LINE: (
        *("line", "lines", "line art", "lineart", "line drawing", "openmoji line", "outline"),
        *("dessin au trait", "dessins au trait", "trait", "traits", "au trait", "ligne", "lignes"),
    ),
}
_STYLE_OF = {name: style for style, names in _NAMES.items() for name in names}
EXAMPLES = ("line art, colour", "dessin au trait, couleur")  # in messages


def of(text: str) -> str | None:
    """Returns the style that a name means: LINE, or "" for colours; None of an unknown name."""
    return _STYLE_OF.get(_plain(text))


def nearest(text: str) -> str:
    """Returns the name that is nearest to an unknown one, or ""."""
    return next(iter(difflib.get_close_matches(_plain(text), [n for n in _STYLE_OF if n])), "")


def _plain(text: str) -> str:
    return " ".join(re.split(r"[\s_-]+", text_features.fold(text).strip()))
