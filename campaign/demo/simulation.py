"""Simulates customers by a known truth: an emoji helps, one is useless, one harms.

The split may be broken.
"""

import argparse
import csv
import datetime
import functools
import pathlib

import numpy as np

from campaign.experiment import planning
from campaign.experiment.plan_file import HOLDOUT, Plan
from campaign.experiment.reading.tables import Tables
from campaign.language import Language, date

# The truth: relative effects on clicks and on unsubscribes.
TRUTH = {"control": 0.0, "helpful": 0.25, "useless": 0.0, "harmful": -0.15}
UNSUBSCRIBES = {"control": 0.0, "helpful": 0.0, "useless": 0.0, "harmful": 0.5}
_BASELINE, _UNSUBSCRIBE_RATE = 0.05, 0.004
_SEGMENTS = ("fidèles", "nouveaux", "occasionnels")
_FACTORS = (1.4, 0.9, 0.8)
_LOST = 0.12  # of the helpful arm, in the broken test
# What `campaign plan` is given: five looks, a holdout.
PLAN = (
    "--name=demo",
    "--metric=click",
    f"--baseline={_BASELINE:g}",
    "--smallest_effect=15%",
    f"--arms={','.join(TRUTH)}",
    "--holdout=5%",
    "--looks=5",
    "--start=2026-03-02",
    "--salt=demo",
)


def plan() -> Plan:
    """Returns the plan that `campaign plan` makes by `PLAN`."""
    p = argparse.ArgumentParser()
    planning.add_arguments(p, Language("en"))
    return planning.make(p.parse_args(PLAN), Language("en"))


def customer_count(of: Plan) -> int:
    """Returns how many customers a plan needs with its holdout, and 2 % more."""
    return int(1.02 * of.n_per_arm * len(of.arms) / (1 - of.holdout))


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
    rows = _assigned(assignments)
    u, unsubscribed, day, lost = (rng.random(len(rows)) for _ in range(4))
    with path.open("w", encoding="utf-8-sig", newline="") as f:
        writer = csv.writer(f, delimiter=";")
        writer.writerow(["N° client", "Date", "Envoyé", "Clic", "Désinscription"])
        for i, (customer, segment, arm, assigned) in enumerate(rows):
            if arm == HOLDOUT:
                continue
            rate = _BASELINE * _FACTORS[_SEGMENTS.index(segment)] * (1 + TRUTH[arm])
            clicked = u[i] < rate
            if broken and arm == "helpful" and not clicked and lost[i] < _LOST:
                continue
            left = unsubscribed[i] < _UNSUBSCRIBE_RATE * (1 + UNSUBSCRIBES[arm])
            when = assigned + datetime.timedelta(days=int(7 * day[i] ** 3))
            writer.writerow([customer, f"{when:%d/%m/%Y}", "oui", int(clicked), int(left)])


def _assigned(path: pathlib.Path) -> list[tuple[str, str, str, datetime.date]]:
    """Returns customer, segment, arm and day as `campaign assign` wrote them, by customer."""
    columns = ("customer", "segment", "arm", "assigned")
    language = Language("en")
    with Tables(language) as tables:
        tables.load("assigned", str(path), columns, required=columns, given={})
        rows = tables.rows("SELECT customer, segment, arm, assigned FROM assigned ORDER BY 1")
    day = functools.cache(lambda text: date(text, path.name, language))
    return [(*row[:3], datetime.date.fromisoformat(day(row[3]))) for row in rows]
