"""Restores and enlarges pictures by a trained restorer."""

import functools
import itertools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from emoji_gan import images, methods
from emoji_gan.errors import UserError
from emoji_gan.methods.base import Latents
from emoji_gan.trained import even_colours
from emoji_gan.trained.even_colours import COLOURS
from emoji_gan.trained.source import open_trained
from input_pipeline import degrade
from input_pipeline.art import common_box

_MODELS = pathlib.Path(__file__).parents[2] / "models"
SHIPPED_RESTORER = _MODELS / "restorer.safetensors"
SHIPPED_OF_COLOURS = {"openmoji": _MODELS / "restorer_openmoji.safetensors"}
SCALES = (1, 2, 4, 8, 16)
MAX_PX = 256  # a side of what is restored
MAX_RESULT_PX = 1024
_BATCH_PX = 16 * 64 * 64  # of a batch; so large pictures go one by one
_MAX_BATCH = 16
_UNIT = 8  # px that sizes are padded to a multiple of, so that few programs are compiled


class _Network:
    """Makes one pass of a restorer over pictures.

    Attributes:
      scale: of the pass.
      digest: SHA-256 of the checkpoint or of the model file's arrays.
      has_palette: whether it draws in the colours of a style alone.

    Args:
      source: a workdir of configs/restore.py, or its model file.

    Raises:
      UserError: there is no good checkpoint, or the model is of another method.
    """

    def __init__(self, source: str) -> None:
        trained = open_trained(source)
        if trained.config["method"] != "restore":
            raise UserError(
                f"{source}: it is of method {trained.config['method']!r}; give a restorer"
            )
        config = ml_collections.FrozenConfigDict(trained.config)
        generator = methods.load("restore").generator(config, trained.spec)
        self.scale, self.digest = config.degrade.scale, trained.digest
        self.has_palette = bool(config.model.get("colours"))
        self._params = trained.fields(generator.fields)
        self._draw = jax.jit(generator.draw)

    def __call__(self, pictures: np.ndarray, remove_background: bool) -> np.ndarray:
        """Enlarges uint8 [n h w 4] by the network's scale."""
        _, h, w, _ = pictures.shape
        size = max(1, min(_MAX_BATCH, _BATCH_PX // (h * w)))
        # What is opaque to its edge goes on beyond it; what is transparent there, likewise.
        padded = np.pad(pictures, [(0, 0), (0, -h % _UNIT), (0, -w % _UNIT), (0, 0)], mode="edge")
        background = np.full(size, remove_background, np.float32)
        results = []
        for start in range(0, len(padded), size):
            part = padded[start : start + size]
            batch = part[np.resize(np.arange(len(part)), size)]  # one program for any number
            latents = Latents(images.to_model(batch), np.float32(1), "picture")
            drawn = self._draw(self._params, latents, {"background": background})
            results.append(np.asarray(images.to_uint8(drawn))[: len(part)])
        return np.concatenate(results)[:, : h * self.scale, : w * self.scale]


class Restorer:
    """Enlarges pictures and mends what damaged them.

    Attributes:
      checkpoint_hash: SHA-256 of the checkpoint or of the model file's arrays.

    Args:
      source: a workdir of configs/restore.py, or its model file; None: a shipped one, that which
        knows the colours where there is one.
      colours: to which pixels near them are brought at last: the `own` main ones of each picture,
        those of `openmoji`; or `all`: none are, for art with gradients.

    Raises:
      UserError: there is no good checkpoint, the model is of another method, or no such colours.
    """

    def __init__(self, source: str | None = None, *, colours: str = COLOURS[0]) -> None:
        if colours not in COLOURS:
            raise UserError(f"--colours={colours}: choose from {', '.join(COLOURS)}")
        self._colours = colours
        shipped = SHIPPED_OF_COLOURS.get(colours, SHIPPED_RESTORER)
        self._network = _Network(source or str(shipped))
        self.checkpoint_hash = self._network.digest

    @functools.cached_property
    def _of_any_colours(self) -> _Network:
        return _Network(str(SHIPPED_RESTORER)) if self._network.has_palette else self._network

    def _network_of(self, picture: np.ndarray, remove_background: bool) -> _Network:
        """Returns the network for a picture: its ground, where that stays, is of any colour."""
        keeps_ground = not remove_background and picture[..., 3].min() == 255
        return self._of_any_colours if keeps_ground else self._network

    def __call__(
        self, pictures: Sequence[np.ndarray], scale: int, *, remove_background: bool = False
    ) -> list[np.ndarray]:
        """Restores pictures.

        A picture's result depends on itself alone.

        Args:
          pictures: uint8 [h w 4] each, straight alpha, 1 to `MAX_PX` a side.
          scale: of the result, one of `SCALES`; 1 mends and keeps the size.
          remove_background: makes the background of opaque pictures transparent.

        Returns:
          uint8 [scale*h scale*w 4] each, straight alpha.

        Raises:
          UserError: another scale, or a picture that is too large for it.
        """
        if scale not in SCALES:
            raise UserError(f"scale {scale}: choose from {', '.join(map(str, SCALES))}")
        for picture in pictures:
            side = max(picture.shape[:2])
            if side > MAX_PX or side * scale > MAX_RESULT_PX:
                raise UserError(
                    f"a picture of {picture.shape[1]} x {picture.shape[0]} px at scale {scale}: "
                    f"at most {MAX_PX} px a side, and {MAX_RESULT_PX} of the result"
                )
        results: list[np.ndarray] = [np.empty(0)] * len(pictures)
        networks = [self._network_of(picture, remove_background) for picture in pictures]

        def alike(i: int) -> tuple[Any, ...]:
            return networks[i].digest, pictures[i].shape

        for _, group in itertools.groupby(sorted(range(len(pictures)), key=alike), key=alike):
            rows = list(group)
            for start in range(0, len(rows), _MAX_BATCH):
                part = rows[start : start + _MAX_BATCH]
                batch = np.stack([pictures[i] for i in part])
                restored = self._at(networks[part[0]], batch, scale, remove_background)
                for i, result in zip(part, restored, strict=True):
                    results[i] = result
        return results

    def to_size(self, pictures: np.ndarray, size_px: int) -> np.ndarray:
        """Restores square pictures at another size, not smaller than theirs.

        Args:
          pictures: uint8 [n h h 4], straight alpha.
          size_px: side of the results, h to 16 h, at most 1024.

        Returns:
          uint8 [n size_px size_px 4], straight alpha.

        Raises:
          UserError: a size out of range.
        """
        large = self(list(pictures), self.scale_to(pictures.shape[1], size_px))
        return np.stack([common_box.resize(picture, size_px) for picture in large])

    @staticmethod
    def scale_to(px: int, size_px: int) -> int:
        """Returns the scale of `SCALES` that brings pictures of `px` to a size, or beyond it.

        Raises:
          UserError: a size out of range.
        """
        most_px = min(MAX_RESULT_PX, px * SCALES[-1])
        if not px <= size_px <= most_px:
            raise UserError(f"--size={size_px}: expected {px} to {most_px} px")
        return next(s for s in SCALES if s * px >= size_px)

    def provenance(self, size_px: int) -> dict[str, str]:
        """Returns the text chunks that a PNG of this size gets besides those of its model."""
        texts = {"size": f"{size_px} px", "restorer_sha256": self.checkpoint_hash}
        return texts | {"colours": self._colours}

    def digest_of(self, picture: np.ndarray, *, remove_background: bool = False) -> str:
        """Returns the SHA-256 of the network that a picture, uint8 [h w 4], is restored by."""
        return self._network_of(picture, remove_background).digest

    def _at(
        self, network: _Network, batch: np.ndarray, scale: int, remove_background: bool
    ) -> np.ndarray:
        """Passes a batch through a network, and once more where that is not enough.

        What is larger than is wanted is made smaller, before the last pass already: that costs a
        quarter, at the same error. Only the first pass removes a background: there is none after
        it.
        """
        batch, reached = network(batch, remove_background), network.scale
        while reached < scale:
            over = max(1, reached * network.scale // scale)
            batch = network(_made_smaller(batch, over), False)
            reached = reached * network.scale // over
        batch = np.stack(
            [
                even_colours.evened(picture, self._colours, are_mixtures=network.has_palette)
                for picture in batch
            ]
        )
        return _made_smaller(batch, reached // scale)


def _made_smaller(batch: np.ndarray, times: int) -> np.ndarray:
    return batch if times == 1 else np.stack([degrade.shrink(x, times) for x in batch])
