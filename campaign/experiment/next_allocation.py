"""Chooses the shares of the next send by segment, and says what they would have brought."""

import argparse
import dataclasses
import json
import pathlib
import shlex

import numpy as np

from campaign import folder as folder_lib
from campaign.experiment import moments as moments_lib
from campaign.experiment.inference import policy
from campaign.experiment.inference.effects import Moments, Sums
from campaign.experiment.plan_file import HOLDOUT
from campaign.experiment.reporting import sentences
from campaign.language import Language, fraction
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

_SEED = 20260101
_ALLOCATION = "allocation"  # the shares themselves, among the policies that are valued


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign next`."""
    say = language.pick
    file = say("FILE", "FICHIER")
    p.add_argument(
        "--report",
        type=pathlib.Path,
        metavar=file,
        help=say(
            "by default report/report.json in --dir", "par défaut report/report.json dans --dir"
        ),
    )
    p.add_argument(
        "--out",
        type=pathlib.Path,
        metavar=file,
        help=say("by default allocation.json in --dir", "par défaut allocation.json dans --dir"),
    )
    p.add_argument(
        "--floor",
        type=fraction,
        default=0.01,
        metavar="1%",
        help=say(
            "smallest part of the customers that an arm gets; default 1%%",
            "plus petite part des clients qu'un bras reçoit ; par défaut 1 %%",
        ),
    )


def without_holdout(m: Moments) -> Moments:
    """Returns the arms to choose from; propensities become those among these arms."""
    if HOLDOUT not in m.arms:
        return m
    keep = [i for i, a in enumerate(m.arms) if a != HOLDOUT]
    # Sums of 1 / p grow by the holdout's share; the mean of 1 / p over an arm gives it back.
    everyone = m.n.sum(1, keepdims=True)
    left = m.n[:, keep].sum(1, keepdims=True) / np.maximum(everyone, 1)

    def cut(s: Sums) -> Sums:
        return Sums(
            **{k: getattr(s, k)[:, keep] for k in ("y", "yy", "xy")},
            yw=s.yw[:, keep] * left,
            yw2=s.yw2[:, keep] * left**2,
            yyw2=s.yyw2[:, keep] * left**2,
        )

    return Moments(
        m.segments,
        tuple(m.arms[i] for i in keep),
        *(x[:, keep] for x in (m.n, m.x, m.xx)),
        m.w[:, keep] * left,
        m.w2[:, keep] * left**2,
        {k: cut(s) for k, s in m.outcomes.items()},
    )


def _read(path: pathlib.Path, language: Language) -> tuple[Moments, str, list[str]]:
    """Returns the sums of a report, the metric, and what its verdict leaves open."""
    pick = language.pick
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if "tests" in report:
            raise UserError(
                pick(
                    f"{path} is of counts alone; shares need customers: `campaign analyse` with "
                    "a plan",
                    f"{path} ne vient que de comptes ; les parts demandent des clients : "
                    "`campaign analyse` avec un plan",
                )
            )
        m, plan = moments_lib.from_json(report["moments"]), report["plan"]
        decision, metric = report["verdict"]["decision"], plan["metric"]
        is_proved = any(arm["status"] == "better" for arm in report["verdict"]["arms"])
    except FileNotFoundError:
        raise UserError(
            pick(
                f"{path} is missing: run `campaign analyse` first, or name the campaign's folder "
                "by --dir or the report by --report",
                f"{path} manque : lancez d'abord `campaign analyse`, ou nommez le dossier de la "
                "campagne par --dir ou le rapport par --report",
            )
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            pick(
                f"{path} is no report of `campaign analyse`: give its report.json",
                f"{path} n'est pas un rapport de `campaign analyse` : donnez son report.json",
            )
        ) from None
    if decision == "refused":
        raise UserError(
            pick(
                f"the split between the arms in {path} is broken: no shares come from such data; "
                "find the cause, and analyse again",
                f"la répartition entre les bras est faussée dans {path} : pas de parts d'après de "
                "telles données ; trouvez la cause, puis analysez de nouveau",
            )
        )
    runs = [_still_runs(is_proved, language)] if decision == "continue" else []
    return without_holdout(m), metric, runs


def _still_runs(is_proved: bool, language: Language) -> str:
    """Says that the verdict is to continue.

    Args:
      is_proved: whether an arm is proved better, and waits for its guardrails alone.
      language: of the line.
    """
    if is_proved:
        return language.pick(
            "! the test still runs, and its guardrails are not decided: finish it before you send "
            "by these shares",
            "! le test court encore, et ses garde-fous ne sont pas décidés : menez-le à terme "
            "avant d'envoyer selon ces parts",
        )
    return language.pick(
        "! the test still runs, and nothing is proved yet: these shares may follow mere chance; "
        "finish it before you send by them",
        "! le test court encore, et rien n'est prouvé : ces parts suivent peut-être le seul "
        "hasard ; menez-le à terme avant d'envoyer selon elles",
    )


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes allocation.json and says what policies would have brought."""
    report = a.report or a.dir / folder_lib.REPORT / "report.json"
    out = a.out or a.dir / folder_lib.ALLOCATION
    m, metric, runs = _read(report, language)
    _check_floor(a.floor, len(m.arms), language)
    shares = policy.thompson(m, metric, floor=a.floor, seed=_SEED)
    values = _values(m, metric, shares)
    for line in (
        *runs,
        *_share_lines(m, shares, language),
        *_value_lines(values, metric, language),
    ):
        print(line)
    print(
        language.pick(
            "! in the next test do not compare plain means of the arms: these shares favour one, "
            "and the runner-up would be underrated; `campaign analyse` allows for it",
            "! au test suivant, ne comparez pas les simples moyennes des bras : ces parts en "
            "favorisent un, et le second serait sous-estimé ; `campaign analyse` en tient compte",
        )
    )
    content = {
        "shares": {
            s: {arm: float(p) for arm, p in zip(m.arms, row / row.sum(), strict=True)}
            for s, row in zip(m.segments, shares, strict=True)
        },
        "values": {
            name: {k: dataclasses.asdict(v) for k, v in by.items()} for name, by in values.items()
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    workdir.write_atomic(out, json.dumps(content, indent=1, ensure_ascii=False).encode())
    print(out)
    plan = language.pick("plan --baseline=RATE --start=DAY", "plan --baseline=TAUX --start=JOUR")
    second = shlex.quote(str(a.dir / "plan_2.json"))  # a plan is made once
    flags = f"--allocation={shlex.quote(str(out))} --out={second}"
    print(language.next_line(f"{plan} {flags}", a.dir))
    return errors.EXIT_OK


def _check_floor(floor: float, arms: int, language: Language) -> None:
    if not 0 < floor <= 1 / arms:
        given, most = language.rate(floor), language.percent(1 / arms, 0)
        raise UserError(
            language.pick(
                f"--floor={given}: above 0%, and at most {most} with {arms} arms",
                f"--floor={given} : plus de 0 %, et au plus {most} avec {arms} bras",
            )
        )


def _share_lines(m: Moments, shares: np.ndarray, language: Language) -> list[str]:
    """Writes a line for each segment."""
    pick = language.pick
    lines = [pick("shares of the next send:", "parts du prochain envoi :")]
    for segment, row in zip(m.segments, shares, strict=True):
        parts = ", ".join(
            f"{arm} {language.percent(p, 0)}" for arm, p in zip(m.arms, row, strict=True)
        )
        lines.append(f"  {sentences.segment(segment, language)}{pick(':', ' :')} {parts}")
    return lines


def _value_lines(
    values: dict[str, dict[str, policy.Value]], metric: str, language: Language
) -> list[str]:
    """Writes a line for each policy, by the doubly robust estimate, with columns aligned."""
    name = sentences.outcome(metric, language)
    names = {_ALLOCATION: language.pick("these shares", "ces parts")}
    width = max(len(names.get(policy_name, policy_name)) for policy_name in values)
    lines = [
        language.pick(
            f"{name} of 100 customers, had all of them got ... (by past sends; 95% interval):",
            f"{name} pour 100 clients, si tous avaient reçu ... (d'après les envois passés ; "
            "intervalle à 95 %) :",
        )
    ]
    for policy_name, by in values.items():
        value = by["dr"]
        middle, low, high = (
            language.number(100 * (value.estimate + z * value.se), 2) for z in (0, -1.96, 1.96)
        )
        count = language.number(by["ips"].effective_n)
        lines.append(
            f"  {names.get(policy_name, policy_name):<{width}}  {middle:>6}  "
            + language.pick(
                f"({low} to {high}; as good as {count} customers)",
                f"({low} à {high} ; autant que {count} clients)",
            )
        )
    return lines


def _values(m: Moments, metric: str, shares: np.ndarray) -> dict[str, dict[str, policy.Value]]:
    policies = {
        arm: np.tile(np.eye(len(m.arms))[i], (len(m.segments), 1)) for i, arm in enumerate(m.arms)
    }
    policies[_ALLOCATION] = shares
    return {
        name: {
            "ips": policy.ips(m, metric, chosen),
            "snips": policy.snips(m, metric, chosen),
            "dr": policy.doubly_robust(m, metric, chosen),
        }
        for name, chosen in policies.items()
    }
