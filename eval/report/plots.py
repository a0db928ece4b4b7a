"""Styles every plot: colours that colour-blind people tell apart, names at the lines, units."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe and Ito (2008), without the yellow, which is too pale on white. Where there are more lines
# than colours, dashes tell them apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")
_DPI = 110


def colour(i: int | None) -> str:
    """Returns the colour of line i; None: of a line to compare with."""
    return "#666666" if i is None else COLOURS[i % len(COLOURS)]


def marker(i: int | None) -> str:
    """Returns the marker of line i, which tells lines apart without colour."""
    return "" if i is None else MARKERS[i % len(MARKERS)]


def dashes(i: int | None) -> str:
    """Returns the line style of line i; None: of a line to compare with."""
    return "--" if i is None else DASHES[i // len(COLOURS) % len(DASHES)]


def panels(
    count: int, columns: int, width: float = 4.2, height: float = 2.7
) -> tuple[Figure, list[Axes]]:
    """Makes a figure of `count` panels in reading order.

    Args:
      count: at least 1.
      columns: the most panels in a row.
      width: inches of a panel.
      height: inches of a panel.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    # Figures of pyplot are global, and it looks for a screen.
    figure = Figure(
        figsize=(width * columns, height * rows), layout="constrained", facecolor="white"
    )
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.remove()
    for axis in axes[:count]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(True, color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
        axis.tick_params(which="both", labelsize=8)
    return figure, axes[:count]


def titles(axis: Axes, title: str, x: str, y: str) -> None:
    """Sets a panel's title, and the labels of its axes with their units."""
    axis.set_title(title, fontsize=10, loc="left", fontweight="bold")
    axis.set_xlabel(x, fontsize=8)
    axis.set_ylabel(y, fontsize=8)


def name_lines(axis: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Writes names beside the right ends of lines, moved apart where they would overlap.

    Args:
      axis: with its limits final.
      ends: y of the end in data units, name, colour.
    """
    gap = 0.085  # of the panel's height: a line of text
    to_panel = axis.transData + axis.transAxes.inverted()
    x = axis.get_xlim()[0]
    placed = sorted(
        (float(to_panel.transform((x, y))[1]), name, colour) for y, name, colour in ends
    )
    heights = [min(max(y, 0.0), 1.0) for y, _, _ in placed]
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + gap)
    if heights and heights[-1] > 1.0:  # too high: down again from the top
        heights[-1] = 1.0
        for i in reversed(range(len(heights) - 1)):
            heights[i] = min(heights[i], heights[i + 1] - gap)
    for height, (_, name, colour) in zip(heights, placed, strict=True):
        axis.text(
            1.02,
            height,
            name,
            transform=axis.transAxes,
            color=colour,
            fontsize=8,
            va="center",
            ha="left",
        )


def legend(figure: Figure, names: Mapping[int, str]) -> None:
    """Draws a legend above all panels, of the names of lines by their numbers."""
    handles = [
        figure.axes[0].plot(
            [], [], color=colour(i), marker=marker(i), linestyle=dashes(i), label=name
        )[0]
        for i, name in names.items()
    ]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=min(4, len(names)),
        frameon=False,
        fontsize=9,
    )


def png(figure: Figure) -> bytes:
    """Returns the figure as a PNG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()
