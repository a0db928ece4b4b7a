"""Feeds random input to the readers of what others made: each reads it or refuses it in one line.

    python -m tests.fuzz --cases=10000 [--seed=0] [--only=png,svg]

A finding is an error other than those that the reader documents, a case that takes longer than its
bound, a file written, a process or a connection started that the reader has no business with, or
code that a pickle names. Half of the inputs are good ones with some damage, so that they get past
the first check.
"""

import argparse
import string
import sys
import warnings

from tests.fuzz import fuzz_runner
from tests.fuzz.reader_table import READERS

_CASE_CHARACTERS = 300  # of a case that are printed


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Random input for the readers.")
    parser.add_argument("--cases", type=int, default=1000, help="of each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(READERS), help=", between readers")
    return parser.parse_args()


def _print_result(name: str, result: fuzz_runner.Result) -> None:
    counts = (
        f"{result.cases:7d} {result.refused:7d} {result.slowest_s:7.2f}s {result.seconds:7.0f}s"
    )
    print(f"{name:20s} {counts} {len(result.findings)}", flush=True)
    for finding, case in result.findings.items():
        text = "".join(c if c in string.printable else "?" for c in case)
        ellipsis = "..." if len(text) > _CASE_CHARACTERS else ""
        print(f"    {finding}: {text[:_CASE_CHARACTERS]}{ellipsis}", flush=True)


def main() -> int:
    """Runs the cases of each reader; returns 1 if there was a finding, else 0."""
    args = _parse_arguments()
    warnings.simplefilter("ignore")  # Pillow and zipfile warn of the damage
    head = f"{'cases':>7s} {'refused':>7s} {'slowest':>8s} {'seconds':>8s} findings"
    print(f"{'reader':20s} {head}, seed {args.seed}")
    findings = 0
    for name in args.only.split(","):
        result = fuzz_runner.run(READERS[name], args.cases, seed=args.seed)
        _print_result(name, result)
        findings += len(result.findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
