"""Refuses near-copies of real emoji."""

from campaign.gates.gate import Gate, Subject
from eval.metrics import memorisation

LIMIT = memorisation.THRESHOLD  # percentile of how near real emoji are to one another


def check(subject: Subject) -> Gate:
    """Passes what is no nearer to a real emoji than 99 % of real emoji are to another."""
    nearest = subject.seen.nearest
    return Gate(
        "near_copy",
        not nearest.is_copy,
        round(nearest.percentile, 2),
        LIMIT,
        {
            "en": f"{'a copy of' if nearest.is_copy else 'no copy; nearest is'} {nearest.name}",
            "fr": f"{'une copie de' if nearest.is_copy else 'pas une copie ; le plus proche :'} "
            f"{nearest.name_fr}",
        },
    )
