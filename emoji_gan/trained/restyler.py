"""Draws pictures in the style of another emoji set by a trained restyler."""

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan import conditions, images, methods
from emoji_gan.errors import UserError
from emoji_gan.methods.base import Latents
from emoji_gan.trained import even_changes
from emoji_gan.trained.source import open_trained
from input_pipeline.art import common_box, flat_colours, licences

SHIPPED_RESTYLER = pathlib.Path(__file__).parents[2] / "models" / "restyler.safetensors"
_BATCH = 16  # rows of every batch: a kernel may round differently at another size


class Restyler:
    """Draws pictures in the style of another emoji set.

    Attributes:
      config: the resolved config.
      styles: that it draws in.
      px: side of what it reads and draws.
      palettes: colours by style, as `flat_colours.fit` returns them.

    Args:
      source: a workdir of configs/restyle.py, or its model file; None: the shipped one.

    Raises:
      UserError: there is no good checkpoint, none is shipped, or the model is of another method or
        an earlier version.
    """

    def __init__(self, source: str | None = None) -> None:
        if source is None and not SHIPPED_RESTYLER.exists():
            raise UserError(
                "--model: no restyler comes with this version; python main.py "
                "--config=configs/restyle.py --workdir=runs/restyle trains one, for "
                "--model=runs/restyle"
            )
        self._trained = open_trained(source or str(SHIPPED_RESTYLER))
        if self._trained.config["method"] != "restyle":
            raise UserError(
                f"--model={source}: it is of method {self._trained.config['method']!r}; give a "
                "restyler, of configs/restyle.py"
            )
        if "palettes" not in self._trained.config["data"]["pairs"]:
            raise UserError(
                f"--model={source}: trained by an earlier version, whose results were too poor; "
                "train it anew by configs/restyle.py"
            )
        self.config = ml_collections.FrozenConfigDict(self._trained.config)
        self.spec, self.px = self._trained.spec, self.config.data.resolution
        self.styles = dict(self.spec.classes)["style"]
        pairs = self.config.data.pairs
        self.palettes = {
            style: colours.split()
            for style, _, colours in (text.rpartition("=") for text in pairs.palettes)
        }
        generator = methods.load("restyle").generator(self.config, self.spec)
        self._params = self._trained.fields(generator.fields)
        self._draw = jax.jit(generator.draw)
        self._evened, self._contours = jax.jit(even_changes.evened), jax.jit(even_changes.contours)
        self._carried_over = jax.jit(even_changes.carried_over)

    def style_named(self, text: str) -> str:
        """Returns a style by its name, or by a part of it that no other name has.

        Raises:
          UserError: there is none, or several fit; lists them.
        """
        return self.styles[self.spec.number("style", text, flag="to")]

    def art_of(self, style: str) -> licences.Work:
        """Returns the work that a style was learned from: whom to name, and its licence."""
        return licences.of_style(style, self.config.data.pairs.licences)

    def prepared(self, picture: np.ndarray, size_px: int | None = None) -> np.ndarray:
        """Scales a picture, uint8 [h w 4], straight alpha, as those that were trained on.

        `size_px` is another side than theirs, for `enlarged`.
        """
        scale = common_box.fit if self.config.data.common_box else common_box.resize
        return scale(picture, size_px or self.px)

    def __call__(self, pictures: np.ndarray, style: str) -> np.ndarray:
        """Draws pictures in a style, of its colours alone.

        Line art is their contours. In other styles what the network changes is made even. A result
        depends on its picture and the style alone.

        Args:
          pictures: uint8 [n px px 4], straight alpha, as `prepared` returns them.
          style: one of `styles`.

        Returns:
          uint8 [n px px 4], straight alpha.
        """
        if self._is_line_art(style):
            return self._drawn(pictures, style, self._contours)
        return self._drawn(pictures, style, lambda x: self._evened(self._by_network(x, style), x))

    def enlarged(
        self, drawn: np.ndarray, pictures: np.ndarray, large: np.ndarray, style: str
    ) -> np.ndarray:
        """Changes large pictures as small ones were changed, in the colours of the style.

        What is outside of the large pictures' drawings stays transparent.

        Args:
          drawn: uint8 [n px px 4], what `__call__` made of `pictures`.
          pictures: uint8 [n px px 4].
          large: uint8 [n s s 4], the same at another size, as `prepared` returns them.
          style: one of `styles`.

        Returns:
          uint8 [n s s 4], straight alpha.
        """
        results = []
        for small in zip(drawn, pictures, large, strict=True):
            changeable = even_changes.inside(small[-1])[None]
            x = self._carried_over(
                *(images.to_model(jnp.asarray(each)[None]) for each in small), changeable
            )
            results.append(np.asarray(images.to_uint8(x)))
        return self._in_its_colours(np.concatenate(results), style)

    def by_network(self, pictures: np.ndarray, style: str) -> np.ndarray:
        """Draws as the network alone does; otherwise as `__call__`."""
        return self._drawn(pictures, style, lambda x: self._by_network(x, style))

    def _by_network(self, x: jax.Array, style: str) -> jax.Array:
        condition: conditions.Condition = {
            "style": jnp.full(len(x), self.styles.index(style), jnp.int32)
        }
        return self._draw(self._params, Latents(x, jnp.float32(1), "picture"), condition)

    def _drawn(
        self, pictures: np.ndarray, style: str, draw: Callable[[jax.Array], jax.Array]
    ) -> np.ndarray:
        drawn = []
        for start in range(0, len(pictures), _BATCH):
            count = min(_BATCH, len(pictures) - start)
            rows = np.resize(np.arange(start, start + count), _BATCH)
            x = draw(images.to_model(jnp.asarray(pictures[rows])))
            drawn.append(np.asarray(images.to_uint8(x))[:count])
        return self._in_its_colours(np.concatenate(drawn), style)

    def _in_its_colours(self, whole: np.ndarray, style: str) -> np.ndarray:
        palette = self.palettes.get(style)
        return flat_colours.snap(whole, palette) if palette else whole

    def _is_line_art(self, style: str) -> bool:
        return even_changes.is_line_art(self.palettes.get(style, ()))

    def provenance(self, style: str) -> dict[str, str]:
        """Returns the text chunks of a PNG that say how it was drawn."""
        sources = (source.partition("=")[0] for source in self.config.data.sources)
        return {
            "Software": "emoji_gan",
            "restyled to": style,
            "drawn by": "contours" if self._is_line_art(style) else "network, its changes evened",
            "kimg": f"{self._trained.kimg:.1f}",
            "config_sha256": self._trained.config_hash,
            "checkpoint_sha256": self._trained.digest,
            "data": ", ".join(sources),
        }
