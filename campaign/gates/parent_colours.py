"""Refuses what has lost the colours of the emoji that it comes from: a brown drop of blood."""

from campaign.gates.gate import Gate, Subject
from campaign.proposing import colour_loss

LIMIT = colour_loss.LIMIT


def check(subject: Subject) -> Gate:
    """Passes what keeps 60 % of the coloured area of its parent's drawing, by hue and strength.

    Line art, another style and a segment's palette have other colours on purpose, and pass.
    """
    p = subject.proposal
    if p.palette or p.recipe == "restyle" or "line" in p.style:
        reason = ("other colours are intended", "d'autres couleurs sont voulues")
        return Gate("parent_colours", True, 0.0, LIMIT, {"en": reason[0], "fr": reason[1]})
    loss = colour_loss.of_parents(subject.picture, p.parents)
    percent = f"{100 * loss.fraction:.0f}"
    english, french = "the original's colours are there", "les couleurs de l'original y sont"
    if loss.fraction:
        english = f"{percent}% of the original's colour is gone, above all {loss.name[0]}"
        french = f"{percent} % de la couleur de l'original a disparu, surtout du {loss.name[1]}"
    return Gate(
        "parent_colours",
        loss.fraction <= LIMIT,
        round(loss.fraction, 3),
        LIMIT,
        {"en": english, "fr": french},
    )
