"""Pairs pictures of one emoji in two styles, by code points."""

import collections
import dataclasses
import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from input_pipeline import DataError
from input_pipeline.art import licences

LEAST = 10  # pairs that a style is learned from


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Lists which pictures show the emoji of others in other styles.

    Attributes:
      targets: i64 [n], rows of the data set that are drawn.
      sources: i64 [m], rows; those of target i lie from first[i] to first[i + 1], at least one.
      first: i64 [n + 1].
      identity: fraction of draws whose source is the target itself.
    """

    targets: np.ndarray
    sources: np.ndarray
    first: np.ndarray
    identity: float


def of_styles(
    codepoints: Sequence[str],
    styles: Sequence[str],
    options: Mapping[str, object],
    *,
    least: int = LEAST,
) -> Pairs:
    """Pairs the pictures of a data set.

    Args:
      codepoints: of each picture.
      styles: of each picture; line art has a style of its own.
      options: `config.data.pairs`: targets, identity, licences.
      least: pairs that each target style must have.

    Raises:
      DataError: no such style, one of too few pairs, or one whose licence forbids adaptations.
    """
    names = sorted(set(styles))
    wanted = tuple(options["targets"]) or names
    for style in wanted:
        if style not in names:
            near = difflib.get_close_matches(style, names, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise DataError(
                f"data.pairs.targets: no style {style!r}{hint} The styles are {', '.join(names)}"
            )
    for style in names:
        _check_licence(style, options["licences"])
    rows_of = collections.defaultdict(list)
    for row, code in enumerate(codepoints):
        rows_of[code].append(row)
    targets, sources, first = [], [], [0]
    for row, (code, style) in enumerate(zip(codepoints, styles, strict=True)):
        others = [other for other in rows_of[code] if other != row]
        if style in wanted and others:
            targets.append(row)
            sources += others
            first.append(len(sources))
    counts = collections.Counter(styles[row] for row in targets)
    for style in wanted:
        if counts[style] < least:
            raise DataError(
                f"style {style!r}: {counts[style]} of its pictures show an emoji that another "
                f"style has too, at least {least} are needed; name them by code points (1f600.png) "
                "and give another set beside it, e.g. 'openmoji'"
            )
    return Pairs(*(np.array(x, np.int64) for x in (targets, sources, first)), options["identity"])


def _check_licence(style: str, stated: Sequence[str]) -> None:
    try:
        of_style = licences.of_style(style, stated)
        licences.adapted(of_style, of_style)
    except DataError as e:
        raise DataError(f"style {style!r}: {e}") from e
