"""Writes the figures of `benchmarks.methods.comparison` as tables, JSON and pictures.

Reads files only and needs no jax.
"""

import dataclasses
import datetime
import json
import math
import os
import pathlib
import platform
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import PIL.Image
import PIL.ImageDraw

from emoji_gan.runtime import workdir
from eval.metrics.sets import Estimate
from eval.report import metric_names, plots, report_file

ALPHA, WHITE = "alpha", "white"  # the two views of compare_judge.py, by the first emoji encoder
FID, NO_FID = "white, inception-2015", "no_fid"  # by the network of FID, or why there is no FID
FIGURES = ("fd", "kid", "precision", "recall", "density", "coverage", "memorisation_rate")
ALPHA_FIGURES = ("alpha_binary", "alpha_edge_px", "alpha_stray", "palette")
SECOND_FIGURES = ("fd", "recall", "coverage")  # by the second emoji encoder
GOAL = 0.25  # ratio of our best method's distance to the official code's
_OFFICIAL = "official"
# Of the picture of samples.
_GRID_ROWS = 4  # of each run
_SCALE = 2  # magnification
_LABEL_PX = 16


def second(view: str) -> str:
    """Names the figures of a view by the second emoji encoder."""
    return f"{view}, emoji-encoder-2"


@dataclasses.dataclass(frozen=True)
class Row:
    """Holds one run, as far as it is judged.

    Attributes:
      method: its name.
      seed: of the training.
      config: of main.py; '' for the official code.
      diverged: whether training ended by numbers that are not finite.
      points: contents of judged-1.json, ...
      path: folder of the run.
      peak_mib: the most memory that its training held; 0: not measured.
    """

    method: str
    seed: int
    config: str
    diverged: bool
    points: tuple[dict[str, Any], ...]
    path: str
    peak_mib: float = 0.0

    @property
    def name(self) -> str:
        """Names the method and the seed."""
        return f"{self.method}, seed {self.seed}"

    def figures(self, view: str, point: int = -1) -> dict[str, Estimate]:
        """Returns the figures of a view at a point; {}: the run has no such view."""
        report = self.points[point].get(view)
        return report_file.from_json(report, f"{self.path}, {view}").metrics if report else {}

    def trained_per_second(self) -> float:
        """Returns the images/s of training from the first fixed time to the last.

        A run with one point counts from its start.
        """
        first = self.points[0] if len(self.points) > 1 else {"kimg": 0.0, "minutes": 0.0}
        last = self.points[-1]
        return 1000 * (last["kimg"] - first["kimg"]) / (60 * (last["minutes"] - first["minutes"]))


def write(out: pathlib.Path, settings: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Writes compare.md, .json, .png and compare_samples.png; returns the Markdown.

    Args:
      out: folder.
      settings: minutes, points, n, resolution, command.
      rows: all runs; those without a judged point are only named.
    """
    text = markdown(settings, rows)
    workdir.write_atomic(out / "compare.md", text.encode())
    data = json.dumps(to_json(settings, rows), allow_nan=False)
    workdir.write_atomic(out / "compare.json", data.encode())
    if judged := [row for row in rows if row.points]:
        workdir.write_atomic(out / "compare.png", plot(judged))
        samples(judged).save(out / "compare_samples.png")
    return text


def to_json(settings: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """Collects every figure of every run at every fixed time as [value, low, high]."""
    rows = [row for row in rows if row.points]
    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    about = {"settings": settings, "date": datetime.date.today().isoformat(), "host": machine}
    if rows:
        judged = report_file.from_json(rows[0].points[-1][WHITE])
        about |= {
            "extractor": judged.extractor.name,
            "weights_sha256": judged.extractor.weights_hash,
            "real": {"what": judged.real.what, "n": judged.real.n, "sha256": judged.real.hash},
            "packages": judged.settings["packages"],
        }
    return about | {
        "verdict": verdict(settings, rows),
        "rows": [_row_to_json(row) for row in rows],
    }


def _row_to_json(row: Row) -> dict[str, Any]:
    points = []
    for k, point in enumerate(row.points):
        figures = {
            view: {
                m: [_number(v) for v in (e.value, e.low, e.high)]
                for m, e in row.figures(view, k).items()
            }
            for view in (ALPHA, WHITE, second(ALPHA), second(WHITE), FID)
            if point.get(view)
        }
        about = {k: _number(point[k]) for k in ("minutes", "cpu_minutes", "kimg")}
        points.append(about | figures)
    return {
        "method": row.method,
        "seed": row.seed,
        "config": row.config,
        "diverged": row.diverged,
        "parameters": row.points[-1]["parameters"],
        "trained_per_s": row.trained_per_second(),
        "sampled_per_s": row.points[-1]["sampled_per_s"],
        "peak_mib": row.peak_mib or None,
        "points": points,
    }


def markdown(settings: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Returns the tables as they stand in docs/results."""
    absent = [row.name + " (diverged)" * row.diverged for row in rows if not row.points]
    rows = [row for row in rows if row.points]
    if not rows:
        return "Nothing is judged yet.\n"
    real = report_file.from_json(rows[0].points[-1][WHITE]).real
    minutes, today = f"{settings['minutes']:g}", datetime.date.today().isoformat()
    lines = [
        f"{minutes} minutes of training a run, one core each, {settings['resolution']} px, "
        f"{real.n:,} emoji "
        "to train on (toneless, of the Unicode list); judged by the emoji encoder on "
        f"{settings['n']:,} samples, truncation 1: value (95 % interval of sampling). {today}, "
        f"`{settings['command']}`.",
        "",
    ]
    ours = [row for row in rows if row.figures(ALPHA)]
    if ours:
        alpha_of = ours[0].figures(ALPHA)
        real_alpha = {
            m: f"{alpha_of[f'{m}_real'].value:.3g}"
            for m in ALPHA_FIGURES
            if f"{m}_real" in alpha_of
        }
        lines += ["**With alpha**, as each method draws:", ""]
        columns = [(ALPHA, m) for m in (*FIGURES, *ALPHA_FIGURES)]
        lines += _table(settings, ours, columns + _by_second(ALPHA), real_alpha)
    lines += [
        "",
        "**On white**, both sides opaque, so that code without alpha can be compared:",
        "",
    ]
    columns = [(WHITE, m) for m in (*FIGURES, "palette")] + _by_second(WHITE)
    has_fid = any(row.figures(FID) for row in rows)
    lines += _table(settings, rows, columns + [(FID, "fd")] * has_fid, {})
    if reasons := {row.points[-1].get(NO_FID) for row in rows} - {None}:
        lines += ["", f"No FID{' of some' * has_fid}: {'; '.join(sorted(reasons))}."]
    lines += ["", "**Cost**, on one core:", "", *_cost_table(rows)]
    if absent:
        lines += ["", f"Without any figure yet: {', '.join(absent)}."]
    lines += ["", verdict(settings, rows)["text"]]
    return "\n".join(lines) + "\n"


def _by_second(view: str) -> list[tuple[str, str]]:
    return [(second(view), m) for m in SECOND_FIGURES]


def _cost_table(rows: Sequence[Row]) -> list[str]:
    head = (
        "parameters to draw | trained | images/s, training | images/s, drawing | minutes | "
        "CPU minutes | kimg | peak memory, MiB"
    )
    lines = [f"| run | {head} |", f"|---|{'---:|' * 8}"]
    for row in rows:
        last, size = row.points[-1], row.points[-1]["parameters"]
        cells = (
            row.name,
            f"{size['drawn']:,}",
            f"{size['trained']:,}",
            f"{row.trained_per_second():.3g}",
            f"{last['sampled_per_s']:.3g}",
            f"{last['minutes']:.1f}",
            f"{last['cpu_minutes']:.1f}",
            f"{last['kimg']:.1f}",
            f"{row.peak_mib:,.0f}" if row.peak_mib else "",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def verdict(settings: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """Decides whether our best method has GOAL of the official code's distance on white.

    Methods are compared by their means over the seeds. A method counts only if it has all seeds and
    each of them came to the last fixed time.
    """
    by_method: dict[str, dict[int, float]] = {}
    partial = set()
    for row in rows:
        if len(row.points) < settings["points"]:
            partial.add(row.method)
        by_method.setdefault(row.method, {})[row.seed] = row.figures(WHITE)["fd"].value
    seeds = {seed for distances in by_method.values() for seed in distances}
    whole = {m: f for m, f in by_method.items() if m not in partial and set(f) == seeds}
    means = {m: statistics.fmean(f.values()) for m, f in whole.items()}
    theirs = {m: v for m, v in means.items() if m.startswith(_OFFICIAL)}
    ours = {m: v for m, v in means.items() if m not in theirs}
    left_out = sorted(set(by_method) - set(whole))
    note = (
        f" Left out, as not all of their runs came to the end: {', '.join(left_out)}."
        if left_out
        else ""
    )
    if not ours or not theirs:
        return {
            "text": "No verdict: it takes a finished run of ours and one of the official code."
            + note
        }
    a, b = min(ours, key=ours.get), min(theirs, key=theirs.get)
    ratio = means[a] / means[b]
    worst = max(whole[a].values()) / min(whole[b].values())
    outcome = "reached" if ratio <= GOAL else "not reached"
    text = (
        f"On white, our best method ({a}) has a mean fd_emoji of {means[a]:.3f} over {len(seeds)} "
        f"seed{'s' * (len(seeds) > 1)}, the official code ({b}) {means[b]:.3f}: a ratio of "
        f"{ratio:.2f}, of its worst seed to their best one {worst:.2f}. "
        f"{GOAL:.2f} was to be reached: {outcome}.{note}"
    )
    return {
        "ours": a,
        "official": b,
        "ratio": ratio,
        "ratio_worst_to_best": worst,
        "goal": GOAL,
        "reached": ratio <= GOAL,
        "means": means,
        "text": text,
    }


def plot(rows: Sequence[Row]) -> bytes:
    """Plots fd_emoji over minutes as a PNG.

    Each view has a panel, each method a colour, each seed a line.
    """
    methods = list(dict.fromkeys(row.method for row in rows))
    titles = {ALPHA: "fd_emoji with alpha", WHITE: "fd_emoji on white"}
    views = [view for view in titles if any(row.figures(view) for row in rows)]
    figure, axes = plots.panels(len(views), 2, 5.6, 3.8)
    for axis, view in zip(axes, views, strict=True):
        for row in rows:
            if not row.figures(view):
                continue
            i = methods.index(row.method)
            distances = [row.figures(view, k)["fd"] for k in range(len(row.points))]
            minutes = [point["minutes"] for point in row.points]
            axis.plot(
                minutes,
                [e.value for e in distances],
                color=plots.colour(i),
                marker=plots.marker(i),
                markersize=5,
                linestyle=plots.dashes(i),
            )
            axis.vlines(
                minutes,
                [e.low for e in distances],
                [e.high for e in distances],
                color=plots.colour(i),
                alpha=0.5,
            )
        axis.set_xlim(0, 1.05 * axis.dataLim.xmax)
        axis.set_ylim(0, 1.05 * axis.dataLim.ymax)
        plots.titles(axis, titles[view], "minutes of training on one core", "lower is better")
    plots.legend(figure, dict(enumerate(methods)))
    return plots.png(figure)


def samples(rows: Sequence[Row]) -> PIL.Image.Image:
    """Lays out the first samples of each method's first run at its last fixed time, none chosen."""
    first = {row.method: row for row in reversed(rows)}
    grids = []
    for method in dict.fromkeys(row.method for row in rows):
        row = first[method]
        with PIL.Image.open(pathlib.Path(row.path, f"judged-{len(row.points)}.png")) as file:
            grid = file.convert("RGB")
        grid = grid.crop((0, 0, grid.width, grid.height * _GRID_ROWS // 8))
        last = row.points[-1]
        grids.append((f"{row.name}: {last['minutes']:.1f} min, {last['kimg']:.1f} kimg", grid))
    width, height = (_SCALE * n for n in grids[0][1].size)
    columns = min(2, len(grids))
    size = (columns * (width + 4) - 4, -(-len(grids) // columns) * (height + _LABEL_PX))
    board = PIL.Image.new("RGB", size, "white")
    draw = PIL.ImageDraw.Draw(board)
    for i, (label, grid) in enumerate(grids):
        x, y = i % columns * (width + 4), i // columns * (height + _LABEL_PX)
        draw.text((x + 2, y + 2), label, fill="black")
        board.paste(grid.resize((width, height), PIL.Image.Resampling.NEAREST), (x, y + _LABEL_PX))
    return board


def _table(
    settings: Mapping[str, Any],
    rows: Sequence[Row],
    columns: Sequence[tuple[str, str]],
    real: Mapping[str, str],
) -> list[str]:
    """Returns a table with a line a run, at its last fixed time so far.

    Args:
      settings: as for `write`.
      rows: runs.
      columns: the view and the figure of each.
      real: what the real emoji have of some of these figures.
    """
    head = [
        metric_names.display_name(m, _judge_of(view)) + (f" (real {real[m]})" if m in real else "")
        for view, m in columns
    ]
    lines = [f"| run | kimg | {' | '.join(head)} |", f"|---|---:|{'---|' * len(head)}"]
    for row in rows:
        figures = {view: row.figures(view) for view in dict(columns)}
        cells = [_cell(figures[view][m]) if m in figures[view] else "" for view, m in columns]
        note = "" if len(row.points) == settings["points"] else f", point {len(row.points)}"
        note += " (diverged)" * row.diverged
        lines.append(f"| {row.name}{note} | {row.points[-1]['kimg']:.1f} | {' | '.join(cells)} |")
    return lines


def _judge_of(view: str) -> str:
    return view.partition(", ")[2] or "emoji-encoder"


def _cell(e: Estimate) -> str:
    interval = metric_names.interval_text(e)
    return metric_names.value_text(e) + ("" if interval == "none" else f" ({interval})")


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
