"""Assigns and analyses millions of simulated customers: seconds and peak memory of each command.

    python -m benchmarks.campaign.many_customers --customers=1000000 --out=FOLDER

Commands run as a user types them, each in a process of its own, with files of the kind marketing
has (semicolons, dates dd/mm/yyyy). Every customer has a row of outcomes. With --parts=4 the same is
done in four parts, one after another, as on four machines, and must give the same sums.
"""

import argparse
import datetime
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

import duckdb
import numpy as np

from campaign.demo import simulation
from campaign.experiment import plan_file
from emoji_gan import errors
from emoji_gan.errors import UserError

_UNTIL = datetime.date(2026, 3, 31)


def write_files(folder: pathlib.Path, customers: int) -> None:
    """Writes the plan, customers.csv and outcomes.csv."""
    plan_file.write(folder / "plan.json", simulation.plan())
    con = duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(folder / "spill")})
    con.execute(
        f"COPY (SELECT 'client' || lpad(i::VARCHAR, 9, '0') AS \"N° client\", "
        f"'segment ' || (i % 5) AS Segment FROM range({customers}) t(i)) "
        f"TO '{folder}/customers.csv' (DELIMITER ';', HEADER)"
    )
    con.execute(
        "COPY (SELECT 'client' || lpad(i::VARCHAR, 9, '0') AS \"N° client\", "
        "strftime(DATE '2026-03-08' + (i % 3)::INT, '%d/%m/%Y') AS Date, "
        '(hash(i) % 20 = 0)::INT AS Clic, (hash(i + 1) % 200 = 0)::INT AS "Désinscription" '
        f"FROM range({customers}) t(i)) TO '{folder}/outcomes.csv' (DELIMITER ';', HEADER)"
    )


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """Runs a command; returns its seconds, CPU seconds and the largest child's peak MiB so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "campaign", *arguments], capture_output=True, text=True
    )
    if done.returncode:
        raise UserError(done.stderr.strip())
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, after.ru_maxrss / 1024


def sums(path: pathlib.Path) -> np.ndarray:
    """Reads customers by segment and arm from a report."""
    return np.array(json.loads(path.read_text())["moments"]["n"])


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--customers", type=int, default=1_000_000)
    p.add_argument("--parts", type=int, default=1)
    p.add_argument("--out", type=pathlib.Path, required=True)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    write_files(a.out, a.customers)
    plan, assignments = f"--plan={a.out}/plan.json", f"{a.out}/assignments.csv"
    common = [plan, f"--outcomes={a.out}/outcomes.csv", f"--until={_UNTIL}"]
    print(f"{a.customers:,} customers; load average {os.getloadavg()[0]:.1f}")
    print("| command | seconds | CPU seconds | peak MiB so far |\n|---|---:|---:|---:|")
    for name, arguments in {
        "assign": ["assign", plan, f"--customers={a.out}/customers.csv", f"--out={assignments}"],
        "analyse": ["analyse", *common, f"--assignments={assignments}", f"--out={a.out}/report"],
    }.items():
        print("| {} | {:.1f} | {:.1f} | {:.0f} |".format(name, *measured(arguments)), flush=True)
    if a.parts > 1:
        files = []
        for i in range(1, a.parts + 1):
            part = [
                "analyse",
                *common,
                f"--assignments={assignments}",
                f"--part={i}/{a.parts}",
                f"--out={a.out}/part{i}",
            ]
            print(
                "| analyse --part={}/{} | {:.1f} | {:.1f} | {:.0f} |".format(
                    i, a.parts, *measured(part)
                )
            )
            files.append(f"{a.out}/part{i}/sums.json")
        measured(["analyse", plan, "--sums", *files, f"--out={a.out}/joined"])
        one, parts = (sums(a.out / x / "report.json") for x in ("report", "joined"))
        print("parts give the same counts:", bool(np.array_equal(one, parts)))
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
