"""Writes texts of pictures by a trained captioner."""

import dataclasses
import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan import methods
from emoji_gan.encoder.picture_features import PictureEncoder
from emoji_gan.errors import UserError
from emoji_gan.methods.base import Latents
from emoji_gan.trained.likeness import Like, Likeness
from emoji_gan.trained.source import open_trained
from input_pipeline.art import common_box
from input_pipeline.unicode.captions import KINDS, LANGUAGES
from input_pipeline.unicode.vocabulary import Vocabulary

SHIPPED_CAPTIONER = pathlib.Path(__file__).parents[2] / "models" / "captioner.safetensors"
MOST_TEXTS = 50  # of one picture
MOST_TEMPERATURE = 3.0
_BATCH = 64
_OPEN_ENDS = " \u202f,:;-'’(«&/"  # signs that a word should follow
_ROUNDS = 4  # how often more candidates are drawn where too few are distinct
_CANDIDATES = 5  # drawn for each text that is wanted, in a round


@dataclasses.dataclass(frozen=True)
class Caption:
    """Holds one text of a picture.

    Attributes:
      text: in context it begins with a capital letter.
      log_likelihood: mean of a piece, in nats, at temperature 1; the greater, the likelier.
      likeness: in [0, 1], to the words of emoji that the picture is like.
    """

    text: str
    log_likelihood: float
    likeness: float


class Captioner:
    """Writes names, keywords and texts in context of pictures.

    Attributes:
      checkpoint_hash: SHA-256 of the checkpoint or of the model file's arrays.
      config: of the model, resolved.
      px: side of the pictures that it was trained on.

    Args:
      source: a workdir of configs/caption.py, or its model file; None: the one that is shipped.

    Raises:
      UserError: there is no good checkpoint, the model is of another method, or it was trained with
        another picture encoder.
    """

    def __init__(self, source: str | None = None) -> None:
        source = source or str(SHIPPED_CAPTIONER)
        trained = open_trained(source)
        captions = trained.spec.captions
        if trained.config["method"] != "caption" or captions is None:
            raise UserError(
                f"{source}: it is of method {trained.config['method']!r}; give a captioner"
            )
        self._see = PictureEncoder()
        if captions.picture_hash != self._see.sha256:
            raise UserError(
                f"{trained.path}: it was trained with another picture encoder "
                f"({captions.picture_hash[:8]}, here {self._see.sha256[:8]}); train it anew"
            )
        config = ml_collections.FrozenConfigDict(trained.config)
        generator = methods.load("caption").generator(config, trained.spec)
        self.config, self.px = config, config.data.resolution
        self.checkpoint_hash = trained.digest
        self._vocabulary = Vocabulary(captions.pieces)
        fields = trained.fields(generator.fields)
        self._params = jax.tree.map(jnp.asarray, fields)
        self._likeness = Likeness(fields["memory"], captions.emoji, len(captions.pieces))
        self._draw = jax.jit(generator.draw)

    def features(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Encodes pictures uint8 [h w 4], straight alpha, of any sizes, as f32 [n d]."""
        return self._see(np.stack([common_box.fit(picture, self.px) for picture in pictures]))

    def like(self, pictures: Sequence[np.ndarray], count: int = 3) -> list[list[Like]]:
        """Returns the emoji trained on that each picture is most like, the nearest first.

        Args:
          pictures: uint8 [h w 4] each, straight alpha.
          count: of emoji for each, at most.
        """
        return self._likeness.of_pictures(self.features(pictures), count) if len(pictures) else []

    def __call__(
        self,
        pictures: Sequence[np.ndarray],
        *,
        language: str,
        kind: str,
        count: int = 5,
        temperature: float = 0.5,
        seed: int = 0,
    ) -> list[list[Caption]]:
        """Writes texts of pictures.

        A picture's texts depend on itself, the seed and what is asked for alone.

        Args:
          pictures: uint8 [h w 4] each, straight alpha.
          language: of LANGUAGES.
          kind: of KINDS.
          count: of distinct texts of a picture, at most `MOST_TEXTS`.
          temperature: above 0; the smaller, the likelier and the more alike the texts.
          seed: 0 to 2^32 - 1.

        Returns:
          For each picture up to `count` texts, those first that go best with the emoji that it is
          like; fewer where the model repeats itself at a low temperature.

        Raises:
          UserError: a value out of range.
        """
        _check(language, kind, count, temperature)
        if not len(pictures):
            return []
        features = self.features(pictures)
        texts: list[dict[str, Caption]] = [{} for _ in pictures]
        for number in range(_ROUNDS):
            short = [i for i, of_one in enumerate(texts) if len(of_one) < count]
            per_round = _CANDIDATES * count
            rows = np.repeat(np.array(short, int), per_round)
            candidates = np.tile(np.arange(per_round) + number * per_round, len(short))
            drawn = self.candidates(
                features[rows],
                candidates,
                language=language,
                kind=kind,
                temperature=temperature,
                seed=seed,
            )
            for row, caption in zip(rows, drawn, strict=True):
                if caption.text:
                    texts[row].setdefault(caption.text, caption)
        return [sorted(of_one.values(), key=_order)[:count] for of_one in texts]

    def candidates(
        self,
        features: np.ndarray,
        candidates: np.ndarray,
        *,
        language: str,
        kind: str,
        temperature: float,
        seed: int,
    ) -> list[Caption]:
        """Draws one text of each row; texts may repeat, and be empty.

        Args:
          features: f32 [n d], as `features` returns them.
          candidates: int [n]; another number of the same picture draws another text.
          language: of LANGUAGES.
          kind: of KINDS.
          temperature: above 0.
          seed: 0 to 2^32 - 1.
        """
        captions = []
        for start in range(0, len(features), _BATCH):
            part = np.arange(start, min(start + _BATCH, len(features)))
            rows = part[np.resize(np.arange(len(part)), _BATCH)]  # one program for any number
            condition = {
                "language": jnp.full(_BATCH, LANGUAGES.index(language), jnp.int32),
                "kind": jnp.full(_BATCH, KINDS.index(kind), jnp.int32),
                "seed": jnp.full(_BATCH, seed, jnp.uint32),
                "candidate": jnp.asarray(candidates[rows].astype(np.uint32)),
                "temperature": jnp.full(_BATCH, temperature, jnp.float32),
            }
            latents = Latents(jnp.asarray(features[rows]), jnp.float32(1), "picture")
            drawn = jax.device_get(self._draw(self._params, latents, condition))
            tokens = drawn.tokens[: len(part)]
            likeness = self._likeness.of_texts(features[part], tokens, LANGUAGES.index(language))
            for numbers, log_p, like in zip(tokens, drawn.log_p, likeness, strict=False):
                text = _finished(self._vocabulary.decode(numbers.tolist()), kind)
                captions.append(Caption(text, float(log_p), float(like)))
        return captions


def _order(caption: Caption) -> tuple[float, float, str]:
    return -round(caption.likeness, 6), -caption.log_likelihood, caption.text


def _finished(text: str, kind: str) -> str:
    """Begins a text in context with a capital letter, and lists each keyword once.

    A sign at the end that a word should follow, such as a colon, is left out.
    """
    text = text.rstrip(_OPEN_ENDS)
    if kind == "context":
        return text[:1].upper() + text[1:]
    if kind == "keywords":
        return ", ".join(dict.fromkeys(word for word in text.split(", ") if word))
    return text


def _check(language: str, kind: str, count: int, temperature: float) -> None:
    """Checks what is asked for; raises `UserError`."""
    if language not in LANGUAGES:
        raise UserError(f"--lang={language}: choose from {', '.join(LANGUAGES)}")
    if kind not in KINDS:
        raise UserError(f"--kind={kind}: choose from {', '.join(KINDS)}")
    if not 1 <= count <= MOST_TEXTS:
        raise UserError(f"--n={count}: expected 1 to {MOST_TEXTS}")
    if not 0 < temperature <= MOST_TEMPERATURE:
        raise UserError(f"--temperature={temperature:g}: expected above 0, to {MOST_TEMPERATURE:g}")
