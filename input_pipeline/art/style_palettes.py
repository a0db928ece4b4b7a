"""Fits the colours of each style, to which what is drawn in a style is snapped."""

from collections.abc import Sequence

import ml_collections
import numpy as np

from input_pipeline.art import flat_colours
from input_pipeline.dataset import EmojiData


def fit(images: np.ndarray, styles: Sequence[str], colours: int) -> tuple[str, ...]:
    """Fits the colours of each style to its pictures.

    Args:
      images: uint8 [n h w 4], straight alpha.
      styles: of each.
      colours: of a style.

    Returns:
      'STYLE=rrggbbaa rrggbbaa ...' of each style, by name.
    """
    of = np.asarray(styles)
    return tuple(
        f"{style}={' '.join(flat_colours.fit(images[of == style], colours))}"
        for style in sorted(set(styles))
    )


def with_palettes(
    config: ml_collections.FrozenConfigDict, data: EmojiData
) -> ml_collections.FrozenConfigDict:
    """Returns an experiment with `data.pairs.palettes` filled in, where it has that field."""
    if "pairs" not in config.data or config.data.pairs.palettes:
        return config
    changed = ml_collections.ConfigDict(config)
    styles = np.array(data.class_names["style"])[data.classes["style"]].tolist()
    changed.data.pairs.palettes = fit(data.images, styles, config.data.pairs.colours)
    return ml_collections.FrozenConfigDict(changed)
