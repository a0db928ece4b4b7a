"""Makes the encoder's training batches: augmented drawings of emoji, and phrases for them.

Everything random is drawn from a numpy generator, so a batch follows from (seed, step).
"""

import collections
import re
from collections.abc import Sequence

import numpy as np

from emoji_gan.encoder import text_features, training_augmentation, training_phrases
from emoji_gan.encoder.training_art import Art
from input_pipeline.unicode import emoji_names

# How often a drawing of each domain is chosen among the drawings of its emoji.
_DOMAIN_WEIGHT = {"full": 1.0, "line": 0.3, "fill": 0.2}
_NAME_WEIGHT = 4  # of an emoji's name among its keywords
_FEATURE_DROPOUT = 0.15
# Names of emoji that mean something else, or nothing, when mirrored.
_DIRECTED = re.compile(
    r"left|right|clockwise|arrow|moon|quarter|o.clock|thirty|facing|east|west|pencil|key|scroll"
    r"|abacus|chart"
)
_UNMIRRORED_GROUPS = ("Symbols", "Flags")


class Batches:
    """Makes batches of drawings and phrases, each a function of (seed, step).

    A batch has half as many emoji as drawings: each emoji appears in two drawings, of different
    styles where it has several. It also comes with an English and a French phrase. As many phrases
    again belong to other emoji.

    Args:
      art: the drawings to train on.
      codepoints: the classes.
      seed: of everything random.
      batch_size: number of drawings, even.
    """

    def __init__(self, art: Art, codepoints: Sequence[str], seed: int, batch_size: int) -> None:
        self._seed, self._emoji_per_batch = seed, batch_size // 2
        alpha = art.images[..., 3:].astype(np.uint16)
        rgb = (art.images[..., :3] * alpha + 127) // 255
        self._images = np.concatenate([rgb, alpha], -1).astype(np.uint8)  # premultiplied
        index = {c: i for i, c in enumerate(codepoints)}
        rows = collections.defaultdict(list)
        for row, c in enumerate(art.codepoints.tolist()):
            rows[index[c]].append(row)
        self._rows = [np.array(rows[i]) for i in range(len(codepoints))]
        weight = np.array([_DOMAIN_WEIGHT[domain] for domain in art.domains.tolist()])
        self._probabilities = [weight[r] / weight[r].sum() for r in self._rows]
        metas = [emoji_names.lookup(c) for c in codepoints]
        self._may_mirror = np.array(
            [m.group not in _UNMIRRORED_GROUPS and not _DIRECTED.search(m.name) for m in metas]
        )
        subgroups = sorted({m.subgroup for m in metas})
        self._subgroups = np.array([subgroups.index(m.subgroup) for m in metas], np.int32)
        self._texts = [{"en": [], "fr": []} for _ in codepoints]
        for phrase in training_phrases.phrases(codepoints):
            if not phrase.held_out:
                copies = _NAME_WEIGHT if phrase.kind == "name" else 1
                self._texts[index[phrase.codepoints]][phrase.language] += [phrase.text] * copies

    @property
    def subgroup_count(self) -> int:
        """Returns the number of subgroups of the Unicode list that occur."""
        return int(self._subgroups.max()) + 1

    def __call__(self, step: int, size_px: int, buckets: int) -> dict[str, np.ndarray]:
        """Returns the batch of a step.

        Args:
          step: of the training.
          size_px: side of the drawings.
          buckets: columns of the bags; 0: no phrases.

        Returns:
          image: f32 `b s s 4`, model images; drawings 2i and 2i + 1 are of one emoji.
          label, subgroup: int32 `b`.
          bag: f32 `2b buckets`, phrases; the first b belong to the drawings, row by row.
          text_label: int32 `2b`. Without phrases these two are left out.
        """
        rng = np.random.default_rng((self._seed, step))
        emoji = self._emoji_of(step)
        label = np.repeat(emoji, 2).astype(np.int32)
        rows = np.concatenate([self._draw_pair(e, rng) for e in emoji])
        images = np.stack(
            [
                training_augmentation.augment_shape(
                    self._images[r], rng, size_px=size_px, may_mirror=self._may_mirror[e]
                )
                for r, e in zip(rows, label, strict=True)
            ]
        )
        phrases = self._draw_bags(label, buckets, rng) if buckets else {}
        return {
            "image": training_augmentation.augment_colour(images, rng),
            "label": label,
            "subgroup": self._subgroups[label],
        } | phrases

    def _draw_bags(
        self, label: np.ndarray, buckets: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Returns `bag` and `text_label` of a batch."""
        others = rng.integers(len(self._rows), size=len(label)).astype(np.int32)
        text_label = np.concatenate([label, others])
        texts = [self._draw_phrase(e, ("en", "fr")[i % 2], rng) for i, e in enumerate(text_label)]
        bag = np.zeros((len(texts), buckets), np.float32)
        for row, text in zip(bag, texts, strict=True):
            features = np.array(text_features.phrase_features(text, buckets))
            # Dropout, so that the meaning of a phrase does not hang on one of its words.
            row[features[rng.random(len(features)) > _FEATURE_DROPOUT]] = len(features) ** -0.5
        return {"bag": bag, "text_label": text_label}

    def _emoji_of(self, step: int) -> np.ndarray:
        """Returns the emoji of a step; each epoch has all of them, in an order of its own."""
        n = len(self._rows)
        samples = np.arange(step * self._emoji_per_batch, (step + 1) * self._emoji_per_batch)
        orders = {
            epoch: np.random.default_rng((self._seed, 1 << 32, epoch)).permutation(n)
            for epoch in set((samples // n).tolist())
        }
        return np.array([orders[s // n][s % n] for s in samples])

    def _draw_pair(self, emoji: int, rng: np.random.Generator) -> np.ndarray:
        """Returns the rows of two drawings of an emoji, different ones if it has two."""
        rows = self._rows[emoji]
        return rng.choice(rows, 2, replace=len(rows) < 2, p=self._probabilities[emoji])

    def _draw_phrase(self, emoji: int, language: str, rng: np.random.Generator) -> str:
        """Returns a phrase of an emoji, or now and then two of them in a row."""
        texts = self._texts[emoji]
        choices = texts[language] or texts["fr" if language == "en" else "en"] or [""]
        text = choices[rng.integers(len(choices))]
        return f"{text} {choices[rng.integers(len(choices))]}" if rng.random() < 0.25 else text
