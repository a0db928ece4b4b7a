"""Refuses what a licence does not allow to be published in a campaign."""

import re

from campaign.gates.gate import Gate, Subject
from input_pipeline.art import licences

LIMIT = 0  # of terms that forbid it
_FORBIDDING = {
    licences.NO_SALE: "usage commercial interdit",
    licences.NO_ADAPTATION: "adaptation interdite",
    licences.PERMISSION: "seulement avec l'accord du titulaire",
}
_FRENCH = {
    licences.CREDIT: "nommer les auteurs",
    licences.CHANGES: "dire que l'œuvre a été changée",
    licences.KEEP_NOTICE: "joindre le texte de la licence",
    licences.NO_LOCKS: "ne rien restreindre de plus",
    licences.SHARE_ALIKE: "partager à l'identique",
}


def check(subject: Subject) -> Gate:
    """Passes what may be adapted and used commercially; says what is asked for it."""
    expression = subject.proposal.licence
    parts = [part.strip("() ") for part in re.split(r"\s+AND\s+", expression)]
    terms: set[str] = set()
    for part in parts:  # what is not understood permits nothing
        terms |= licences.LICENCES.get(part, licences.OWN).terms
    bad = sorted(terms & _FORBIDDING.keys())
    listed = bad or sorted(terms)
    return Gate(
        "licence_terms",
        not bad,
        float(len(bad)),
        float(LIMIT),
        {
            "en": f"{expression}: {', '.join(listed) or 'nothing is asked'}",
            "fr": f"{expression} : "
            + (", ".join(_FORBIDDING.get(t) or _FRENCH[t] for t in listed) or "rien à respecter"),
        },
    )
