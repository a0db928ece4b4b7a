"""Chooses the shares of the next send by segment, and says what they would have brought."""

import argparse
import dataclasses
import json
import pathlib
import shlex

import numpy as np

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
    p.add_argument("--report", type=pathlib.Path, default=pathlib.Path("report/report.json"))
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("allocation.json"))
    p.add_argument(
        "--floor",
        type=fraction,
        default=0.01,
        help=say("smallest share of an arm; default 1%%", "plus petite part d'un bras ; 1 %%"),
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


def _read(path: pathlib.Path, language: Language) -> tuple[Moments, str]:
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
    except FileNotFoundError:
        raise UserError(
            pick(
                f"no {path}: run `campaign analyse` first, or give --report",
                f"pas de {path} : lancez d'abord `campaign analyse`, ou donnez --report",
            )
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise UserError(
            pick(
                f"{path} is no report of `campaign analyse` ({type(e).__name__})",
                f"{path} n'est pas un rapport de `campaign analyse` ({type(e).__name__})",
            )
        ) from None
    if decision == "refused":
        raise UserError(
            pick(
                "the split of that report is broken: no allocation from such data",
                "la répartition de ce rapport est faussée : pas d'allocation sur ces données",
            )
        )
    return without_holdout(m), metric


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes allocation.json and says what policies would have brought."""
    pick = language.pick
    m, metric = _read(a.report, language)
    if not 0 < a.floor <= 1 / len(m.arms):
        raise UserError(f"--floor={a.floor:g}: 0 .. {1 / len(m.arms):.3g}")
    shares = policy.thompson(m, metric, floor=a.floor, seed=_SEED)
    print(pick("shares of the next send:", "parts du prochain envoi :"))
    for segment, row in zip(m.segments, shares, strict=True):
        parts = ", ".join(
            f"{arm} {language.percent(p, 0)}" for arm, p in zip(m.arms, row, strict=True)
        )
        print(f"  {segment}{pick(':', ' :')} {parts}")
    values = _values(m, metric, shares)
    name = sentences.outcome(metric, language)
    print(
        pick(
            f"{name} of 100 customers, had all of them got ... (by past sends; 95% interval):",
            f"{name} pour 100 clients, si tous avaient reçu ... (d'après les envois passés ; "
            "intervalle à 95 %) :",
        )
    )
    for line in _value_lines(values, language):
        print(line)
    print(
        pick(
            "! after this, plain means of the arms are biased (the runner-up is underrated): "
            "analyse by segment and propensity, as `campaign analyse` does",
            "! ensuite les moyennes simples des bras sont biaisées (le second sous-estimé) : "
            "analysez par segment et propension, comme `campaign analyse`",
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
    a.out.parent.mkdir(parents=True, exist_ok=True)
    workdir.write_atomic(a.out, json.dumps(content, indent=1, ensure_ascii=False).encode())
    print(a.out)
    plan = language.pick("plan --baseline=RATE --start=DAY", "plan --baseline=TAUX --start=JOUR")
    flags = f"--allocation={shlex.quote(str(a.out))} --out=plan_2.json"  # a plan is made once
    print(language.next_line(f"{plan} {flags}"))
    return errors.EXIT_OK


def _value_lines(values: dict[str, dict[str, policy.Value]], language: Language) -> list[str]:
    """Writes a line for each policy, by the doubly robust estimate, with columns aligned."""
    names = {_ALLOCATION: language.pick("these shares", "ces parts")}
    width = max(len(names.get(policy_name, policy_name)) for policy_name in values)
    lines = []
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
