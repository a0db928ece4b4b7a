"""Splits CLDR's names and keywords of emoji into phrases to train on and phrases held out."""

import dataclasses
import hashlib
import zlib
from collections.abc import Sequence

from emoji_gan.encoder import text_features
from input_pipeline.unicode import emoji_names

_HELD_OUT_ONE_IN = 10  # of the pairs of an emoji and a phrase, one in so many is held out


# `phrases_hash` hashes the repr of phrases: the names of the class and its fields must stay.
@dataclasses.dataclass(frozen=True)
class Phrase:
    """Holds a name or keyword of CLDR for one emoji.

    Attributes:
      codepoints: of the emoji, a key of the Unicode list.
      text: the name or keyword.
      language: 'en' or 'fr'.
      kind: 'name' or 'keyword'.
      held_out: whether the pair of this emoji and this phrase, in either language, is held out.
    """

    codepoints: str
    text: str
    language: str
    kind: str
    held_out: bool


def phrases(codepoints: Sequence[str]) -> list[Phrase]:
    """Returns the English and French names and keywords of emoji.

    A tenth of the pairs of emoji and phrase is held out, chosen by a hash of the pair.
    """
    out = []
    for c in codepoints:
        meta = emoji_names.lookup(c)
        for language, name, keywords in (
            ("en", meta.name_en, meta.keywords_en),
            ("fr", meta.name_fr, meta.keywords_fr),
        ):
            seen = set()
            for kind, text in [("name", name), *(("keyword", k) for k in keywords)]:
                key = text_features.fold(text)
                if text and key not in seen:
                    seen.add(key)
                    held_out = zlib.crc32(f"{c}|{key}".encode()) % _HELD_OUT_ONE_IN == 0
                    out.append(Phrase(c, text, language, kind, held_out))
    return out


def phrases_hash(pairs: Sequence[Phrase]) -> str:
    """Returns the SHA-256 of phrases and their split."""
    return hashlib.sha256(repr(pairs).encode()).hexdigest()
