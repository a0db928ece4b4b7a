"""Simulates campaigns with five looks: false alarms, power, and coverage of intervals.

    python -m benchmarks.campaign.false_alarms --campaigns=2000
    python -m benchmarks.campaign.false_alarms --campaigns=2000 --case=planned

Every campaign is judged look by look by `verdict.judge`, as `campaign analyse` does, and ends where
the verdict says so; with --ignore_futility only where an effect is proved. Customers come in equal
waves in three segments of different rates.
"""

import argparse
import dataclasses
import math

import numpy as np

from campaign.experiment import looks, planning, verdict
from campaign.experiment.inference.effects import Moments, Sums
from campaign.experiment.plan_file import Plan
from emoji_gan import errors

_SEGMENTS = {"new": 0.6, "regular": 1.0, "best": 1.8}  # rates, as factors of the baseline
_SHARES = np.array([0.3, 0.5, 0.2])


@dataclasses.dataclass(frozen=True)
class Row:
    """Holds the figures of one kind of campaign.

    Attributes:
      deployed, harmed: fractions proved better and proved worse.
      covered: fraction of campaigns whose last intervals have the true effects inside, all arms.
      relative: the same of the relative effects, by the report's intervals.
      divided: the same by the intervals of the difference, divided by the control's mean.
      looks: mean number of looks.
      bias: mean of estimate less truth, of the true effect (of the baseline where that is 0).
    """

    deployed: float
    harmed: float
    covered: float
    relative: float
    divided: float
    looks: float
    bias: float


def plan_of(looks_planned: int, arms: int, effect: float) -> Plan:
    """Makes the plan of the simulated campaigns: a rate of 3 %."""
    base = Plan(
        name="simulated",
        metric="click",
        baseline=0.03,
        deviation=0.0,
        smallest_effect=effect,
        alpha=0.05,
        power=0.8,
        arms=("control", *(f"arm{i}" for i in range(1, arms))),
        holdout=0.0,
        allocation={},
        looks=looks_planned,
        start="2026-01-01",
        wave_days=1,
        window_days=7,
        n_per_arm=0,
        duration_days=11,
        guardrails={},
        covariate="",
        salt="simulated",
    )
    return dataclasses.replace(base, n_per_arm=planning.planned_size(base))


def moments_of(n: np.ndarray, y: np.ndarray, arms: tuple[str, ...]) -> Moments:
    """Makes sums of a yes or no outcome from counts [segment arm]."""
    zero, w = np.zeros_like(y), float(len(arms))
    sums = Sums(y=y, yy=y, xy=zero, yw=w * y, yw2=w * w * y, yyw2=w * w * y)
    return Moments(tuple(_SEGMENTS), arms, n, zero, zero, w * n, w * w * n, {"click": sums})


def simulate(
    plan: Plan, effects: dict[str, float], campaigns: int, *, seed: int, ignore_futility: bool
) -> Row:
    """Simulates campaigns with known relative effects by arm."""
    rng = np.random.default_rng(seed)
    factors = np.array(list(_SEGMENTS.values()))
    factors = factors / (factors @ _SHARES)
    rates = plan.baseline * factors[:, None] * (1 + np.array([effects[a] for a in plan.arms]))
    wave = math.ceil(plan.n_per_arm / plan.looks)
    deployed = harmed = covered = relative = divided = 0
    counts, bias = [], []
    for _ in range(campaigns):
        n, y, before = np.zeros(rates.shape), np.zeros(rates.shape), []
        while True:
            new = rng.multinomial(wave, _SHARES, size=len(plan.arms)).T
            n, y = n + new, y + rng.binomial(new, rates)
            m = moments_of(n, y, plan.arms)
            v = verdict.judge(m, plan, before)
            results = verdict.effects_of(m, plan)
            before.append(
                looks.Look(
                    "", verdict.information_of(results, plan), {a: e.z for a, e in results.items()}
                )
            )
            proved = any(a.status in ("better", "worse") for a in v.arms)
            if v.final or (v.decision != "continue" and (proved or not ignore_futility)):
                break
        counts.append(v.look)
        deployed += any(a.status == "better" for a in v.arms)
        harmed += any(a.status == "worse" for a in v.arms)
        truths = {a.name: plan.baseline * effects[a.name] for a in v.arms}
        covered += all(a.low <= truths[a.name] <= a.high for a in v.arms)
        inside = [(a.relative[0] <= effects[a.name] <= a.relative[2]) for a in v.arms]
        relative += all(inside)
        measured = {a.name: effects[a.name] * a.effect.control for a in v.arms}
        divided += all(a.low <= measured[a.name] <= a.high for a in v.arms)
        for a in v.arms:
            truth = truths[a.name]
            bias.append((a.estimate - truth) / (abs(truth) or plan.baseline))
    return Row(
        deployed / campaigns,
        harmed / campaigns,
        covered / campaigns,
        relative / campaigns,
        divided / campaigns,
        float(np.mean(counts)),
        float(np.mean(bias)),
    )


def table(rows: dict[str, Row], campaigns: int) -> str:
    """Formats the rows."""
    lines = [
        "| campaigns | proved better | proved worse | interval covers | the relative one "
        "| by division | looks | bias |"
    ]
    lines.append("|---|" + "---:|" * 7)
    for name, r in rows.items():
        lines.append(
            f"| {name} | {r.deployed:.2%} | {r.harmed:.2%} | {r.covered:.2%} | {r.relative:.2%} "
            f"| {r.divided:.2%} | {r.looks:.2f} | {r.bias:+.1%} |"
        )
    se = math.sqrt(0.05 * 0.95 / campaigns)
    lines.append(f"\n{campaigns} campaigns a row; 5 % + 2 standard errors are {0.05 + 2 * se:.2%}")
    return "\n".join(lines)


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--campaigns", type=int, default=2000)
    p.add_argument("--seed", type=int, default=20261129)
    p.add_argument("--case", default="", help="only the rows in whose names this stands")
    a = p.parse_args()
    two, four, large = plan_of(5, 2, 0.1), plan_of(5, 4, 0.1), plan_of(5, 2, 1.0)
    none = {arm: 0.0 for arm in four.arms}
    cases = {
        "no effect": (two, none, False),
        "no effect, futility ignored": (two, none, True),
        "the planned effect, +10 %": (two, {"control": 0.0, "arm1": 0.1}, False),
        "the planned effect, futility ignored": (two, {"control": 0.0, "arm1": 0.1}, True),
        "half the planned effect": (two, {"control": 0.0, "arm1": 0.05}, False),
        "harm of 10 %": (two, {"control": 0.0, "arm1": -0.1}, False),
        "no effect, three arms against the control": (four, none, False),
        "one arm of three +10 %": (four, none | {"arm1": 0.1}, False),
        "twice the rate, planned, futility ignored": (large, {"control": 0.0, "arm1": 1.0}, True),
    }
    rows = {}
    for i, (name, (plan, effects, ignore)) in enumerate(cases.items()):
        if a.case not in name:
            continue
        rows[name] = simulate(plan, effects, a.campaigns, seed=a.seed + i, ignore_futility=ignore)
        print(name, rows[name], flush=True)
    print(table(rows, a.campaigns))
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
