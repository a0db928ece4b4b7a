"""Draws emoji from a trained run.

    python -m emoji_gan.sample --workdir=runs/demo --seeds=0-63 --truncation=0.7

writes a straight-alpha RGBA PNG a seed, and all of them on one grid.
"""

import argparse
import hashlib
import json
import math
import pathlib
import re

import jax.numpy as jnp
import ml_collections
import numpy as np

from emoji_gan import checkpoint, errors, images, methods, sharding
from emoji_gan.errors import UserError

# Every batch has this many rows, the last one padded: a kernel may round differently at another size.
_BATCH = 16
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
    """The EMA generator of a run's checkpoint.

    Args:
      workdir: of the run.
      step: which checkpoint; None: the newest good one.

    Raises:
      UserError: there is no good checkpoint.
    """

    def __init__(self, workdir: str, step: int | None = None):
        config, state, self.checkpoint_hash = checkpoint.load_for_inference(workdir, step, fields=("step",))
        method = methods.load(config["method"])
        _, self._fields, _ = checkpoint.load_for_inference(workdir, int(state["step"]), method.SAMPLED)
        self.label_names = config.pop("label_names")
        self.config = ml_collections.FrozenConfigDict(config)
        self.config_hash = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        self.step = int(state["step"])
        self._sample = method.make_sample(self.config, len(self.label_names))

    def __call__(self, seeds: list[int], labels: list[int], truncation: float) -> np.ndarray:
        """Returns uint8 `n h w 4` straight-alpha RGBA, a seed and a class number each.

        An image depends on its seed, label and truncation only.
        """
        return np.concatenate(
            [np.asarray(images.to_uint8(x))[:n] for x, n in self._drawn(seeds, labels, truncation, 0.0)]
        )

    def path_pairs(
        self, seeds: list[int], labels: list[int], epsilon: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ends of a small step in latent space from each seed: float32 `n h w 4`, straight, [0, 255]."""
        first, second = (
            np.concatenate(
                [np.asarray(images.to_straight(x))[:n] for x, n in self._drawn(seeds, labels, 1.0, toward)]
            )
            for toward in (0.0, epsilon)
        )
        return first, second

    def _drawn(self, seeds, labels, truncation, toward):
        """Batches of `_BATCH` images, and how many of them count."""
        for i in range(0, len(seeds), _BATCH):
            s, c = (np.resize(np.asarray(v[i : i + _BATCH]), _BATCH) for v in (seeds, labels))
            x = self._sample(
                self._fields, jnp.asarray(s, jnp.uint32), jnp.asarray(c, jnp.int32), jnp.float32(truncation),
                jnp.float32(toward),
            )  # fmt: skip
            yield x, len(seeds[i : i + _BATCH])

    def provenance(self, seed: int, label: int, truncation: float) -> dict[str, str]:
        """What a PNG says of itself: how to make it again, and under which licence it may be used."""
        sources = [s.partition("=")[0] for s in self.config.data.sources]
        text = {
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
        }
        return text | ({"label": self.label_names[label]} if self.label_names else {})


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m emoji_gan.sample", description=__doc__.partition("\n")[0])
    p.add_argument("--workdir", required=True, help="of the run")
    p.add_argument("--seeds", default="0-63", help="e.g. 0-63 or 1,5,10-20")
    p.add_argument("--truncation", type=float, default=0.7, help="psi: 0 the mean emoji, 1 the full variety")
    p.add_argument("--label", help="class name, for a run with data.label; default: the seeds take turns")
    p.add_argument("--step", type=int, help="checkpoint; default: the newest good one")
    p.add_argument("--out", help="folder; default: WORKDIR/generated")
    a = p.parse_args()
    sharding.setup_host_memory()
    sharding.setup_compilation_cache()
    seeds = parse_seeds(a.seeds)
    if not math.isfinite(a.truncation) or not 0 <= a.truncation <= 2:
        raise UserError(f"--truncation={a.truncation}: expected 0 to 2")
    sampler = Sampler(a.workdir, a.step)
    labels = [s % max(1, len(sampler.label_names)) for s in seeds]
    if a.label is not None:
        if a.label not in sampler.label_names:
            known = ", ".join(sampler.label_names) or "none: this run is unconditional"
            raise UserError(f"--label={a.label}: its classes are {known}")
        labels = [sampler.label_names.index(a.label)] * len(seeds)
    out = pathlib.Path(a.out or pathlib.Path(a.workdir, "generated"))
    pictures = sampler(seeds, labels, a.truncation)
    for seed, label, picture in zip(seeds, labels, pictures, strict=True):
        path = out / f"seed{seed:010d}.png"
        images.save_png(path, picture, sampler.provenance(seed, label, a.truncation))
    side = math.ceil(math.sqrt(len(seeds)))
    shown = images.grid(pictures, math.ceil(len(seeds) / side), side)
    grid = out / "grid.png"
    images.save_png(grid, shown, sampler.provenance(seeds[0], labels[0], a.truncation) | {"seed": a.seeds})
    print(f"{len(seeds)} emoji in {out}, all of them in {grid}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
