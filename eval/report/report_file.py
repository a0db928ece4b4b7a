"""What an evaluation found, as files: report.json (docs/report_schema.md), a table, a page, TensorBoard."""

import dataclasses
import json
import math
import os
import pathlib
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from emoji_gan.errors import UserError
from eval.metrics.sets import Estimate
from eval.report import metric_names

SCHEMA_VERSION = 1
NAME = "report.json"


@dataclasses.dataclass(frozen=True)
class ExtractorInfo:
    """The network that the features are of."""

    name: str  # 'inception-2015', 'emoji-encoder'
    weights_hash: str  # SHA-256 of its weights
    pipeline: str  # how images are prepared for it
    background: str  # under the alpha: 'white', 'black', 'checker', or 'none'


@dataclasses.dataclass(frozen=True)
class RealInfo:
    """The images that one is compared with."""

    what: str  # 'openmoji train', or the folder
    n: int  # images
    hash: str  # SHA-256 of the images
    filter: dict[str, Any]  # which of the data set's emoji; {}: all


@dataclasses.dataclass(frozen=True)
class FakeInfo:
    """The images that are judged. None: does not apply, as to a folder that was not drawn by a run."""

    what: str  # the run's name, or the folder
    n: int  # images
    workdir: str | None = None
    step: int | None = None  # training steps
    kimg: float | None = None  # thousands of images shown
    checkpoint_hash: str | None = None  # SHA-256 of the checkpoint's seal
    seeds: str | None = None  # '0-9999'
    truncation: float | None = None  # psi; 1: the full variety
    hash: str | None = None  # SHA-256 of the images


@dataclasses.dataclass(frozen=True)
class Report:
    """One evaluation of one set of images with one extractor."""

    extractor: ExtractorInfo
    real: RealInfo
    fake: FakeInfo
    settings: dict[str, Any]  # whatever else the figures depend on: flags, versions, host
    metrics: dict[str, Estimate]  # by the metric files' names: 'fd', 'kid', ...
    timings: dict[str, float]  # stage -> s
    created: str  # ISO 8601, UTC: '2026-11-23T09:16:39Z'
    schema_version: int = SCHEMA_VERSION

    def shown(self) -> dict[str, Estimate]:
        """The metrics under the names that they are shown by, in the order of `eval.report.metric_names`."""
        ordered = sorted(self.metrics, key=metric_names.order)
        return {
            metric_names.display_name(name, self.extractor.name): self.metrics[name]
            for name in ordered
        }


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON can hold it: numbers that are not finite become null, tuples lists."""
    return _plain(dataclasses.asdict(report))


def from_json(data: Any, where: str = "report") -> Report:
    """The way back: null is NaN for an estimate's value and a timing, None elsewhere; unknown fields go.

    Args:
      data: as `json.loads` gives it.
      where: for the message.

    Raises:
      UserError: another schema version, a field missing or of the wrong type.
    """
    if not isinstance(data, dict) or "schema_version" not in data:
        raise UserError(f"{where}: not a report of this program (it has no schema_version)")
    if data["schema_version"] != SCHEMA_VERSION:
        raise UserError(
            f"{where}: schema version {data['schema_version']}, this program reads {SCHEMA_VERSION}; "
            "evaluate again"
        )
    return _build(Report, data, where, "")


def load(path: str | os.PathLike) -> Report:
    """Reads a report.json, or the one in a folder.

    Raises:
      UserError: it is not there, not whole, or not of this schema version.
    """
    path = pathlib.Path(path)
    path = path / NAME if path.is_dir() else path
    try:
        data = json.loads(path.read_bytes())
    except OSError as e:
        raise UserError(f"cannot read {path}: {e.strerror}") from e
    except (ValueError, RecursionError) as e:
        raise UserError(f"{path} is not JSON ({e}): evaluate again") from e
    return from_json(data, str(path))


def folder_of(directory: str | os.PathLike, report: Report) -> pathlib.Path:
    """Where a run's report lies: WORKDIR/eval/kimg000030.672/inception-2015-..."""
    kimg = "set" if report.fake.kimg is None else f"kimg{report.fake.kimg:010.3f}"
    return pathlib.Path(directory, "eval", kimg, series_slug(report))


def write_tensorboard(report: Report, directory: str | os.PathLike) -> None:
    """Adds the figures to TensorBoard under WORKDIR/eval, at the training's own step: images shown.

    Every series (see `series`) is a TensorBoard run of its own, so that no curve joins figures that
    are not comparable. An interval's ends are `eval_interval/NAME_low` and `_high`.

    Args:
      report: of a run: `fake.kimg` is set.
      directory: the workdir.

    Raises:
      UserError: the folder cannot be written.
      ValueError: the report is not of a run.
    """
    from clu import metric_writers  # imports TensorFlow

    if report.fake.kimg is None:
        raise ValueError("only a run's reports have a place on its axis")
    scalars = {}
    for name, e in report.shown().items():
        found = {
            f"eval/{name}": e.value,
            f"eval_interval/{name}_low": e.low,
            f"eval_interval/{name}_high": e.high,
        }
        scalars |= {
            tag: value for tag, value in found.items() if value is not None and math.isfinite(value)
        }
    folder = pathlib.Path(directory, "eval", "tensorboard", series_slug(report))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writer = metric_writers.SummaryWriter(str(folder))
        writer.write_scalars(round(report.fake.kimg * 1000), scalars)
        writer.close()
    except Exception as e:  # TensorFlow has errors of its own beside OSError
        if not isinstance(e, OSError) and type(e).__module__.partition(".")[0] != "tensorflow":
            raise
        reason = getattr(e, "strerror", None) or str(e).splitlines()[0].rpartition("; ")[2]
        raise UserError(f"cannot write TensorBoard's files in {folder}: {reason}") from e


def series(report: Report) -> dict[str, str]:
    """What two reports must share for their figures to be comparable, as words for a person."""
    e, r, f = report.extractor, report.real, report.fake
    return {
        "extractor": e.name,
        "weights": e.weights_hash[:12],
        "input pipeline": e.pipeline,
        "background": e.background,
        "against": r.what,
        "real images": f"{r.n} ({r.hash[:12]})",
        "generated images": str(f.n),
        "truncation": "none" if f.truncation is None else f"{f.truncation:g}",
    }


def series_slug(report: Report) -> str:
    """`series` as one folder name."""
    e, r, f = report.extractor, report.real, report.fake
    psi = "" if f.truncation is None else f"psi{f.truncation:g}"
    real = f"{r.what}-{r.hash[:8]}"
    parts = (e.name, e.weights_hash[:8], e.pipeline, e.background, real[-60:], f"n{f.n}", psi)
    return "-".join(re.sub(r"[^\w.-]+", "_", p).strip("_") for p in parts if p)


def markdown(report: Report) -> str:
    """The figures as a table, with what they are of."""
    lines = [f"# {_cell(title(report))}", ""]
    lines += [f"- {name}: {_cell(value)}" for name, value in facts(report).items()]
    lines += ["", "| metric | value | 95 % interval | better | N real | N generated | note |"]
    lines += ["|---|---:|---|---|---:|---:|---|"]
    for name in sorted(report.metrics, key=metric_names.order):
        e = report.metrics[name]
        cells = (
            metric_names.display_name(name, report.extractor.name),
            metric_names.value_text(e),
            metric_names.interval_text(e),
            metric_names.about(name).better,
            f"{e.n_real:,}",
            f"{e.n_fake:,}",
            e.note,
        )
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    if absent := missing(report):
        lines += ["", "| not computed | why |", "|---|---|"]
        lines += [f"| {_cell(name)} | {_cell(why)} |" for name, why in absent.items()]
    if report.timings:
        lines += ["", "| stage | s |", "|---|---:|"]
        lines += [f"| {_cell(stage)} | {s:.2f} |" for stage, s in report.timings.items()]
    return "\n".join(lines) + "\n"


def missing(report: Report) -> dict[str, str]:
    """Which metrics could not be computed, and why: `settings['missing']`."""
    found = report.settings.get("missing")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def title(report: Report) -> str:
    """One line: what was compared with what."""
    f = report.fake
    at = "" if f.kimg is None else f" at {f.kimg:,.1f} kimg"
    return f"{f.what}{at} against {report.real.what}"


def facts(report: Report) -> dict[str, str]:
    """What the figures depend on, as words."""
    e, r, f = report.extractor, report.real, report.fake
    chosen = "; ".join(f"{k}: {v}" for k, v in r.filter.items()) or "everything"
    found = {
        "Extractor": f"{e.name}, input pipeline {e.pipeline}, background {e.background}",
        "Extractor's weights": e.weights_hash,
        "Real": f"{r.what}, {r.n:,} images, filter: {chosen}",
        "Real images' hash": r.hash,
        "Generated": f"{f.what}, {f.n:,} images",
        "Workdir": f.workdir,
        "Checkpoint": f.step is not None and f"step {f.step:,} ({f.checkpoint_hash})",
        "Seeds": f.seeds,
        "Truncation": None if f.truncation is None else f"{f.truncation:g}",
        "Generated images' hash": f.hash,
        "Evaluated": report.created,
    }
    for name, value in report.settings.items():
        if not (name == "missing" and missing(report)):  # has a table of its own
            found[f"Setting {name}"] = (
                value if isinstance(value, str) else json.dumps(_plain(value))
            )
    return {k: v for k, v in found.items() if v}


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _one_line(key: str) -> str:
    return " ".join(key.split())


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _build(cls: type, data: Any, where: str, path: str) -> Any:
    if not isinstance(data, dict):
        raise UserError(f"{where}: {path or 'it'} is not an object: evaluate again")
    types_of, values = typing.get_type_hints(cls), {}
    for field in dataclasses.fields(cls):
        name = f"{path}.{field.name}".lstrip(".")
        if field.name in data:
            values[field.name] = _value(types_of[field.name], data[field.name], where, name)
        elif field.default is dataclasses.MISSING:
            raise UserError(f"{where}: {name} is missing: evaluate again")
    return cls(**values)


def _value(kind: Any, value: Any, where: str, name: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, where, name)
    if isinstance(value, float) and not math.isfinite(value):  # 1e999, or another program's NaN
        value = None
    if kind is float and value is None:
        return math.nan
    if typing.get_origin(kind) is dict and isinstance(value, dict):
        inner = typing.get_args(kind)[1]
        return {
            k: v if inner is Any else _value(inner, v, where, f"{name}.{_one_line(k)}")
            for k, v in value.items()
        }
    allowed = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if type(value) is int and float in allowed and abs(value) < 2**1000:
        value = float(value)
    if type(value) not in allowed:  # not isinstance: True is an int to it
        wanted = " or ".join(getattr(k, "__name__", str(k)) for k in allowed)
        raise UserError(
            f"{where}: {name} is {json.dumps(value)[:60]}, not {wanted}: evaluate again"
        )
    return value
