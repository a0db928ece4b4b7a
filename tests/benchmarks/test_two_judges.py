"""Comparing the orders that two judges give to sets of emoji."""

from benchmarks.methods import two_judges
from eval.metrics.sets import Estimate


def figures(values: dict[str, float], half: float) -> two_judges.Figures:
    return {
        name: {f: Estimate(v, v - half, v + half, 20, 20) for f in two_judges.FIGURES}
        for name, v in values.items()
    }


def test_orders_agree_or_the_pairs_are_named():
    first = figures({"a": 0.1, "b": 0.2, "c": 0.3}, 0.01)
    same = figures({"a": 1, "b": 4, "c": 9}, 0.1)
    of = two_judges.agreement(first, same, "fd")
    assert (of.spearman, of.pairs, of.opposite, of.clear) == (1, 3, [], [])
    other = figures({"a": 1, "b": 9, "c": 4}, 0.1)
    of = two_judges.agreement(first, other, "fd")
    assert of.spearman == 0.5 and of.opposite == of.clear == [("b", "c")]
    unsure = figures({"a": 1, "b": 9, "c": 4}, 3)
    of = two_judges.agreement(first, unsure, "fd")
    assert of.opposite == [("b", "c")] and of.clear == []
    assert "0.50 | 1 of 3 | 0 |" in two_judges.agreement_table({"fd": of})


def test_the_table_names_the_figures_of_both_and_their_orders():
    first = figures({"a": 0.3, "b": 0.1}, 0.01)
    second = figures({"a": 0.1, "b": 0.4}, 0.01)
    by_judge = dict(zip(two_judges.JUDGES, (first, second), strict=True))
    head, _, *rows = two_judges.table(by_judge, {"a": 0.5, "b": 0.25}).splitlines()
    assert head.startswith("| set | order | same guess | fd_emoji | fd_emoji_2 | kid_emoji |")
    assert rows[0].startswith(
        "| b | 1, 2 | 25% | 0.100 (0.090 to 0.110) | 0.400 (0.390 to 0.410) |"
    )
    assert rows[1].startswith("| a | 2, 1 | 50% |")
