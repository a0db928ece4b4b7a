"""Computes features of images, under jit over every device, by one of three extractors.

`inception-2015` is the network of the Frechet Inception Distance, with the user's weights.
`emoji-encoder` is this project's own, with weights in the repository; so is `emoji-encoder-2`, a
smaller network that was trained apart from it.
"""

import dataclasses
import functools
import hashlib
import json

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

from emoji_gan import images as image_lib
from emoji_gan.errors import UserError
from emoji_gan.runtime import mesh
from eval.report import metric_names

PIPELINES = ("pytorch-fid", "tf1", "clean-fid")  # of inception-2015
BACKGROUNDS = ("white", "black", "checker")  # under the alpha, for inception-2015


@dataclasses.dataclass(frozen=True)
class Features:
    """Holds what an extractor computes from n images.

    Attributes:
      features: f32 [n d].
      logits: f32 [n k].
    """

    features: np.ndarray
    logits: np.ndarray | None


class Extractor:
    """Computes features by a network whose weights are on every device.

    It prepares the images for the network too.

    Args:
      name: one of `metric_names.EXTRACTORS`.
      pipeline: one of PIPELINES; the emoji encoders have their own.
      background: one of BACKGROUNDS; the emoji encoders see the alpha itself.
      weights: path of the 2015 network's weights; None: where `eval.extractors.inception_weights`
        looks.
      download: fetch them if they are nowhere.
      batch_size: images a device in each call of the network.

    Raises:
      UserError: unknown names, missing or damaged weights.
    """

    def __init__(
        self,
        name: str,
        *,
        pipeline: str = "pytorch-fid",
        background: str = "white",
        weights: str | None = None,
        download: bool = False,
        batch_size: int = 32,
    ) -> None:
        for value, valid, flag in (
            (name, metric_names.EXTRACTORS, "--extractor"),
            (pipeline, PIPELINES, "--pipeline"),
            (background, BACKGROUNDS, "--background"),
        ):
            if value not in valid:
                raise UserError(f"{flag}={value}: expected one of {', '.join(valid)}")
        self.name, self.batch_size = name, batch_size
        self._mesh = mesh.make_mesh()
        if name == "inception-2015":
            from eval.extractors import inception, inception_weights

            self.pipeline, self.background = pipeline, background
            params, self.weights_hash = inception_weights.load(weights, download=download)
            self._prepare = lambda x: over(x, background)
            preprocess = functools.partial(inception.preprocess, pipeline=pipeline)
            apply, self._features, self._logits = inception.apply, "pool3", "logits_nobias"
        else:
            from emoji_gan.encoder import encoder

            self.pipeline, self.background = "alpha", "none"
            second = name == "emoji-encoder-2"
            params, meta = encoder.load(encoder.SECOND_WEIGHTS if second else encoder.WEIGHTS)
            self.weights_hash = meta["weights_sha256"]
            self._prepare = np.asarray
            preprocess, apply = encoder.preprocess, encoder.apply
            self._features, self._logits = "features", "logits"
        self._params = jax.device_put(params, mesh.replicated(self._mesh))
        rows = jax.P(mesh.AXIS)
        local = jax.shard_map(
            lambda params, x: apply(params, preprocess(x)),
            mesh=self._mesh,
            in_specs=(jax.P(), rows),
            out_specs=rows,
            check_vma=False,
        )
        self._apply = jax.jit(local)

    @property
    def key(self) -> str:
        """Identifies everything that the features depend on: a SHA-256 in hexadecimal."""
        parts = [self.name, self.pipeline, self.background, self.weights_hash]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def __call__(self, images: np.ndarray) -> Features:
        """Computes features of uint8 `n h w 4` straight-alpha RGBA (or float32 in [0, 255]).

        Every process passes the same images, works on its part of them and gets all features. Where
        the device's memory does not suffice, the batch is halved.

        Raises:
          UserError: features that are not finite, or memory that does not suffice for one image.
        """
        while True:
            try:
                return self._extract(images)
            except jax.errors.JaxRuntimeError as e:
                if "RESOURCE_EXHAUSTED" not in str(e):
                    raise
                if self.batch_size == 1:
                    raise UserError(
                        f"{self.name}: not enough device memory for a single image"
                    ) from None
                self.batch_size //= 2
                logging.warning(
                    "%s: out of device memory, now %d images a batch", self.name, self.batch_size
                )

    def _extract(self, images: np.ndarray) -> Features:
        processes, process = jax.process_count(), jax.process_index()
        rows = self.batch_size * self._mesh.size  # global
        mine = rows // processes
        parts = []
        for start in range(0, len(images), rows):
            batch = images[start : start + rows]
            # The last batch is filled up, so that there is one compiled program and every batch
            # rounds alike.
            batch = batch[np.arange(rows) % len(batch)]
            part = batch[process * mine : (process + 1) * mine]
            x = mesh.global_batch(self._mesh, {"x": self._prepare(part)})["x"]
            out = self._apply(self._params, x)
            out = {k: out[k] for k in (self._features, self._logits)}
            parts.append(
                multihost_utils.process_allgather(out, tiled=True) if processes > 1 else out
            )
            if len(parts) > 1:  # the host prepares one batch ahead of the device
                parts[-2] = jax.device_get(parts[-2])
        parts = jax.device_get(parts)
        features, logits = (
            np.concatenate([p[k] for p in parts])[: len(images)]
            for k in (self._features, self._logits)
        )
        if not np.isfinite(features).all():
            bad = np.flatnonzero(~np.isfinite(features).all(1))
            raise UserError(
                f"{self.name}: {len(bad)} of {len(images)} images have features that are not "
                f"finite, first number {bad[0]}; the weights or the images are damaged"
            )
        return Features(features, logits)


def over(images: np.ndarray, background: str) -> np.ndarray:
    """Composites straight-alpha RGBA `n h w 4` over an opaque background.

    Args:
      images: uint8, or float32 in [0, 255].
      background: one of BACKGROUNDS.

    Returns:
      `n h w 3` of the same dtype.
    """
    h, w = images.shape[1:3]
    under = {"white": 255.0, "black": 0.0, "checker": np.asarray(image_lib.checker(h, w)) * 255.0}[
        background
    ]
    alpha = images[..., 3:].astype(np.float32) / 255.0
    mixed = images[..., :3] * alpha + under * (1 - alpha)
    return (np.rint(mixed) if images.dtype == np.uint8 else mixed).astype(images.dtype)
