"""Decides whether to deploy, continue or stop; or refuses where the data cannot carry a verdict."""

import dataclasses
import functools
import math

import numpy as np

from campaign.experiment import secondary
from campaign.experiment.inference import (
    always_valid,
    effects,
    group_sequential,
    multiplicity,
    sample_ratio,
)
from campaign.experiment.inference.effects import Effect, Moments
from campaign.experiment.looks import Look
from campaign.experiment.plan_file import HOLDOUT, Plan
from campaign.experiment.results import Arm, Decision, Status, Verdict

# Below this chance to prove the planned effect, going on is in vain.
FUTILE = 0.1
# An approximate normal statistic needs this many events in each arm.
_FEWEST_EVENTS = 10
# A covariate from before the start differs by less than this many standard errors.
_IMBALANCE = 4.0
# A covariate that saves less than this is of no use.
_SAVING = 0.01


def _events(m: Moments, outcome: str, arm: str, is_amount: bool) -> float:
    """Returns how often the outcome happened, or would have: the rarer of yes and no."""
    a = m.arms.index(arm)
    total, n = m.outcomes[outcome].y[:, a].sum(), m.n[:, a].sum()
    return float(total if is_amount else min(total, n - total))


def covariate_use(m: Moments, plan: Plan) -> tuple[str, float]:
    """Decides whether the covariate is used, and how much of the variance it saves."""
    if not plan.covariate or not m.xx.sum():
        return "", 0.0
    arms = [arm for arm in plan.arms[1:] if m.n[:, m.arms.index(arm)].sum()]
    away = [abs(effects.covariate_imbalance(m, arm, plan.control)) for arm in arms]
    if max(away, default=0) > _IMBALANCE:
        return "refused", 0.0
    saved = [
        effects.difference(m, plan.metric, a, control=plan.control, adjust=True).variance_saved
        for a in arms
    ]
    saving = float(np.mean(saved)) if saved else 0.0
    return ("used" if saving >= _SAVING else "useless"), saving


def effects_of(m: Moments, plan: Plan) -> dict[str, Effect]:
    """Estimates the effect of each arm on the metric."""
    adjust = covariate_use(m, plan)[0] == "used"
    return {
        arm: effects.difference(m, plan.metric, arm, control=plan.control, adjust=adjust)
        for arm in plan.arms[1:]
    }


def information_of(results: dict[str, Effect], plan: Plan) -> dict[str, float]:
    """Returns the information of each comparison as a fraction of the plan."""
    return {arm: e.effective_n / plan.n_per_arm for arm, e in results.items()}


def p_values(seen: list[Look], final: bool) -> dict[str, float]:
    """Computes p-values over all looks, adjusted by Holm for the arms.

    Args:
      seen: all looks, the present one last.
      final: whether that is the last of all.
    """
    arms = list(seen[-1].z)
    raw = []
    for arm in arms:
        information = tuple(x.information[arm] for x in seen)
        s = _Sequence(information, tuple(x.z[arm] for x in seen), final)
        raw.append(group_sequential.bisect_level(s.crossed))
    return dict(zip(arms, map(float, multiplicity.holm(np.array(raw))), strict=True))


@dataclasses.dataclass(frozen=True)
class _Sequence:
    """Holds the looks of one arm: information and Z, the present one last."""

    information: tuple[float, ...]
    z: tuple[float, ...]
    final: bool

    def critical(self, alpha: float, spending: str = "obrien_fleming") -> tuple[float, ...]:
        return group_sequential.boundaries(self.information, alpha, spending, self.final)

    def crossed(self, alpha: float) -> bool:
        pairs = zip(self.z, self.critical(alpha), strict=True)
        return any(abs(z) >= value for z, value in pairs)


def judge(
    m: Moments,
    plan: Plan,
    before: list[Look],
    sent: dict[str, dict[str, int]] | None = None,
) -> Verdict:
    """Judges an experiment at a look.

    Args:
      m: sums until now; arms as in the plan, perhaps with the holdout.
      plan: of the experiment.
      before: earlier looks.
      sent: customers to whom something was sent, by segment and arm.
    """
    counts = {
        s: {a: int(n) for a, n in zip(m.arms, row, strict=True)}
        for s, row in zip(m.segments, m.n, strict=True)
    }
    ratio = secondary.ratio_p_value(plan, counts)
    sent_ratio = _sent_ratio(plan, sent) if sent else None
    results = effects_of(m, plan)
    information = information_of(results, plan)
    look = len(before) + 1
    complete = min(information.values()) >= 1
    final = bool(plan.looks) and (look >= plan.looks or complete)
    refused = min(ratio, 1.0 if sent_ratio is None else sent_ratio) < sample_ratio.THRESHOLD
    common = {"look": look, "final": final, "ratio_p_value": ratio, "sent_p_value": sent_ratio}
    use, saved = covariate_use(m, plan)
    if refused:
        return Verdict(
            "refused",
            "",
            **common,
            arms=(),
            segments=(),
            differ_p_value={},
            covariate=use,
            variance_saved=saved,
            total=None,
        )
    if plan.looks:
        arms = _sequential_arms(m, plan, before, results, information, final)
    else:
        arms = _open_arms(m, plan, results)
    decision, winner = _decide(arms, plan, final)
    segments, differ = secondary.by_segment(m, plan, use == "used")
    return Verdict(
        decision,
        winner,
        **common,
        arms=arms,
        segments=segments,
        differ_p_value=differ,
        covariate=use,
        variance_saved=saved,
        total=secondary.against_holdout(m, plan),
    )


def _sent_ratio(plan: Plan, sent: dict[str, dict[str, int]]) -> float:
    """Tests the sizes of the arms among those to whom was sent; the holdout gets nothing."""
    without = dataclasses.replace(plan, holdout=0.0)
    kept = {s: {a: n for a, n in c.items() if a != HOLDOUT} for s, c in sent.items()}
    return secondary.ratio_p_value(without, kept)


def _decide(arms: tuple[Arm, ...], plan: Plan, final: bool) -> tuple[Decision, str]:
    candidates = [a for a in arms if a.is_candidate]
    strict = plan.strict_guardrails
    safe = [a for a in candidates if not (strict and a.undecided(plan.guardrails))]
    if safe:
        return "deploy", max(safe, key=lambda a: a.effect.estimate).name
    is_open = bool(candidates) or any(a.status in ("undecided", "too_few") for a in arms)
    return ("continue" if is_open and not final else "stop"), ""


def _sequential_arms(
    m: Moments,
    plan: Plan,
    before: list[Look],
    results: dict[str, Effect],
    information: dict[str, float],
    final: bool,
) -> tuple[Arm, ...]:
    sequences = {
        arm: _Sequence(
            (*(x.information[arm] for x in before), information[arm]),
            (*(x.z[arm] for x in before), e.z),
            final,
        )
        for arm, e in results.items()
    }
    states = {arm: _state(m, plan, arm) for arm in results}
    fit = [arm for arm in results if states[arm] == "ok"]
    rejected = dict(
        zip(
            fit,
            multiplicity.holm_by_level([sequences[a].crossed for a in fit], plan.alpha),
            strict=True,
        )
    )
    level = plan.alpha / plan.comparisons
    arms = []
    for arm, effect in results.items():
        if states[arm] != "ok":
            arms.append(_without_result(arm, effect, information[arm], states[arm]))
            continue
        s = sequences[arm]
        chance = _chance(s, plan, level, effect)
        status: Status = "undecided"
        if rejected[arm]:
            status = "better" if effect.estimate > 0 else "worse"
        elif final or chance < FUTILE:
            status = "futile"
        low, high, estimate = _interval(s, level, effect, stopped=rejected[arm] or final)
        arms.append(
            Arm(
                arm,
                effect,
                low,
                high,
                estimate,
                status,
                information[arm],
                s.critical(level)[-1],
                chance,
                secondary.guardrails(m, plan, arm, functools.partial(_pocock_reach, s, plan)),
            )
        )
    return tuple(arms)


def _state(m: Moments, plan: Plan, arm: str) -> str:
    a, c = m.arms.index(arm), m.arms.index(plan.control)
    n = m.n.sum(0)
    y = m.outcomes[plan.metric].y.sum(0)
    expected = y[c] * n[a] / max(n[c], 1)
    if n[a] == 0 or n[c] == 0 or (y[a] == 0 and expected >= 20) or (y[c] == 0 and y[a] >= 20):
        return "vanished"
    events = [_events(m, plan.metric, x, plan.is_amount) for x in (arm, plan.control)]
    return "ok" if min(events) >= _FEWEST_EVENTS else "too_few"


def _without_result(arm: str, effect: Effect, information: float, state: str) -> Arm:
    status: Status = "vanished" if state == "vanished" else "too_few"
    return Arm(
        arm,
        effect,
        -math.inf,
        math.inf,
        effect.estimate,
        status,
        information,
        math.inf,
        math.nan,
        (),
    )


def _chance(s: _Sequence, plan: Plan, level: float, effect: Effect) -> float:
    """Returns the chance that the last look proves the planned effect, if that is the true one."""
    t = s.information[-1]
    if t >= 1 or not math.isfinite(effect.se):
        return 0.0 if t >= 1 else 1.0
    drift = plan.baseline * plan.smallest_effect / (effect.se * math.sqrt(t))
    last = group_sequential.boundaries((*s.information, 1.0), level, final=True)[-1]
    return group_sequential.conditional_power(t, s.z[-1], last, drift)


def _interval(
    s: _Sequence, level: float, effect: Effect, *, stopped: bool
) -> tuple[float, float, float]:
    """Computes the interval of the difference: by stages once stopped, else at all looks."""
    critical = s.critical(level)
    if not stopped:
        reach = critical[-1] * effect.se
        return effect.estimate - reach, effect.estimate + reach, effect.estimate
    first = next(
        (i for i, (z, c) in enumerate(zip(s.z, critical, strict=True)) if abs(z) >= c),
        len(s.z) - 1,
    )
    # Looks after the boundary was crossed add nothing to the proof, but their data do.
    if first < len(s.z) - 1:
        reach = critical[-1] * effect.se
        return effect.estimate - reach, effect.estimate + reach, effect.estimate
    scale = effect.se * math.sqrt(s.information[-1])
    ends = group_sequential.stagewise_interval(s.information, critical[:-1], s.z[-1], 1 - level)
    low, high, estimate = (scale * x for x in ends)
    return low, high, estimate


def _open_arms(m: Moments, plan: Plan, results: dict[str, Effect]) -> tuple[Arm, ...]:
    arms = []
    fewest = always_valid.FIRST_BUYERS if plan.is_amount else always_valid.FIRST_EVENTS
    for arm, e in results.items():
        state = _state(m, plan, arm)
        events = min(_events(m, plan.metric, x, plan.is_amount) for x in (arm, plan.control))
        information = e.effective_n / plan.n_per_arm
        if state != "ok" or events < fewest:
            arms.append(_without_result(arm, e, information, state))
            continue
        reach = _open_reach(e, plan)
        status: Status = "undecided"
        if abs(e.estimate) > reach:
            status = "better" if e.estimate > 0 else "worse"
        elif e.estimate + reach < plan.baseline * plan.smallest_effect:
            status = "futile"  # the smallest effect worth knowing is excluded
        arms.append(
            Arm(
                arm,
                e,
                e.estimate - reach,
                e.estimate + reach,
                e.estimate,
                status,
                information,
                reach / e.se,
                math.nan,
                secondary.guardrails(m, plan, arm, lambda x: _open_reach(x, plan)),
            )
        )
    return tuple(arms)


def _open_reach(e: Effect, plan: Plan) -> float:
    planned = e.se * math.sqrt(e.effective_n / plan.n_per_arm)
    return always_valid.half_width(e.se, planned, plan.alpha / plan.comparisons)


def _pocock_reach(s: _Sequence, plan: Plan, e: Effect) -> float:
    """Returns a half width that sees harm early, where the metric's boundaries still wait."""
    return s.critical(plan.alpha, "pocock")[-1] * e.se
