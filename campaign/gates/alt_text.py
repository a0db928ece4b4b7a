"""Writes what a screen reader says of a proposal, and refuses what has no such text."""

from campaign.gates.gate import Gate, Subject
from campaign.language import LANGUAGES
from campaign.proposing import proposal as proposal_lib
from campaign.proposing.proposal import Proposal

LIMIT = 125  # characters, beyond which some screen readers cut

_RECIPES = {
    "vary": (", a variation", ", une variante"),
    "mix": (", crossed", ", croisés"),
    "draw": (", drawn anew", ", nouveau dessin"),
    "restyle": (", in another style", ", dans un autre style"),
}
_LINE = (", as line art", ", au trait")


def of(proposal: Proposal) -> dict[str, str]:
    """Returns the text by language: 'pizza, a variation'; names are those of Unicode's CLDR."""
    names = proposal_lib.names_of(proposal.parents)
    recipe = _RECIPES.get(proposal.recipe, ("", ""))
    line = _LINE if "line" in proposal.style else ("", "")
    return {
        code: names[code] + recipe[i] + line[i] if names[code] else ""
        for i, code in enumerate(LANGUAGES)
    }


def check(subject: Subject) -> Gate:
    """Passes what has a text of at most 125 characters in both languages, not its file's name."""
    texts = of(subject.proposal)
    longest = max(map(len, texts.values()))
    passed = (
        all(texts.values()) and longest <= LIMIT and subject.proposal.name not in texts.values()
    )
    return Gate("alt_text", passed, float(longest), float(LIMIT), texts)
