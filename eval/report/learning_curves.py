"""Draws what runs have logged, over kimg: `python -m eval.curves runs/a runs/b --out=DIR`.

Writes training.png (losses, D's signs, p and the like of metrics.jsonl), metrics-SERIES.png (the
reports under WORKDIR/eval with their intervals, a picture for each series of comparable reports)
and curves.html, which holds these pictures, and the figures as tables.
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths, workdir
from eval.report import metric_names, plots, report_file, run_files, web_page

_SMOOTHED_FROM = 300  # points: above this a running mean is drawn over them
_LOG_FROM = 300.0  # largest / smallest value: above this the axis is logarithmic
_LIMITS = {
    "mean sign, -1 to 1": (-1.05, 1.05),
    "probability": (0.0, None),
    "share of pixels": (0.0, 1.0),
}


@dataclasses.dataclass(frozen=True)
class _Quantity:
    """Describes a quantity that training logs.

    Attributes:
      title: of its panel.
      unit: of the panel's axis.
      names: label of each line -> name in metrics.jsonl.
      real_name: name in metrics.jsonl of the same quantity of the real emoji; None: there is none.
    """

    title: str
    unit: str
    names: dict[str, str]
    real_name: str | None = None


_TRAINING = (
    _Quantity("Loss", "nats", {"G": "loss/g", "D": "loss/d"}),
    _Quantity("Velocity", "square error", {"training": "loss/v", "validation": "loss/validation"}),
    _Quantity(
        "Agreement of two times",
        "root mean square / gap",
        {"training": "loss/consistency", "validation": "loss/consistency_validation"},
    ),
    _Quantity("Wasserstein distance", "critic's units", {"distance": "wasserstein/distance"}),
    _Quantity(
        "Sign of D's logits",
        "mean sign, -1 to 1",
        {"real": "signs/real", "validation": "signs/validation", "generated": "signs/fake"},
    ),
    _Quantity("Augmentation probability p", "probability", {"p": "ada/p"}),
    _Quantity("R1 penalty", "squared gradient norm", {"R1": "r1/penalty"}),
    _Quantity("Path length", "per step in w", {"mean": "path_length/mean"}),
    _Quantity("Gradient norm", "norm", {"G": "grad_norm/g", "D": "grad_norm/d"}),
    _Quantity(
        "Nearly binary alpha",
        "share of pixels",
        {"generated": "alpha/binary"},
        "alpha_real/binary",
    ),
    _Quantity("Softness of edges", "px", {"generated": "alpha/edge_px"}, "alpha_real/edge_px"),
    _Quantity("Speed", "images/s", {"speed": "progress/images_per_second"}),
)


@dataclasses.dataclass(frozen=True)
class _Line:
    """Holds a line of a panel.

    Attributes:
      name: of the quantity or the run.
      colour: number of the line's colour; None: a line of the real emoji, to compare with.
      x: kimg.
      y: values.
      low: lower ends of the 95 % intervals, NaN where there is none.
      high: upper ends of them.
    """

    name: str
    colour: int | None
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class _Panel:
    """Holds the lines of a panel."""

    title: str
    unit: str
    lines: list[_Line]


def draw(workdirs: Sequence[str], out: str) -> pathlib.Path:
    """Reads the runs and writes the plots.

    Args:
      workdirs: of one run the lines of a panel are quantities, of several they are the runs.
      out: folder, made if need be.

    Returns:
      Path of curves.html.

    Raises:
      UserError: a workdir without curves or reports, or `out` cannot be written.
    """
    runs = run_files.read(workdirs)
    folder = pathlib.Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot write {folder}: {e.strerror}") from e
    several = len(runs) > 1
    body = [web_page.terms((run.name, str(run.path)) for run in runs)]
    figures = {("training.png", "Training"): _training_panels(runs)} | _metric_panels(runs)
    for (file, heading), panels in figures.items():
        if not panels:
            continue
        png = _plot(panels, [run.name for run in runs] if several else [], heading)
        workdir.write_atomic(folder / file, png)
        titles = ", ".join(p.title for p in panels)
        alt = f"{heading}: {titles}, over kimg; the last values are in the table below"
        body += [
            f"<h2>{web_page.text(heading)}</h2>",
            web_page.image(png, alt, "plot"),
            _table(heading, panels, several),
        ]
    names = ", ".join(run.name for run in runs)
    path = folder / "curves.html"
    page = web_page.document(f"Learning curves of {names}", body)
    workdir.write_atomic(path, page.encode(errors="replace"))
    return path


def _training_panels(runs: Sequence[run_files.Run]) -> list[_Panel]:
    panels = []
    for q in _TRAINING:
        reference = _reference(
            [run.curves[q.real_name] for run in runs if q.real_name in run.curves]
        )
        if len(runs) == 1:
            curves = runs[0].curves
            lines = [
                _Line(label, i, *curves[key])
                for i, (label, key) in enumerate(q.names.items())
                if key in curves
            ]
            panels.append(_Panel(q.title, q.unit, lines + reference))
            continue
        for label, key in q.names.items():
            lines = [
                _Line(run.name, i, *run.curves[key])
                for i, run in enumerate(runs)
                if key in run.curves
            ]
            title = f"{q.title}: {label}" if len(q.names) > 1 else q.title
            panels.append(_Panel(title, q.unit, lines + reference))
    return _drawable(panels)


def _reference(curves: Sequence[run_files.Curve]) -> list[_Line]:
    """Returns lines of the real emoji, which runs with the same data have in common."""
    # Of the curves that end in the same value, the longest one stays.
    longest = {}
    for x, y in sorted(
        (curve for curve in curves if len(curve[0])), key=lambda curve: curve[0][-1]
    ):
        longest[y[-1]] = _Line("real", None, x, y)
    return list(longest.values())


def _drawable(panels: Sequence[_Panel]) -> list[_Panel]:
    """Returns the panels that have a finite value, without the lines that have none."""
    kept = (
        dataclasses.replace(p, lines=[line for line in p.lines if np.isfinite(line.y).any()])
        for p in panels
    )
    return [p for p in kept if p.lines]


def _metric_panels(runs: Sequence[run_files.Run]) -> dict[tuple[str, str], list[_Panel]]:
    """Returns panels by file name and heading; a panel has only figures that are comparable."""
    panels = {}
    for slug, by_run in sorted(_reports_by_series(runs).items()):
        reports = [r for by_kimg in by_run.values() for r in by_kimg.values()]
        names = {i: runs[i].name if len(runs) > 1 else "generated" for i in by_run}
        metrics = metric_names.plotted({name for r in reports for name in r.metrics})
        extractor = reports[0].extractor.name
        drawable = _drawable([_metric_panel(m, extractor, by_run, names) for m in metrics])
        if drawable:
            panels[f"metrics-{slug}.png", f"{extractor}: {series_text(reports[0])}"] = drawable
    return panels


def _reports_by_series(
    runs: Sequence[run_files.Run],
) -> dict[str, dict[int, dict[float, report_file.Report]]]:
    """Sorts reports by series, number of the run, and kimg.

    Of a checkpoint that was judged twice the later report counts.
    """
    by_series: dict[str, dict[int, dict[float, report_file.Report]]] = {}
    for i, run in enumerate(runs):
        for r in run.reports:
            if r.fake.kimg is not None:
                by_run = by_series.setdefault(report_file.series_slug(r), {})
                by_run.setdefault(i, {})[r.fake.kimg] = r
    return by_series


def _metric_panel(
    metric: str,
    extractor: str,
    by_run: dict[int, dict[float, report_file.Report]],
    names: dict[int, str],
) -> _Panel:
    lines = [_metric_line(names[i], i, by_kimg, metric) for i, by_kimg in by_run.items()]
    real = [_metric_line("real", None, by_kimg, f"{metric}_real") for by_kimg in by_run.values()]
    better = metric_names.about(metric).better
    title = metric_names.display_name(metric, extractor)
    unit = f"{better} is better" if better in ("lower", "higher") else better
    return _Panel(title, unit, lines + _reference([(line.x, line.y) for line in real]))


def _metric_line(
    name: str, colour: int | None, by_kimg: dict[float, report_file.Report], metric: str
) -> _Line:
    estimates = {
        kimg: by_kimg[kimg].metrics[metric]
        for kimg in sorted(by_kimg)
        if metric in by_kimg[kimg].metrics
    }
    values = [(e.value, _or_nan(e.low), _or_nan(e.high)) for e in estimates.values()]
    y, low, high = np.array(values, np.float64).reshape(-1, 3).T
    return _Line(name, colour, np.array(list(estimates)), y, low, high)


def series_text(r: report_file.Report) -> str:
    """Describes in a few words what a curve's points have in common.

    Reports that are not comparable have different descriptions.
    """
    s = report_file.series(r)
    how = (
        ""
        if r.extractor.pipeline == "alpha"
        else f", {r.extractor.pipeline}, {r.extractor.background}"
    )
    psi = "" if r.fake.truncation is None else f", psi {s['truncation']}"
    against = f"against {r.real.what} ({r.real.hash[:4]}), {r.extractor.weights_hash[:4]}"
    return f"{r.fake.n:,} images{psi}{how}, {against}"


def _or_nan(x: float | None) -> float:
    return np.nan if x is None else x


def _plot(panels: Sequence[_Panel], run_names: Sequence[str], heading: str) -> bytes:
    figure, axes = plots.panels(len(panels), columns=3)
    for axis, panel in zip(axes, panels, strict=True):
        for line in panel.lines:
            _draw_line(axis, line)
        plots.titles(axis, panel.title, "kimg (thousands of images shown)", panel.unit)
        values = np.concatenate([line.y[np.isfinite(line.y)] for line in panel.lines])
        if panel.unit in _LIMITS:
            axis.set_ylim(*_LIMITS[panel.unit])
        elif values.min() > 0 and values.max() > _LOG_FROM * values.min():
            axis.set_yscale("log")
            axis.set_ylabel(f"{panel.unit}, log scale", fontsize=8)
        elif values.min() >= 0:
            axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
        if not run_names and len(panel.lines) > 1:
            ends = [(_last(line)[1], line.name, plots.colour(line.colour)) for line in panel.lines]
            plots.name_lines(axis, ends)
        elif panel.lines[-1].colour is None:
            plots.name_lines(axis, [(_last(panel.lines[-1])[1], "real", plots.colour(None))])
    if run_names:
        drawn = {line.colour for panel in panels for line in panel.lines}
        plots.legend(figure, {i: name for i, name in enumerate(run_names) if i in drawn})
    figure.suptitle(heading, fontsize=10)
    return plots.png(figure)


def _draw_line(axis: Axes, line: _Line) -> None:
    style = {"color": plots.colour(line.colour), "linestyle": plots.dashes(line.colour)}
    finite = np.isfinite(line.y)
    x, y = line.x[finite], line.y[finite]
    if len(x) > _SMOOTHED_FROM:
        axis.plot(x, y, linewidth=0.5, alpha=0.3, **style)
        x, y = running_mean(x, y, len(x) // 50)
    few = len(x) <= 40
    axis.plot(
        x,
        y,
        linewidth=1.6,
        marker=plots.marker(line.colour) if few else None,
        markersize=3.5,
        **style,
    )
    if line.low is not None:
        finite &= np.isfinite(line.low) & np.isfinite(line.high)
        x, low, high = line.x[finite], line.low[finite], line.high[finite]
        axis.vlines(x, low, high, color=style["color"], linewidth=1.0, alpha=0.6)
        axis.fill_between(x, low, high, color=style["color"], alpha=0.12, linewidth=0)


def running_mean(x: np.ndarray, y: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Averages `window` points around each point; the window narrows at both ends.

    Args:
      x: kimg [n].
      y: values [n].
      window: points.

    Returns:
      x, and the means [n].
    """
    sums = np.concatenate([[0.0], np.cumsum(y)])
    at = np.arange(len(y))
    half = np.minimum(np.minimum(at, len(y) - 1 - at), window // 2)
    return x, (sums[at + half + 1] - sums[at - half]) / (2 * half + 1)


def _last(line: _Line) -> tuple[float, float]:
    """Returns kimg and value of the last finite point; every drawn line has one."""
    i = np.flatnonzero(np.isfinite(line.y))[-1]
    return line.x[i], line.y[i]


def _table(heading: str, panels: Sequence[_Panel], several: bool) -> str:
    rows = []
    for panel in panels:
        for line in panel.lines:
            kimg, value = _last(line)
            finite = line.y[np.isfinite(line.y)]
            interval = ""
            if line.low is not None:
                low, high = (float(end[line.x == kimg][0]) for end in (line.low, line.high))
                interval = (
                    f"{low:.4g} to {high:.4g}" if np.isfinite(low) and np.isfinite(high) else "none"
                )
            least, most = f"{finite.min():.4g}", f"{finite.max():.4g}"
            rows.append(
                (panel.title, line.name, f"{kimg:,.1f}", f"{value:.4g}", interval, least, most)
            )
    header = (
        "figure",
        "run" if several else "line",
        "kimg",
        "last value",
        "95 % interval",
        "least",
        "greatest",
    )
    return web_page.table(
        f"{heading}: the last value of each line", header, rows, numbers=(2, 3, 5, 6)
    )


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m eval.curves", description=__doc__.partition("\n")[0]
    )
    p.add_argument("workdir", nargs="+", type=paths.local, help="of a run")
    p.add_argument("--out", type=paths.local, help="folder; default: curves in the first workdir")
    a = p.parse_args()
    path = draw(a.workdir, a.out or str(pathlib.Path(a.workdir[0], "curves")))
    print(f"open    {path}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
