"""Draws the plots of a report as SVG inside the page."""

import io
import math
from html import escape

import matplotlib

matplotlib.use("Agg")
import matplotlib.figure
import matplotlib.ticker

from campaign.experiment.inference import group_sequential
from campaign.experiment.looks import Look
from campaign.experiment.plan_file import Plan
from campaign.experiment.reporting import sentences
from campaign.experiment.results import Verdict
from campaign.language import Language

_COLOURS = {"better": "#1a7f37", "worse": "#b42318"}
_GREY = "#57606a"
_OF_ARMS = ("#0550ae", "#953800", "#8250df", "#116329", "#a40e26", "#57606a")  # legible on white
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "campaign",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=_OF_ARMS),
}


def _svg(figure: matplotlib.figure.Figure, title: str, items: list[str], language: Language) -> str:
    """Returns the plot, which the keyboard scrolls where it is too wide.

    Args:
      figure: the plot.
      title: of it.
      items: what it shows in words, read aloud.
      language: of the page.
    """
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    svg = out.getvalue()
    label = title + language.pick(": ", " : ") + language.pick("; ", " ; ").join(items)
    svg = svg[svg.index("<svg") :]
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
    start = f'<div class="wide" role="region" aria-label="{escape(title)}" tabindex="0">'
    return f"{start}{svg}</div>"


def _interval(name: str, values: tuple[float, float, float], language: Language) -> str:
    low, x, high = (language.number(value, 1, True) for value in values)
    return f"{name} {x} ({low} … {high})"


def _axes(height: float) -> tuple[matplotlib.figure.Figure, matplotlib.figure.Axes]:
    figure = matplotlib.figure.Figure(figsize=(7.2, height))
    return figure, figure.subplots()


class _Ticks(matplotlib.ticker.ScalarFormatter):
    """Writes the numbers of an axis in the user's language.

    Args:
      language: of the numbers.
    """

    def __init__(self, language: Language) -> None:
        super().__init__(useOffset=False)
        self._sign = language.pick(".", ",")

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Returns the label of a tick."""
        return super().__call__(x, pos).replace(".", self._sign)


def effects(v: Verdict, plan: Plan, language: Language) -> str:
    """Draws each arm's effect with its interval, relative to the control."""
    arms = [a for a in v.arms if math.isfinite(a.low) and a.effect.control]
    if not arms:
        return ""
    title = language.pick("effect against the control, %", "effet par rapport au témoin, %")
    spans = [tuple(100 * end for end in a.relative) for a in arms]
    widest = 1.5 * max(abs(end) for span in spans for end in span if math.isfinite(end))
    items = [_interval(a.name, span, language) for a, span in zip(arms, spans, strict=True)]
    with matplotlib.rc_context(_STYLE):
        figure, ax = _axes(0.9 + 0.45 * len(arms))
        for y, (a, (low, x, high)) in enumerate(reversed([*zip(arms, spans, strict=True)])):
            colour = _COLOURS.get(a.status, _GREY)
            ends = [max(low, -widest), min(high, widest)]  # where the interval has no end
            ax.plot(ends, [y, y], color=colour, lw=3, solid_capstyle="round")
            ax.plot([x], [y], "o", color=colour, ms=8)
        ax.axvline(0, color="black", lw=1)
        ax.axvline(100 * plan.smallest_effect, color=_GREY, lw=1, ls=":")
        ax.set_yticks(range(len(arms)), [a.name for a in reversed(arms)])
        ax.set_ylim(-0.6, len(arms) - 0.4)
        ax.set_xlabel(title)
        ax.xaxis.set_major_formatter(_Ticks(language))
        return _svg(figure, title, items, language)


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
        ax.xaxis.set_major_formatter(_Ticks(language))
        ax.set_ylabel("Z")
        words = language.pick("Z at the last look", "Z au dernier bilan")
        return _svg(
            figure, words, _last_look(history[-1], v, limits[len(seen) - 1], language), language
        )


def _last_look(last: Look, v: Verdict, limit: float, language: Language) -> list[str]:
    items = [f"{a.name} {language.number(last.z[a.name], 1, True)}" for a in v.arms]
    bounded = language.pick("boundary ±", "limite ±") + language.number(limit, 1)
    return [*items, bounded] if math.isfinite(limit) else items


def segments(v: Verdict, plan: Plan, language: Language) -> str:
    """Draws effects by segment, as measured (pale) and after shrinkage."""
    rows = [s for s in v.segments if math.isfinite(s.measured_se)][:24]
    if not rows:
        return ""
    scale = 1.0 if plan.is_amount else 100.0
    unit = "" if plan.is_amount else language.pick(", points", ", points")
    title = language.pick("effect by segment", "effet par segment") + unit
    many = len({s.arm for s in rows}) > 1
    named = [sentences.segment(s.name, language) for s in rows]
    names = [f"{s.arm}, {name}" if many else name for s, name in zip(rows, named, strict=True)]
    items = [
        _interval(
            name, tuple(scale * (s.shrunk + k * 1.96 * s.shrunk_se) for k in (-1, 0, 1)), language
        )
        for name, s in zip(names, rows, strict=True)
    ]
    with matplotlib.rc_context(_STYLE):
        figure, ax = _axes(0.9 + 0.32 * len(rows))
        for y, s in enumerate(reversed(rows)):
            for x, se, colour, lift in (
                (s.measured, s.measured_se, "#818b98", 0.14),
                (s.shrunk, s.shrunk_se, "#0550ae", -0.14),
            ):
                ends = [scale * (x - 1.96 * se), scale * (x + 1.96 * se)]
                ax.plot(ends, [y + lift] * 2, color=colour, lw=2)
                ax.plot([scale * x], [y + lift], "o", color=colour, ms=5)
        ax.axvline(0, color="black", lw=1)
        ax.set_yticks(range(len(rows)), reversed(names))
        ax.set_xlabel(title)
        ax.xaxis.set_major_formatter(_Ticks(language))
        return _svg(figure, title, items, language)
