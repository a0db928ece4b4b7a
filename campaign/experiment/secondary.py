"""Computes what stands beside the main result: guardrails, segments, the holdout, the split."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from campaign.experiment.inference import effects, sample_ratio, shrinkage
from campaign.experiment.inference.effects import Effect, Moments
from campaign.experiment.plan_file import HOLDOUT, Plan
from campaign.experiment.reading import headings
from campaign.experiment.results import Guardrail, Segment


def guardrails(
    m: Moments, plan: Plan, arm: str, reach: Callable[[Effect], float]
) -> tuple[Guardrail, ...]:
    """Compares an arm with the control on the outcomes that must not be hurt.

    Args:
      m: sums until now.
      plan: says which outcomes and what is tolerated.
      arm: its name.
      reach: half width of the interval of an effect.
    """
    out = []
    for outcome, tolerated in plan.guardrails.items():
        if outcome not in m.outcomes or not m.outcomes[outcome].y.sum():
            continue
        e = effects.difference(m, outcome, arm, control=plan.control)
        if not e.control or not math.isfinite(e.se):
            continue
        width = reach(e)
        low, high = (e.relative_end(e.estimate + x) for x in (-width, width))
        is_worse_up = outcome in headings.MORE_IS_WORSE
        least_harm, most_harm = (low, high) if is_worse_up else (-high, -low)
        status = "worse" if least_harm > 0 else "unclear"
        if most_harm <= tolerated:
            status = "tolerated"
        out.append(Guardrail(outcome, e.relative, low, high, tolerated, status))
    return tuple(out)


def by_segment(
    m: Moments, plan: Plan, adjust: bool
) -> tuple[tuple[Segment, ...], dict[str, float]]:
    """Returns the effects by segment, and by arm the p-value of no difference between them."""
    if len(m.segments) < 2:
        return (), {}
    out, differ = [], {}
    for arm in plan.arms[1:]:
        each = [
            effects.difference(m.segment(i), plan.metric, arm, control=plan.control, adjust=adjust)
            for i in range(len(m.segments))
        ]
        measured = np.array([e.estimate for e in each])
        se = np.array([e.se for e in each])
        s = shrinkage.shrink(measured, se)
        differ[arm] = s.p_value
        out += [
            Segment(
                name,
                arm,
                int(m.n[i].sum()),
                *map(float, (measured[i], se[i])),
                *map(float, (s.estimates[i], s.se[i])),
            )
            for i, name in enumerate(m.segments)
        ]
    return tuple(out), differ


def against_holdout(m: Moments, plan: Plan) -> Effect | None:
    """Compares all that got the campaign with the holdout."""
    if HOLDOUT not in m.arms or not m.n[:, m.arms.index(HOLDOUT)].sum():
        return None
    h = m.arms.index(HOLDOUT)

    def two(x: np.ndarray) -> np.ndarray:
        return np.stack([x[:, h], np.delete(x, h, 1).sum(1)], 1)

    moved = dataclasses.replace(
        m,
        arms=(HOLDOUT, "campaign"),
        **{k: two(getattr(m, k)) for k in ("n", "x", "xx", "w", "w2")},
        outcomes={
            plan.metric: effects.Sums(
                **{k: two(v) for k, v in dataclasses.asdict(m.outcomes[plan.metric]).items()}
            )
        },
    )
    return effects.difference(moved, plan.metric, "campaign", control=HOLDOUT)


def expected_counts(plan: Plan, segments: dict[str, int]) -> dict[str, float]:
    """Returns how many customers each arm should have, given the sizes of the segments."""
    totals: dict[str, float] = {}
    for segment, n in segments.items():
        for arm, propensity in plan.shares(segment).items():
            totals[arm] = totals.get(arm, 0.0) + n * propensity
    return totals


def ratio_p_value(plan: Plan, counts: dict[str, dict[str, int]]) -> float:
    """Tests the sizes of all arms, in all segments together and in each, by their shares.

    The smallest p-value of the segments counts as often as there are segments.
    """
    sizes = {segment: sum(c.values()) for segment, c in counts.items()}
    expected = expected_counts(plan, sizes)
    arms = list(expected)
    total = [sum(c.get(arm, 0) for c in counts.values()) for arm in arms]
    overall = sample_ratio.p_value(total, [expected[arm] for arm in arms])
    each = []
    for segment, c in counts.items():
        shares = plan.shares(segment)
        meant = [sizes[segment] * shares[arm] for arm in arms]
        if min(meant) >= 5:  # below, chi-square is no guide
            each.append(sample_ratio.p_value([c.get(arm, 0) for arm in arms], meant))
    return min(1.0, overall * 2, 2 * len(each) * min(each)) if each else overall
