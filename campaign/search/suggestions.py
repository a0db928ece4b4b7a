"""Describes the emoji that suit a text: names, uses in context, when to avoid them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from campaign.search import not_suggested, ranking
from campaign.search.catalogue import Entry
from campaign.search.query import Query
from input_pipeline.contexts import emoji_usage

_USES = 3  # of an emoji
_WITHHELD_FROM = 2  # times n: how far down a withheld emoji is worth a word


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """Describes an emoji.

    Attributes:
      codepoints: as Unicode's list has them.
      emoji: the characters.
      names: by language.
      score: of the ranking; comparable within one text only.
      uses: channel, tone, "en", "fr"; from a theme where no use is written, then without channel.
      avoid: when it does harm, by language; None where nobody has looked at this emoji.
      meanings: its other meanings, by language; None likewise.
    """

    codepoints: str
    emoji: str
    names: dict[str, str]
    score: float
    uses: list[dict[str, str]]
    avoid: dict[str, str] | None
    meanings: dict[str, str] | None


@dataclasses.dataclass(frozen=True)
class Withheld:
    """Describes an emoji that is relevant and not suggested.

    Attributes:
      codepoints: as Unicode's list has them.
      emoji: the characters.
      reason: by language.
    """

    codepoints: str
    emoji: str
    reason: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Answer:
    """Holds what was found for a text.

    Attributes:
      query: how the text was read.
      themes: the keys of its themes, strongest first.
      suggestions: best first.
      withheld: best first.
    """

    query: Query
    themes: list[str]
    suggestions: list[Suggestion]
    withheld: list[Withheld]

    def record(self) -> dict[str, Any]:
        """Returns the suggestions as search.json has them."""
        return {
            "theme": self.query.text,
            "understood": self.query.is_understood,
            "results": list(map(dataclasses.asdict, self.suggestions)),
        }


def find(
    text: str,
    n: int,
    *,
    language: str | None = None,
    avoid: Sequence[str] = (),
    context: str = "",
    channels: Sequence[str] = (),
    ranker: ranking.Ranker | None = None,
) -> Answer:
    """Finds emoji for a text.

    Args:
      text: in English or French.
      n: how many.
      language: that the user reads; decides where the text could be either.
      avoid: emoji and words that are not wanted.
      context: more text about the campaign, such as its audience: it brings rules, no emoji.
      channels: those whose uses come first.
      ranker: None: the one that is shipped.
    """
    ranker = ranker or ranking.shipped()
    query = ranker.read(text, language)
    reasons = not_suggested.reasons(f"{text} {query.subject_text} {context}", avoid)
    ranked = ranker.rank(query, n, without=frozenset(reasons))
    rivals = ranker.rank(query, _WITHHELD_FROM * n)
    withheld = [
        Withheld(c, r.entry.character, dataclasses.asdict(reasons[c]))
        for r in rivals
        if (c := r.entry.meta.codepoints) in reasons
    ]
    order = {t for t, _ in (*query.terms("en"), *query.terms("fr"))}
    return Answer(
        query,
        [ranker.themes.themes[m.theme].key for m in ranker.themes.match(query)],
        [_described(r, order, channels, ranker) for r in ranked],
        withheld,
    )


def _described(
    ranked: ranking.Ranked, wanted: set[str], channels: Sequence[str], ranker: ranking.Ranker
) -> Suggestion:
    entry, codepoints = ranked.entry, ranked.entry.meta.codepoints
    caution = emoji_usage.cautions().get(codepoints)
    return Suggestion(
        codepoints=codepoints,
        emoji=entry.character,
        names={"en": entry.meta.name_en, "fr": entry.meta.name_fr},
        score=round(ranked.score, 4),
        uses=_uses(entry, wanted, channels, ranker),
        avoid={"en": caution.avoid_en, "fr": caution.avoid_fr} if caution else None,
        meanings={"en": caution.meanings_en, "fr": caution.meanings_fr} if caution else None,
    )


def _uses(
    entry: Entry, wanted: set[str], channels: Sequence[str], ranker: ranking.Ranker
) -> list[dict[str, str]]:
    """Returns the uses of an emoji; those in the campaign's channels and words first."""
    written = ranker.uses_of(entry)
    ordered = sorted(written, key=lambda u: (u.channel not in channels, -ranker.shared(u, wanted)))
    out = [{"channel": u.channel, "tone": u.tone, "en": u.en, "fr": u.fr} for u in ordered[:_USES]]
    if not out:
        out = [
            {"channel": "", "tone": "", "en": t.phrases_en[0], "fr": t.phrases_fr[0]}
            for t in ranker.themes_of(entry.meta.codepoints)[:_USES]
        ]
    return out
