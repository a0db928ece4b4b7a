"""Draws what shows a run besides its curves: sample grids, reals, held-out emoji."""

import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.sharding import Mesh

from emoji_gan import conditions, images
from emoji_gan.runtime import curves, processes
from emoji_gan.runtime import mesh as mesh_lib
from input_pipeline import dataset, pipeline

TRUNCATIONS = (0.7, 1.0)  # psi
_TINY_PX = 64  # smaller images are magnified

Batch = dict[str, Any]
Sample = Callable[..., jax.Array]
Summaries = Callable[[Any, Batch], dict[str, dict[str, jax.Array]]]


class Previews:
    """Draws the same latents, reals and held-out emoji at every call.

    Args:
      config: resolved.
      data: what is trained on.
      held_out: emoji that are not, or None.
      root: the workdir.
      mesh: of the job.
      sample: (state, seeds, condition, truncation) -> premultiplied images f32 [b h w 4]; None: the
        method draws nothing from seeds, and its summaries are the pictures.
      summaries: (state, batch) -> {'scalars': ..., 'images': ...}.
      degrade: as `pipeline.batches` takes it.
    """

    def __init__(
        self,
        config: ml_collections.FrozenConfigDict,
        *,
        data: dataset.EmojiData,
        held_out: dataset.EmojiData | None,
        root: pathlib.Path,
        mesh: Mesh,
        sample: Sample | None,
        summaries: Summaries,
        degrade: pipeline.Degrade | None = None,
    ) -> None:
        self._rows = config.log.grid  # and columns of a grid
        self._root = root
        self._batch_size = config.batch_size
        self._sample = mesh_lib.readable(sample, mesh) if sample else None
        self._degrade = degrade
        self._summaries = mesh_lib.readable(summaries, mesh)
        count = self._rows**2
        self._seeds = np.arange(count, dtype=np.uint32)
        rows = np.random.default_rng(0).choice(
            len(data.images), min(count, len(data.images)), replace=False
        )
        self._reals = data.images[np.sort(rows)]
        # Each sample is conditioned on what the real at its position in the grid is.
        self._condition = conditions.of_rows(
            data, np.resize(np.sort(rows), count), np.random.default_rng(1)
        )
        self._real_batch = self._first_batch(data, mesh)
        self._held_out = self._first_batch(held_out, mesh) if held_out else None

    def _first_batch(self, emoji: dataset.EmojiData, mesh: Mesh) -> Batch:
        """Returns a whole batch, emoji repeated if need be: D's statistics are as in training."""
        batches = pipeline.batches(
            emoji,
            seed=0,
            batch_size=self._batch_size,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            degrade=self._degrade,
        )
        return mesh_lib.global_batch(mesh, next(iter(batches)))

    def write_reals(self, writer: curves.Writer, step: int) -> None:
        """Writes the reals that the grid of samples is to be compared with."""
        writer.images(step, {"real": self._grid(self._reals)})
        if processes.is_first():
            with writer.tolerant("the pictures"):
                images.save_png(self._root / "reals.png", self._grid(self._reals))

    def write(self, writer: curves.Writer, step: int, state: Any) -> None:
        """Writes EMA samples at both truncations, augmented reals, and statistics of alpha."""
        grids = {}
        for psi in TRUNCATIONS if self._sample else ():
            x = self._sample(state, self._seeds, self._condition, np.float32(psi))
            grids[f"samples/psi_{psi:g}"] = self._grid(np.asarray(images.to_uint8(x)))
        for name, x_real in self._summaries(state, self._real_batch)["images"].items():
            grids[name] = self._grid(np.asarray(images.to_uint8(x_real))[: self._rows**2])
        writer.images(step, grids)
        if self._sample:
            alpha = {f"alpha/{k}": float(v) for k, v in images.alpha_statistics(x).items()}
            real = images.alpha_statistics(images.to_model(jnp.asarray(self._reals)))
            writer.scalars(step, alpha | {f"alpha_real/{k}": float(v) for k, v in real.items()})
        if processes.is_first():
            kimg = f"{step * self._batch_size / 1000:08.1f}"
            picture = next(iter(grids.values()))
            with writer.tolerant("the pictures"):
                images.save_png(self._root / "samples" / f"kimg{kimg}.png", picture)
                images.save_png(self._root / "samples.png", picture)

    def held_out_scalars(self, state: Any) -> curves.Scalars:
        """Returns the method's scalars of held-out emoji.

        Where they are far worse than those of training emoji, the latter are memorised.
        """
        if self._held_out is None:
            return {}
        scalars = self._summaries(state, self._held_out)["scalars"]
        return {name: float(value) for name, value in scalars.items()}

    def _grid(self, u8: np.ndarray) -> np.ndarray:
        """Returns images u8 [b h w 4] as one picture u8 [h w 3]; tiny ones are magnified."""
        grid = images.grid(u8, self._rows, self._rows)
        magnify = max(1, _TINY_PX // u8.shape[1])
        return grid.repeat(magnify, 0).repeat(magnify, 1)
