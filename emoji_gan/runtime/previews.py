"""What a run shows besides its curves: sample grids, reals, these augmented, D on held-out emoji."""

import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.sharding import Mesh

from emoji_gan import conditions, images, methods
from emoji_gan.runtime import curves
from emoji_gan.runtime import mesh as mesh_lib
from input_pipeline import dataset, pipeline

TRUNCATIONS = (0.7, 1.0)
_TINY_PX = 64  # smaller images are shown magnified


class Pictures:
    """Draws the same latents, reals and held-out emoji at every call."""

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        spec: conditions.Spec,
        data: dataset.EmojiData,
        held_out: dataset.EmojiData | None,
        root: pathlib.Path,
        mesh: Mesh,
    ):
        self._n, self._root, self._b = config.log.grid, root, config.batch_size
        method = methods.load(config.method)
        self._sample = mesh_lib.readable(method.make_sample(config, spec), mesh)
        self._sampled = method.SAMPLED
        self._summaries = mesh_lib.readable(method.make_summaries(config, spec), mesh)
        count = self._n**2
        self._seeds = np.arange(count, dtype=np.uint32)
        rows = np.random.default_rng(0).choice(
            len(data.images), min(count, len(data.images)), replace=False
        )
        self._reals = data.images[np.sort(rows)]
        # Asked for by what the reals of the grid are, place by place.
        self._condition = conditions.of_rows(
            data, np.resize(np.sort(rows), count), np.random.default_rng(1)
        )

        def first_batch(
            emoji,
        ):  # whole, repeating emoji if need be: D's statistics are as in training
            batches = pipeline.batches(
                emoji,
                seed=0,
                batch_size=self._b,
                process_index=jax.process_index(),
                process_count=jax.process_count(),
            )
            return mesh_lib.global_batch(mesh, next(iter(batches)))

        self._real_batch = first_batch(data)
        self._held_out = first_batch(held_out) if held_out else None

    def write_reals(self, writer: curves.Writer, step: int) -> None:
        """The reals that the grid of samples is to be compared with."""
        writer.images(step, {"real": self._grid(self._reals)})
        if jax.process_index() == 0:
            with writer.tolerant("the pictures"):
                images.save_png(self._root / "reals.png", self._grid(self._reals))

    def write(self, writer: curves.Writer, step: int, state: Any) -> None:
        """EMA samples at both truncations, reals augmented if they are, alpha statistics at full variety."""
        shown = {}
        for psi in TRUNCATIONS:
            fields = {f: getattr(state, f) for f in self._sampled}
            x = self._sample(fields, self._seeds, self._condition, np.float32(psi), np.float32(0))
            shown[f"samples/psi_{psi:g}"] = self._grid(np.asarray(images.to_uint8(x)))
        for name, more in self._summaries(state, self._real_batch)["images"].items():
            shown[name] = self._grid(np.asarray(images.to_uint8(more))[: self._n**2])
        writer.images(step, shown)
        alpha = {f"alpha/{k}": float(v) for k, v in images.alpha_statistics(x).items()}
        real = images.alpha_statistics(images.to_model(jnp.asarray(self._reals)))
        writer.scalars(step, alpha | {f"alpha_real/{k}": float(v) for k, v in real.items()})
        if jax.process_index() == 0:
            kimg = f"{step * self._b / 1000:08.1f}"
            picture = shown[f"samples/psi_{TRUNCATIONS[0]:g}"]
            with writer.tolerant("the pictures"):
                images.save_png(self._root / "samples" / f"kimg{kimg}.png", picture)
                images.save_png(self._root / "samples.png", picture)

    def held_out_scalars(self, state: Any) -> curves.Scalars:
        """What the method says of held-out emoji: far worse than of training ones, it has memorised these."""
        if self._held_out is None:
            return {}
        found = self._summaries(state, self._held_out)["scalars"]
        return {name: float(value) for name, value in found.items()}

    def _grid(self, u8):
        board = images.grid(u8, self._n, self._n)
        magnify = max(1, _TINY_PX // u8.shape[1])
        return board.repeat(magnify, 0).repeat(magnify, 1)
