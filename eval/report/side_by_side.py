"""Compares the reports of several workdirs in one table and one plot, with intervals."""

import dataclasses
import json
import math
import pathlib
import shlex
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes

from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir
from eval.metrics.sets import Estimate
from eval.report import metric_names, plots, report_file, run_files, web_page

# There is a table of its own for each combination of these.
_FIXED = (
    "extractor",
    "weights",
    "input pipeline",
    "background",
)
_CAPTION = "Value and 95 % interval; * is best by an interval that overlaps no other run's"
_FOOTNOTE = "Value [95 % interval]; * is best by an interval that overlaps no other run's."

Reports = dict[str, report_file.Report]  # by run


@dataclasses.dataclass(frozen=True)
class _Table:
    """Holds the comparison of the reports of one extractor.

    Attributes:
      heading: the extractor.
      facts: what the figures depend on.
      header: of the columns.
      rows: of text, one for each metric.
      notes: why figures are to be doubted.
    """

    heading: str
    facts: list[str]
    header: list[str]
    rows: list[list[str]]
    notes: list[str]


def compare(paths: Sequence[str], out: str) -> str:
    """Compares the newest report (by kimg) of each workdir and extractor.

    Writes compare.md, compare.html, compare.png and compare.json. Where the reports differ in what
    figures depend on (number of images, real set, truncation), the table has a warning: figures
    across such a difference are not comparable.

    Args:
      paths: workdirs, or folders or files of single reports; at least two.
      out: folder, made if need be.

    Returns:
      The table in Markdown.

    Raises:
      UserError: fewer than two, one without a report, none in common, or `out` cannot be written.
    """
    newest = _read(paths)
    shared = _by_extractor(newest)
    folder = pathlib.Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot write {folder}: {e.strerror}") from e
    png = _plot(shared, list(newest))
    tables = [_table(reports) for reports in shared]
    markdown = _markdown(tables)
    data = {
        run: [report_file.to_json(r) for r in reports.values()] for run, reports in newest.items()
    }
    page = web_page.document(f"{', '.join(newest)} compared", _html(tables, png))
    for name, content in (
        ("compare.png", png),
        ("compare.json", json.dumps(data, indent=1).encode()),
        ("compare.md", markdown.encode(errors="replace")),
        ("compare.html", page.encode(errors="replace")),
    ):
        workdir.write_atomic(folder / name, content)
    return markdown


def _read(paths: Sequence[str]) -> dict[str, dict[tuple[str, ...], report_file.Report]]:
    """Returns for each run, in the given order, its newest report of each extractor."""
    folders = list(dict.fromkeys(pathlib.Path(p).expanduser().absolute() for p in paths))
    if len(folders) < 2:
        raise UserError("--compare: give at least two workdirs or reports")
    newest = {}
    for name, folder in zip(run_files.short_names(folders), folders, strict=True):
        if not folder.exists():
            raise UserError(f"--compare: {folder} is not there")
        reports = run_files.find_reports(folder)
        if not reports:
            raise UserError(
                f"--compare: no report in {folder}: run "
                f"python -m eval --workdir={shlex.quote(str(folder))} first"
            )
        # Reports are sorted by kimg: the last one of each extractor stays.
        newest[name] = {tuple(report_file.series(r)[k] for k in _FIXED): r for r in reports}
    return newest


def _by_extractor(
    newest: dict[str, dict[tuple[str, ...], report_file.Report]],
) -> list[Reports]:
    """Groups reports by extractor, and keeps the groups that have several runs."""
    groups: dict[tuple[str, ...], Reports] = {}
    for run, reports in newest.items():
        for key, r in reports.items():
            groups.setdefault(key, {})[run] = r
    shared = [reports for reports in groups.values() if len(reports) > 1]
    if not shared:
        have = "; ".join(
            f"{run}: {', '.join(' '.join(k[::2]) for k in reports)}"
            for run, reports in newest.items()
        )
        raise UserError(f"no two of them were judged by the same extractor and background: {have}")
    return shared


def _markdown(tables: Sequence[_Table]) -> str:
    lines = []
    for t in tables:
        lines += [f"## {t.heading}", "", *(f"- {fact}" for fact in t.facts), ""]
        table = (t.header, ["---"] * len(t.header), *t.rows)
        lines += [f"| {' | '.join(map(_cell, row))} |" for row in table]
        lines += ["", *(f"- {note}" for note in t.notes)] + [""] * bool(t.notes)
    return "\n".join([*lines, _FOOTNOTE]) + "\n"


def _html(tables: Sequence[_Table], png: bytes) -> list[str]:
    alt = "Every figure of every run with its interval, as in the tables below"
    body = [web_page.image(png, alt, "plot")]
    for t in tables:
        body += [
            f"<h2>{web_page.text(t.heading)}</h2>",
            "".join(f"<p>{web_page.text(fact)}</p>" for fact in t.facts),
            web_page.table(_CAPTION, t.header, t.rows),
        ]
        body += [f'<p class="faint">{web_page.text(note)}</p>' for note in t.notes]
    return body


def _table(reports: Reports) -> _Table:
    """Compares reports of one extractor."""
    first = next(iter(reports.values()))
    e = first.extractor
    facts = [f"Extractor's weights: {e.weights_hash}"]
    common = report_file.series(first)
    for what in common:
        values = {run: report_file.series(r)[what] for run, r in reports.items()}
        if len(set(values.values())) > 1:
            each = ", ".join(f"{run}: {value}" for run, value in values.items())
            facts.append(f"Not comparable without care, as they differ in {what} ({each})")
        elif what not in _FIXED:
            facts.append(f"{what[0].upper()}{what[1:]}: {common[what]}")
    rows = [["kimg", "", *(_kimg(r) for r in reports.values()), "", ""]]
    rows += [_row(metric, reports, e.name) for metric in _metrics(reports.values())]
    return _Table(
        heading=f"{e.name} ({e.pipeline}, {e.background})",
        facts=facts,
        header=["metric", "better", *reports, "N real", "N generated"],
        rows=rows,
        notes=_notes(reports),
    )


def _row(metric: str, reports: Reports, extractor: str) -> list[str]:
    better = metric_names.about(metric).better
    estimates = {run: r.metrics.get(metric) for run, r in reports.items()}
    best = _best(estimates, better)
    cells = [_estimate_text(e) + (" *" if run == best else "") for run, e in estimates.items()]
    counts = [_counts(getattr(e, n) for e in estimates.values() if e) for n in ("n_real", "n_fake")]
    return [metric_names.display_name(metric, extractor), better, *cells, *counts]


def _counts(counts: Iterable[int]) -> str:
    """Formats the numbers of images: '156', or of runs that differ '156 / 200', in their order."""
    counts = list(counts)
    return " / ".join(f"{n:,}" for n in (counts[:1] if len(set(counts)) == 1 else counts))


def _notes(reports: Reports) -> list[str]:
    """Lists why figures are to be doubted: each note once, with its metrics and runs."""
    runs_of: dict[str, dict[str, list[str]]] = {}  # note -> metric -> runs
    for run, r in reports.items():
        for metric in sorted(r.metrics, key=metric_names.order):
            if note := r.metrics[metric].note:
                name = metric_names.display_name(metric, r.extractor.name)
                runs_of.setdefault(note, {}).setdefault(name, []).append(run)
    lines = []
    for note, by_metric in runs_of.items():
        subjects = [
            name if len(runs) == len(reports) else f"{name} of {', '.join(runs)}"
            for name, runs in by_metric.items()
        ]
        lines.append(f"{'; '.join(subjects)}: {note}")
    return lines


def _kimg(r: report_file.Report) -> str:
    return "" if r.fake.kimg is None else f"{r.fake.kimg:,.1f}"


def _metrics(reports: Iterable[report_file.Report]) -> list[str]:
    return sorted({metric for r in reports for metric in r.metrics}, key=metric_names.order)


def _estimate_text(e: Estimate | None) -> str:
    if e is None:
        return ""
    interval = metric_names.interval_text(e)
    return f"{metric_names.value_text(e)} [{'no interval' if interval == 'none' else interval}]"


def _best(estimates: dict[str, Estimate | None], better: str) -> str | None:
    """Finds the run that is better than every other by intervals that do not overlap.

    None: there is no such run.
    """
    present = {run: e for run, e in estimates.items() if e is not None}
    if (
        better not in ("lower", "higher")
        or len(present) < 2
        or any(e.low is None or e.high is None for e in present.values())
    ):
        return None
    sign = 1 if better == "lower" else -1
    ends = {run: sorted((sign * e.low, sign * e.high)) for run, e in present.items()}
    best = min(ends, key=lambda run: ends[run][1])
    return best if all(ends[best][1] < ends[run][0] for run in ends if run != best) else None


def _plot(shared: Sequence[Reports], order: Sequence[str]) -> bytes:
    """Plots each figure in a panel, with a row for each run: a point and its interval."""
    chosen = [
        (reports, metric)
        for reports in shared
        for metric in metric_names.plotted(_metrics(reports.values()))
        if any(
            metric in r.metrics and math.isfinite(r.metrics[metric].value) for r in reports.values()
        )
    ]
    height = 0.9 + 0.28 * len(order)
    figure, axes = plots.panels(max(1, len(chosen)), columns=3, height=height)
    for axis, (reports, metric) in zip(axes, chosen, strict=False):
        _draw_panel(axis, reports, metric, order)
    return plots.png(figure)


def _draw_panel(axis: Axes, reports: Reports, metric: str, order: Sequence[str]) -> None:
    runs = [run for run in order if run in reports and metric in reports[run].metrics]
    for y, run in enumerate(runs):
        e, i = reports[run].metrics[metric], order.index(run)
        if not math.isfinite(e.value):
            continue
        if e.low is not None and e.high is not None:
            axis.hlines(y, e.low, e.high, color=plots.colour(i), linewidth=2)
        axis.plot(e.value, y, plots.marker(i), color=plots.colour(i), markersize=6)
    axis.set_yticks(range(len(runs)), runs)
    axis.set_ylim(len(runs) - 0.5, -0.5)
    real = {
        r.metrics[f"{metric}_real"].value for r in reports.values() if f"{metric}_real" in r.metrics
    }
    for value in real:
        if math.isfinite(value):
            axis.axvline(value, color=plots.colour(None), linestyle=plots.dashes(None))
    better = metric_names.about(metric).better
    label = "dashed: real" if real else ""
    if better in ("lower", "higher"):
        label = f"{better} is better"
    extractor = next(iter(reports.values())).extractor.name
    plots.titles(axis, metric_names.display_name(metric, extractor), label, "")


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|")
