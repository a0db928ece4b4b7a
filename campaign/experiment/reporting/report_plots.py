"""Draws the plots of a report as SVG inside the page."""

import io
import math

import matplotlib

matplotlib.use("Agg")
import matplotlib.figure

from campaign.experiment.inference import group_sequential
from campaign.experiment.looks import Look
from campaign.experiment.plan_file import Plan
from campaign.experiment.results import Verdict
from campaign.language import Language

_COLOURS = {"better": "#1a7f37", "worse": "#b42318"}
_GREY = "#57606a"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "campaign",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def _svg(figure: matplotlib.figure.Figure, title: str) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    svg = out.getvalue()
    return svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{title}"', 1)


def _axes(height: float) -> tuple[matplotlib.figure.Figure, matplotlib.figure.Axes]:
    figure = matplotlib.figure.Figure(figsize=(7.2, height))
    return figure, figure.subplots()


def effects(v: Verdict, plan: Plan, language: Language) -> str:
    """Draws each arm's effect with its interval, relative to the control."""
    arms = [a for a in v.arms if math.isfinite(a.low) and a.effect.control]
    if not arms:
        return ""
    title = language.pick("effect against the control, %", "effet par rapport au témoin, %")
    with matplotlib.rc_context(_STYLE):
        figure, ax = _axes(0.9 + 0.45 * len(arms))
        for y, a in enumerate(reversed(arms)):
            low, x, high = (100 * e / a.effect.control for e in (a.low, a.estimate, a.high))
            colour = _COLOURS.get(a.status, _GREY)
            ax.plot([low, high], [y, y], color=colour, lw=3, solid_capstyle="round")
            ax.plot([x], [y], "o", color=colour, ms=8)
        ax.axvline(0, color="black", lw=1)
        ax.axvline(100 * plan.smallest_effect, color=_GREY, lw=1, ls=":")
        ax.set_yticks(range(len(arms)), [a.name for a in reversed(arms)])
        ax.set_ylim(-0.6, len(arms) - 0.4)
        ax.set_xlabel(title)
        return _svg(figure, title)


def looks(history: list[Look], v: Verdict, plan: Plan, language: Language) -> str:
    """Draws Z at the looks between the boundaries."""
    if plan.looks < 2 or not v.arms:
        return ""
    title = language.pick("customers, % of the plan", "clients, % du plan")
    first = next(iter(history[-1].information))
    seen = tuple(x.information[first] for x in history)
    rest = () if v.final else tuple(t for t in plan.fractions if t > seen[-1] + 1e-6)
    times = (*seen, *rest)
    limits = group_sequential.boundaries(times, plan.alpha / plan.comparisons, final=True)
    with matplotlib.rc_context(_STYLE):
        figure, ax = _axes(3.0)
        xs = [100 * t for t in times]
        finite = [min(z, 6.0) for z in limits]
        ax.fill_between(xs, finite, 6, color=_COLOURS["better"], alpha=0.12, lw=0)
        ax.fill_between(xs, [-z for z in finite], -6, color=_COLOURS["worse"], alpha=0.12, lw=0)
        for a in v.arms:
            path = [100 * x.information[a.name] for x in history]
            zs = [max(-6, min(6, x.z[a.name])) for x in history]
            (line,) = ax.plot(path, zs, "o-", label=a.name)
            ax.annotate(
                a.name,
                (path[-1], zs[-1]),
                (8, 0),
                textcoords="offset points",
                color=line.get_color(),
                va="center",
            )
        ax.axhline(0, color="black", lw=1)
        ax.set_xlim(0, max(105, xs[-1] * 1.2))
        ax.set_ylim(-6, 6)
        ax.set_xlabel(title)
        ax.set_ylabel("Z")
        return _svg(figure, title)


def segments(v: Verdict, plan: Plan, language: Language) -> str:
    """Draws effects by segment, as measured (pale) and after shrinkage."""
    rows = [s for s in v.segments if math.isfinite(s.measured_se)][:24]
    if not rows:
        return ""
    scale = 1.0 if plan.is_amount else 100.0
    unit = "" if plan.is_amount else language.pick(", points", ", points")
    title = language.pick("effect by segment", "effet par segment") + unit
    with matplotlib.rc_context(_STYLE):
        figure, ax = _axes(0.9 + 0.32 * len(rows))
        for y, s in enumerate(reversed(rows)):
            for x, se, colour, lift in (
                (s.measured, s.measured_se, "#c4c9cf", 0.14),
                (s.shrunk, s.shrunk_se, "#0550ae", -0.14),
            ):
                ends = [scale * (x - 1.96 * se), scale * (x + 1.96 * se)]
                ax.plot(ends, [y + lift] * 2, color=colour, lw=2)
                ax.plot([scale * x], [y + lift], "o", color=colour, ms=5)
        ax.axvline(0, color="black", lw=1)
        many = len({s.arm for s in rows}) > 1
        labels = [f"{s.arm}, {s.name}" if many else s.name for s in reversed(rows)]
        ax.set_yticks(range(len(rows)), labels)
        ax.set_xlabel(title)
        return _svg(figure, title)
