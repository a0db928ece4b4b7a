"""What each metric is called, which way is better, and what it says in plain words."""

import dataclasses
import math
from collections.abc import Iterable

from eval.metrics.sets import Estimate


@dataclasses.dataclass(frozen=True)
class About:
    """For the tables and pages."""

    label: str  # with the 2015 network
    better: str  # 'lower', 'higher', 'like real' or ''
    text: str  # one or two plain sentences
    by_features: bool = True  # the figure depends on the extractor


# In the order of the tables. A name ending in '_' describes all that begin so; the first that fits
# counts.
_ABOUT = {
    "fd": About(
        "FID",
        "lower",
        "How far the generated emoji as a whole are from the real ones: the Frechet distance between normal "
        "distributions fitted to the network's features. 0: the same mean and spread. Fewer images give a "
        "higher figure.",
    ),
    "fd_infinity": About(
        "FID-infinity",
        "lower",
        "The same distance, extrapolated to endlessly many generated images.",
    ),
    "kid": About(
        "KID",
        "lower",
        "The same question by another distance (a polynomial kernel's), which small sets do not bias. Can "
        "fall a little below 0.",
    ),
    "kid_standard_error": About(
        "KID_standard_error",
        "",
        "How far the KID of another draw of images would typically be from this one.",
    ),
    "inception_score": About(
        "inception_score",
        "higher",
        "Whether each image is clearly of some class and all classes occur; 1 is the least. Asks nothing of "
        "the real emoji.",
    ),
    "precision": About(
        "precision",
        "higher",
        "Quality: the share of the generated emoji that lie among the real ones.",
    ),
    "recall": About(
        "recall",
        "higher",
        "Variety: the share of the real emoji that lie among the generated ones.",
    ),
    "density": About(
        "density",
        "higher",
        "Quality: how many real emoji each generated one is near, against what is usual among the real ones; "
        "about 1 for a perfect model.",
    ),
    "distinct": About(
        "distinct",
        "higher",
        "The share of the pictures that is left when exact copies are counted once.",
    ),
    "coverage": About(
        "coverage", "higher", "Variety: the share of the real emoji with a generated one close by."
    ),
    "intra_class_fd": About(
        "intra_class_fd",
        "lower",
        "The Frechet distance within each class, averaged: likeness and variety inside the classes.",
    ),
    "agreement_": About(
        "agreement_",
        "higher",
        "How often the recogniser sees the class that was asked for: first choice, or among the first five.",
    ),
    "ppl": About(
        "PPL",
        "lower",
        "Perceptual path length: how much the picture changes for a small step of its latent. High: jumps.",
    ),
    "memorisation_rate": About(
        "memorisation_rate",
        "lower",
        "Copies: the share of the generated emoji that are nearer to a training image than 99 % of these are "
        "to one another (near-duplicates apart). About 0.01 is chance.",
    ),
    "memorisation_percentile": About(
        "memorisation_percentile",
        "",
        "How far the typical generated emoji is from the training images: 50 is as far as these are from one "
        "another, 0 a copy.",
    ),
    "legibility_": About(
        "legibility_",
        "like real",
        "How often the recogniser sees the same emoji when the picture is scaled down to so many px.",
    ),
    "alpha_binary": About(
        "alpha_binary",
        "like real",
        "Share of the pixels that are nearly opaque or nearly clear.",
        False,
    ),
    "alpha_coverage": About(
        "alpha_coverage", "like real", "How much of the square is filled.", False
    ),
    "alpha_edge_px": About(
        "alpha_edge_px", "like real", "Width of soft edges, px; about 1 if clean.", False
    ),
    "alpha_stray": About(
        "alpha_stray", "like real", "Share of the visible pixels that stand alone: specks.", False
    ),
    "palette": About(
        "palette", "lower", "How far the colours are from those of the real emoji.", False
    ),
}


def about(metric: str) -> About:
    """What is known of a metric, by its name in a report; of an unknown one little."""
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
    """Key to sort metrics by."""
    for suffix in ("_real", "_distance"):
        if key := _key(metric.removesuffix(suffix)):
            return list(_ABOUT).index(key), metric
    return len(_ABOUT), metric


def plotted(metrics: Iterable[str]) -> list[str]:
    """The metrics that a plot has a panel for: '_real' ones are lines in the others' panels."""
    return sorted((m for m in metrics if not m.endswith(("_real", "_standard_error"))), key=order)


def display_name(metric: str, extractor: str) -> str:
    """The name a figure is shown by; it says whose features it is of.

    Only the 2015 network's Frechet distance is FID: ('fd', 'inception-2015') -> 'FID', ('fd',
    'emoji-encoder') -> 'fd_emoji', ('fd', 'other') -> 'fd@other'. Figures that no network has a
    part in keep their name.
    """
    known = about(metric)
    if not known.by_features:
        return metric
    if extractor == "inception-2015":
        return known.label
    return f"{metric}_emoji" if extractor == "emoji-encoder" else f"{metric}@{extractor}"


def value_text(e: Estimate) -> str:
    """The value, with as many digits as its interval makes sense of."""
    return _text(e.value, e)


def interval_text(e: Estimate) -> str:
    """'1.20 to 1.43', or that there is none."""
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
