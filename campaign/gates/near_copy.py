"""Refuses near-copies of real emoji, by what the evaluation counts as memorised."""

from campaign.gates.gate import Gate, Subject
from eval.metrics import memorisation

# Percentile of the distance to the nearest real emoji among those between different real emoji.
# At 1 an emoji that is as new as real ones are to each other fails once in a hundred.
LIMIT = memorisation.THRESHOLD


def check(subject: Subject) -> Gate:
    """Passes what differs from every real emoji as much as these differ from one another."""
    nearest = subject.seen.nearest
    value = round(nearest.percentile, 2)
    copied = nearest.is_copy
    return Gate(
        "near_copy",
        not copied,
        value,
        LIMIT,
        {
            "en": f"{'a copy of' if copied else 'no copy; nearest is'} {nearest.name}",
            "fr": f"{'une copie de' if copied else 'pas une copie ; le plus proche :'} "
            f"{nearest.name_fr}",
        },
    )
