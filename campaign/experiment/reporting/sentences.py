"""Says a verdict in sentences."""

import math

from campaign.experiment.looks import Look
from campaign.experiment.moments import Collected
from campaign.experiment.plan_file import Plan
from campaign.experiment.reading.segments import NO_SEGMENT
from campaign.experiment.results import Arm, Guardrail, Verdict
from campaign.language import Language

_ALL_LOST = -0.995  # a fall that is said as -100 %: as an end of an interval it says nothing
_STATUS = {
    "better": ("proved better", "prouvé meilleur"),
    "worse": ("proved worse", "prouvé moins bon"),
    "undecided": ("undecided", "indécis"),
    "futile": ("not proved, and hardly to be", "non prouvé, et ne le sera guère"),
    "vanished": ("this arm has vanished", "ce bras a disparu"),
    "too_few": ("too few events to say", "trop peu d'événements"),
}
_OUTCOMES = {
    "click": ("clicks", "clics"),
    "visit": ("visits", "visites"),
    "open": ("opens", "ouvertures"),
    "conversion": ("conversions", "conversions"),
    "spend": ("spend", "dépenses"),
    "unsubscribe": ("unsubscribes", "désinscriptions"),
    "complaint": ("complaints", "plaintes"),
}
_GUARDRAIL = {
    "worse": ("worse", "dégradé"),
    "tolerated": ("within what is tolerated", "dans la tolérance"),
    "unclear": ("not clear yet", "pas encore clair"),
}


def outcome(name: str, language: Language) -> str:
    """Names an outcome."""
    return language.pick(*_OUTCOMES[name])


def segment(name: str, language: Language) -> str:
    """Names a segment, also that of the customers who have none."""
    return name if name != NO_SEGMENT else language.pick("no segment", "sans segment")


def status(arm: Arm, language: Language) -> str:
    """Names what is proved of an arm."""
    return language.pick(*_STATUS[arm.status])


def guardrail(g: Guardrail, language: Language) -> str:
    """Says a guardrail in one line."""
    percent, name = language.percent, outcome(g.outcome, language)
    change = percent(g.change, 0, True) if math.isfinite(g.change) else "?"
    if math.isfinite(g.low) and math.isfinite(g.high):
        ends = f"[{percent(g.low, 0, True)} ; {percent(g.high, 0, True)}]"
    else:
        ends = f"({_between(g.low, g.high, language)})"
    return language.pick(
        f"{name}: {change} {ends}, tolerated {percent(g.tolerated, 0)}: {_GUARDRAIL[g.status][0]}",
        f"{name} : {change} {ends}, toléré {percent(g.tolerated, 0)} : {_GUARDRAIL[g.status][1]}",
    )


def amount(x: float, plan: Plan, language: Language) -> str:
    """Writes a mean of the metric: a rate in percent, money with two digits."""
    if not math.isfinite(x):
        return "?"
    return language.number(x, 2) if plan.is_amount else language.percent(x, 2)


def difference(x: float, plan: Plan, language: Language) -> str:
    """Writes a difference of the metric: of rates in points, money with two digits."""
    if not math.isfinite(x):
        return "?"
    return language.number(x, 2, True) if plan.is_amount else language.points(x)


def span(low: float, high: float, plan: Plan, language: Language) -> str:
    """Writes an interval of a difference of the metric."""
    return f"{difference(low, plan, language)} … {difference(high, plan, language)}"


def _between(low: float, high: float, language: Language) -> str:
    """Says an interval of a relative change in words; an end may be open."""
    ends = [language.percent(x, 0, True) for x in (low, high)]
    if math.isfinite(low) and math.isfinite(high):
        return language.pick(f"between {ends[0]} and {ends[1]}", f"entre {ends[0]} et {ends[1]}")
    if math.isfinite(low) and low > _ALL_LOST:
        return language.pick(
            f"at least {ends[0]}; too few to tell how much at most",
            f"au moins {ends[0]} ; trop peu de cas pour dire combien au plus",
        )
    if math.isfinite(high):
        return language.pick(
            f"at most {ends[1]}; too few to tell how much at least",
            f"au plus {ends[1]} ; trop peu de cas pour dire combien au moins",
        )
    return language.pick("too few to tell", "trop peu de cas pour le dire")


def headline(v: Verdict, plan: Plan, language: Language) -> str:
    """Says the verdict in one sentence."""
    if v.decision == "refused":
        return language.pick(
            "No verdict: the split between the arms is broken: their sizes differ from the plan by "
            f"more than chance allows (p {ratio_text(v, language)}); find the cause before "
            "believing any figure.",
            "Pas de verdict : la répartition entre les bras est faussée : leurs effectifs "
            "s'écartent du plan plus que le hasard ne le permet "
            f"(p {ratio_text(v, language)}) ; trouvez-en la cause avant de croire un chiffre.",
        )
    if v.decision == "deploy":
        arm = next(a for a in v.arms if a.name == v.winner)
        metric = outcome(plan.metric, language)
        low, middle, high = arm.relative
        relative, between = language.percent(middle, 0, True), _between(low, high, language)
        return language.pick(
            f"Deploy {arm.name}: {metric} {relative} ({between})",
            f"Déployez {arm.name} : {metric} {relative} ({between})",
        ) + _but(arm, plan, language)
    worse = [a.name for a in v.arms if a.status == "worse"]
    harm = language.pick(
        f" {language.listing(worse)} does harm.", f" {language.listing(worse)} fait du tort."
    )
    suffix = harm if worse else ""
    held = [a for a in v.arms if a.is_candidate]
    if held:
        return _held(held, v, plan, language) + suffix
    if v.decision == "continue":
        return (
            language.pick(
                f"Continue: nothing is proved at look {v.look} of {plan.looks or '?'}.",
                f"Continuez : rien n'est prouvé au bilan {v.look} sur {plan.looks or '?'}.",
            )
            + suffix
        )
    return _stop(v, language) + suffix


def _but(arm: Arm, plan: Plan, language: Language) -> str:
    """Ends a sentence about a better arm: says which guardrails are not decided."""
    measured = {g.outcome: g for g in arm.guardrails}
    open_ones = []
    for name in arm.undecided(plan.guardrails):
        text = outcome(name, language)
        if g := measured.get(name):
            between, tolerated = _between(g.low, g.high, language), language.percent(g.tolerated, 0)
            text += language.pick(
                f" ({between}, tolerated {tolerated})", f" ({between}, toléré {tolerated})"
            )
        else:
            text += language.pick(" (nothing measured)", " (rien de mesuré)")
        open_ones.append(text)
    if not open_ones:
        return "."
    return language.pick(
        f", but it is not decided yet whether it hurts {language.listing(open_ones)}.",
        f", mais il n'est pas encore décidé si cela dégrade : {language.listing(open_ones)}.",
    )


def _held(held: list[Arm], v: Verdict, plan: Plan, language: Language) -> str:
    """Says that a better arm waits for its guardrails, as the plan is strict."""
    arm = max(held, key=lambda a: a.effect.estimate)
    if v.decision == "continue":
        start = language.pick("Continue: ", "Continuez : ")
    else:
        start = language.pick("Stop, and keep the control: ", "Arrêtez, gardez le témoin : ")
    proved = language.pick(f"{arm.name} is proved better", f"{arm.name} est prouvé meilleur")
    return start + proved + _but(arm, plan, language)


def _stop(v: Verdict, language: Language) -> str:
    hurting = [a.name for a in v.arms if any(g.status == "worse" for g in a.guardrails)]
    if hurting and any(a.status == "better" for a in v.arms):
        return language.pick(
            f"Stop: {language.listing(hurting)} hurts a guardrail.",
            f"Arrêtez : {language.listing(hurting)} franchit un garde-fou.",
        )
    if v.final:
        return language.pick(
            "Stop, and keep the control: no variant is proved better.",
            "Arrêtez, gardez le témoin : aucune variante n'est prouvée meilleure.",
        )
    return language.pick(
        "Stop, and keep the control: going on would hardly prove the effect that was planned.",
        "Arrêtez, gardez le témoin : continuer ne prouverait guère l'effet prévu.",
    )


def counted_customers(collected: Collected, plan: Plan, language: Language) -> list[str]:
    """Says until which day customers are counted, and how many are still observed; or nothing."""
    if collected.until is None:
        return []
    lines = [
        language.counted(
            int(collected.moments.n.sum()),
            f"outcomes until {language.day(collected.until)}: {{n}} [customer|customers] counted",
            f"résultats jusqu'au {language.day(collected.until)} : {{n}} [client compté|clients "
            "comptés]",
        )
    ]
    if collected.waiting:
        days = plan.window_days
        lines.append(
            "! "
            + language.counted(
                collected.waiting,
                f"{{n}} [customer is|customers are] not counted yet: the {days} days for which "
                "each is observed are not over; they come in at a later look",
                f"{{n}} [client n'est pas encore compté|clients ne sont pas encore comptés] : les "
                f"{days} jours d'observation de chacun ne sont pas finis ; ils viendront à un "
                "bilan suivant",
            )
        )
    return lines


def correction(look: int, reason: str, language: Language) -> str:
    """Says that a corrected export replaced a look that had been shown."""
    return language.pick(
        f'look {look} was shown before and is replaced by a corrected export ("{reason}"); the '
        "report says so",
        f"le bilan {look} avait déjà été montré, un export corrigé le remplace (« {reason} ») ; le "
        "rapport le dit",
    )


def corrections(history: list[Look], language: Language) -> list[str]:
    """Says of each look that was replaced why, and what it had said before."""
    out = []
    for number, look in enumerate(history, 1):
        for c in look.corrections:
            figures = ", ".join(f"{arm} {language.number(z, 2, True)}" for arm, z in c.z.items())
            out.append(
                language.pick(
                    f'Look {number} is that of a corrected export: "{c.reason}". Before, it had '
                    f'said: "{c.headline or "?"}" (difference in standard errors: {figures}).',
                    f"Le bilan {number} est celui d'un export corrigé : « {c.reason} ». Avant, il "
                    f"disait : « {c.headline or '?'} » (écart en erreurs types : {figures}).",
                )
            )
    if out:
        out.append(
            language.pick(
                "The number of looks stays as planned. False alarms are held only if the mistake, "
                "and not the result, was the reason for the correction; nobody can check that "
                "here.",
                "Le nombre de bilans reste celui du plan. Les fausses alertes ne sont tenues que "
                "si l'erreur, et non le résultat, a motivé la correction ; rien ici ne permet de "
                "le vérifier.",
            )
        )
    return out


def ratio_text(v: Verdict, language: Language) -> str:
    """Writes the smaller p-value of the sample-ratio checks."""
    p = min(v.ratio_p_value, 1.0 if v.sent_p_value is None else v.sent_p_value)
    number = language.number
    return f"< {number(1e-4, 4)}" if p < 1e-4 else f"= {number(p, 4)}"


def unknowns(v: Verdict, plan: Plan, language: Language) -> list[str]:
    """Lists what the analysis cannot say."""
    pick = language.pick
    out = [
        pick(
            "Whether emoji help elsewhere: no public data set has emoji as its randomised factor; "
            "this holds for these customers, these days and this channel.",
            "Si les emoji aident ailleurs : aucun jeu de données public ne tire l'emoji au sort ; "
            "ceci vaut pour ces clients, ces jours et ce canal.",
        ),
        pick(
            "Opens: mail programs load pictures by themselves, so opens are unreliable.",
            "Les ouvertures : les messageries chargent les images seules ; elles sont peu fiables.",
        ),
        pick(
            "Whether the effect lasts: a novelty may wear off; the holdout shows it later.",
            "Si l'effet dure : une nouveauté s'use ; la réserve le montrera plus tard.",
        ),
    ]
    if v.decision != "refused" and any(a.status in ("undecided", "futile") for a in v.arms):
        out.append(
            pick(
                "That there is no effect: not proved is not the same as none; see the interval.",
                "Qu'il n'y a pas d'effet : non prouvé ne veut pas dire nul ; voyez l'intervalle.",
            )
        )
    if plan.allocation:
        out.append(
            pick(
                "An unbiased mean of arms that a policy favoured: such estimates are biased, the "
                "runner-up is underrated.",
                "Une moyenne sans biais des bras favorisés par une politique : ces estimations sont"
                " biaisées, le second est sous-estimé.",
            )
        )
    return out
