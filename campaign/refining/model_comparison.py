"""Compares what two models draw from the same seeds, and says whether the second is better."""

import dataclasses

import numpy as np

from campaign.language import Language
from campaign.refining.pick_ranker import Ranker

_REPLICATES = 2000


@dataclasses.dataclass(frozen=True)
class Side:
    """Holds what the judge says of the pictures of one model, n values each.

    Attributes:
      scores: as `campaign propose` scores, in [0, 1].
      recognised: whether the parent is among the first five choices.
      copies: whether it is a copy of a real emoji.
      small: cosine to itself at 22 px.
      liked: probability of being picked, by the ranker; None without one.
    """

    scores: np.ndarray
    recognised: np.ndarray
    copies: np.ndarray
    small: np.ndarray
    liked: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Holds both sides and the difference of their scores, seed by seed.

    Attributes:
      before: of the model that was given.
      after: of the fine-tuned one.
      difference: mean of after minus before.
      low, high: its 95 % interval, bootstrapped over the seeds.
      ranker: of the decisions; None: too few.
      decisions: number of picked and of rejected proposals.
      trained_on: pictures, and those of them that were picked.
      kimg: of the fine-tuning.
    """

    before: Side
    after: Side
    difference: float
    low: float
    high: float
    ranker: Ranker | None
    decisions: tuple[int, int]
    trained_on: tuple[int, int]
    kimg: float

    @property
    def outcome(self) -> str:
        """Returns 'helped', 'harmed', or 'unproved' where the interval has 0 in it."""
        return "helped" if self.low > 0 else "harmed" if self.high < 0 else "unproved"

    def headline(self, language: Language) -> str:
        """Says in one sentence whether it helped."""
        low, high = (language.number(x, 3, True) for x in (self.low, self.high))
        value = language.number(self.difference, 3, True)
        sentences = {
            "helped": ("The fine-tuned model scores higher", "Le modèle affiné est mieux noté"),
            "harmed": (
                "It did not help: it scores lower",
                "Sans effet utile : il est moins bien noté",
            ),
            "unproved": ("It did not help: no difference is proved", "Aucun progrès n'est prouvé"),
        }
        return language.pick(*sentences[self.outcome]) + language.pick(
            f" (score {value}, with 95% certainty between {low} and {high})",
            f" (note {value}, à 95 % entre {low} et {high})",
        )

    def table(self, language: Language) -> list[tuple[str, str, str]]:
        """Returns rows of a label and the figures before and after."""
        text, sides = language.pick, (self.before, self.after)
        rows = [
            (text("mean score", "note moyenne"), *(_mean(s.scores, language) for s in sides)),
            (
                text("recognised", "reconnus"),
                *(language.percent(float(s.recognised.mean()), 0) for s in sides),
            ),
            (
                text("copies", "copies"),
                *(language.percent(float(s.copies.mean()), 0) for s in sides),
            ),
            (
                text("like itself at 22 px", "lisible en 22 px"),
                *(_mean(s.small, language) for s in sides),
            ),
        ]
        if self.before.liked is not None and self.after.liked is not None:
            liked = (self.before.liked, self.after.liked)
            label = text("probability of a pick", "probabilité d'être retenu")
            rows.append((label, *(_mean(x, language) for x in liked)))
        return rows

    def notes(self, language: Language) -> list[str]:
        """Says what the figures rest on."""
        text = language.pick
        picked, rejected = self.decisions
        total, own = self.trained_on
        showings = language.number(1000 * self.kimg)
        counted = language.counted
        notes = [
            counted(total, "{n} [picture|pictures], ", "{n} [image|images], ")
            + counted(
                own,
                "{n} of them [a picked proposal|picked proposals]",
                "dont {n} [proposition retenue|propositions retenues]",
            )
            + text(f", shown {showings} times in all; ", f", montrées {showings} fois en tout ; ")
            + counted(
                len(self.before.scores),
                "compared on {n} [drawing|drawings] a side, of the same [seed|seeds]",
                "comparé sur {n} [dessin|dessins] de chaque côté, [du même tirage|des mêmes "
                "tirages]",
            )
        ]
        if self.ranker is None:
            notes.append(
                text(
                    f"picked {picked}, rejected {rejected}: too few to learn a taste from",
                    f"retenues {picked}, écartées {rejected} : trop peu pour apprendre un goût",
                )
            )
        else:
            right = language.percent(self.ranker.right, 0)
            chance = language.percent(self.ranker.chance, 0)
            notes.append(
                text(
                    f"a ranker learned your taste from {picked} picked and {rejected} rejected; of "
                    f"decisions that it did not see it predicts {right}, chance {chance}",
                    f"un classeur a appris votre goût de {picked} retenues et {rejected} "
                    f"écartées ; des décisions qu'il n'a pas vues il devine {right}, le hasard "
                    f"{chance}",
                )
            )
        return notes


def compare(
    before: Side,
    after: Side,
    ranker: Ranker | None,
    *,
    decisions: tuple[int, int],
    trained_on: tuple[int, int],
    kimg: float,
) -> Comparison:
    """Compares two sides, whose rows are of the same seeds."""
    difference = after.scores - before.scores
    rng = np.random.default_rng(0)
    rows = rng.integers(len(difference), size=(_REPLICATES, len(difference)))
    low, high = np.quantile(difference[rows].mean(1), [0.025, 0.975])
    return Comparison(
        before,
        after,
        float(difference.mean()),
        float(low),
        float(high),
        ranker,
        decisions,
        trained_on,
        kimg,
    )


def _mean(values: np.ndarray, language: Language) -> str:
    return language.number(float(values.mean()), 3)
