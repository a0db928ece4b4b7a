"""Chooses the shares of the next send by segment, and says what they would have brought."""

import argparse
import dataclasses
import json
import pathlib

import numpy as np

from campaign.experiment import moments as moments_lib
from campaign.experiment.inference import policy
from campaign.experiment.inference.effects import Moments, Sums
from campaign.experiment.plan_file import HOLDOUT
from campaign.language import Language, fraction
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

_SEED = 20260101


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
        print(f"  {segment}: {parts}")
    values = _values(m, metric, shares)
    digits = 3
    print(
        pick(
            f"mean {metric} of a customer, by past data (IPS / SNIPS / DR; effective sample):",
            f"{metric} moyen par client, d'après le passé (IPS / SNIPS / DR ; effectif utile) :",
        )
    )
    for name, by in values.items():
        text = " / ".join(
            f"{language.number(100 * v.estimate, digits)} ± {language.number(196 * v.se, digits)}"
            for v in by.values()
        )
        print(f"  {name}: {text} (x 0.01); {language.number(by['ips'].effective_n)}")
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
    return errors.EXIT_OK


def _values(m: Moments, metric: str, shares: np.ndarray) -> dict[str, dict[str, policy.Value]]:
    policies = {
        f"all {arm}": np.tile(np.eye(len(m.arms))[i], (len(m.segments), 1))
        for i, arm in enumerate(m.arms)
    }
    policies["allocation"] = shares
    return {
        name: {
            "ips": policy.ips(m, metric, chosen),
            "snips": policy.snips(m, metric, chosen),
            "dr": policy.doubly_robust(m, metric, chosen),
        }
        for name, chosen in policies.items()
    }
