"""Judges tests of which only counts are there: test, arm, impressions, clicks."""

import dataclasses
import itertools
import typing

import numpy as np
from scipy import stats

from campaign.experiment.inference import multiplicity, sample_ratio
from campaign.experiment.reading import cells, file_kinds
from campaign.experiment.reading.tables import Tables
from campaign.language import Language
from emoji_gan.errors import UserError

# An approximate normal statistic needs as many expected clicks, and as many without, in each arm.
_FEWEST_EXPECTED = 5

COLUMNS = ("test", "arm", "impressions", "clicks", "winner")
Declared = typing.Literal["proved", "undecided", "wrong"]
Outcome = typing.Literal["refused", "proved", "undecided", "too_few"]


@dataclasses.dataclass(frozen=True)
class CountedTest:
    """Holds the arms of one test.

    Attributes:
      name: of the test.
      arms: names.
      impressions, clicks: of each arm.
      winner: index of the arm that was declared the winner, None where there is not just one.
    """

    name: str
    arms: tuple[str, ...]
    impressions: np.ndarray
    clicks: np.ndarray
    winner: int | None = None


@dataclasses.dataclass(frozen=True)
class CountedVerdict:
    """Holds what counts prove.

    Attributes:
      outcome: "refused" by the sample-ratio check; "proved" names the best arm.
      best: index of the arm that is proved better than all the others (than the control, where
        there is one), or None.
      ratio_p_value: of the sample-ratio check.
      p_values: of each arm against the control, or against the highest rate, by Holm: [arm]; 1 at
        that arm itself.
      difference, low, high: of the highest rate against the control or the next best, unadjusted.
      declared: "proved" where the declared winner beats all the others, "wrong" where another arm
        beats it, else "undecided"; None without one.
    """

    outcome: Outcome
    best: int | None
    ratio_p_value: float
    p_values: np.ndarray
    difference: float
    low: float
    high: float
    declared: Declared | None


def read(
    tables: Tables, path: str, given: dict[str, str], control: str | None = None
) -> list[CountedTest]:
    """Reads tests from a file with columns test, arm, impressions, clicks and perhaps winner.

    Args:
      tables: a database of this command.
      path: CSV or Parquet.
      given: headings by column, from --columns.
      control: name of the arm that must be in every test, perhaps in other capitals.

    Raises:
      UserError: unreadable, a test lacks the control, or no test has two arms.
    """
    required = ("arm", "impressions", "clicks")
    file_kinds.check(tables, [file_kinds.Given("counts", path, required)], given)
    there = tables.load("counts", path, COLUMNS, required=required, given=given)
    values = []
    for column in ("impressions", "clicks"):
        sign = tables.decimal_sign("counts", column, path)
        values.append(cells.number(f"coalesce({column}, '')", sign))
    test = "test" if "test" in there else "'1'"
    winner = "NULL::DOUBLE"
    if "winner" in there:  # a yes, or the name of the arm
        winner = f"coalesce({cells.yes_or_no('winner')}, (lower(winner) = lower(arm))::DOUBLE)"
    rows = tables.rows(
        f"SELECT {test}, arm, {values[0]}, {values[1]}, {winner} FROM counts "
        f"ORDER BY TRY_CAST({test} AS BIGINT), {test}, TRY_CAST(arm AS BIGINT), arm"
    )
    whole = [r for r in rows if None not in r[:4] and 0 <= r[3] <= r[2]]
    tables.notice(
        "bad_counts",
        len(rows) - len(whole),
        "{n} [row was|rows were] left out: not two numbers, or more clicks than impressions",
        "{n} [ligne laissée|lignes laissées] de côté : pas deux nombres, ou plus de clics que "
        "d'impressions",
    )
    by_test = [(name, list(rows)) for name, rows in itertools.groupby(whole, key=lambda r: r[0])]
    alone = [name for name, arms in by_test if len(arms) < 2]
    if by_test and len(alone) == len(by_test):
        raise UserError(
            tables.language.pick(
                f"{path}: no test has two arms to compare; a row for each arm of a test is needed",
                f"{path} : aucun test n'a deux bras à comparer ; il faut une ligne par bras",
            )
        )
    first = alone[0] if alone else ""
    tables.notice(
        "one_arm",
        len(alone),
        f"{{n}} [test has|tests have] one arm only and [was|were] left out, the first {first!r}",
        f"{{n}} [test n'a|tests n'ont] qu'un bras et [a été laissé|ont été laissés] de côté, le "
        f"premier {first!r}",
    )
    return [
        _grouped(tables.language, name, arms, control) for name, arms in by_test if len(arms) > 1
    ]


def _grouped(language: Language, name: str, arms: list[tuple], control: str | None) -> CountedTest:
    """Makes a test of its rows (test, arm, impressions, clicks, winner)."""
    names = tuple(r[1] for r in arms)
    if control is not None and control not in names:
        same = [i for i, arm in enumerate(names) if arm.casefold() == control.casefold()]
        if len(same) == 1:  # called as the flag does, so that it is one name in all tests
            names = (*names[: same[0]], control, *names[same[0] + 1 :])
    if control is not None and control not in names:
        raise UserError(
            language.pick(
                f"test {name} has no arm {control!r}; it has {', '.join(names)}",
                f"le test {name} n'a pas de bras {control!r} ; il a {', '.join(names)}",
            )
        )
    if len(set(names)) < len(names):
        raise UserError(
            language.pick(
                f"test {name} has an arm twice: add its rows up, or name the test apart",
                f"le test {name} a deux fois le même bras : additionnez, ou séparez les tests",
            )
        )
    declared = [i for i, r in enumerate(arms) if r[4]]
    impressions, clicks = (np.array([r[i] for r in arms], float) for i in (2, 3))
    winner = declared[0] if len(declared) == 1 else None
    return CountedTest(name, names, impressions, clicks, winner)


def _z(test: CountedTest, i: int, j: int) -> float:
    """Compares two rates by their pooled variance; 0 where counts are too small for it."""
    n, y = test.impressions[[i, j]], test.clicks[[i, j]]
    if n.min() == 0:
        return 0.0
    pooled = y.sum() / n.sum()
    if n.min() * min(pooled, 1 - pooled) < _FEWEST_EXPECTED:
        return 0.0
    rates = y / n
    return float((rates[0] - rates[1]) / np.sqrt(pooled * (1 - pooled) * (1 / n).sum()))


def _compared(test: CountedTest, pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Compares pairs of arms; returns Z and two-sided p-values [arm arm], 0 and 1 elsewhere."""
    k = len(test.arms)
    z, p = np.zeros((k, k)), np.ones((k, k))
    for i, j in pairs:
        z[i, j] = _z(test, i, j)
        z[j, i] = -z[i, j]
        p[i, j] = p[j, i] = 2 * stats.norm.sf(abs(z[i, j]))
    return z, p


def best_arm(test: CountedTest, alpha: float = 0.05) -> int | None:
    """Returns the arm that is proved the best of all, whatever the sample ratio.

    It must beat each other arm by a two-sided test at alpha. Although the arm is chosen from the
    same data, more than two arms need no correction: a false best arm must beat the true one and
    all the others, too (Gutmann and Maymin, 1987). Two equal arms err in alpha, more arms in less.
    """
    k = len(test.arms)
    z, p = _compared(test, list(itertools.combinations(range(k), 2)))
    beaten = ((p < alpha) & (z > 0)).sum(1)
    return next((i for i in range(k) if k > 1 and beaten[i] == k - 1), None)


def against(test: CountedTest, arm: int) -> tuple[np.ndarray, np.ndarray]:
    """Compares all arms with one; returns Z and p-values by Holm [arm], 0 and 1 at itself."""
    others = [i for i in range(len(test.arms)) if i != arm]
    z, p = _compared(test, [(i, arm) for i in others])
    adjusted = np.ones(len(test.arms))
    adjusted[others] = multiplicity.holm(p[others, arm])
    return z[:, arm], adjusted


def declared_winner(test: CountedTest, winner: int, alpha: float = 0.05) -> Declared:
    """Judges a declared winner: proved, undecided, or wrong where another arm beats it (Holm)."""
    z, p = against(test, winner)
    if ((p < alpha) & (z > 0)).any():
        return "wrong"
    return "proved" if best_arm(test, alpha) == winner else "undecided"


def judge(test: CountedTest, control: str | None = None, alpha: float = 0.05) -> CountedVerdict:
    """Judges one test.

    Without a control the question is which arm is the best; with one, which arms beat it.
    """
    ratio = sample_ratio.p_value(test.impressions, np.ones(len(test.arms)))
    rates = test.clicks / np.maximum(test.impressions, 1)
    reference = test.arms.index(control) if control is not None else int(np.argmax(rates))
    z, p = against(test, reference)
    if control is None:
        best = best_arm(test, alpha)
    else:
        winners = np.flatnonzero((p < alpha) & (z > 0))
        best = int(max(winners, key=lambda i: rates[i])) if len(winners) else None
    declared = None if test.winner is None else declared_winner(test, test.winner, alpha)
    outcome: Outcome = "proved" if best is not None else "undecided"
    if ratio < sample_ratio.THRESHOLD:
        outcome, best, declared = "refused", None, None
    elif not z.any():
        outcome = "too_few"
    return CountedVerdict(outcome, best, ratio, p, *_interval(test, rates, control), declared)


def _interval(
    test: CountedTest, rates: np.ndarray, control: str | None
) -> tuple[float, float, float]:
    """Returns the difference of the highest rate to the control or the next, with its interval."""
    order = np.argsort(-rates, kind="stable")
    c = test.arms.index(control) if control else int(order[min(1, len(order) - 1)])
    top = int(next((i for i in order if i != c), c))
    n = np.maximum(test.impressions[[top, c]], 1)
    r = rates[[top, c]]
    reach = stats.norm.isf(0.025) * np.sqrt((r * (1 - r) / n).sum())
    difference = float(r[0] - r[1])
    return difference, difference - float(reach), difference + float(reach)
