"""Says in words how two plans differ, and refuses a plan in place of another one."""

import datetime
import json
import pathlib
import typing
from typing import Any

from campaign.experiment import plan_file
from campaign.experiment.plan_file import Plan
from campaign.experiment.reading import headings
from campaign.experiment.reporting import sentences
from campaign.language import Language
from emoji_gan.errors import UserError

# Field -> its name in words.
_NAMES = {
    "name": ("name", "nom"),
    "metric": ("outcome that decides (--metric)", "résultat qui décide (--metric)"),
    "baseline": ("mean today (--baseline)", "moyenne actuelle (--baseline)"),
    "deviation": ("standard deviation (--deviation)", "écart type (--deviation)"),
    "smallest_effect": (
        "smallest effect (--smallest_effect)",
        "plus petit effet (--smallest_effect)",
    ),
    "alpha": ("risk of a false alarm (--alpha)", "risque de fausse alerte (--alpha)"),
    "power": ("chance of a proof (--power)", "chance de prouver l'effet (--power)"),
    "arms": ("arms (--arms)", "bras (--arms)"),
    "holdout": ("holdout (--holdout)", "réserve (--holdout)"),
    "allocation": ("shares of the arms (--allocation)", "parts des bras (--allocation)"),
    "looks": ("looks (--looks)", "bilans (--looks)"),
    "start": ("first day (--start)", "premier jour (--start)"),
    "wave_days": ("days between waves (--wave_days)", "jours entre deux vagues (--wave_days)"),
    "window_days": (
        "days of observation (--window_days)",
        "jours d'observation (--window_days)",
    ),
    "n_per_arm": ("customers an arm", "clients par bras"),
    "duration_days": ("days in all", "jours en tout"),
    "guardrails": ("guardrails (--guardrails)", "garde-fous (--guardrails)"),
    "strict_guardrails": (
        "strict guardrails (--strict_guardrails)",
        "garde-fous stricts (--strict_guardrails)",
    ),
    "covariate": ("earlier column (--covariate)", "colonne antérieure (--covariate)"),
    "salt": ("draw of the arms (--salt)", "tirage des bras (--salt)"),
}
_FRACTIONS = ("smallest_effect", "alpha", "power", "holdout")
# These follow from the others.
_DERIVED = ("n_per_arm", "duration_days")


def listed(names: typing.Iterable[str], language: Language) -> str:
    """Names fields of a plan; "" for none."""
    return language.listing([language.pick(*_NAMES[n]) if n in _NAMES else n for n in names])


def changes(before: dict[str, Any], now: dict[str, Any], language: Language) -> list[str]:
    """Says each field that differs: what it was and what it is now.

    Args:
      before, now: fields as `plan_file.fields_of` returns them.
      language: of the words.
    """
    different = [k for k in {**before, **now} if before.get(k) != now.get(k)]
    causes = [k for k in different if k not in _DERIVED] or different
    return [_change(k, before, now, language) for k in causes]


def _change(field: str, before: dict, now: dict, language: Language) -> str:
    name = listed([field], language)
    if field in ("salt", "allocation"):  # figures that say nothing to a reader
        return name + language.pick(" differs", " différent")
    was, is_now = (_value(field, x, language) for x in (before, now))
    return language.pick(
        f"{name}: {was} then, {is_now} now", f"{name} : {was} alors, {is_now} maintenant"
    )


def _value(field: str, plan: dict, language: Language) -> str:
    value = plan.get(field)
    is_rate = field == "baseline" and plan.get("metric") not in headings.AMOUNTS
    if value in (None, "", [], {}, False):
        return language.pick("none", "aucun")
    if field in _FRACTIONS or is_rate:
        return language.rate(value)
    if field == "metric":
        return sentences.outcome(value, language)
    if field == "guardrails":
        items = value.items()
        return ", ".join(f"{sentences.outcome(k, language)} {language.rate(v)}" for k, v in items)
    if field == "start":
        return language.day(datetime.date.fromisoformat(value))
    if isinstance(value, bool):
        return language.pick("yes", "oui")
    if isinstance(value, int | float):
        return language.number(value, 0 if value == int(value) else 2)
    return ", ".join(value) if isinstance(value, list) else str(value)


def salt_at(path: pathlib.Path) -> str:
    """Returns the salt of the plan that is there, so that the same flags are the same plan."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["salt"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def refuse_over_another(path: pathlib.Path, plan: Plan, language: Language) -> None:
    """Refuses to write a plan over another one.

    Raises:
      UserError: another plan is there; says how it differs, and what to do.
    """
    if not path.exists():
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        before = {k: v for k, v in content.items() if k != "seal"}
    except (OSError, ValueError, AttributeError):
        before = {}
    differ = changes(before, plan_file.fields_of(plan), language) if before else []
    if differ or not before:
        what = f" ({'; '.join(differ)})" if differ else ""
        what_french = f" ({' ; '.join(differ)})" if differ else ""
        raise UserError(
            language.pick(
                f"{path} is another plan already{what}; a plan is made once, before the start. "
                "Nothing was sent by it yet? Delete it and plan again; else plan another test by "
                "--dir or --out",
                f"{path} est déjà un autre plan{what_french} ; un plan se fait une fois, avant le "
                "départ. Rien n'est encore envoyé ? Supprimez-le et replanifiez ; sinon, planifiez "
                "un autre test avec --dir ou --out",
            )
        )


def refuse_other(
    assignments: pathlib.Path, before: dict[str, Any], plan: Plan, advice: str, language: Language
) -> None:
    """Refuses a plan that differs from the one that customers were assigned by.

    Args:
      assignments: the file of these customers.
      before: fields of the plan that they were assigned by.
      plan: of now.
      advice: what to do.
      language: of the error.

    Raises:
      UserError: says each field, what it was and what it is, and the advice.
    """
    if differ := changes(before, plan_file.fields_of(plan), language):
        sign = language.pick("; ", " ; ")
        raise UserError(
            language.pick(
                f"the customers of {assignments} were assigned by another plan "
                f"({sign.join(differ)}). {advice}",
                f"les clients de {assignments} ont été affectés par un autre plan "
                f"({sign.join(differ)}). {advice}",
            )
        )
