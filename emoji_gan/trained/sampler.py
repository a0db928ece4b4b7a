"""Draws from the EMA generator of a run's checkpoint or of a model file."""

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan import conditions, images, methods
from emoji_gan.conditions import Condition
from emoji_gan.errors import UserError
from emoji_gan.runtime import checkpoint
from emoji_gan.trained import model_file

# Every batch has this many rows, the last one padded: a kernel may round differently at another
# size.
_BATCH = 16


IN_THE_BOX = pathlib.Path(__file__).parents[2] / "models" / "openmoji_32.safetensors"


_LICENCES = {"openmoji": "derived from OpenMoji (openmoji.org), CC BY-SA 4.0"}


class Sampler:
    """The EMA generator of a run's checkpoint or of a model file.

    Args:
      source: a workdir, or a file that `emoji_gan.trained.model_file` wrote.
      step: which checkpoint; None: the newest good one.
      changes: of `config.sample`, e.g. {'guidance': 2.0}, where the method has these.

    Raises:
      UserError: there is no good checkpoint; a change that the method does not know or cannot do.
    """

    def __init__(
        self, source: str, step: int | None = None, changes: Mapping[str, Any] | None = None
    ):
        if pathlib.Path(source).suffix == ".safetensors":
            if step is not None:
                raise UserError(f"--step={step}: {source} holds one step only; leave it out")
            meta, self._fields = model_file.load(source)
            config, spec, self.step = meta["config"], meta["spec"], meta["step"]
            self.checkpoint_hash = meta["content_sha256"]
        else:
            config, state, self.checkpoint_hash = checkpoint.load_for_inference(
                source, step, ("step",)
            )
            self.step, spec = int(state["step"]), config.pop("spec")
            sampled = methods.load(config["method"]).SAMPLED
            _, self._fields, _ = checkpoint.load_for_inference(source, self.step, sampled)
        self.config_hash = hashlib.sha256(
            json.dumps([config, spec], sort_keys=True).encode()
        ).hexdigest()
        self.spec = conditions.Spec.from_json(spec)
        self.config = _changed(config, changes or {})
        self._sample = methods.load(config["method"]).make_sample(self.config, self.spec)

    def __call__(
        self, seeds: Sequence[int], condition: Condition | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Returns uint8 `n h w 4` straight-alpha RGBA.

        An image depends on its seed, its row of the condition (None: nothing is asked) and
        truncation only.
        """
        return np.concatenate(
            [
                np.asarray(images.to_uint8(x))[:n]
                for x, n in self._drawn(seeds, condition, truncation, 0.0)
            ]
        )

    def path_pairs(
        self, seeds: Sequence[int], condition: Condition | None, epsilon: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ends of a small step in latent space from each seed: float32 `n h w 4`, straight, [0, 255]."""
        first, second = (
            np.concatenate(
                [
                    np.asarray(images.to_straight(x))[:n]
                    for x, n in self._drawn(seeds, condition, 1.0, toward)
                ]
            )
            for toward in (0.0, epsilon)
        )
        return first, second

    def _drawn(self, seeds, condition, truncation, toward):
        """Batches of `_BATCH` images, and how many of them count."""
        asked = self.spec.none(len(seeds)) | dict(condition or {})
        for i in range(0, len(seeds), _BATCH):
            rows = np.resize(np.arange(i, min(i + _BATCH, len(seeds))), _BATCH)
            x = self._sample(
                self._fields,
                jnp.asarray(np.asarray(seeds)[rows], jnp.uint32),
                {name: jnp.asarray(values[rows]) for name, values in asked.items()},
                jnp.float32(truncation),
                jnp.float32(toward),
            )
            yield x, len(seeds[i : i + _BATCH])

    def provenance(
        self, seed: int, truncation: float, asked: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """What a PNG says of itself: how to make it again, and under which licence it may be used."""
        sources = [s.partition("=")[0] for s in self.config.data.sources]
        how = {f"sample.{k}": str(v) for k, v in self.config.get("sample", {}).items()}
        return {
            "Software": "emoji_gan",
            "seed": str(seed),
            "truncation": f"{truncation:g}",
            "kimg": f"{self.step * self.config.batch_size / 1000:.1f}",
            "config_sha256": self.config_hash,
            "checkpoint_sha256": self.checkpoint_hash,
            "data": ", ".join(sources),
            "Copyright": "; ".join(
                _LICENCES.get(s, f"derived from {s}: see its art's licence") for s in sources
            ),
            **how,
            **{f"asked {name}": value for name, value in (asked or {}).items()},
        }


def _changed(config: dict[str, Any], changes: Mapping[str, Any]) -> ml_collections.FrozenConfigDict:
    """The config with other ways of sampling, checked as at the start of a run."""
    if not changes:
        return ml_collections.FrozenConfigDict(config)
    able = config.get("sample", {})
    if unknown := [name for name in changes if name not in able]:
        what = f"it has {', '.join(able)}" if able else "it draws in one step"
        raise UserError(f"--{unknown[0]}: {config['method']} has no such choice ({what})")
    changed = ml_collections.ConfigDict(config)
    for name, value in changes.items():
        changed.sample[name] = value
    methods.load(config["method"]).resolve(changed, 1)
    return ml_collections.FrozenConfigDict(changed)


def ask(spec: conditions.Spec, asked: Mapping[str, str], count: int) -> Condition:
    """The condition of `count` images that are all asked for the same.

    Args:
      spec: of the model.
      asked: class name or phrase by condition.
      count: images.

    Raises:
      UserError: a condition or class that the model does not know, a phrase that says nothing to
        it.
    """
    condition = spec.none(count)
    for name, value in asked.items():
        if name in condition and name == conditions.TEXT:
            from emoji_gan.encoder import (
                encoder,  # the program knows the judge's encoder; the library does not
            )

            phrases = encoder.PhraseEncoder()
            if phrases.sha256 != spec.text_hash:
                raise UserError(
                    "--text: this model was trained with other weights of the emoji encoder "
                    f"({spec.text_hash[:12]}, here {phrases.sha256[:12]}): check out the version it is from"
                )
            condition[name][:] = phrases.ask(value)
        else:
            condition[name] = np.full(count, spec.number(name, value), np.int32)
    return condition
