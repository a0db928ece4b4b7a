"""Draws emoji from a trained run.

    python -m emoji_gan.sample --workdir=runs/demo --seeds=0-63 --truncation=0.7
    python -m emoji_gan.sample --text="chat souriant" --style=line

The second asks the model in the box. Each writes a straight-alpha RGBA PNG a seed, and all on one grid.
"""

import argparse
import hashlib
import json
import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan import checkpoint, conditions, errors, images, methods, model_file, sharding
from emoji_gan.conditions import CLASSES, Condition
from emoji_gan.errors import UserError

# Every batch has this many rows, the last one padded: a kernel may round differently at another size.
_BATCH = 16
IN_THE_BOX = pathlib.Path(__file__).parents[1] / "models" / "openmoji_32.safetensors"
_TEXT_HELP = "ask for this, in English or French: a name, keywords, or a phrase like them"
_TINY_PX = 64  # smaller images are magnified on the grid
_LICENCES = {"openmoji": "derived from OpenMoji (openmoji.org), CC BY-SA 4.0"}


def parse_seeds(text: str) -> list[int]:
    """'0-3,7' -> [0, 1, 2, 3, 7].

    Raises:
      UserError: anything but numbers and ranges of them in [0, 2^32), or more than a million.
    """
    seeds: list[int] = []
    for part in text.split(","):
        m = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part)
        first, last = (int(m[1]), int(m[2] or m[1])) if m else (1, 0)
        if first > last or last >= 2**32 or len(seeds) + last - first >= 1_000_000:
            raise UserError(f"--seeds={text}: expected numbers and ranges such as 0-63 or 1,5,10-20")
        seeds += range(first, last + 1)
    return seeds


class Sampler:
    """The EMA generator of a run's checkpoint or of a model file.

    Args:
      source: a workdir, or a file that `emoji_gan.model_file` wrote.
      step: which checkpoint; None: the newest good one.
      changes: of `config.sample`, e.g. {'guidance': 2.0}, where the method has these.

    Raises:
      UserError: there is no good checkpoint; a change that the method does not know or cannot do.
    """

    def __init__(self, source: str, step: int | None = None, changes: Mapping[str, Any] | None = None):
        if pathlib.Path(source).suffix == ".safetensors":
            if step is not None:
                raise UserError(f"--step={step}: {source} holds one step only; leave it out")
            meta, self._fields = model_file.load(source)
            config, spec, self.step = meta["config"], meta["spec"], meta["step"]
            self.checkpoint_hash = meta["content_sha256"]
        else:
            config, state, self.checkpoint_hash = checkpoint.load_for_inference(source, step, ("step",))
            self.step, spec = int(state["step"]), config.pop("spec")
            sampled = methods.load(config["method"]).SAMPLED
            _, self._fields, _ = checkpoint.load_for_inference(source, self.step, sampled)
        self.config_hash = hashlib.sha256(json.dumps([config, spec], sort_keys=True).encode()).hexdigest()
        self.spec = conditions.Spec.from_json(spec)
        self.config = _changed(config, changes or {})
        self._sample = methods.load(config["method"]).make_sample(self.config, self.spec)

    def __call__(
        self, seeds: Sequence[int], condition: Condition | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Returns uint8 `n h w 4` straight-alpha RGBA.

        An image depends on its seed, its row of the condition (None: nothing is asked) and truncation only.
        """
        return np.concatenate(
            [np.asarray(images.to_uint8(x))[:n] for x, n in self._drawn(seeds, condition, truncation, 0.0)]
        )

    def path_pairs(
        self, seeds: Sequence[int], condition: Condition | None, epsilon: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ends of a small step in latent space from each seed: float32 `n h w 4`, straight, [0, 255]."""
        first, second = (
            np.concatenate(
                [np.asarray(images.to_straight(x))[:n] for x, n in self._drawn(seeds, condition, 1.0, toward)]
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
                self._fields, jnp.asarray(np.asarray(seeds)[rows], jnp.uint32),
                {name: jnp.asarray(values[rows]) for name, values in asked.items()},
                jnp.float32(truncation), jnp.float32(toward),
            )  # fmt: skip
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
      UserError: a condition or class that the model does not know, a phrase that says nothing to it.
    """
    condition = spec.none(count)
    for name, value in asked.items():
        if name in condition and name == conditions.TEXT:
            from eval import encoder  # the program knows the judge's encoder; the library does not

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


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m emoji_gan.sample", description=__doc__.partition("\n")[0])
    where = p.add_mutually_exclusive_group()
    where.add_argument("--workdir", help="of a run")
    where.add_argument("--model", help="a model file; default, without --workdir: the one in the box")
    p.add_argument("--seeds", default="0-63", help="e.g. 0-63 or 1,5,10-20")
    p.add_argument("--truncation", type=float, default=0.7, help="psi: 0 the mean emoji, 1 the full variety")
    p.add_argument("--step", type=int, help="checkpoint; default: the newest good one")
    p.add_argument("--out", help="folder; default: WORKDIR/generated, or generated")
    for name in (*CLASSES, conditions.TEXT):
        p.add_argument(f"--{name}", help=f"ask for this {name}" if name != conditions.TEXT else _TEXT_HELP)
    p.add_argument("--guidance", type=float, help="how strictly to follow what is asked; 1: as trained")
    p.add_argument("--steps", type=int, help="of the solver, where the method has one")
    p.add_argument("--solver", help="euler or heun, where the method has one")
    a = p.parse_args()
    sharding.setup_host_memory()
    sharding.setup_compilation_cache()
    seeds = parse_seeds(a.seeds)
    if not math.isfinite(a.truncation) or not 0 <= a.truncation <= 2:
        raise UserError(f"--truncation={a.truncation}: expected 0 to 2")
    changes = {k: v for k in ("guidance", "steps", "solver") if (v := getattr(a, k)) is not None}
    asked = {k: v for k in (*CLASSES, conditions.TEXT) if (v := getattr(a, k)) is not None}
    sampler = Sampler(a.workdir or a.model or str(IN_THE_BOX), a.step, changes)
    condition = ask(sampler.spec, asked, len(seeds))
    out = pathlib.Path(a.out or (pathlib.Path(a.workdir, "generated") if a.workdir else "generated"))
    pictures = sampler(seeds, condition, a.truncation)
    for seed, picture in zip(seeds, pictures, strict=True):
        path = out / f"seed{seed:010d}.png"
        images.save_png(path, picture, sampler.provenance(seed, a.truncation, asked))
    side = math.ceil(math.sqrt(len(seeds)))
    magnify = max(1, _TINY_PX // pictures.shape[1])
    shown = images.grid(pictures, math.ceil(len(seeds) / side), side).repeat(magnify, 0).repeat(magnify, 1)
    grid = out / "grid.png"
    images.save_png(grid, shown, sampler.provenance(seeds[0], a.truncation, asked) | {"seed": a.seeds})
    print(f"{len(seeds)} emoji in {out}, all of them in {grid}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
