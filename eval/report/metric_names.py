"""Names each metric, says which way is better, and explains it in plain words."""

import dataclasses
import math
from collections.abc import Iterable

from eval.metrics.sets import Estimate


@dataclasses.dataclass(frozen=True)
class About:
    """Describes a metric in tables and pages.

    Attributes:
      label: its name if the features are of the 2015 network.
      better: 'lower', 'higher', 'like real' or ''.
      text: one or two plain sentences.
      by_features: whether the figure depends on the extractor.
    """

    label: str
    better: str
    text: str
    by_features: bool = True


EXTRACTORS = ("emoji-encoder", "emoji-encoder-2", "inception-2015")
_SUFFIXES = {"emoji-encoder": "_emoji", "emoji-encoder-2": "_emoji_2"}

# In the order of the tables. A key that ends in '_' describes all metrics that begin with it; the
# first such key counts.
_ABOUT = {
    "fd": About(
        label="FID",
        better="lower",
        text=(
            "How far the generated emoji as a whole are from the real ones: the Frechet distance "
            "between normal distributions fitted to the network's features. 0: the same mean and "
            "spread. Fewer images give a higher figure."
        ),
    ),
    "fd_infinity": About(
        label="FID-infinity",
        better="lower",
        text="The same distance, extrapolated to endlessly many generated images.",
    ),
    "kid": About(
        label="KID",
        better="lower",
        text=(
            "The same question by another distance (a polynomial kernel's), which small sets do "
            "not bias. Can fall a little below 0."
        ),
    ),
    "kid_standard_error": About(
        label="KID_standard_error",
        better="",
        text="How far the KID of another draw of images would typically be from this one.",
    ),
    "inception_score": About(
        label="inception_score",
        better="higher",
        text=(
            "Whether each image is clearly of some class and all classes occur; 1 is the least. "
            "Asks nothing of the real emoji."
        ),
    ),
    "precision": About(
        label="precision",
        better="higher",
        text="Quality: the share of the generated emoji that lie among the real ones.",
    ),
    "recall": About(
        label="recall",
        better="higher",
        text="Variety: the share of the real emoji that lie among the generated ones.",
    ),
    "density": About(
        label="density",
        better="higher",
        text=(
            "Quality: how many real emoji each generated one is near, against what is usual among "
            "the real ones; about 1 for a perfect model."
        ),
    ),
    "distinct": About(
        label="distinct",
        better="higher",
        text="The share of the pictures that is left when exact copies are counted once.",
    ),
    "coverage": About(
        label="coverage",
        better="higher",
        text="Variety: the share of the real emoji with a generated one close by.",
    ),
    "intra_class_fd": About(
        label="intra_class_fd",
        better="lower",
        text=(
            "The Frechet distance within each class, averaged: likeness and variety inside the "
            "classes."
        ),
    ),
    "agreement_": About(
        label="agreement_",
        better="higher",
        text=(
            "How often the recogniser sees the class that was asked for: first choice, or among "
            "the first five."
        ),
    ),
    "ppl": About(
        label="PPL",
        better="lower",
        text=(
            "Perceptual path length: how much the picture changes for a small step of its latent. "
            "High: jumps."
        ),
    ),
    "memorisation_rate": About(
        label="memorisation_rate",
        better="lower",
        text=(
            "Copies: the share of the generated emoji that are nearer to a training image than 99 "
            "% of these are to one another (near-duplicates apart). About 0.01 is chance."
        ),
    ),
    "memorisation_percentile": About(
        label="memorisation_percentile",
        better="",
        text=(
            "How far the typical generated emoji is from the training images: 50 is as far as "
            "these are from one another, 0 a copy."
        ),
    ),
    "legibility_": About(
        label="legibility_",
        better="like real",
        text=(
            "How often the recogniser sees the same emoji when the picture is scaled down to so "
            "many px."
        ),
    ),
    "alpha_binary": About(
        label="alpha_binary",
        better="like real",
        text="Share of the pixels that are nearly opaque or nearly clear.",
        by_features=False,
    ),
    "alpha_coverage": About(
        label="alpha_coverage",
        better="like real",
        text="How much of the square is filled.",
        by_features=False,
    ),
    "alpha_edge_px": About(
        label="alpha_edge_px",
        better="like real",
        text="Width of soft edges, px; about 1 if clean.",
        by_features=False,
    ),
    "alpha_stray": About(
        label="alpha_stray",
        better="like real",
        text="Share of the visible pixels that stand alone: specks.",
        by_features=False,
    ),
    "palette": About(
        label="palette",
        better="lower",
        text="How far the colours are from those of the real emoji.",
        by_features=False,
    ),
}


def about(metric: str) -> About:
    """Describes a metric, by its name in a report; an unknown one has only a name."""
    for suffix, better, text in (
        ("_real", "", "The same of the real emoji, to compare with."),
        ("_distance", "lower", "How far this differs from real to generated, image by image."),
    ):
        if metric.endswith(suffix) and (key := _key(metric.removesuffix(suffix))):
            return About(metric, better, text, _ABOUT[key].by_features)
    key = _key(metric)
    if key is None:
        return About(metric, "", "")
    return dataclasses.replace(_ABOUT[key], label=metric) if key.endswith("_") else _ABOUT[key]


def order(metric: str) -> tuple[int, str]:
    """Returns the key to sort metrics by."""
    for suffix in ("_real", "_distance"):
        if key := _key(metric.removesuffix(suffix)):
            return list(_ABOUT).index(key), metric
    return len(_ABOUT), metric


def plotted(metrics: Iterable[str]) -> list[str]:
    """Selects the metrics that have a panel in a plot; '_real' ones are lines in those panels."""
    return sorted((m for m in metrics if not m.endswith(("_real", "_standard_error"))), key=order)


def display_name(metric: str, extractor: str) -> str:
    """Returns the name of a figure in tables, which says whose features it is of.

    Only the 2015 network's Frechet distance is FID: ('fd', 'inception-2015') -> 'FID', ('fd',
    'emoji-encoder') -> 'fd_emoji', ('fd', 'emoji-encoder-2') -> 'fd_emoji_2', ('fd', 'other') ->
    'fd@other'. Figures that do not depend on a network keep their name.
    """
    description = about(metric)
    if not description.by_features:
        return metric
    if extractor == "inception-2015":
        return description.label
    return metric + _SUFFIXES.get(extractor, f"@{extractor}")


def value_text(e: Estimate) -> str:
    """Formats the value with as many digits as its interval justifies."""
    return _text(e.value, e)


def interval_text(e: Estimate) -> str:
    """Formats the interval: '1.20 to 1.43', or 'none'."""
    if e.low is None or e.high is None:
        return "none"
    return f"{_text(e.low, e)} to {_text(e.high, e)}"


def _key(metric: str) -> str | None:
    if metric in _ABOUT:
        return metric
    return next((key for key in _ABOUT if key.endswith("_") and metric.startswith(key)), None)


def _text(x: float, e: Estimate) -> str:
    if not math.isfinite(x):
        return "not finite"
    width = e.high - e.low if e.low is not None and e.high is not None else 0.0
    if not (math.isfinite(width) and width > 0):
        return f"{x:.4g}"
    decimals = 1 - math.floor(math.log10(width))  # the interval's first two digits
    if decimals > 6 or abs(x) >= 1e9:
        return f"{x:.4g}"
    return f"{x:,.{max(0, decimals)}f}"
