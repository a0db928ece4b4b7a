"""Reads the flags of a plan, and refuses values that no test can have."""

import argparse
import math
import pathlib
from collections.abc import Iterator

from campaign.experiment import plan_file
from campaign.experiment.reading import headings
from campaign.language import Language, date, decimal, fraction
from emoji_gan.errors import UserError

_MOST = 10.0  # relative; more is a percent sign that was forgotten


# A flag after the other, with its help in both languages.
def add(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign plan`."""
    say = language.pick
    p.add_argument(
        "--baseline",
        type=fraction,
        required=True,
        metavar=say("RATE", "TAUX"),
        help=say(
            "needed: mean of the metric today, without the new variant: 3%%, or an amount "
            "a customer",
            "obligatoire : moyenne actuelle du résultat, sans la nouveauté : 3 %%, ou un montant "
            "par client",
        ),
    )
    p.add_argument(
        "--start",
        required=True,
        metavar=say("DAY", "JOUR"),
        help=say(
            "needed: first day, 2026-03-31 or 31/03/2026", "obligatoire : premier jour, 31/03/2026"
        ),
    )
    p.add_argument(
        "--metric",
        type=headings.outcome,
        choices=headings.OUTCOMES,
        default="click",
        metavar=say("OUTCOME", "RÉSULTAT"),
        help=say(
            f"outcome that decides: {', '.join(headings.OUTCOMES)}; default click",
            "résultat qui décide : clic, visite, ouverture, conversion, dépense, désinscription "
            "ou plainte ; par défaut clic",
        ),
    )
    p.add_argument(
        "--deviation",
        type=decimal,
        default=0.0,
        metavar=say("AMOUNT", "MONTANT"),
        help=say(
            "standard deviation of an amount: how much customers differ (STDEV in a spreadsheet)",
            "écart type d'un montant : combien les clients diffèrent (ECARTYPE dans un tableur)",
        ),
    )
    p.add_argument(
        "--smallest_effect",
        type=fraction,
        default=0.1,
        metavar="10%",
        help=say(
            "smallest relative effect worth knowing: 10%% (the default) is from 3%% to 3.3%%",
            "plus petit effet relatif qui compte : 10 %% (par défaut), c'est passer de 3 à 3,3 %%",
        ),
    )
    p.add_argument(
        "--arms",
        default="control,emoji",
        metavar=say("NAMES", "NOMS"),
        help=say(
            "versions that are compared (arms), the control first; default control,emoji",
            "versions comparées (les bras), le témoin en premier ; par défaut control,emoji",
        ),
    )
    p.add_argument(
        "--audience",
        type=int,
        metavar="N",
        help=say(
            "customers there are; a plan that needs more is refused",
            "clients disponibles ; un plan qui en demande plus est refusé",
        ),
    )
    _add_course(p, language)
    _add_decision(p, language)
    p.add_argument(
        "--name",
        default="campaign",
        metavar=say("NAME", "NOM"),
        help=say("of the test", "nom du test"),
    )
    p.add_argument(
        "--salt",
        default="",
        metavar=say("TEXT", "TEXTE"),
        help=say(
            "text that the draw of the arms depends on; by default random",
            "texte dont dépend le tirage des bras ; par défaut aléatoire",
        ),
    )
    p.add_argument(
        "--out",
        type=pathlib.Path,
        metavar=say("FILE", "FICHIER"),
        help=say("by default plan.json in --dir", "par défaut plan.json dans --dir"),
    )


def _add_course(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of who is sent to and when."""
    say = language.pick
    p.add_argument(
        "--holdout",
        type=fraction,
        default=0.05,
        metavar="5%",
        help=say(
            "part of the customers that gets nothing; default 5%%",
            "réserve : part des clients qui ne reçoit rien ; par défaut 5 %%",
        ),
    )
    p.add_argument(
        "--looks",
        type=int,
        default=5,
        metavar="N",
        help=say(
            "how often you look at the result, a wave of customers each time; default 5; 1: all "
            "are sent to at once; 0: size open",
            "combien de fois vous regardez le résultat (les bilans), une vague de clients à "
            "chacun ; par défaut 5 ; 1 : tout part d'un coup ; 0 : taille ouverte",
        ),
    )
    p.add_argument(
        "--wave_days",
        type=int,
        default=1,
        metavar="N",
        help=say("days between waves; default 1", "jours entre deux vagues ; par défaut 1"),
    )
    p.add_argument(
        "--window_days",
        type=int,
        default=7,
        metavar="N",
        help=say(
            "days for which each customer is observed; default 7",
            "jours pendant lesquels chaque client est observé ; par défaut 7",
        ),
    )
    p.add_argument(
        "--covariate",
        default="",
        metavar=say("HEADING", "INTITULÉ"),
        help=say(
            "column of the customers file from before the start (past spend): sharpens the result",
            "colonne du fichier clients, d'avant le départ (achats passés) : précise le résultat",
        ),
    )
    p.add_argument(
        "--allocation",
        type=pathlib.Path,
        metavar=say("FILE", "FICHIER"),
        help=say("allocation.json of `campaign next`", "allocation.json de `campaign next`"),
    )


def _add_decision(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of what is proved, and what must not be hurt."""
    say = language.pick
    p.add_argument(
        "--guardrails",
        default="unsubscribe:20%",
        metavar=say("OUTCOME:20%,...", "RÉSULTAT:20%,..."),
        help=say(
            "what must not get worse, and by how much it may; default unsubscribe:20%%",
            "ce qui ne doit pas se dégrader, et de combien on le tolère ; par défaut "
            "désinscription:20%%",
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
        "--alpha",
        type=fraction,
        default=0.05,
        metavar="5%",
        help=say(
            "risk of a false alarm: an effect is announced where there is none; default 5%%",
            "risque de fausse alerte : annoncer un effet qui n'existe pas ; par défaut 5 %%",
        ),
    )
    p.add_argument(
        "--power",
        type=fraction,
        default=0.8,
        metavar="80%",
        help=say(
            "chance of proving the smallest effect if it is true; default 80%%",
            "chance de prouver le plus petit effet s'il est vrai ; par défaut 80 %%",
        ),
    )


def guardrails(text: str, language: Language) -> dict[str, float]:
    """Reads --guardrails: "unsubscribe:20%,conversion:5%"; 20 % where nothing is said.

    Returns:
      Outcome -> relative worsening that is tolerated.

    Raises:
      UserError: no such outcome, or a worsening that cannot be.
    """
    out = {}
    for item in filter(None, (x.strip() for x in text.split(","))):
        word, _, tolerated = item.partition(":")
        outcome = headings.outcome(word)
        if outcome not in headings.OUTCOMES:
            choices = ", ".join(headings.OUTCOMES)
            raise UserError(
                language.pick(
                    f"--guardrails: no outcome {word!r}; choose from {choices}",
                    f"--guardrails : pas de résultat {word!r} ; choix : {choices}",
                )
            )
        try:
            out[outcome] = fraction(tolerated or "0.2")
        except ValueError:
            out[outcome] = math.nan
        if wrong := _wrong_guardrail(outcome, out[outcome], language):
            raise UserError(f"--guardrails={item}{language.pick(':', ' :')} {wrong}")
    return out


def _wrong_guardrail(outcome: str, tolerated: float, language: Language) -> str:
    """Says why nothing can get worse by so much; "" where it can."""
    pick, example = language.pick, f"{outcome}:20%"
    falls = outcome not in headings.MORE_IS_WORSE
    if math.isnan(tolerated):
        return pick(f"no percentage; write {example}", f"pas un pourcentage ; écrivez {example}")
    if tolerated < -1:
        return pick(
            f"a rate cannot fall by more than 100%; write {example}",
            f"un taux ne peut pas baisser de plus de 100 % ; écrivez {example}",
        )
    if tolerated < 0:
        return pick(
            f"the worsening that is tolerated has no sign; write {example}",
            f"la dégradation tolérée s'écrit sans signe ; écrivez {example}",
        )
    if falls and tolerated >= 1:
        return pick(
            "it cannot fall by more than 100%, so this would watch nothing; write "
            f"{example}: a fall of a fifth is tolerated",
            "une baisse ne peut pas dépasser 100 %, ceci ne surveillerait donc rien ; écrivez "
            f"{example} : une baisse d'un cinquième est tolérée",
        )
    if tolerated > _MOST:
        return pick(
            f"that is {language.percent(tolerated, 0)}; a percent sign may be missing: {example}",
            f"cela fait {language.percent(tolerated, 0)} ; il manque peut-être le signe % : "
            f"{example}",
        )
    return ""


def checked(a: argparse.Namespace, language: Language) -> tuple[str, ...]:
    """Returns the arms, and writes the start as an ISO date.

    Raises:
      UserError: a value that no test can have.
    """
    arms = tuple(x.strip() for x in a.arms.split(",") if x.strip())
    for wrong in (*_wrong_measure(a, arms, language), *_wrong_course(a, language)):
        raise UserError(wrong)
    a.start = date(a.start, "--start", language)
    return arms


def _wrong_measure(
    a: argparse.Namespace, arms: tuple[str, ...], language: Language
) -> Iterator[str]:
    """Says what is impossible of the arms, and of what is measured and proved."""
    pick, effect = language.pick, a.smallest_effect
    is_amount = a.metric in headings.AMOUNTS
    if len(arms) < 2 or len(set(arms)) < len(arms) or plan_file.HOLDOUT in arms:
        yield pick(
            f"--arms={a.arms}: two names at least, all different, none 'holdout'",
            f"--arms={a.arms} : au moins deux noms, tous différents, aucun 'holdout'",
        )
    if is_amount and not (0 < a.deviation < math.inf and 0 < a.baseline < math.inf):
        yield pick(
            f"--metric={a.metric}: an amount; give its mean a customer by --baseline and its "
            "standard deviation by --deviation, both above 0, e.g. --baseline=12 --deviation=40",
            f"--metric={a.metric} : un montant ; donnez sa moyenne par client par --baseline et "
            "son écart type par --deviation, au-dessus de 0, p. ex. --baseline=12 --deviation=40",
        )
    if not is_amount and not 0 < a.baseline < 1:
        yield pick(
            f"--baseline={a.baseline:g}: a rate lies between 0% and 100%; write 3% or 0.03",
            f"--baseline={a.baseline:g} : un taux est entre 0 % et 100 % ; écrivez 3% ou 0,03",
        )
    given = f"--smallest_effect={language.rate(effect)}"
    if not 0 < effect < _MOST:
        yield pick(
            f"{given}: between 0 and 1,000%; write 10% for a tenth more",
            f"{given} : entre 0 et 1 000 % ; écrivez 10% pour un dixième de plus",
        )
    if not is_amount and a.baseline * (1 + effect) >= 1:
        rate = language.rate(a.baseline * (1 + effect))
        yield pick(
            f"{given}: the rate would be {rate}, it must stay below 100%; write less",
            f"{given} : le taux serait de {rate}, il doit rester sous 100 % ; écrivez moins",
        )


def _wrong_course(a: argparse.Namespace, language: Language) -> Iterator[str]:
    """Says what is impossible of risks, waves and sizes."""
    for name, low, high, example in (
        ("alpha", 0.001, 0.5, "5%"),
        ("power", 0.5, 0.999, "80%"),
        ("holdout", 0.0, 0.9, "5%"),
    ):
        value, percent = getattr(a, name), language.rate
        if not low <= value <= high:
            yield language.pick(
                f"--{name}={percent(value)}: between {percent(low)} and {percent(high)}, such as "
                f"--{name}={example}",
                f"--{name}={percent(value)} : entre {percent(low)} et {percent(high)}, p. ex. "
                f"--{name}={example}",
            )
    for name, low, high in (("looks", 0, 20), ("wave_days", 1, 366), ("window_days", 1, 366)):
        value = getattr(a, name)
        if not low <= value <= high:
            yield language.pick(
                f"--{name}={value}: between {low} and {high}",
                f"--{name}={value} : entre {low} et {high}",
            )
    if a.audience is not None and a.audience < 1:
        yield language.pick(
            f"--audience={a.audience}: at least 1", f"--audience={a.audience} : au moins 1"
        )
