"""Scores candidates by what the judge sees, and chooses those that become proposals."""

import math
from collections.abc import Sequence

import numpy as np

from campaign.picture_judge import Seen
from campaign.proposing.candidates import Candidate

FIRST = 5  # of the recogniser's choices, among which an emoji counts as recognised
UNRECOGNISED = 0.5  # factor of what is not, or has lost its colours
_ALIKE = 0.985  # cosine above which two drawings are one
_MOST = {"mix": 0.25, "draw": 0.125, "restyle": 0.25}  # part of a theme's proposals
_LEAST_SCORE = 0.35  # of what is proposed at all, where enough is better


def score(seen: Seen, of: Sequence[str], real: dict[str, float]) -> float:
    """Scores a picture in [0, 1]: likeness to its parents times likeness to itself at 22 px.

    Half of that where none of its parents is among the recogniser's first five; 0 where nothing is
    drawn, or where it is a copy of a real emoji.

    Args:
      seen: of the picture.
      of: code points of its parents.
      real: code points -> the cosine of the real emoji's picture to its own class.
    """
    if not seen.visible or seen.nearest.is_copy:
        return 0.0
    likeness = np.mean([np.clip(seen.to(c) / max(real[c], 1e-6), 0, 1) for c in of])
    factor = 1.0 if seen.rank(of) < FIRST else UNRECOGNISED
    return float(factor * likeness * np.clip(seen.small_similarity, 0, 1))


def meant(seen: Seen, of: Sequence[str]) -> tuple[str, ...]:
    """Returns the one of several emoji that a drawing from words is most like."""
    return (max(of, key=seen.to),)


def choose(
    candidates: Sequence[Candidate], scores: Sequence[float], seen: Sequence[Seen], count: int
) -> list[int]:
    """Chooses the best candidates of a theme that differ.

    Each emoji of the theme gets its best variation first, in their order, where that is good
    enough. Then no emoji is the parent of more than its part and one, and no recipe but variations
    gets more than `_MOST`; both bounds fall where too few are left.

    Returns:
      Rows, the best first.
    """
    order = sorted(range(len(candidates)), key=lambda i: (-scores[i], i))
    order = [i for i in order if scores[i] > 0]
    varied = dict.fromkeys(c.parents for c in candidates if c.recipe == "vary")
    most_of_parent = math.ceil(count / max(1, len(varied))) + 1
    chosen: list[int] = []
    for of in varied:
        best = next((i for i in order if candidates[i].parents == of), None)
        if best is not None and scores[best] >= _LEAST_SCORE and len(chosen) < count:
            chosen.append(best)
    for strict in (True, False):
        for i in order:
            if len(chosen) == count:
                break
            if i in chosen or any(_is_alike(seen[i], seen[k]) for k in chosen):
                continue
            if strict and _is_too_many(candidates, chosen, i, count, most_of_parent):
                continue
            if strict and scores[i] < _LEAST_SCORE:
                continue
            chosen.append(i)
    return sorted(chosen, key=lambda i: (-scores[i], i))


def _is_alike(first: Seen, second: Seen) -> bool:
    return float(first.features @ second.features) > _ALIKE


def _is_too_many(
    candidates: Sequence[Candidate], chosen: list[int], i: int, count: int, most_of_parent: int
) -> bool:
    one = candidates[i]
    of_recipe = sum(candidates[k].recipe == one.recipe for k in chosen)
    if one.recipe in _MOST and of_recipe >= math.ceil(_MOST[one.recipe] * count):
        return True
    return sum(candidates[k].parents == one.parents for k in chosen) >= most_of_parent
