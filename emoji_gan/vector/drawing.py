"""Holds a vector drawing and writes it as SVG."""

import dataclasses
from collections.abc import Mapping, Sequence
from xml.sax import saxutils

import numpy as np

SIDE = 72.0  # units of the view box, as OpenMoji's
_DECIMALS = 2  # of a unit: a tenth of a pixel at 720 px
_FLAT = 0.02  # units; a curve that is so near to its chord is written as a line


@dataclasses.dataclass(frozen=True)
class Path:
    """Holds curves, each beginning where the one before it ended.

    Attributes:
      curves: f64 [n 4 2], cubic Béziers in units of the view box, x to the right and y down.
      closed: whether the last ends where the first begins.
    """

    curves: np.ndarray
    closed: bool


@dataclasses.dataclass(frozen=True)
class Shape:
    """Holds paths of one colour: filled by the even-odd rule, or stroked with round ends.

    Attributes:
      paths: at least one.
      colour: RGB in [0, 255].
      width: of the stroke, in units; 0.0: filled.
    """

    paths: tuple[Path, ...]
    colour: tuple[int, int, int]
    width: float = 0.0


def to_svg(shapes: Sequence[Shape], metadata: Mapping[str, str] | None = None) -> str:
    """Writes shapes, the lowest first, as an SVG document.

    Args:
      shapes: in units of a square view box of `SIDE`.
      metadata: what is written down beside the drawing, by name.
    """
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE:g} {SIDE:g}">']
    if metadata:
        text = "; ".join(f"{name}: {value}" for name, value in metadata.items())
        lines.append(f"<desc>{saxutils.escape(text)}</desc>")
    lines += [_element(shape) for shape in shapes]
    return "\n".join([*lines, "</svg>\n"])


def _element(shape: Shape) -> str:
    d = "".join(_path_data(path) for path in shape.paths)
    colour = _hex(shape.colour)
    if not shape.width:
        several = ' fill-rule="evenodd"' if len(shape.paths) > 1 else ""
        return f'<path fill="{colour}"{several} d="{d}"/>'
    width = f"{shape.width:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return (
        f'<path fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" '
        f'stroke-linejoin="round" d="{d}"/>'
    )


def _hex(colour: tuple[int, int, int]) -> str:
    full = "#{:02x}{:02x}{:02x}".format(*colour)
    return "#" + full[1::2] if full[1::2] == full[2::2] else full


def _path_data(path: Path) -> str:
    """Writes a path in whole hundredths, relative to the last point, so that no error adds up."""
    hundredths = np.round(path.curves * 10**_DECIMALS).astype(int)
    data = "M" + _numbers(hundredths[0, 0])
    last = ""
    for curve, exact in zip(hundredths, path.curves, strict=True):
        away = curve[1:] - curve[0]
        if not away.any():
            continue
        straight = _is_straight(exact)
        command = "l" if straight else "c"
        numbers = _numbers(away[2] if straight else away)
        joint = command if command != last else ("" if numbers.startswith("-") else " ")
        data += joint + numbers
        last = command
    return data + ("z" if path.closed else "")


def _is_straight(curve: np.ndarray) -> bool:
    chord = curve[3] - curve[0]
    length = float(np.linalg.norm(chord))
    away = curve[1:3] - curve[0]
    return (
        length > 0 and float(np.abs(away @ np.array([chord[1], -chord[0]])).max()) < _FLAT * length
    )


def _numbers(hundredths: np.ndarray) -> str:
    """Writes numbers with as few characters as SVG allows: `1.5 2-.3.4`."""
    text, before = "", ""
    for value in hundredths.ravel():
        number = f"{value / 10**_DECIMALS:.{_DECIMALS}f}".rstrip("0").rstrip(".")
        number = number.replace("0.", ".", 1) if number.lstrip("-").startswith("0.") else number
        number = "0" if number in ("-0", "") else number
        joint = "" if not before or number.startswith("-") else " "
        if number.startswith(".") and "." in before:
            joint = ""
        text += joint + number
        before = number
    return text
