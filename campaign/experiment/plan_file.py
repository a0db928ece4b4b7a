"""Writes the plan of an experiment before its start, sealed so that later changes are seen."""

import dataclasses
import datetime
import hashlib
import json
import math
import pathlib
import shlex
from typing import Any

from campaign import folder as folder_lib
from campaign.experiment.reading import headings
from campaign.language import Language
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir


@dataclasses.dataclass(frozen=True)
class Plan:
    """Says before the start what is measured, on how many, how often, and what decides.

    Attributes:
      name: of the campaign.
      metric: outcome that decides, one of `headings.OUTCOMES`.
      baseline: its mean without the new variant: a rate in 0..1, or an amount a customer.
      deviation: standard deviation of an amount; 0 for rates, which have their own.
      smallest_effect: smallest relative improvement worth knowing.
      alpha: two-sided error of all arms and looks together.
      power: probability of proving the smallest effect.
      arms: the control first.
      holdout: fraction of customers that get nothing and stay so.
      allocation: shares of the arms by segment; {} for equal shares everywhere.
      looks: planned looks; 0 for a campaign whose size is open.
      start: first day, ISO.
      wave_days: days between waves; each look adds a wave of customers.
      window_days: days of outcomes that count for a customer.
      n_per_arm: customers that each arm needs.
      duration_days: from the start to the last look.
      guardrails: outcome -> tolerated relative worsening.
      covariate: column of the customers file from before the start, or "".
      salt: of the assignment.
      strict_guardrails: whether an arm is deployed only where each guardrail is shown to stay
        within what is tolerated (non-inferiority); else where none is shown to be hurt.
    """

    name: str
    metric: str
    baseline: float
    deviation: float
    smallest_effect: float
    alpha: float
    power: float
    arms: tuple[str, ...]
    holdout: float
    allocation: dict[str, dict[str, float]]
    looks: int
    start: str
    wave_days: int
    window_days: int
    n_per_arm: int
    duration_days: int
    guardrails: dict[str, float]
    covariate: str
    salt: str
    strict_guardrails: bool = False

    @property
    def control(self) -> str:
        """Returns the arm that the others are compared with."""
        return self.arms[0]

    @property
    def groups(self) -> tuple[str, ...]:
        """Returns all groups of customers: the arms, and the holdout last if there is one."""
        return (*self.arms, *([HOLDOUT] if self.holdout else []))

    @property
    def start_date(self) -> datetime.date:
        """Returns the first day."""
        return datetime.date.fromisoformat(self.start)

    @property
    def fractions(self) -> tuple[float, ...]:
        """Returns the fractions of information at the planned looks."""
        return tuple((k + 1) / self.looks for k in range(self.looks))

    @property
    def comparisons(self) -> int:
        """Returns how many arms are compared with the control."""
        return len(self.arms) - 1

    @property
    def n_in_all(self) -> int:
        """Returns how many customers all arms and the holdout need together."""
        return math.ceil(self.n_per_arm * len(self.arms) / (1 - self.holdout))

    @property
    def is_amount(self) -> bool:
        """Tells an amount of money from a yes or no."""
        return self.metric in headings.AMOUNTS

    def shares(self, segment: str) -> dict[str, float]:
        """Returns the propensity of each arm in a segment, the holdout last."""
        equal = dict.fromkeys(self.arms, 1 / len(self.arms))
        chosen = self.allocation.get(segment, equal)
        shares = {arm: (1 - self.holdout) * chosen[arm] for arm in self.arms}
        return shares | ({HOLDOUT: self.holdout} if self.holdout else {})


HOLDOUT = "holdout"


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fields_of(plan: Plan) -> dict[str, Any]:
    """Returns the fields as JSON has them; those at their default are left out, as in old plans."""
    optional = {
        f.name: f.default for f in dataclasses.fields(plan) if f.default is not dataclasses.MISSING
    }
    content = json.loads(json.dumps(dataclasses.asdict(plan)))
    return {k: v for k, v in content.items() if k not in optional or v != optional[k]}


def seal(plan: Plan) -> str:
    """Returns the hash of a plan."""
    return _digest(fields_of(plan))


def flag(path: pathlib.Path, folder: pathlib.Path) -> str:
    """Returns the flag that names a plan, with a space before it; "" for that of the folder."""
    return "" if path == folder / folder_lib.PLAN else f" --plan={shlex.quote(str(path))}"


def write(path: pathlib.Path, plan: Plan) -> None:
    """Writes a plan with its seal."""
    fields = fields_of(plan)
    sealed = {"plan": seal(plan), "fields": {k: _digest(v) for k, v in fields.items()}}
    text = json.dumps(fields | {"seal": sealed}, indent=1, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    workdir.write_atomic(path, text.encode())


def read(path: pathlib.Path, language: Language) -> Plan:
    """Reads a plan.

    Raises:
      UserError: missing, no plan, or changed since it was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        sealed = content.pop("seal")
        changed = {k for k, v in content.items() if sealed["fields"].get(k) != _digest(v)}
        changed |= sealed["fields"].keys() - content.keys()
        plan = None if changed else Plan(**content | {"arms": tuple(content["arms"])})
    except FileNotFoundError:
        raise UserError(
            language.pick(
                f"{path} is missing: run `campaign plan` first, or name the campaign's folder by "
                "--dir or the plan by --plan",
                f"{path} manque : lancez d'abord `campaign plan`, ou nommez le dossier de la "
                "campagne par --dir ou le plan par --plan",
            )
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            language.pick(
                f"{path} is no plan of `campaign plan`: give its plan.json",
                f"{path} n'est pas un plan de `campaign plan` : donnez son plan.json",
            )
        ) from None
    if plan is None or seal(plan) != sealed["plan"]:
        names = language.listing(sorted(changed)) or "seal"
        raise UserError(
            language.pick(
                f"{path} was changed after it was written: {names}. A plan changed after the "
                "start proves nothing: restore it, or plan a new campaign",
                f"{path} a été modifié après son écriture : {names}. Un plan modifié après le "
                "départ ne prouve rien : rétablissez-le, ou planifiez une autre campagne",
            )
        )
    return plan


def read_allocation(
    path: pathlib.Path, arms: tuple[str, ...], language: Language
) -> dict[str, dict[str, float]]:
    """Reads the shares by segment that `campaign next` wrote.

    Raises:
      UserError: unreadable, other arms, or shares that do not add up to 1.
    """
    try:
        shares = json.loads(path.read_text(encoding="utf-8"))["shares"]
        fits = all(
            s.keys() == set(arms) and min(s.values()) > 0 and abs(sum(s.values()) - 1) < 1e-6
            for s in shares.values()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise UserError(
            language.pick(
                f"{path} has no shares of the arms {', '.join(arms)}: give an allocation.json of "
                "`campaign next`, and the same arms by --arms",
                f"{path} n'a pas les parts des bras {', '.join(arms)} : donnez un allocation.json "
                "de `campaign next`, et les mêmes bras par --arms",
            )
        )
    return shares
