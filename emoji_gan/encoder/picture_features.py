"""Makes vectors of pictures by the second encoder, for captioners.

It is the second, so that the first, whose phrases judge the texts, is no part of what writes them.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan.encoder import encoder
from input_pipeline.unicode import captions

if TYPE_CHECKING:  # a captioner that describes pictures does without TensorFlow
    from input_pipeline.dataset import EmojiData

_BATCH = 64

_quarters = jax.jit(encoder.quarters)


class PictureEncoder:
    """Encodes pictures, each by itself.

    Attributes:
      sha256: of the weights; a captioner needs vectors of the weights that it was trained with.
    """

    def __init__(self) -> None:
        self._params, meta = encoder.load(encoder.SECOND_WEIGHTS)
        self.sha256 = meta["weights_sha256"]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Encodes pictures uint8 `n h w 4`, straight alpha, as f32 `n d`."""
        vectors = []
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            rows = np.arange(_BATCH) % len(batch)  # pads the last batch: one compiled program
            x = encoder.preprocess(jnp.asarray(batch[rows]))
            vectors.append(np.asarray(_quarters(self._params, x))[: len(batch)])
        return np.concatenate(vectors)


def with_captions(
    data: "EmojiData", held_out: "EmojiData | None", *, length: int, words: int
) -> tuple["EmojiData", "EmojiData | None"]:
    """Adds texts, and vectors of the pictures, to the data of a captioner.

    Args:
      data: of the training split.
      held_out: emoji that are not trained on, or None.
      length: pieces of a text with its end, at most.
      words: of an emoji in a language that others may take, at most.

    Raises:
      DataError: no text of an emoji is so short.
    """
    see = PictureEncoder()
    return captions.attached(
        data, held_out, length=length, words=words, see=see, picture_hash=see.sha256
    )
