"""Tells which emoji, in which rendering, a file of a Fluent checkout draws, by its folders."""

import json
from collections.abc import Sequence

from input_pipeline.art.picture import MAX_PICTURE_BYTES, READ_ERRORS, Reader
from input_pipeline.unicode import emoji_names, icon_names

# Fluent draws each emoji in four ways, side by side; npm's fluentui-emoji calls Color modern.
_RENDERINGS = {
    "3d": "3d",
    "color": "color",
    "modern": "color",
    "flat": "flat",
    "high contrast": "high-contrast",
}
_TONES = {
    "light": "1F3FB",
    "medium-light": "1F3FC",
    "medium": "1F3FD",
    "medium-dark": "1F3FE",
    "dark": "1F3FF",
}


def rendering(file: str) -> str | None:
    """Returns the rendering of a file: 3d, color, flat or high-contrast; None if it has none."""
    folders = file.lower().replace("-", " ").split("/")[:-1]
    return next((_RENDERINGS[f] for f in folders if f in _RENDERINGS), None)


def codepoints(metadata: Reader, folder: str, parts: Sequence[str]) -> str | None:
    """Returns the code points of a picture, a key of the Unicode list, or None.

    Args:
      metadata: reads the metadata.json of the emoji.
      folder: name of the folder that has it.
      parts: all folders of the picture, in lower case; those below `folder` may name a tone and a
        gender.
    """
    tone_name = next((p for p in parts if p in _TONES), None)
    gender = next((p for p in parts if p in ("man", "woman") and p != folder.lower()), None)
    if gender:
        return icon_names.lookup(f"{gender}-{folder}-{tone_name or 'default'}")
    try:
        meta = json.loads(metadata(MAX_PICTURE_BYTES))
        variants = [str(meta["unicode"]), *map(str, meta.get("unicodeSkintones", ()))]
    except (ValueError, KeyError, TypeError, *READ_ERRORS):
        return None
    expected = {_TONES[tone_name]} if tone_name else set()
    for variant in variants:
        tones = {c for c in variant.upper().split() if c in _TONES.values()}
        if tones == expected:
            return emoji_names.normalise("-".join(variant.split()))
    return None
