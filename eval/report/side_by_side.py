"""Several workdirs side by side: one table and one plot over their reports, with intervals."""

import json
import math
import pathlib
import shlex
from collections.abc import Iterable, Sequence

from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir
from eval.metrics.sets import Estimate
from eval.report import metric_names, plots, report_file, run_files, web_page

_FIXED = (
    "extractor",
    "weights",
    "input pipeline",
    "background",
)  # a table of its own for each of these


def compare(paths: Sequence[str], out: str) -> str:
    """Compares the newest report (by kimg) of each workdir and extractor.

    Writes compare.md, compare.html, compare.png and compare.json. Differences in what figures
    depend on (number of images, real set, truncation) are said with the table: figures across them
    are not comparable.

    Args:
      paths: workdirs, or folders or files of single reports; at least two.
      out: folder, made if need be.

    Returns:
      The table in Markdown.

    Raises:
      UserError: fewer than two, one without a report, none in common, or `out` cannot be written.
    """
    newest = _read(paths)
    by_extractor: dict[tuple[str, ...], dict[str, report_file.Report]] = {}
    for run, reports in newest.items():
        for key, r in reports.items():
            by_extractor.setdefault(key, {})[run] = r
    shared = {key: rs for key, rs in by_extractor.items() if len(rs) > 1}
    if not shared:
        have = "; ".join(
            f"{run}: {', '.join(' '.join(k[::2]) for k in rs)}" for run, rs in newest.items()
        )
        raise UserError(f"no two of them were judged by the same extractor and background: {have}")
    folder = pathlib.Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot write {folder}: {e.strerror}") from e
    text, body = [], []
    png = _plot(shared, list(newest))
    body.append(
        web_page.image(
            png, "Every figure of every run with its interval, as in the tables below", "plot"
        )
    )
    for reports in shared.values():
        heading, facts, header, rows, notes = _table(reports)
        text += [f"## {heading}", "", *(f"- {line}" for line in facts), ""]
        table = (header, ["---"] * len(header), *rows)
        text += [f"| {' | '.join(map(_cell, row))} |" for row in table]
        text += ["", *(f"- {line}" for line in notes)] + [""] * bool(notes)
        caption = "Value and 95 % interval; * is best by an interval that overlaps no other run's"
        body += [
            f"<h2>{web_page.text(heading)}</h2>",
            "".join(f"<p>{web_page.text(line)}</p>" for line in facts),
        ]
        body.append(web_page.table(caption, header, rows))
        body += [f'<p class="faint">{web_page.text(line)}</p>' for line in notes]
    text.append("Value [95 % interval]; * is best by an interval that overlaps no other run's.")
    markdown = "\n".join(text) + "\n"
    data = {
        run: [report_file.to_json(r) for r in reports.values()] for run, reports in newest.items()
    }
    document = web_page.document(f"{', '.join(newest)} compared", body)
    for name, content in (
        ("compare.png", png),
        ("compare.json", json.dumps(data, indent=1).encode()),
        ("compare.md", markdown.encode(errors="replace")),
        ("compare.html", document.encode(errors="replace")),
    ):
        workdir.write_atomic(folder / name, content)
    return markdown


def _read(paths):
    """run -> extractor -> its newest report; runs in the order given."""
    folders = list(dict.fromkeys(pathlib.Path(p).expanduser().absolute() for p in paths))
    if len(folders) < 2:
        raise UserError("--compare: give at least two workdirs or reports")
    newest = {}
    for name, folder in zip(run_files.short_names(folders), folders, strict=True):
        if not folder.exists():
            raise UserError(f"--compare: {folder} is not there")
        found = run_files.find_reports(folder)
        if not found:
            raise UserError(
                f"--compare: no report in {folder}: run "
                f"python -m eval --workdir={shlex.quote(str(folder))} first"
            )
        newest[name] = {
            tuple(report_file.series(r)[k] for k in _FIXED): r for r in found
        }  # the last by kimg stays
    return newest


def _table(reports):
    """Heading, what the figures are of, header and rows, notes of one extractor's table."""
    first = next(iter(reports.values()))
    e = first.extractor
    heading = f"{e.name} ({e.pipeline}, {e.background})"
    facts = [f"Extractor's weights: {e.weights_hash}"]
    common = report_file.series(first)
    for what in common:
        values = {run: report_file.series(r)[what] for run, r in reports.items()}
        if len(set(values.values())) > 1:
            each = ", ".join(f"{run}: {value}" for run, value in values.items())
            facts.append(f"Not comparable without care, as they differ in {what} ({each})")
        elif what not in _FIXED:
            facts.append(f"{what[0].upper()}{what[1:]}: {common[what]}")
    header = ["metric", "better", *reports, "N real", "N generated"]
    rows = [["kimg", "", *(_kimg(r) for r in reports.values()), "", ""]]
    for metric in _metrics(reports.values()):
        found = {run: r.metrics.get(metric) for run, r in reports.items()}
        best = _best(found, metric_names.about(metric).better)
        cells = [_estimate_text(e) + (" *" if run == best else "") for run, e in found.items()]
        counts = [_same(getattr(e, n) for e in found.values() if e) for n in ("n_real", "n_fake")]
        rows.append(
            [
                metric_names.display_name(metric, e.name),
                metric_names.about(metric).better,
                *cells,
                *counts,
            ]
        )
    return heading, facts, header, rows, _notes(reports)


def _same(counts: Iterable[int]) -> str:
    """'156', or of runs that differ '156 / 200', in their order."""
    counts = list(counts)
    return " / ".join(f"{n:,}" for n in (counts[:1] if len(set(counts)) == 1 else counts))


def _notes(reports: dict[str, report_file.Report]) -> list[str]:
    """What the figures are to be doubted for, each once, with the metrics and runs it is said of."""
    said: dict[str, dict[str, list[str]]] = {}
    for run, r in reports.items():
        for metric in sorted(r.metrics, key=metric_names.order):
            if note := r.metrics[metric].note:
                shown = metric_names.display_name(metric, r.extractor.name)
                said.setdefault(note, {}).setdefault(shown, []).append(run)
    lines = []
    for note, by_metric in said.items():
        of = [
            shown if len(some) == len(reports) else f"{shown} of {', '.join(some)}"
            for shown, some in by_metric.items()
        ]
        lines.append(f"{'; '.join(of)}: {note}")
    return lines


def _kimg(r: report_file.Report) -> str:
    return "" if r.fake.kimg is None else f"{r.fake.kimg:,.1f}"


def _metrics(reports) -> list[str]:
    return sorted({metric for r in reports for metric in r.metrics}, key=metric_names.order)


def _estimate_text(e: Estimate | None) -> str:
    if e is None:
        return ""
    interval = (
        "no interval" if metric_names.interval_text(e) == "none" else metric_names.interval_text(e)
    )
    return f"{metric_names.value_text(e)} [{interval}]"


def _best(found: dict[str, Estimate | None], better: str) -> str | None:
    """The run that is better than every other beyond both intervals; None: nobody can be told apart so."""
    known = {run: e for run, e in found.items() if e is not None}
    if (
        better not in ("lower", "higher")
        or len(known) < 2
        or any(e.low is None or e.high is None for e in known.values())
    ):
        return None
    sign = 1 if better == "lower" else -1
    ends = {run: sorted((sign * e.low, sign * e.high)) for run, e in known.items()}
    best = min(ends, key=lambda run: ends[run][1])
    return best if all(ends[best][1] < ends[run][0] for run in ends if run != best) else None


def _plot(shared, order: Sequence[str]) -> bytes:
    """A panel for each figure, a row in it for each run: a point and its interval."""
    chosen = [
        (reports, metric)
        for reports in shared.values()
        for metric in metric_names.plotted(_metrics(reports.values()))
        if any(
            metric in r.metrics and math.isfinite(r.metrics[metric].value) for r in reports.values()
        )
    ]
    height = 0.9 + 0.28 * len(order)
    figure, axes = plots.panels(max(1, len(chosen)), columns=3, height=height)
    for axis, (reports, metric) in zip(axes, chosen, strict=False):
        shown = [run for run in order if run in reports and metric in reports[run].metrics]
        name = metric_names.display_name(metric, next(iter(reports.values())).extractor.name)
        for y, run in enumerate(shown):
            e, i = reports[run].metrics[metric], order.index(run)
            if not math.isfinite(e.value):
                continue
            if e.low is not None and e.high is not None:
                axis.hlines(y, e.low, e.high, color=plots.colour(i), linewidth=2)
            axis.plot(e.value, y, plots.marker(i), color=plots.colour(i), markersize=6)
        axis.set_yticks(range(len(shown)), shown)
        axis.set_ylim(len(shown) - 0.5, -0.5)
        real = {
            r.metrics[f"{metric}_real"].value
            for r in reports.values()
            if f"{metric}_real" in r.metrics
        }
        for value in real:
            if math.isfinite(value):
                axis.axvline(value, color=plots.colour(None), linestyle=plots.dashes(None))
        better = metric_names.about(metric).better
        arrow = (
            f"{better} is better"
            if better in ("lower", "higher")
            else "dashed: real"
            if real
            else ""
        )
        plots.titles(axis, name, arrow, "")
    return plots.png(figure)


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|")
