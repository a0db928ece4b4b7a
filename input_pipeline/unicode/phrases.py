"""Lists what emoji are called, in English and French, and embeds these phrases."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

Embed = Callable[[list[str]], np.ndarray]  # m phrases to f32 m d


@dataclasses.dataclass(frozen=True)
class Phrases:
    """Holds what each emoji is called in English and French, as vectors.

    Half of an emoji's rows are of its names, the others of its keywords.

    Attributes:
      vectors: f32 [phrases d].
      rows: int32, the rows of `vectors` of each emoji's phrases, emoji after emoji.
      first: int64 [n + 1], where each emoji's begin in `rows`.
    """

    vectors: np.ndarray
    rows: np.ndarray
    first: np.ndarray


def of_emoji(columns: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Lists the phrases of each emoji; its names come about as often as all its keywords.

    Args:
      columns: name, name_en, name_fr, keywords_en, keywords_fr of n emoji each; 'a|b' for several.

    Returns:
      The phrases of each of the n emoji; one without a CLDR name has its Unicode name.
    """
    texts = [
        [[phrase for phrase in text.split("|") if phrase] for text in columns[column].tolist()]
        for column in ("name_en", "name_fr", "keywords_en", "keywords_fr")
    ]
    phrases = []
    for name, name_en, name_fr, keywords_en, keywords_fr in zip(
        columns["name"].tolist(), *texts, strict=True
    ):
        names, keywords = (name_en + name_fr) or [name], keywords_en + keywords_fr
        phrases.append(names * max(1, len(keywords) // len(names)) + keywords)
    return phrases


def embedded(columns: Mapping[str, np.ndarray], embed: Embed) -> Phrases:
    """Embeds the phrases of n emoji, each phrase once."""
    phrases = of_emoji(columns)
    distinct = list(dict.fromkeys(phrase for of_one in phrases for phrase in of_one))
    row_of = {phrase: row for row, phrase in enumerate(distinct)}
    return Phrases(
        vectors=np.asarray(embed(distinct), np.float32),
        rows=np.array([row_of[phrase] for of_one in phrases for phrase in of_one], np.int32),
        first=np.cumsum([0, *map(len, phrases)], dtype=np.int64),
    )
