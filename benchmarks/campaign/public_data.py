"""Reproduces what is published of two public data sets: Hillstrom's e-mails, Upworthy's headlines.

    python -m benchmarks.campaign.public_data --data=FOLDER --out=FOLDER

FOLDER has hillstrom.csv.gz (the MineThatData challenge: 64,000 customers, three arms) and
upworthy_counts.csv.gz (the Upworthy Research Archive, exploratory part: test, arm, impressions,
clicks, winner as declared by the site, week). All goes through the readers and the analysis of
`campaign`, as a user's files would.
"""

import argparse
import csv
import gzip
import pathlib

import numpy as np

from campaign.experiment import counts, moments, verdict
from campaign.experiment.inference import policy
from campaign.experiment.plan_file import Plan
from campaign.experiment.reading.tables import Tables
from campaign.language import Language
from emoji_gan import errors
from emoji_gan.errors import UserError

_ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
# A cache served arms in blocks in these weeks, as the archive documents.
_FAULTY_WEEKS = (201326, 201402)
_WINNERS = ("proved", "undecided", "wrong")
_PUBLISHED_WINNERS = {"proved": 115, "undecided": 1024, "wrong": 11}


def hillstrom_plan() -> Plan:
    """Returns the plan that the challenge amounts to: one look, a third of customers an arm."""
    return Plan(
        name="hillstrom",
        metric="visit",
        baseline=0.1062,
        deviation=0.0,
        smallest_effect=0.1,
        alpha=0.05,
        power=0.8,
        arms=_ARMS,
        holdout=0.0,
        allocation={},
        looks=1,
        start="2008-03-20",
        wave_days=1,
        window_days=14,
        n_per_arm=21_000,
        duration_days=14,
        guardrails={},
        covariate="history",
        salt="hillstrom",
    )


def hillstrom_moments(data: pathlib.Path, scratch: pathlib.Path) -> moments.Collected:
    """Numbers the customers, who have no id, and collects the sums from files of both kinds."""
    with gzip.open(data / "hillstrom.csv.gz", "rt", newline="") as f:
        rows = list(csv.DictReader(f))
    with (scratch / "assignments.csv").open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["customer", "segment", "arm", "propensity", "covariate"])
        for i, r in enumerate(rows):
            writer.writerow([i, r["history_segment"], r["segment"], 1 / 3, r["history"]])
    with (scratch / "outcomes.csv").open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["customer", "visit", "conversion", "spend"])
        for i, r in enumerate(rows):
            writer.writerow([i, r["visit"], r["conversion"], r["spend"]])
    with Tables(Language("en")) as tables:
        return moments.collect(
            tables,
            hillstrom_plan(),
            str(scratch / "assignments.csv"),
            str(scratch / "outcomes.csv"),
            given={},
            dates=None,
            until=None,
        )


def hillstrom(data: pathlib.Path, scratch: pathlib.Path) -> list[tuple[str, str, str]]:
    """Returns rows (fact, published, ours)."""
    collected = hillstrom_moments(data, scratch)
    m, plan = collected.moments, hillstrom_plan()
    rates = [m.mean("visit", arm) for arm in _ARMS]
    v = verdict.judge(m, plan, [])
    shares = np.zeros_like(m.n)
    shares[:, 1] = 1
    by = {
        f.__name__: f(m, "visit", shares) for f in (policy.ips, policy.snips, policy.doubly_robust)
    }
    thompson = policy.thompson(m, "visit", floor=0.01, seed=0)
    weights = m.n.sum(1) / m.n.sum()
    arms = {a.name: a for a in v.arms}
    return [
        ("customers", "64,000", f"{m.n.sum():,.0f}"),
        ("sample ratio", "", f"p = {v.ratio_p_value:.2f}"),
        ("visits", "10.62 / 18.28 / 15.14 %", " / ".join(f"{100 * r:.2f}" for r in rates) + " %"),
        *[
            (
                f"{a.name} against none",
                "",
                f"{100 * a.estimate:+.2f} points "
                f"[{100 * a.low:.2f}; {100 * a.high:.2f}], {a.status}",
            )
            for a in arms.values()
        ],
        ("IPS of all men's", "18.25 ± 0.56 %", _value(by["ips"])),
        ("SNIPS of all men's", "", _value(by["snips"])),
        ("DR of all men's", "", _value(by["doubly_robust"])),
        ("effective sample", "", f"{by['ips'].effective_n:,.0f}"),
        ("covariate `history`", "saves 0.04 %", f"{v.covariate}, {100 * v.variance_saved:.2f} %"),
        ("Thompson's share of the best arm", "", f"{100 * weights @ thompson[:, 1]:.1f} %"),
        ("verdict", "", f"{v.decision} {v.winner}"),
    ]


def _value(v: policy.Value) -> str:
    return f"{100 * v.estimate:.2f} ± {196 * v.se:.2f} %"


def _with_weeks(data: pathlib.Path) -> dict[str, int]:
    with gzip.open(data / "upworthy_counts.csv.gz", "rt", newline="") as f:
        return {r["test"]: int(r["week"]) for r in csv.DictReader(f)}


def upworthy(data: pathlib.Path) -> list[tuple[str, str, str]]:
    """Returns rows (fact, published, ours)."""
    with Tables(Language("en")) as tables:
        tests = counts.read(tables, str(data / "upworthy_counts.csv.gz"), {})
    weeks = _with_weeks(data)
    verdicts = {t.name: counts.judge(t) for t in tests}
    faulty = {t.name for t in tests if _FAULTY_WEEKS[0] <= weeks[t.name] <= _FAULTY_WEEKS[1]}
    flagged = {n for n, v in verdicts.items() if v.outcome == "refused"}

    def fraction(names: set[str]) -> str:
        return f"{100 * len(flagged & names) / len(names):.1f} % of {len(names):,}"

    # The published audit looks at every declared winner, broken splits included.
    declared = [t for t in tests if t.winner is not None]
    whole = [counts.declared_winner(t, t.winner) for t in declared]
    kept = [verdicts[t.name].declared for t in declared if t.name not in flagged]
    best = [t for t in declared if t.winner == int(np.argmax(t.clicks / t.impressions))]
    some = [
        counts.against(t, int(np.argmax(t.clicks / t.impressions)))[1].min() < 0.05 for t in tests
    ]
    proved = [v.outcome == "proved" for v in verdicts.values()]
    return [
        ("tests, arms", "4,873, 22,666", f"{len(tests):,}, {sum(len(t.arms) for t in tests):,}"),
        ("sample ratio fails, faulty weeks", "67 %", fraction(faulty)),
        ("sample ratio fails, other weeks", "1.2 %", fraction(set(verdicts) - faulty)),
        ("one declared winner", "1,150", f"{len(declared):,}"),
        *[
            (
                f"declared winners {w}",
                f"{_PUBLISHED_WINNERS[w]:,}",
                f"{whole.count(w):,}; {kept.count(w):,} where the split is whole",
            )
            for w in _WINNERS
        ],
        ("declared winners refused: split broken", "", f"{len(declared) - len(kept):,}"),
        (
            "declared winner has not the highest rate",
            "a quarter",
            f"{100 * (1 - len(best) / len(declared)):.1f} %",
        ),
        (
            "best arm beats all others",
            "10.4 %",
            f"{100 * np.mean([counts.best_arm(t) is not None for t in tests]):.1f} %; "
            f"{100 * np.mean(proved):.1f} % with a whole split",
        ),
        ("best arm beats some other (Holm)", "49 %", f"{100 * np.mean(some):.1f} %"),
    ]


def table(rows: list[tuple[str, str, str]]) -> str:
    """Formats the rows."""
    return "\n".join(
        ["| | published | ours |", "|---|---|---|"] + [f"| {a} | {b} | {c} |" for a, b, c in rows]
    )


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--data", type=pathlib.Path, required=True, help="folder of the two files")
    p.add_argument("--out", type=pathlib.Path, required=True, help="folder for files in between")
    a = p.parse_args()
    if not (a.data / "hillstrom.csv.gz").exists():
        raise UserError(f"{a.data} has no hillstrom.csv.gz")
    a.out.mkdir(parents=True, exist_ok=True)
    print("Hillstrom\n\n" + table(hillstrom(a.data, a.out)))
    print("\nUpworthy\n\n" + table(upworthy(a.data)))
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
