"""Refuses what no longer shows its parent or its theme."""

from campaign.gates.gate import Gate, Subject
from input_pipeline.unicode import emoji_names

LIMIT = 5  # of the recogniser's first choices, as docs/results count recognised variations


def check(subject: Subject) -> Gate:
    """Passes what has a parent, or an emoji of its theme, among the first five choices."""
    wanted = (*subject.proposal.parents, *subject.theme)
    rank = subject.seen.rank(wanted) + 1
    first = emoji_names.lookup(subject.seen.first[0])
    passed = subject.seen.visible and rank <= LIMIT
    groups = {emoji_names.lookup(c).group for c in wanted}
    english, french = first.name_en or first.name, first.name_fr or first.name
    if not passed and first.group in groups:
        english, french = f"{english}, of the same group", f"{french}, du même groupe"
    english, french = f"first recognised as {english}", f"d'abord reconnu comme {french}"
    if not passed:
        english += f"; its own emoji is not among the first {LIMIT}"
        french += f" ; son emoji n'est pas parmi les {LIMIT} premiers"
    return Gate(
        "theme_match",
        passed,
        float(rank),
        float(LIMIT),
        {"en": english, "fr": french},
    )
