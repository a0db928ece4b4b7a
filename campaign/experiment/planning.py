"""Plans a test before its start: how many customers, how long, which looks, what decides."""

import argparse
import datetime
import math
import secrets
import shlex

from scipy import stats

from campaign import folder as folder_lib
from campaign.experiment import plan_file, plan_flags
from campaign.experiment.inference import group_sequential
from campaign.experiment.plan_file import Plan
from campaign.experiment.reporting import plan_changes
from campaign.language import Language
from emoji_gan import errors
from emoji_gan.errors import UserError


def n_per_arm(
    baseline: float, deviation: float, smallest_effect: float, *, alpha: float, power: float
) -> float:
    """Returns how many customers an arm needs in a single test of two equal arms.

    Args:
      baseline: mean of the control, in 0..1 where `deviation` is 0.
      deviation: standard deviation of an amount; 0 for a rate.
      smallest_effect: relative.
      alpha: two-sided.
      power: of detecting the smallest effect.
    """
    difference = abs(baseline * smallest_effect)
    z_alpha, z_power = stats.norm.isf(alpha / 2), stats.norm.isf(1 - power)
    if deviation:
        return 2 * ((z_alpha + z_power) * deviation / difference) ** 2
    other = baseline + baseline * smallest_effect
    pooled = (baseline + other) / 2
    both = math.sqrt(2 * pooled * (1 - pooled))
    apart = math.sqrt(baseline * (1 - baseline) + other * (1 - other))
    return ((z_alpha * both + z_power * apart) / difference) ** 2


def planned_size(plan: Plan) -> int:
    """Returns how many customers an arm needs with the looks and arms of a plan.

    A campaign of open size is sized as if it had one look; its interval is wider than that.
    """
    alpha = plan.alpha / plan.comparisons
    n = n_per_arm(
        plan.baseline, plan.deviation, plan.smallest_effect, alpha=alpha, power=plan.power
    )
    if plan.looks > 1:
        n *= group_sequential.inflation(plan.fractions, alpha, plan.power)
    return math.ceil(n)


def detectable_effect(plan: Plan, n: float) -> float:
    """Returns the smallest relative effect that n customers an arm can detect."""
    low, high = 1e-4, 1 / plan.baseline - 1 if not plan.is_amount else 100.0
    alpha = plan.alpha / plan.comparisons
    factor = group_sequential.inflation(plan.fractions, alpha, plan.power) if plan.looks > 1 else 1
    for _ in range(60):
        middle = math.sqrt(low * high)
        needed = factor * n_per_arm(
            plan.baseline, plan.deviation, middle, alpha=alpha, power=plan.power
        )
        low, high = (middle, high) if needed > n else (low, middle)
    return high


def duration_days(looks: int, wave_days: int, window_days: int) -> int:
    """Returns the days from the start until the last wave's outcomes are complete."""
    return (max(looks, 1) - 1) * wave_days + window_days


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign plan`."""
    plan_flags.add(p, language)


def make(a: argparse.Namespace, language: Language) -> Plan:
    """Makes a plan from flags.

    Raises:
      UserError: a value is impossible, or the audience too small.
    """
    arms = plan_flags.checked(a, language)
    allocation = plan_file.read_allocation(a.allocation, arms, language) if a.allocation else {}
    fields = {
        **{k: getattr(a, k) for k in ("name", "metric", "baseline", "deviation", "alpha", "power")},
        **{k: getattr(a, k) for k in ("smallest_effect", "holdout", "looks", "start", "covariate")},
        **{k: getattr(a, k) for k in ("wave_days", "window_days", "strict_guardrails")},
        "arms": arms,
        "allocation": allocation,
        "guardrails": plan_flags.guardrails(a.guardrails, language),
        "salt": a.salt or secrets.token_hex(8),
        "duration_days": duration_days(a.looks, a.wave_days, a.window_days),
    }
    n = planned_size(Plan(**fields, n_per_arm=0))
    plan = Plan(**fields, n_per_arm=n)
    needed = plan.n_in_all
    if a.audience and a.audience < needed:
        reach = detectable_effect(plan, a.audience * (1 - plan.holdout) / len(arms))
        number, percent = language.number, language.percent
        raise UserError(
            language.pick(
                f"{number(needed)} customers are needed, there are {number(a.audience)}: with "
                f"these an effect of {percent(reach)} can be proved, no smaller one. Plan that by "
                f"--smallest_effect={math.ceil(1000 * reach) / 10:g}%"
                + ", or take fewer arms"
                * (len(arms) > 2),
                f"il faut {number(needed)} clients, il y en a {number(a.audience)} : avec ceux-là "
                f"on peut prouver un effet de {percent(reach)}, pas moins. Planifiez-le par "
                f"--smallest_effect={math.ceil(1000 * reach) / 10:g}%"
                + ", ou prenez moins de bras"
                * (len(arms) > 2),
            )
        )
    return plan


def summary(plan: Plan, language: Language) -> list[str]:
    """Says in a few lines what a plan needs and what it will be able to say."""
    number, percent, pick = language.number, language.percent, language.pick
    total = plan.n_in_all
    end = plan.start_date + datetime.timedelta(days=plan.duration_days)
    effect = language.rate(plan.smallest_effect)
    reserve = language.rate(plan.holdout)
    lines = [
        language.counted(
            plan.n_per_arm,
            f"{{n}} [customer|customers] an arm ({', '.join(plan.arms)}), {number(total)} in all"
            + f" with the holdout ({reserve}, who get nothing)" * bool(plan.holdout),
            f"{{n}} [client|clients] par bras ({', '.join(plan.arms)}), {number(total)} en tout"
            + f" avec la réserve ({reserve}, qui ne reçoit rien)" * bool(plan.holdout),
        ),
        language.counted(
            plan.looks,
            f"{{n}} [look|looks] until {language.day(end)}",
            f"{{n}} [bilan|bilans] jusqu'au {language.day(end)}",
        )
        + language.counted(plan.duration_days, ", {n} [day|days]", ", {n} [jour|jours]")
        + language.counted(
            plan.window_days,
            "; each customer is observed for {n} [day|days]",
            " ; chaque client est observé pendant {n} [jour|jours]",
        )
        if plan.looks
        else pick(
            "size open: you may look at any time, the interval allows for it",
            "taille ouverte : regardez quand vous voulez, l'intervalle en tient compte",
        ),
        pick(
            f"proves a relative effect of {effect} in {percent(plan.power, 0)} of cases; false "
            f"alarms at most {percent(plan.alpha, 0)}; smaller effects mostly stay undecided",
            f"prouve un effet relatif de {effect} dans {percent(plan.power, 0)} des cas ; fausses "
            f"alertes au plus {percent(plan.alpha, 0)} ; un effet plus petit reste souvent indécis",
        ),
    ]
    if plan.allocation:
        lines.append(_of_uneven_shares(plan, total, language))
    if plan.strict_guardrails and plan.guardrails:
        names = language.listing(list(plan.guardrails))
        lines.append(
            pick(
                f"deploys only what is shown to stay within what is tolerated ({names}); this size "
                "does not count that in: the rarer the outcome, the more customers it takes",
                f"ne déploie que ce qui est prouvé rester dans la tolérance ({names}) ; cette "
                "taille n'en tient pas compte : plus c'est rare, plus il faut de clients",
            )
        )
    if plan.metric == "open":
        lines.append(OPENS_ARE_UNRELIABLE[language.code])
    if plan.duration_days < 7:
        lines.append(
            pick(
                "less than a week: weekdays differ, so the answer holds for these days only",
                "moins d'une semaine : les jours diffèrent, la réponse ne vaut que pour ceux-là",
            )
        )
    return lines


def _of_uneven_shares(plan: Plan, total: int, language: Language) -> str:
    """Says what can be proved where arms get shares by an allocation, over all segments alike."""
    shares = [plan.shares(segment) for segment in plan.allocation]
    mean = {arm: sum(s[arm] for s in shares) / len(shares) for arm in plan.arms}
    n = {arm: total * fraction_of_all for arm, fraction_of_all in mean.items()}
    # As precise as a test of so many customers an arm: 1/n is the mean of both arms' 1/n.
    worst = min(2 / (1 / n[plan.control] + 1 / n[arm]) for arm in plan.arms[1:])
    smallest = min(n, key=n.__getitem__)
    effect = language.percent(detectable_effect(plan, worst))
    part = language.percent(mean[smallest], 0)
    return language.pick(
        f"but by these shares {smallest} gets {part} of the customers: that proves an effect of "
        f"{effect} and no smaller one",
        f"mais avec ces parts {smallest} reçoit {part} des clients : cela ne prouve qu'un "
        f"effet de {effect} ou plus",
    )


OPENS_ARE_UNRELIABLE = {
    "en": "opens are unreliable: mail programs load pictures by themselves; take click",
    "fr": "les ouvertures ne sont pas fiables : les messageries chargent les images d'elles-mêmes ;"
    " prenez clic",
}


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes plan.json and says what it needs."""
    out = a.out or a.dir / folder_lib.PLAN
    a.salt = a.salt or plan_changes.salt_at(out)
    plan = make(a, language)
    plan_changes.refuse_over_another(out, plan, language)
    plan_file.write(out, plan)
    for line in summary(plan, language):
        print(line)
    print(language.pick("plan:", "plan :"), out, plan_file.seal(plan))
    given = plan_file.flag(out, a.dir)
    if given and out.parent == a.dir:  # beside another plan, and its assignments
        given += f" --out={shlex.quote(str(a.dir / f'{out.stem}_assignments.csv'))}"
    assign = f"assign{given} --customers={language.pick('FILE', 'FICHIER')}"
    print(language.next_line(assign, a.dir))
    return errors.EXIT_OK
