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


@dataclasses.dataclass(frozen=True)
class Look:
    """Holds what was seen at one look.

    Attributes:
      data: hash of the sums, to recognise the same look.
      information: of each arm against the control, as a fraction of the plan.
      z: of each arm against the control.
    """

    data: str
    information: dict[str, float]
    z: dict[str, float]


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
        looks, seal = [Look(**look) for look in content["looks"]], content["plan"]
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


def write(path: pathlib.Path, plan: Plan, looks: list[Look]) -> None:
    """Writes the looks."""
    content = {"plan": plan_file.seal(plan), "looks": [dataclasses.asdict(x) for x in looks]}
    workdir.write_atomic(path, json.dumps(content, indent=1).encode())


def before(
    looks: list[Look], data: str, information: dict[str, float], *, plan: Plan, language: Language
) -> list[Look]:
    """Returns the looks before this one; the same data again is the same look.

    Args:
      looks: all so far.
      data: hash of the sums now.
      information: now.
      plan: of the experiment.
      language: of errors.

    Raises:
      UserError: one look too many, or nothing new since the last.
    """
    for i, look in enumerate(looks):
        if look.data == data:
            return looks[:i]
    number = language.number
    if plan.looks and len(looks) >= plan.looks:
        raise UserError(
            language.pick(
                f"an interim look too many: {plan.looks} were planned and {len(looks)} are done. "
                "The verdict of the last one stands; more looks would raise the false alarms",
                f"un bilan de trop : {plan.looks} étaient prévus et {len(looks)} sont faits. "
                "Le verdict du dernier reste ; d'autres augmenteraient les fausses alertes",
            )
        )
    last = looks[-1].information if looks else {}
    if empty := [arm for arm, value in information.items() if value <= 0]:
        raise UserError(
            language.pick(
                f"arm {', '.join(empty)}: too few customers are left to compare it with the "
                "control; check the arm column, and customers in two arms",
                f"bras {', '.join(empty)} : trop peu de clients restent pour le comparer au "
                "témoin ; vérifiez la colonne du bras, et les clients présents dans deux bras",
            )
        )
    if any(information[arm] <= last.get(arm, 0) for arm in information):
        seen = number(100 * min(last.values(), default=0))
        raise UserError(
            language.pick(
                f"no new customers since the last look (at {seen} % of the plan): other outcomes "
                "of the same customers make no new look",
                f"pas de nouveaux clients depuis le dernier bilan (à {seen} % du plan) : d'autres "
                "résultats des mêmes clients ne font pas un nouveau bilan",
            )
        )
    return looks
