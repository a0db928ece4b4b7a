"""Defines an evaluation's report, its file report.json (docs/report_schema.md) and its table.

It writes the figures to TensorBoard too.
"""

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
    """Describes the network that computed the features.

    Attributes:
      name: 'inception-2015', 'emoji-encoder' or 'emoji-encoder-2'.
      weights_hash: SHA-256 of its weights.
      pipeline: how images are prepared for it.
      background: under the alpha: 'white', 'black', 'checker', or 'none'.
    """

    name: str
    weights_hash: str
    pipeline: str
    background: str


@dataclasses.dataclass(frozen=True)
class RealInfo:
    """Describes the images to compare with.

    Attributes:
      what: 'openmoji train', or the folder.
      n: images.
      hash: SHA-256 of the images.
      filter: which of the data set's emoji; {}: all.
    """

    what: str
    n: int
    hash: str
    filter: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class FakeInfo:
    """Describes the images that are judged.

    Attributes are None where they do not apply, as to a folder that was not drawn by a run.

    Attributes:
      what: the run's name, or the folder.
      n: images.
      workdir: of the run, or the model file.
      step: training steps.
      kimg: thousands of images shown in training.
      checkpoint_hash: SHA-256 of the checkpoint's seal.
      seeds: '0-9999'.
      truncation: psi; 1: the full variety.
      hash: SHA-256 of the images.
    """

    what: str
    n: int
    workdir: str | None = None
    step: int | None = None
    kimg: float | None = None
    checkpoint_hash: str | None = None
    seeds: str | None = None
    truncation: float | None = None
    hash: str | None = None


@dataclasses.dataclass(frozen=True)
class Report:
    """Holds one evaluation of one set of images with one extractor.

    Attributes:
      extractor: computed the features.
      real: the images to compare with.
      fake: the images that are judged.
      settings: whatever else the figures depend on: flags, versions, host.
      metrics: the figures by name: 'fd', 'kid', ...
      timings: seconds of each stage.
      created: ISO 8601, UTC: '2026-11-23T09:16:39Z'.
      schema_version: of report.json.
    """

    extractor: ExtractorInfo
    real: RealInfo
    fake: FakeInfo
    settings: dict[str, Any]
    metrics: dict[str, Estimate]
    timings: dict[str, float]
    created: str
    schema_version: int = SCHEMA_VERSION

    def by_display_name(self) -> dict[str, Estimate]:
        """Returns the metrics by display name, in the order of `eval.report.metric_names`."""
        ordered = sorted(self.metrics, key=metric_names.order)
        return {
            metric_names.display_name(name, self.extractor.name): self.metrics[name]
            for name in ordered
        }


def to_json(report: Report) -> dict[str, Any]:
    """Converts to what JSON can hold: numbers that are not finite become null, tuples lists."""
    return _plain(dataclasses.asdict(report))


def from_json(data: Any, where: str = "report") -> Report:
    """Makes a report of what `to_json` returns.

    null becomes NaN in an estimate's value and in a timing, and None elsewhere. Unknown fields are
    dropped.

    Args:
      data: as `json.loads` returns it.
      where: what the error message calls it.

    Raises:
      UserError: another schema version, a field missing or of the wrong type.
    """
    if not isinstance(data, dict) or "schema_version" not in data:
        raise UserError(f"{where}: not a report of this program (it has no schema_version)")
    if data["schema_version"] != SCHEMA_VERSION:
        raise UserError(
            f"{where}: schema version {data['schema_version']}, this program reads "
            f"{SCHEMA_VERSION}; evaluate again"
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
    """Returns the folder of a run's report: WORKDIR/eval/kimg000030.672/inception-2015-..."""
    kimg = "set" if report.fake.kimg is None else f"kimg{report.fake.kimg:010.3f}"
    return pathlib.Path(directory, "eval", kimg, series_slug(report))


def write_tensorboard(report: Report, directory: str | os.PathLike) -> None:
    """Adds the figures to TensorBoard under WORKDIR/eval.

    The step is that of training: images shown. Every series (see `series`) is a TensorBoard run of
    its own, so that no curve joins figures that are not comparable. An interval's ends are
    `eval_interval/NAME_low` and `_high`.

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
    for name, e in report.by_display_name().items():
        values = {
            f"eval/{name}": e.value,
            f"eval_interval/{name}_low": e.low,
            f"eval_interval/{name}_high": e.high,
        }
        scalars |= {k: v for k, v in values.items() if v is not None and math.isfinite(v)}
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
    """Describes to a person what two reports must have in common to be comparable."""
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
    """Makes one folder name of what `series` describes."""
    e, r, f = report.extractor, report.real, report.fake
    psi = "" if f.truncation is None else f"psi{f.truncation:g}"
    real = f"{r.what}-{r.hash[:8]}"
    parts = (e.name, e.weights_hash[:8], e.pipeline, e.background, real[-60:], f"n{f.n}", psi)
    return "-".join(re.sub(r"[^\w.-]+", "_", p).strip("_") for p in parts if p)


def markdown(report: Report) -> str:
    """Formats the figures as a table, and what they depend on as a list before it."""
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
    """Returns for each metric that could not be computed the reason: `settings['missing']`."""
    reasons = report.settings.get("missing")
    return {str(k): str(v) for k, v in reasons.items()} if isinstance(reasons, dict) else {}


def title(report: Report) -> str:
    """Says in one line what was compared with what."""
    f = report.fake
    at = "" if f.kimg is None else f" at {f.kimg:,.1f} kimg"
    return f"{f.what}{at} against {report.real.what}"


def facts(report: Report) -> dict[str, str]:
    """Describes to a person what the figures depend on."""
    e, r, f = report.extractor, report.real, report.fake
    chosen = "; ".join(f"{k}: {v}" for k, v in r.filter.items()) or "everything"
    lines = {
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
        if name == "missing" and missing(report):  # has a table of its own
            continue
        lines[f"Setting {name}"] = value if isinstance(value, str) else json.dumps(_plain(value))
    return {k: v for k, v in lines.items() if v}


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _one_line(key: str) -> str:
    return " ".join(key.split())


def _plain(value: Any) -> Any:
    """Converts to what JSON can hold."""
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
    """Makes a dataclass of a JSON object; `where` is the file, `path` the field within it."""
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
    """Makes a field's value, of type `kind`, of a JSON value."""
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
        expected = " or ".join(getattr(k, "__name__", str(k)) for k in allowed)
        raise UserError(
            f"{where}: {name} is {json.dumps(value)[:60]}, not {expected}: evaluate again"
        )
    return value
