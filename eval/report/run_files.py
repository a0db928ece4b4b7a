"""What runs left behind: curves in metrics.jsonl, reports in eval/."""

import dataclasses
import json
import math
import os
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from emoji_gan.errors import UserError
from eval.report import report_file

Curve = tuple[np.ndarray, np.ndarray]  # kimg, ascending; values, NaN where not finite: float64 each


@dataclasses.dataclass(frozen=True)
class Run:
    """One workdir."""

    name: str  # short, unlike the others'
    path: pathlib.Path
    curves: dict[str, Curve]  # by the names in metrics.jsonl
    reports: tuple[report_file.Report, ...]  # by kimg


def read(paths: Sequence[str]) -> list[Run]:
    """Reads workdirs; a path that is there twice counts once.

    Raises:
      UserError: one is no folder, or has neither curves nor reports.
    """
    folders = list(dict.fromkeys(pathlib.Path(p).expanduser().absolute() for p in paths))
    found = []
    for name, folder in zip(short_names(folders), folders, strict=True):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such workdir")
        jsonl = folder / "metrics.jsonl"
        curves = read_jsonl(jsonl) if jsonl.exists() else {}
        reports = tuple(find_reports(folder))
        if not curves and not reports:
            raise UserError(
                f"{folder}: no curves (metrics.jsonl) and no reports (eval/) yet: train or evaluate it"
            )
        found.append(Run(name, folder, curves, reports))
    return found


def read_jsonl(path: str | os.PathLike) -> dict[str, Curve]:
    """The curves of a metrics.jsonl, also of one that is being written.

    A line that is not whole (a kill cuts the last one) is passed over, and said so on stderr. Of a
    kimg that is there twice the later line counts.

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
    """The reports under WORKDIR/eval, or of a folder or file of one report, by kimg; those of no kimg first.

    A damaged one among several is passed over, and said so on stderr.

    Raises:
      UserError: the one that was asked for is damaged.
    """
    path = pathlib.Path(path)
    if path.is_file() or (path / report_file.NAME).exists():
        return [report_file.load(path)]
    found = []
    for file in sorted(path.glob(f"eval/**/{report_file.NAME}")):
        try:
            found.append(report_file.load(file))
        except UserError as e:
            print(f"{e}; passed over", file=sys.stderr)
    return sorted(found, key=lambda r: (-1.0 if r.fake.kimg is None else r.fake.kimg, r.created))


def _number(value) -> float:
    try:
        number = float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:  # an int of 400 digits
        return math.nan
    return number if math.isfinite(number) else math.nan


def short_names(folders: Sequence[pathlib.Path]) -> list[str]:
    """Folder names, with as many of their parents as tell them apart."""
    for depth in range(1, max(len(f.parts) for f in folders) + 1):
        short = ["/".join(f.parts[-depth:]) for f in folders]
        if len(set(short)) == len(short):
            break
    return short
