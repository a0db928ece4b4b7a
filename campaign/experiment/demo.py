"""Simulates a campaign with a known truth, and takes it from plan to verdict.

Three variants: a helpful emoji, a harmful one, a useless one; a second campaign has a broken split.
"""

import argparse
import csv
import datetime
import pathlib

import numpy as np

from campaign.experiment import analysis, assignment, looks, moments, plan_file, planning
from campaign.experiment.plan_file import HOLDOUT, Plan
from campaign.experiment.reading.tables import Tables
from campaign.experiment.reporting import sentences
from campaign.language import Language
from emoji_gan import errors
from emoji_gan.errors import UserError

# The truth: relative effects on clicks and on unsubscribes.
TRUTH = {"control": 0.0, "helpful": 0.25, "useless": 0.0, "harmful": -0.15}
UNSUBSCRIBES = {"control": 0.0, "helpful": 0.0, "useless": 0.0, "harmful": 0.5}
_BASELINE, _UNSUBSCRIBE_RATE = 0.05, 0.004
_SEGMENTS = ("fidèles", "nouveaux", "occasionnels")
_FACTORS = (1.4, 0.9, 0.8)
_LOST = 0.12  # of the helpful arm, in the broken campaign
_START = datetime.date(2026, 3, 2)


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign demo`."""
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("campaign_demo"))
    p.add_argument("--seed", type=int, default=1)


def demo_plan() -> Plan:
    """Returns the plan: three variants, five looks, a holdout."""
    fields = dict(
        name="demo",
        metric="click",
        baseline=_BASELINE,
        deviation=0.0,
        smallest_effect=0.15,
        alpha=0.05,
        power=0.8,
        arms=tuple(TRUTH),
        holdout=0.05,
        allocation={},
        looks=5,
        start=_START.isoformat(),
        wave_days=1,
        window_days=7,
        duration_days=planning.duration_days(5, 1, 7),
        guardrails={"unsubscribe": 0.2},
        covariate="",
        salt="demo",
    )
    return Plan(**fields, n_per_arm=planning.planned_size(Plan(**fields, n_per_arm=0)))


def write_customers(path: pathlib.Path, count: int, rng: np.random.Generator) -> None:
    """Writes a customers file as French tools do: semicolons, cp1252, a BOM-less heading."""
    segments = rng.integers(len(_SEGMENTS), size=count)
    with path.open("w", encoding="cp1252", newline="") as f:
        writer = csv.writer(f, delimiter=";")
        writer.writerow(["N° client", "Segment"])
        writer.writerows((f"{i:07d}", _SEGMENTS[s]) for i, s in enumerate(segments))


def write_outcomes(
    assignments: pathlib.Path, path: pathlib.Path, rng: np.random.Generator, broken: bool
) -> None:
    """Simulates what the assigned customers do, by the truth.

    Where the split is broken, a part of the helpful variant's mails was never sent: those with the
    fewest clicks, so that its click rate looks even better.
    """
    with assignments.open(encoding="utf-8", newline="") as f:
        rows = sorted(csv.DictReader(f), key=lambda r: r["customer"])
    u, unsubscribed, day, lost = (rng.random(len(rows)) for _ in range(4))
    with path.open("w", encoding="utf-8-sig", newline="") as f:
        writer = csv.writer(f, delimiter=";")
        writer.writerow(["N° client", "Date", "Envoyé", "Clic", "Désinscription"])
        for i, row in enumerate(rows):
            if row["arm"] == HOLDOUT:
                continue
            rate = _BASELINE * _FACTORS[_SEGMENTS.index(row["segment"])] * (1 + TRUTH[row["arm"]])
            clicked = u[i] < rate
            if broken and row["arm"] == "helpful" and not clicked and lost[i] < _LOST:
                continue
            left = unsubscribed[i] < _UNSUBSCRIBE_RATE * (1 + UNSUBSCRIBES[row["arm"]])
            when = datetime.date.fromisoformat(row["assigned"])
            when += datetime.timedelta(days=int(7 * day[i] ** 3))
            writer.writerow([row["customer"], f"{when:%d/%m/%Y}", "oui", int(clicked), int(left)])


def _campaign(out: pathlib.Path, seed: int, broken: bool, language: Language) -> str:
    """Runs one campaign look by look until its verdict; returns the last sentence."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    plan, plan_path = demo_plan(), out / "plan.json"
    plan_file.write(plan_path, plan, language)
    needed = int(1.02 * plan.n_per_arm * len(plan.arms) / (1 - plan.holdout))
    write_customers(out / "customers.csv", needed, rng)
    with Tables(language) as tables:
        assignment.assign(
            tables, plan, str(out / "customers.csv"), out / "assignments.csv", given={}
        )
    write_outcomes(out / "assignments.csv", out / "outcomes.csv", rng, broken)
    for look in range(plan.looks):
        day = _START + datetime.timedelta(days=look + plan.window_days - 1)
        with Tables(language) as tables:
            collected = moments.collect(
                tables,
                plan,
                str(out / "assignments.csv"),
                str(out / "outcomes.csv"),
                given={},
                dates=None,
                until=day,
            )
        v = analysis.analyse(plan, collected, looks.path_of(plan_path), out / "report", language)
        sentence = sentences.headline(v, plan, language)
        print(f"  {day}: {sentence}", flush=True)
        if v.decision != "continue":
            break
    return sentence


def run(a: argparse.Namespace, language: Language) -> int:
    """Runs a sound campaign and one with a broken split."""
    if (a.out / "sound" / "plan.looks.json").exists():
        raise UserError(
            language.pick(
                f"{a.out} has a campaign already: choose another --out",
                f"{a.out} a déjà une campagne : choisissez un autre --out",
            )
        )
    truth = ", ".join(f"{k} {language.percent(x, 0, True)}" for k, x in TRUTH.items())
    print(language.pick(f"the truth, on clicks: {truth}", f"la vérité, sur les clics : {truth}"))
    names = {
        "sound": language.pick("a sound campaign", "une campagne saine"),
        "broken": language.pick("a broken split", "une répartition faussée"),
    }
    for folder, name in names.items():
        print(name)
        _campaign(a.out / folder, a.seed, folder == "broken", language)
        print(" ", a.out / folder / "report" / "report.html")
    return errors.EXIT_OK
