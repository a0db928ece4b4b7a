"""Refuses near-copies of real emoji."""

from campaign.gates.gate import Gate, Subject
from campaign.picture_judge import COPY_SIMILARITY


def check(subject: Subject) -> Gate:
    """Passes what differs from every real emoji by more than another rendering of it does."""
    nearest, copied = subject.seen.nearest, subject.seen.is_copy
    return Gate(
        "near_copy",
        not copied,
        round(nearest.similarity, 4),
        COPY_SIMILARITY,
        {
            "en": f"{'a copy of' if copied else 'no copy; nearest is'} {nearest.name}",
            "fr": f"{'une copie de' if copied else 'pas une copie ; le plus proche :'} "
            f"{nearest.name_fr}",
        },
    )
