"""Plans a test before its start: how many customers, how long, which looks, what decides."""

import argparse
import datetime
import math
import pathlib
import secrets
import shlex

from scipy import stats

from campaign.experiment import plan_file
from campaign.experiment.inference import group_sequential
from campaign.experiment.plan_file import Plan
from campaign.experiment.reading import headings
from campaign.language import Language, date, decimal, fraction
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


# A flag after the other, with its help in both languages.
def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign plan`."""
    say = language.pick
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("plan.json"))
    p.add_argument("--name", default="campaign", help=say("of the campaign", "de la campagne"))
    p.add_argument(
        "--metric",
        type=headings.outcome,
        choices=headings.OUTCOMES,
        default="click",
        help=say("outcome that decides", "résultat qui décide"),
    )
    p.add_argument(
        "--baseline",
        type=fraction,
        required=True,
        help=say(
            "its mean today: 3%%, or an amount a customer",
            "sa moyenne aujourd'hui : 3 %%, ou un montant par client",
        ),
    )
    p.add_argument(
        "--deviation",
        type=decimal,
        default=0.0,
        help=say("standard deviation of an amount", "écart type d'un montant"),
    )
    p.add_argument(
        "--smallest_effect",
        type=fraction,
        default=0.1,
        help=say(
            "smallest relative effect worth knowing; default 10%%",
            "plus petit effet relatif qui compte ; par défaut 10 %%",
        ),
    )
    p.add_argument("--alpha", type=fraction, default=0.05, help=say("error", "risque d'erreur"))
    p.add_argument("--power", type=fraction, default=0.8, help=say("power", "puissance"))
    p.add_argument(
        "--arms",
        default="control,emoji",
        help=say("names, the control first", "noms, le témoin en premier"),
    )
    p.add_argument(
        "--holdout",
        type=fraction,
        default=0.05,
        help=say("fraction that gets nothing", "part qui ne reçoit rien"),
    )
    p.add_argument(
        "--looks",
        type=int,
        default=5,
        help=say(
            "looks, a wave of customers each; 0: size open",
            "bilans, une vague de clients chacun ; 0 : taille ouverte",
        ),
    )
    p.add_argument("--wave_days", type=int, default=1, help=say("between waves", "entre vagues"))
    p.add_argument(
        "--window_days",
        type=int,
        default=7,
        help=say("days of outcomes that count", "jours de résultats qui comptent"),
    )
    p.add_argument(
        "--start", required=True, help=say("first day, YYYY-MM-DD", "premier jour, AAAA-MM-JJ")
    )
    p.add_argument(
        "--audience",
        type=int,
        help=say("customers there are; refuses a plan beyond", "clients disponibles"),
    )
    p.add_argument(
        "--guardrails",
        default="unsubscribe:20%",
        help=say(
            "outcome:tolerated relative worsening, commas between",
            "résultat:dégradation relative tolérée, séparés par des virgules",
        ),
    )
    p.add_argument(
        "--strict_guardrails",
        action="store_true",
        help=say(
            "deploy only where each guardrail is shown to stay within that",
            "ne déployer que si chaque garde-fou est prouvé rester dans cette tolérance",
        ),
    )
    p.add_argument(
        "--covariate",
        default="",
        help=say(
            "column of the customers file from before the start",
            "colonne du fichier clients, d'avant le départ",
        ),
    )
    p.add_argument(
        "--allocation",
        type=pathlib.Path,
        help=say("allocation.json of `campaign next`", "allocation.json de `campaign next`"),
    )
    p.add_argument("--salt", default="", help=say("default: random", "par défaut : aléatoire"))


def _guardrails(text: str, language: Language) -> dict[str, float]:
    out = {}
    for item in filter(None, (x.strip() for x in text.split(","))):
        text, _, tolerated = item.partition(":")
        outcome = headings.outcome(text)
        if outcome not in headings.OUTCOMES:
            choices = ", ".join(headings.OUTCOMES)
            raise UserError(
                language.pick(
                    f"--guardrails: no outcome {text!r}; choose from {choices}",
                    f"--guardrails : pas de résultat {text!r} ; choix : {choices}",
                )
            )
        try:
            out[outcome] = fraction(tolerated or "0.2")
        except ValueError:
            raise UserError(
                language.pick(
                    f"--guardrails={item}: {tolerated!r} is no fraction; write {outcome}:20%",
                    f"--guardrails={item} : {tolerated!r} n'est pas une part ; "
                    f"écrivez {outcome}:20%",
                )
            ) from None
    return out


def _checked(a: argparse.Namespace, language: Language) -> tuple[str, ...]:
    """Returns the arms; refuses values that no test can have."""
    arms = tuple(x.strip() for x in a.arms.split(",") if x.strip())
    is_amount = a.metric in headings.AMOUNTS
    pick = language.pick
    wrong = None
    if len(arms) < 2 or len(set(arms)) < len(arms) or plan_file.HOLDOUT in arms:
        wrong = pick(
            f"--arms={a.arms}: two names at least, all different, none 'holdout'",
            f"--arms={a.arms} : au moins deux noms, tous différents, aucun 'holdout'",
        )
    elif is_amount and (a.deviation <= 0 or a.baseline <= 0):
        wrong = pick(
            f"--metric={a.metric}: an amount; give its mean a customer by --baseline and its "
            "standard deviation by --deviation, both above 0, e.g. --baseline=12 --deviation=40",
            f"--metric={a.metric} : un montant ; donnez sa moyenne par client par --baseline et "
            "son écart type par --deviation, au-dessus de 0, p. ex. --baseline=12 --deviation=40",
        )
    elif not is_amount and not 0 < a.baseline < 1:
        wrong = pick(
            f"--baseline={a.baseline:g}: a rate lies between 0 and 1; write 3% or 0.03",
            f"--baseline={a.baseline:g} : un taux est entre 0 et 1 ; écrivez 3 % ou 0,03",
        )
    elif a.smallest_effect <= 0 or (not is_amount and a.baseline * (1 + a.smallest_effect) >= 1):
        wrong = pick(
            f"--smallest_effect={a.smallest_effect:g}: above 0, and the rate stays below 1",
            f"--smallest_effect={a.smallest_effect:g} : au-dessus de 0, et le taux reste sous 1",
        )
    elif not (0 < a.alpha < 0.5 and 0.5 <= a.power < 1 and 0 <= a.holdout < 0.9):
        wrong = pick(
            "--alpha in 0..0.5, --power in 0.5..1, --holdout in 0..0.9",
            "--alpha entre 0 et 0,5, --power entre 0,5 et 1, --holdout entre 0 et 0,9",
        )
    elif not 0 <= a.looks <= 20 or a.wave_days < 1 or a.window_days < 1:
        wrong = pick(
            "--looks in 0..20, --wave_days and --window_days at least 1",
            "--looks entre 0 et 20, --wave_days et --window_days au moins 1",
        )
    if wrong:
        raise UserError(wrong)
    a.start = date(a.start, "--start", language)
    return arms


def make(a: argparse.Namespace, language: Language) -> Plan:
    """Makes a plan from flags.

    Raises:
      UserError: a value is impossible, or the audience too small.
    """
    arms = _checked(a, language)
    allocation = plan_file.read_allocation(a.allocation, arms, language) if a.allocation else {}
    fields = {
        **{k: getattr(a, k) for k in ("name", "metric", "baseline", "deviation", "alpha", "power")},
        **{k: getattr(a, k) for k in ("smallest_effect", "holdout", "looks", "start", "covariate")},
        **{k: getattr(a, k) for k in ("wave_days", "window_days", "strict_guardrails")},
        "arms": arms,
        "allocation": allocation,
        "guardrails": _guardrails(a.guardrails, language),
        "salt": a.salt or secrets.token_hex(8),
        "duration_days": duration_days(a.looks, a.wave_days, a.window_days),
    }
    n = planned_size(Plan(**fields, n_per_arm=0))
    plan = Plan(**fields, n_per_arm=n)
    needed = math.ceil(n * len(arms) / (1 - plan.holdout))
    if a.audience and a.audience < needed:
        reach = detectable_effect(plan, a.audience * (1 - plan.holdout) / len(arms))
        number, percent = language.number, language.percent
        raise UserError(
            language.pick(
                f"{number(needed)} customers are needed, there are {number(a.audience)}: with "
                f"these an effect of {percent(reach)} can be proved, no smaller one. Plan that by "
                f"--smallest_effect={math.ceil(1000 * reach) / 10:g}%, or take fewer arms",
                f"il faut {number(needed)} clients, il y en a {number(a.audience)} : avec ceux-là "
                f"on peut prouver un effet de {percent(reach)}, pas moins. Planifiez-le par "
                f"--smallest_effect={math.ceil(1000 * reach) / 10:g}%, ou prenez moins de bras",
            )
        )
    return plan


def summary(plan: Plan, language: Language) -> list[str]:
    """Says in a few lines what a plan needs and what it will be able to say."""
    number, percent, pick = language.number, language.percent, language.pick
    total = math.ceil(plan.n_per_arm * len(plan.arms) / (1 - plan.holdout))
    end = plan.start_date + datetime.timedelta(days=plan.duration_days)
    effect = percent(plan.smallest_effect)
    lines = [
        language.counted(
            plan.n_per_arm,
            f"{{n}} [customer|customers] an arm, {number(total)} in all with the holdout",
            f"{{n}} [client|clients] par bras, {number(total)} en tout avec la réserve",
        ),
        language.counted(
            plan.looks,
            f"{{n}} [look|looks] until {end}",
            f"{{n}} [bilan|bilans] jusqu'au {end:%d/%m/%Y}",
        )
        + language.counted(plan.duration_days, ", {n} [day|days]", ", {n} [jour|jours]")
        if plan.looks
        else pick(
            "size open: an interval that holds at every moment",
            "taille ouverte : un intervalle valable à tout moment",
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
    " prenez click",
}


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes plan.json and says what it needs."""
    plan = make(a, language)
    plan_file.write(a.out, plan, language)
    for line in summary(plan, language):
        print(line)
    print(language.pick("plan:", "plan :"), a.out, plan_file.seal(plan))
    given = plan_file.flag(a.out)
    if given and a.out.parent == pathlib.Path():  # beside another plan, and its assignments
        given += f" --out={shlex.quote(f'{a.out.stem}_assignments.csv')}"
    print(language.next_line(f"assign{given} --customers={language.pick('FILE', 'FICHIER')}"))
    return errors.EXIT_OK
