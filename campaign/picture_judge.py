"""Says what the emoji encoder sees in pictures: which emoji, how small, and of what a copy."""

import dataclasses
from collections.abc import Sequence

import ml_collections
import numpy as np

from emoji_gan.encoder import encoder, recogniser
from emoji_gan.trained.sampler import SHIPPED_LARGE_FLOW
from emoji_gan.trained.source import open_trained
from eval.extractors.nearest_emoji import NearestEmoji, Neighbour
from eval.metrics import legibility
from input_pipeline.art import common_box
from input_pipeline.unicode import emoji_names

SMALL_PX = 22  # as running text shows an emoji
_FITTED_PX = 64


@dataclasses.dataclass(frozen=True)
class Seen:
    """Holds what is seen in one picture.

    Attributes:
      visible: whether anything is drawn.
      features: f32 [d] of unit length.
      similarity: code points -> cosine to that emoji, of all emoji without tones.
      first: code points of the five most similar emoji.
      small_similarity: cosine to itself at `SMALL_PX`.
      nearest: the real emoji that it is nearest to.
    """

    visible: bool
    features: np.ndarray
    similarity: dict[str, float]
    first: tuple[str, ...]
    small_similarity: float
    nearest: Neighbour

    def to(self, codepoints: str) -> float:
        """Returns the cosine to an emoji, a key of the Unicode list; -1 where none is like it."""
        return self.similarity.get(emoji_names.lookup(codepoints).base, -1.0)

    def rank(self, codepoints: Sequence[str]) -> int:
        """Returns how many emoji are more similar than the best of these."""
        best = max((self.to(c) for c in codepoints), default=-1.0)
        return sum(value > best for value in self.similarity.values())


class PictureJudge:
    """Looks at pictures; the weights and the features of the real emoji are read once.

    Args:
      data_config: `config.data` of the real emoji; None: all of OpenMoji, coloured and as lines,
        those that the models never saw included.
    """

    def __init__(self, data_config: ml_collections.ConfigDict | None = None) -> None:
        self._params, self._meta = encoder.load()
        self._nearest = NearestEmoji(data_config or _every_emoji())

    def __call__(self, pictures: np.ndarray) -> list[Seen]:
        """Looks at uint8 [n h w 4], straight alpha, of any size."""
        if not len(pictures):
            return []
        features = self.features(pictures)
        small = self.features(legibility.reduce(pictures, SMALL_PX))
        similarity = features @ np.asarray(self._params["classes"]).T
        visible = legibility.is_visible(pictures)
        names = self._meta["codepoints"]
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :5]
        return [
            Seen(
                visible=bool(visible[i]),
                features=features[i],
                similarity=dict(zip(names, similarity[i].tolist(), strict=True)),
                first=tuple(names[k] for k in order[i]),
                small_similarity=float(features[i] @ small[i]),
                nearest=neighbour,
            )
            for i, neighbour in enumerate(self._nearest(pictures))
        ]

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """Encodes uint8 [n h w 4], cropped to what is drawn: f32 [n d] of unit length."""
        fitted = np.stack([common_box.fit(picture, _FITTED_PX) for picture in pictures])
        return recogniser.extract(self._params, fitted)[0]


def _every_emoji() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict(open_trained(str(SHIPPED_LARGE_FLOW)).config["data"])
    config.split = "all"
    return config
