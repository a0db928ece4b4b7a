"""Names the real emoji that a proposal is nearest to, and refuses what looks like an unwanted one.

What is unwanted says the search (`not_suggested` of search.json); without one nothing is.
"""

from campaign.gates.gate import Gate, Subject

# Cosine of the encoder from which a proposal can be taken for the unwanted emoji; a choice, of
# which python -m benchmarks.campaign.gates prints the values that real emoji have.
LIMIT = 0.8


def check(subject: Subject) -> Gate:
    """Passes what does not look like an emoji that the search advises against."""
    nearest = subject.seen.nearest
    reason = subject.unwanted.get(nearest.codepoints)
    own = nearest.codepoints in subject.proposal.parents
    bad = reason is not None and not own and nearest.similarity >= LIMIT
    english, french = f"nearest: {nearest.name}", f"le plus proche : {nearest.name_fr}"
    if bad and reason is not None:
        english += f", not suggested: {reason.get('en', '')}"
        french += f", déconseillé : {reason.get('fr', '')}"
    return Gate(
        "nearest_real",
        not bad,
        round(nearest.similarity, 3),
        LIMIT,
        {"en": english, "fr": french},
    )
