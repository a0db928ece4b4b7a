"""Draws emoji from the EMA generator of a run's checkpoint or of a model file."""

import copy
import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan import conditions, images, methods
from emoji_gan.conditions import Condition
from emoji_gan.encoder import encoder, understanding
from emoji_gan.errors import UserError
from emoji_gan.methods import base
from emoji_gan.methods.base import Generator, Latents, Params
from emoji_gan.trained.source import open_trained
from input_pipeline.art import licences

_MODELS = pathlib.Path(__file__).parents[2] / "models"
SHIPPED_MODEL = _MODELS / "onestep_32.safetensors"
SHIPPED_FLOW = _MODELS / "openmoji_32.safetensors"  # its teacher, and the start of fine-tuning
SHIPPED_LARGE_FLOW = _MODELS / "openmoji_64.safetensors"

# Every batch has this many rows, the last one padded: a kernel may round differently at another
# size.
_BATCH = 16

# Each operation outside a program is a program by itself, which holds 1.4 MiB of memory
# (findings/each_shape_holds_a_megabyte.sh) and takes time to compile: arrays are handed over as
# NumPy's.
_to_straight = jax.jit(images.to_straight)


class Sampler:
    """Draws from the EMA generator of a run's checkpoint or of a model file.

    Attributes:
      config: the resolved config, with the changes.
      spec: of the model's conditions.
      step: training steps of the model's last run.
      kimg: thousands of images that the networks have seen, those of earlier runs included.
      data_hash: of the emoji that the model was trained on; '' where it is not stored.
      checkpoint_hash: SHA-256 of the checkpoint or of the model file's arrays.
      config_hash: SHA-256 of the model's config and spec.
      generator: of the model's method.
      params: what the generator reads.

    Args:
      source: a workdir, or a file that `emoji_gan.trained.model_file` wrote.
      step: of the checkpoint; None: the newest good one; 'best': of the best evaluation.
      changes: of fields of `config.sample`, e.g. {'guidance': 2.0}, where the method has them.

    Raises:
      UserError: there is no good checkpoint, or the method does not have or allow a change.
    """

    def __init__(
        self, source: str, step: int | str | None = None, changes: Mapping[str, Any] | None = None
    ) -> None:
        trained = open_trained(source, step)
        self.step, self.kimg = trained.step, trained.kimg
        self.spec, self.data_hash = trained.spec, trained.data_hash
        self.checkpoint_hash, self.config_hash = trained.digest, trained.config_hash
        self.config = changed(trained.config, changes or {})
        method = methods.load(self.config.method)
        self.generator: Generator = method.generator(self.config, self.spec)
        if self.generator.latents is None:
            raise UserError(
                f"{source}: a model of {self.config.method!r} draws nothing by itself; give it "
                f"pictures: python -m {methods.FROM_PICTURES[self.config.method]}"
            )
        self.params: Params = trained.fields(self.generator.fields)
        self._compile()

    def drawing_with(self, generator: Generator, params: Any) -> "Sampler":
        """Returns a sampler of the same model that draws with another generator.

        Args:
          generator: of the same images and conditions.
          params: what it reads.
        """
        other = copy.copy(self)
        other.generator, other.params = generator, params
        other._compile()
        return other

    def _compile(self) -> None:
        self._sample = jax.jit(self.generator.sample)
        self._latents = jax.jit(self.generator.latents, static_argnums=2)
        self._draw = jax.jit(self.generator.draw)
        self._convert = jax.jit(self.generator.convert, static_argnums=3)
        self._invert = jax.jit(self.generator.invert) if self.generator.invert else None
        self._vary = jax.jit(self.generator.vary, static_argnums=4) if self.generator.vary else None

    def __call__(
        self, seeds: Sequence[int], condition: Condition | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Draws the images of seeds.

        An image depends only on its seed, its row of the condition and the truncation.

        Args:
          seeds: n integers in [0, 2^32).
          condition: arrays of n rows; None: no condition.
          truncation: psi; 0 draws the mean emoji, 1 the full variety.

        Returns:
          uint8 [n h w 4], straight-alpha RGBA.
        """
        drawn = []
        for rows, count, batch_condition in self._batches(len(seeds), condition):
            batch_seeds = np.asarray(seeds)[rows].astype(np.uint32)
            x = self._sample(self.params, batch_seeds, batch_condition, np.float32(truncation))
            drawn.append(np.asarray(images.to_uint8(x))[:count])
        return np.concatenate(drawn)

    def latents(
        self,
        seeds: Sequence[int],
        truncation: float = 1.0,
        *,
        stream: int = 0,
        kind: str | None = None,
        condition: Condition | None = None,
    ) -> Latents:
        """Returns the latents of seeds, which can be interpolated, mixed and drawn.

        Args:
          seeds: n integers in [0, 2^32).
          truncation: psi; 0 draws the mean emoji, 1 the full variety.
          stream: the number of one of a seed's independent latents.
          kind: a key of `generator.shapes`; None: its first. Latents behind a mapping network
            depend on the condition.
          condition: arrays of n rows; None: no condition.
        """
        latents = self._latents(np.asarray(seeds).astype(np.uint32), np.float32(truncation), stream)
        if kind in (None, latents.kind):
            return latents
        values = []
        for rows, count, batch_condition in self._batches(len(seeds), condition):
            batch = dataclasses.replace(latents, values=latents.values[rows])
            converted = self._convert(self.params, batch, batch_condition, kind)
            values.append(converted.values[:count])
        return Latents(jnp.concatenate(values), jnp.float32(1), kind)

    def draw(self, latents: Latents, condition: Condition | None = None) -> np.ndarray:
        """Draws the images of latents: float32 [n h w 4], straight alpha, [0, 255], not rounded."""
        drawn, values = [], np.asarray(latents.values)
        for rows, count, batch_condition in self._batches(len(values), condition):
            batch = dataclasses.replace(latents, values=values[rows])
            x = self._draw(self.params, batch, batch_condition)
            drawn.append(np.asarray(_to_straight(x))[:count])
        return np.concatenate(drawn)

    def invert(self, pictures: np.ndarray, condition: Condition | None = None) -> Latents:
        """Returns latents that `draw` makes about these pictures of, by the method's own way back.

        Args:
          pictures: uint8 [n h w 4] at the model's resolution, straight alpha.
          condition: arrays of n rows, under which they are drawn; None: no condition.

        Raises:
          UserError: the model's method has no way back.
        """
        if self._invert is None:
            raise UserError(f"a model of {self.config.method!r} has no way back from a picture")
        values = []
        for rows, count, batch_condition in self._batches(len(pictures), condition):
            images_in = images.to_model(pictures[rows])
            latents = self._invert(self.params, images_in, batch_condition)
            values.append(latents.values[:count])
        return dataclasses.replace(latents, values=jnp.concatenate(values))

    def vary(
        self,
        parents: np.ndarray,
        seeds: Sequence[int],
        condition: Condition | None = None,
        *,
        strength: float,
        changeable: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draws images like others.

        Args:
          parents: uint8 [n h w 4] at the model's resolution, straight alpha.
          seeds: n integers in [0, 2^32).
          condition: arrays of n rows; None: no condition.
          strength: in (0, 1], the fraction of noise at 32 px that a parent is mixed with before
            it is drawn anew, at any resolution; 1 draws as if there were no parent.
          changeable: uint8 [h w], 255 where the image may change, 0 where it stays as its parent;
            None: anywhere.

        Returns:
          uint8 [n h w 4], straight-alpha RGBA.

        Raises:
          UserError: the model's method cannot vary an image, or the strength is out of range.
        """
        self._check_varies(strength)
        mask = np.full(parents.shape[1:3], 255, np.uint8) if changeable is None else changeable
        mask01 = mask[..., None].astype(np.float32) / np.float32(255)
        drawn = []
        for rows, count, batch_condition in self._batches(len(seeds), condition):
            batch = self.latents([seeds[row] for row in rows])  # one program for any number
            images_in = images.to_model(parents[rows])
            of = base.Parents(images_in, np.broadcast_to(mask01, (len(rows), *mask01.shape)))
            x = self._vary(self.params, of, batch, batch_condition, strength)
            drawn.append(np.asarray(images.to_uint8(x))[:count])
        return np.concatenate(drawn)

    def varying(self, parent: np.ndarray, strength: float) -> "Sampler":
        """Returns a sampler of variations of one image: its latents are the noise mixed in.

        Args:
          parent: uint8 [h w 4] at the model's resolution, straight alpha.
          strength: as `vary` has it; what `vary` draws of a seed, the result draws of its latents.

        Raises:
          UserError: as `vary` does.
        """
        self._check_varies(strength)
        vary = self.generator.vary

        def draw(params: Any, latents: Latents, condition: Condition) -> jax.Array:
            own, image = params
            shape = (len(latents.values), *image.shape)
            of = base.Parents(jnp.broadcast_to(image, shape), jnp.ones((*shape[:3], 1)))
            return vary(own, of, latents, condition, strength)

        generator = dataclasses.replace(self.generator, draw=draw, vary=None, invert=None)
        return self.drawing_with(generator, (self.params, images.to_model(jnp.asarray(parent))))

    def _check_varies(self, strength: float) -> None:
        if self._vary is None:
            raise UserError(
                f"a model of {self.config.method!r} cannot vary a picture; give one of 'flow'"
            )
        if not 0 < strength <= 1:
            raise UserError(f"strength {strength:g}: expected above 0, at most 1")

    def path_pairs(
        self, seeds: Sequence[int], condition: Condition | None, epsilon: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws both ends of a small step in latent space from each seed, as `draw` does.

        Args:
          seeds: n integers in [0, 2^32).
          condition: arrays of n rows; None: no condition.
          epsilon: length of the step, as a fraction of the way to an independent latent.

        Returns:
          Two arrays as `draw` returns: the starts and the ends.
        """
        kind = list(self.generator.shapes)[-1]  # images change most evenly along the last kind
        first, second = (
            self.latents(seeds, stream=stream, kind=kind, condition=condition) for stream in (0, 1)
        )
        near = base.interpolate(first, second, jnp.float32(epsilon))
        return self.draw(first, condition), self.draw(near, condition)

    def _batches(
        self, n: int, condition: Condition | None
    ) -> Iterator[tuple[np.ndarray, int, Condition]]:
        """Yields the rows of each batch, how many of them are no padding, and their condition."""
        whole = self.spec.none(n) | dict(condition or {})
        for i in range(0, n, _BATCH):
            rows = np.resize(np.arange(i, min(i + _BATCH, n)), _BATCH)
            batch_condition = {name: values[rows] for name, values in whole.items()}
            yield rows, min(_BATCH, n - i), batch_condition

    def provenance(
        self, seed: int, truncation: float, request: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Returns the text chunks of a PNG: how it was made, and under which licence it stands.

        Args:
          seed: of the picture.
          truncation: psi.
          request: class name or phrase by condition, as `ask` takes it.
        """
        sources = [source.partition("=")[0] for source in self.config.data.sources]
        options = {f"sample.{k}": str(v) for k, v in self.config.get("sample", {}).items()}
        return {
            "Software": "emoji_gan",
            "seed": str(seed),
            "truncation": f"{truncation:g}",
            "kimg": f"{self.kimg:.1f}",
            "config_sha256": self.config_hash,
            "checkpoint_sha256": self.checkpoint_hash,
            "data": ", ".join(sources),
            "Copyright": "; ".join(_credit(source) for source in sources),
            **options,
            **{f"asked {name}": value for name, value in (request or {}).items()},
        }


def _credit(style: str) -> str:
    """Returns whom a picture names for the art that it is derived from."""
    work = licences.of_style(style)
    if work.licences == (licences.OWN,):
        return f"derived from {style}: see its art's licence"
    return f"derived from {work.credits[0]}"


def changed(config: dict[str, Any], changes: Mapping[str, Any]) -> ml_collections.FrozenConfigDict:
    """Returns the config with other options of sampling, checked as at the start of a run."""
    if not changes:
        return ml_collections.FrozenConfigDict(config)
    options = config.get("sample", {})
    if unknown := [name for name in changes if name not in options]:
        reason = f"it has {', '.join(options)}" if options else "it draws in one step"
        raise UserError(f"--{unknown[0]}: {config['method']} has no such choice ({reason})")
    changed = ml_collections.ConfigDict(config)
    for name, value in changes.items():
        changed.sample[name] = value
    methods.load(config["method"]).resolve(changed, 1)
    return ml_collections.FrozenConfigDict(changed)


def ask(
    spec: conditions.Spec, request: Mapping[str, str], count: int, *, language: str | None = None
) -> Condition:
    """Returns the condition of `count` images of one request.

    Args:
      spec: of the model's conditions.
      request: class name or phrase by condition.
      count: number of images.
      language: of the phrase, 'fr' or 'en'; None: either.

    Raises:
      UserError: the model does not have a condition or class, or the phrase is not understood.
    """
    condition = spec.none(count)
    for name, value in request.items():
        if name in condition and name == conditions.TEXT:
            phrase = understanding.understand(value, language).phrase
            condition[name][:] = embed_phrase(spec, phrase)
        else:
            condition[name] = np.full(count, spec.number(name, value), np.int32)
    return condition


def embed_phrase(spec: conditions.Spec, phrase: str) -> np.ndarray:
    """Embeds a phrase, in words that the encoder learned, for a model: f32 [d].

    Raises:
      UserError: the model was trained with other weights of the encoder.
    """
    sha256 = _phrase_encoder().sha256
    if sha256 != spec.text_hash:
        raise UserError(
            "--text: this model was trained with other weights of the emoji encoder "
            f"({spec.text_hash[:12]}, here {sha256[:12]}): check out the version it is from"
        )
    return _embedded(phrase).copy()


@functools.cache  # 3 MiB, which take two hashes of the whole file to read
def _phrase_encoder() -> encoder.PhraseEncoder:
    return encoder.PhraseEncoder()


@functools.lru_cache(maxsize=1024)  # a request has one phrase for many images
def _embedded(phrase: str) -> np.ndarray:
    return _phrase_encoder()([phrase])[0]
