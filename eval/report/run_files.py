"""Reads the files that runs leave: curves in metrics.jsonl, reports in eval/."""

import dataclasses
import json
import math
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from emoji_gan.errors import UserError
from eval.report import metric_names, report_file

# kimg, ascending, and values, NaN where they are not finite; both f64.
Curve = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Run:
    """Holds the files of one workdir.

    Attributes:
      name: short, and different from the names of the other runs.
      path: the workdir.
      curves: by their names in metrics.jsonl.
      reports: sorted by kimg.
    """

    name: str
    path: pathlib.Path
    curves: dict[str, Curve]
    reports: tuple[report_file.Report, ...]


def read(paths: Sequence[str]) -> list[Run]:
    """Reads workdirs; a path that is given twice counts once.

    Raises:
      UserError: one is not a folder, or has neither curves nor reports.
    """
    folders = list(dict.fromkeys(pathlib.Path(p).expanduser().absolute() for p in paths))
    runs = []
    for name, folder in zip(short_names(folders), folders, strict=True):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such workdir")
        jsonl = folder / "metrics.jsonl"
        curves = read_jsonl(jsonl) if jsonl.exists() else {}
        reports = tuple(find_reports(folder))
        if not curves and not reports:
            raise UserError(
                f"{folder}: no curves (metrics.jsonl) and no reports (eval/) yet: train or "
                "evaluate it"
            )
        runs.append(Run(name, folder, curves, reports))
    return runs


def read_jsonl(path: str | os.PathLike) -> dict[str, Curve]:
    """Reads the curves of a metrics.jsonl, also of one that is being written.

    A line that is not whole (a kill cuts the last one) is passed over, with a line on stderr. Where
    a kimg occurs twice, the later line counts.

    Raises:
      UserError: the file cannot be read.
    """
    try:
        lines = pathlib.Path(path).read_bytes().split(b"\n")
    except OSError as e:
        raise UserError(f"cannot read {path}: {e.strerror}") from e
    values: dict[str, dict[float, float]] = {}
    for i, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            point = json.loads(line, parse_constant=lambda _: None)
            kimg = _number(point["kimg"])
            if not math.isfinite(kimg):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            print(
                f"{path}, line {i}: not a whole JSON object with a kimg, passed over",
                file=sys.stderr,
            )
            continue
        for name, value in point.items():
            if name not in ("kimg", "step"):
                values.setdefault(name, {})[kimg] = _number(value)
    curves = {}
    for name, by_kimg in values.items():
        order = sorted(by_kimg)
        curves[name] = np.array(order), np.array([by_kimg[x] for x in order])
    return curves


def find_reports(path: str | os.PathLike) -> list[report_file.Report]:
    """Reads the reports under WORKDIR/eval, or the report of a folder or file.

    A folder may hold one for each extractor, named by it, with a report in it. The reports are
    sorted by kimg, those without a kimg first. A damaged one among several is passed over,
    with a line on stderr.

    Raises:
      UserError: `path` is that of a single report, and damaged.
    """
    path = pathlib.Path(path)
    if path.is_file() or (path / report_file.NAME).exists():
        return [report_file.load(path)]
    reports = []
    by_extractor = (path / name / report_file.NAME for name in metric_names.EXTRACTORS)
    files = [f for f in by_extractor if f.exists()] + list(path.glob(f"eval/**/{report_file.NAME}"))
    for file in sorted(files):
        try:
            reports.append(report_file.load(file))
        except UserError as e:
            print(f"{e}; passed over", file=sys.stderr)
    return sorted(reports, key=lambda r: (-1.0 if r.fake.kimg is None else r.fake.kimg, r.created))


def _number(value: Any) -> float:
    """Returns a JSON value as a number, NaN where it is none or not finite."""
    try:
        number = float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:  # an int of 400 digits
        return math.nan
    return number if math.isfinite(number) else math.nan


def short_names(folders: Sequence[pathlib.Path]) -> list[str]:
    """Shortens folders to their names, with as many of their parents as tell them apart."""
    for depth in range(1, max(len(f.parts) for f in folders) + 1):
        short = ["/".join(f.parts[-depth:]) for f in folders]
        if len(set(short)) == len(short):
            break
    return short
