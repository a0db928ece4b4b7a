"""Embeds the phrases that the page understands: names of frequent emoji, and everyday phrases.

The page has no encoder: it looks a phrase up. Each means what `python -m emoji_gan.sample --text`
understands, in English or French.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from emoji_gan.conditions import Spec
from emoji_gan.encoder import encoder, understanding
from emoji_gan.errors import UserError
from input_pipeline.unicode import emoji_names

_FREQUENT = pathlib.Path(__file__).parent / "frequent_emoji.txt"


@dataclasses.dataclass(frozen=True)
class PagePhrases:
    """Holds phrases and their vectors.

    Attributes:
      rows: by language, triples (phrase or emoji, an emoji's name, row of `vectors`).
      vectors: f32 [n d] of unit length. Rounded to 16 bits, an emoji in 20 gets a faint pixel that
        differs by more than a level.
    """

    rows: dict[str, list[tuple[str, str, int]]]
    vectors: np.ndarray


def of_spec(spec: Spec, further: Sequence[str] = ()) -> PagePhrases:
    """Embeds the phrases for a model that takes phrases; else there are none.

    Args:
      spec: what the model takes.
      further: emoji that are to be understood as well, frequent or not.

    Raises:
      UserError: the model was trained with other weights of the encoder.
    """
    if not spec.text_dim:
        nothing = np.zeros((0, 0), np.float32)
        return PagePhrases({language: [] for language in understanding.LANGUAGES}, nothing)
    phrases = encoder.PhraseEncoder()
    if phrases.sha256 != spec.text_hash:
        raise UserError(
            "this model was trained with other weights of the emoji encoder "
            f"({spec.text_hash[:12]}, here {phrases.sha256[:12]}): check out the version it is from"
        )
    row_of: dict[str, int] = {}
    rows: dict[str, list[tuple[str, str, int]]] = {}
    for language in understanding.LANGUAGES:
        rows[language] = []
        for phrase, name in _phrases(language, further).items():
            try:
                meant = understanding.understand(phrase, language).phrase
            except UserError:  # "dés", dice, sounds like an article
                continue
            rows[language].append((phrase, name, row_of.setdefault(meant, len(row_of))))
    return PagePhrases(rows, phrases(list(row_of)))


def _phrases(language: str, further: Sequence[str]) -> dict[str, str]:
    """Lists names of frequent emoji, everyday phrases, and the emoji, with their names."""
    names = {}
    for emoji in [*_FREQUENT.read_text(encoding="utf-8").split(), *further]:
        meta = emoji_names.lookup(emoji_names.normalise("-".join(f"{ord(c):04X}" for c in emoji)))
        names[emoji] = meta.name_fr if language == "fr" else meta.name_en
    texts = [*names.values(), *(phrase for phrase, _ in understanding.everyday_phrases(language))]
    return dict.fromkeys(texts, "") | names
