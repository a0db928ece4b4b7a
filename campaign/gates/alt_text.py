"""Writes what a screen reader says of a proposal, and refuses what has no such text."""

from campaign.gates.gate import Gate, Subject
from campaign.proposing import proposal as proposal_lib
from campaign.proposing.proposal import Proposal

LIMIT = 125  # characters, beyond which some screen readers cut


def of(proposal: Proposal) -> dict[str, str]:
    """Returns what the picture shows, by language: 'pizza', as Unicode's CLDR names it.

    How it was made is nothing that a customer wants to be read aloud.
    """
    return proposal_lib.names_of(proposal.parents)


def check(subject: Subject) -> Gate:
    """Passes what has a text of at most 125 characters in both languages, not its file's name."""
    texts = of(subject.proposal)
    longest = max(map(len, texts.values()))
    passed = (
        all(texts.values()) and longest <= LIMIT and subject.proposal.name not in texts.values()
    )
    return Gate("alt_text", passed, float(longest), float(LIMIT), texts)
