"""Refuses what can no longer be read at 22 px, the height of an emoji in running text."""

from campaign.gates.gate import Gate, Subject
from campaign.picture_judge import SMALL_PX

# Cosine of the encoder between a picture and the same at 22 px: the first 24 proposals had 0.91 at
# least. How many real emoji are above it: python -m benchmarks.campaign.gates.
LIMIT = 0.6


def check(subject: Subject) -> Gate:
    """Passes what the encoder sees alike at 22 px and as it is."""
    value = subject.seen.small_similarity if subject.seen.visible else 0.0
    passed = subject.seen.visible and value >= LIMIT
    return Gate(
        "small_size",
        passed,
        round(value, 3),
        LIMIT,
        {
            "en": f"{'legible' if passed else 'not legible'} at {SMALL_PX} px",
            "fr": f"{'lisible' if passed else 'illisible'} en {SMALL_PX} px",
        },
    )
