"""Refuses offensive pairs of emoji, and gestures and signs that offend by themselves."""

import itertools

from campaign.gates.gate import Gate, Subject
from emoji_gan.edit import unwanted_pairs
from input_pipeline.unicode import emoji_names

LIMIT = 0  # of reasons
# Offensive without a pair: as parents, or as the recogniser's first choice.
SIGNS = {
    "1F595": ("an insulting gesture", "un geste insultant"),
    "1F346": ("a sexual meaning", "un sens sexuel"),
    "1F351": ("a sexual meaning", "un sens sexuel"),
    "1F4A9": ("excrement", "un excrément"),
    "1F52B": ("a weapon", "une arme"),
    "1F5E1": ("a weapon", "une arme"),
    "1F52A": ("a weapon", "une arme"),
    "1F4A3": ("a weapon", "une arme"),
    "1F6AC": (
        "tobacco, whose advertising is forbidden",
        "du tabac, dont la publicité est interdite",
    ),
}


def check(subject: Subject) -> Gate:
    """Passes what neither joins two emoji of the list of unwanted pairs nor shows such a sign."""
    parents = subject.proposal.parents
    english: list[str] = []
    french: list[str] = []
    for first, second in itertools.combinations(parents, 2):
        if reason := unwanted_pairs.reason_against(first, second):
            english.append(f"a pair that {reason.en}")
            french.append(f"paire à éviter : {reason.fr}")
    visible_signs = {emoji_names.lookup(c).base for c in parents} | {subject.seen.first[0]}
    for codepoints in sorted(visible_signs & SIGNS.keys()):
        english.append(SIGNS[codepoints][0])
        french.append(SIGNS[codepoints][1])
    return Gate(
        "offensive",
        not english,
        float(len(english)),
        float(LIMIT),
        {
            "en": "; ".join(english) or "no pair or sign of the list",
            "fr": " ; ".join(french) or "aucune paire ni aucun signe de la liste",
        },
    )
