"""Keeps the looks at an experiment beside its plan, so that none is forgotten or repeated."""

import dataclasses
import hashlib
import json
import pathlib

from campaign.experiment import moments as moments_lib
from campaign.experiment import plan_file
from campaign.experiment.inference.effects import Moments
from campaign.experiment.plan_file import Plan
from campaign.language import Language
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

# A mended export may have so many times the customers of the one before.
_SLACK = 1.02


@dataclasses.dataclass(frozen=True)
class Correction:
    """Holds a look as it was shown before a corrected export replaced it.

    Attributes:
      reason: of the correction, in the user's words.
      headline: what the look said before.
      data, information, z: of the look before.
    """

    reason: str
    headline: str
    data: str
    information: dict[str, float]
    z: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Look:
    """Holds what was seen at one look.

    Attributes:
      data: hash of the sums, to recognise the same look.
      information: of each arm against the control, as a fraction of the plan.
      z: of each arm against the control.
      headline: the verdict in a sentence.
      until: last day of outcomes, ISO; "" where there are no dates.
      corrections: what this look said before, the first one first.
    """

    data: str
    information: dict[str, float]
    z: dict[str, float]
    headline: str = ""
    until: str = ""
    corrections: tuple[Correction, ...] = ()


@dataclasses.dataclass(frozen=True)
class Position:
    """Says which look an analysis is.

    Attributes:
      before: the looks before it.
      corrections: of this look so far, and now.
      is_new: whether it is to be kept; the same data again are not.
    """

    before: list[Look]
    corrections: tuple[Correction, ...]
    is_new: bool


def path_of(plan_path: pathlib.Path) -> pathlib.Path:
    """Returns the file of the looks of a plan."""
    return plan_path.with_name(f"{plan_path.stem}.looks.json")


def hash_of(m: Moments) -> str:
    """Returns a hash of the sums of an analysis."""
    return hashlib.sha256(moments_lib.fingerprint(m).encode()).hexdigest()[:16]


def read(path: pathlib.Path, plan: Plan, language: Language) -> list[Look]:
    """Reads the looks so far; none where there is no file.

    Raises:
      UserError: unreadable, or of another plan.
    """
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        looks, seal = [_look(x) for x in content["looks"]], content["plan"]
    except (OSError, ValueError, KeyError, TypeError):
        looks, seal = [], ""
    if seal != plan_file.seal(plan):
        raise UserError(
            language.pick(
                f"{path} holds no looks of this plan: move it away if it is of another campaign",
                f"{path} n'a pas les bilans de ce plan : déplacez-le s'il est d'une autre campagne",
            )
        )
    return looks


def _look(content: dict) -> Look:
    corrections = tuple(Correction(**x) for x in content.get("corrections", ()))
    return Look(**content | {"corrections": corrections})


def write(path: pathlib.Path, plan: Plan, looks: list[Look]) -> None:
    """Writes the looks."""
    content = {"plan": plan_file.seal(plan), "looks": [dataclasses.asdict(x) for x in looks]}
    text = json.dumps(content, indent=1, ensure_ascii=False)
    workdir.write_atomic(path, text.encode())


def position(
    looks: list[Look],
    data: str,
    information: dict[str, float],
    *,
    plan: Plan,
    reason: str,
    language: Language,
) -> Position:
    """Determines which look this is; the same data again is the same look.

    Args:
      looks: all so far.
      data: hash of the sums now.
      information: now.
      plan: of the experiment.
      reason: why the data replace those of the last look; "" where they do not.
      language: of errors.

    Raises:
      UserError: one look too many, nothing new since the last, or no correction of it.
    """
    for i, look in enumerate(looks):
        if look.data == data:
            return Position(looks[:i], look.corrections, is_new=False)
    if empty := [arm for arm, value in information.items() if value <= 0]:
        raise UserError(
            language.pick(
                f"arm {', '.join(empty)}: too few customers are left to compare it with the "
                "control; check the arm column, and customers in two arms",
                f"bras {', '.join(empty)} : trop peu de clients restent pour le comparer au "
                "témoin ; vérifiez la colonne du bras, et les clients présents dans deux bras",
            )
        )
    if reason:
        return _correction(looks, information, reason, language)
    _refuse_replaced(looks, data, language)
    _refuse_many(looks, information, plan, language)
    return Position(looks, (), is_new=True)


def _refuse_replaced(looks: list[Look], data: str, language: Language) -> None:
    for i, look in enumerate(looks):
        for c in look.corrections:
            if c.data == data:
                raise UserError(
                    language.pick(
                        f'this is the export that was replaced at look {i + 1} ("{c.reason}"): '
                        "give the corrected one",
                        f"c'est l'export remplacé au bilan {i + 1} (« {c.reason} ») : donnez "
                        "celui qui a été corrigé",
                    )
                )


def _refuse_many(
    looks: list[Look], information: dict[str, float], plan: Plan, language: Language
) -> None:
    """Refuses more looks than planned, and one without new customers."""
    last = looks[-1].information if looks else {}
    way_out = language.pick(
        'If this export mends a mistake in the last one, say so: --corrects_last_look="what was '
        'mended"; it then replaces that look, and the report says so',
        'Si cet export corrige une erreur du précédent, dites-le : --corrects_last_look="ce qui '
        'a été corrigé" ; il remplace alors ce bilan, et le rapport le dit',
    )
    if plan.looks and len(looks) >= plan.looks:
        raise UserError(
            language.pick(
                f"an interim look too many: {plan.looks} were planned and {len(looks)} are done. "
                f"The verdict of the last one stands; more looks would raise the false alarms. "
                f"{way_out}",
                f"un bilan de trop : {plan.looks} étaient prévus et {len(looks)} sont faits. "
                "Le verdict du dernier reste ; d'autres augmenteraient les fausses alertes. "
                f"{way_out}",
            )
        )
    if any(information[arm] <= last.get(arm, 0) for arm in information):
        seen = language.percent(min(last.values(), default=0), 0)
        raise UserError(
            language.pick(
                f"no new customers since the last look (at {seen} of the plan): "
                "other outcomes of the same customers make no new look; come back when more "
                f"customers' {plan.window_days} days of observation are over. {way_out}",
                f"pas de nouveaux clients depuis le dernier bilan (à {seen} du "
                f"plan) : d'autres résultats des mêmes clients ne font pas un "
                f"nouveau bilan ; revenez quand les {plan.window_days} jours d'observation "
                f"d'autres clients seront finis. {way_out}",
            )
        )


def _correction(
    looks: list[Look], information: dict[str, float], reason: str, language: Language
) -> Position:
    """Puts corrected data in the position of the last look; other customers are none."""
    if not looks:
        raise UserError(
            language.pick(
                "--corrects_last_look: there is no look yet; leave the flag out",
                "--corrects_last_look : aucun bilan n'est encore fait ; retirez cette option",
            )
        )
    last, earlier = looks[-1], looks[-2].information if looks[1:] else {}
    # Against all its versions, so that many corrections do not add up to a later look.
    fewest = {
        arm: min(x.information.get(arm, 0) for x in (last, *last.corrections))
        for arm in information
    }
    if any(n > _SLACK * fewest[arm] for arm, n in information.items()):
        raise UserError(
            language.pick(
                "--corrects_last_look: this export counts more customers than the last look, so "
                f"it is a new look: leave the flag out, or end at the same day{_flag(last)}",
                "--corrects_last_look : cet export compte plus de clients que le dernier bilan, "
                "c'est donc un nouveau bilan : retirez cette option, ou arrêtez-vous au même jour"
                f"{_flag(last)}",
            )
        )
    if any(n <= earlier.get(arm, 0) for arm, n in information.items()):
        raise UserError(
            language.pick(
                f"--corrects_last_look: this export counts no more customers than look "
                f"{len(looks) - 1}: it cannot stand for look {len(looks)}",
                "--corrects_last_look : cet export ne compte pas plus de clients que le bilan "
                f"{len(looks) - 1} : il ne peut pas remplacer le bilan {len(looks)}",
            )
        )
    before = Correction(reason, last.headline, last.data, last.information, last.z)
    return Position(looks[:-1], (*last.corrections, before), is_new=True)


def _flag(look: Look) -> str:
    return f" (--until={look.until})" if look.until else ""
