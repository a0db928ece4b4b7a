"""Compares a restorer that chooses palette colours with one that computes colours, in one table.

    python -m benchmarks.methods.palette_heads --out=FOLDER --kimg=10

OpenMoji alone, whose fills and lines have 26 colours. Each row trains the network of
configs/restore.py from the same weights on the same batches, clean 32 px to 128 px as in
optimisers.py, but for its last layer and its loss:

  regression   four channels, added to plain enlargement; the absolute error
  classifier   a class a colour, and one for what is transparent; the cross-entropy of the nearest
               colour of each pixel
  mixture      the same classes, weights of a mixture of colours; the mixture's absolute error

`error` is that of held-out emoji, of the average over training, in levels of 255: of regression and
mixture as they are, of the classifier as the mixture of its probabilities. `snapped` is the same
after each pixel takes one colour: the nearest, of the classes the likeliest. FOLDER gets
palette_heads.md and palette_heads.json.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from benchmarks.methods import optimisers
from configs import restore as restore_config
from emoji_gan import errors, methods
from emoji_gan.methods import restore, step
from emoji_gan.networks import restorer_networks as networks
from emoji_gan.runtime import host, paths, workdir

_RATE, _BATCH, _TURNS, _AVERAGED = 0.002, 16, 10, 0.995
PALETTE = restore.palette_of(restore_config.get_config("openmoji").model.colours)


class Logits(networks.PaletteRestorer):
    """Enlarges pictures as a restorer does, to logits of OpenMoji's colours `b h w k`."""

    def __init__(self, rng: np.random.Generator, **sizes: int) -> None:
        super().__init__(rng, PALETTE, **sizes)

    def __call__(self, x: jax.Array, background: jax.Array) -> jax.Array:
        """Maps pictures f32 `b h w 4` and flags `b` to the logits."""
        return self.logits(x, background)


def snapped(x: jax.Array) -> jax.Array:
    """Gives each pixel of `b h w 4` the nearest colour of the palette."""
    return jnp.asarray(PALETTE)[networks.squared_distances(x, PALETTE).argmin(-1)]


def mixed(logits: jax.Array) -> jax.Array:
    """Mixes the colours by the probabilities of logits `b h w k`: `b h w 4`."""
    return jax.nn.softmax(logits) @ PALETTE


def likeliest(logits: jax.Array) -> jax.Array:
    """Gives each pixel the likeliest colour of logits `b h w k`: `b h w 4`."""
    return jnp.asarray(PALETTE)[logits.argmax(-1)]


@dataclasses.dataclass(frozen=True)
class Head:
    """Says what one row trains.

    Attributes:
      network: that it has.
      loss: (what the network returns, whole pictures) -> f32.
      drawn: what the network returns -> pictures; `one_colour` the same, a colour a pixel.
    """

    network: type[networks.Restorer]
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    drawn: Callable[[jax.Array], jax.Array]
    one_colour: Callable[[jax.Array], jax.Array]


def _absolute(picture: jax.Array, whole: jax.Array) -> jax.Array:
    return restore.absolute_error(picture, whole).mean()


def _cross_entropy(logits: jax.Array, whole: jax.Array) -> jax.Array:
    labels = networks.squared_distances(whole, PALETTE).argmin(-1)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


HEADS = {
    "regression": Head(networks.Restorer, _absolute, lambda x: x, snapped),
    "classifier": Head(Logits, _cross_entropy, mixed, likeliest),
    "mixture": Head(Logits, lambda x, w: _absolute(mixed(x), w), mixed, likeliest),
}


class Run:
    """Trains one row, a turn at a time.

    Attributes:
      cpu_s: of training.
      errors: after each turn, (as drawn, snapped), in levels of 255.
    """

    def __init__(self, head: Head) -> None:
        config = methods.resolve(restore_config.get_config(), 1)
        m = config.model
        network = head.network(
            np.random.default_rng(0), width=m.width, blocks=m.blocks, scale=config.degrade.scale
        )
        graph, state = nnx.split(network)
        params = nnx.to_pure_dict(state)
        options = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
        self._state = (params, params, step.muon(1.0, **options).init(params))
        self.cpu_s, self.errors = 0.0, []

        @jax.jit
        def train(state: Any, batch: jax.Array, rate: jax.Array) -> Any:
            params, average, opt_state = state
            whole, small = optimisers.clean(batch)

            def loss(params: Any) -> jax.Array:
                result = nnx.merge(graph, params)(small, jnp.zeros(len(small)))
                return head.loss(result, whole)

            grads = jax.grad(loss)(params)
            update = step.apply_gradients(params, step.muon(rate, **options), opt_state, grads)
            average = jax.tree.map(
                lambda new, old: step.lerp(new, old, _AVERAGED), update.params, average
            )
            return update.params, average, update.opt_state

        @jax.jit
        def error(params: Any, batch: jax.Array) -> jax.Array:
            whole, small = optimisers.clean(batch)
            result = nnx.merge(graph, params)(small, jnp.zeros(len(small)))
            pictures = (jnp.clip(head.drawn(result), 0, 1), head.one_colour(result))
            return jnp.stack([255 * restore.absolute_error(x, whole).mean() for x in pictures])

        self._train, self._error = train, error

    def turn(self, batches: list[tuple[np.ndarray, float]], held_out: np.ndarray) -> None:
        """Trains on batches by learning rates, and measures."""
        self._train(self._state, batches[0][0], jnp.float32(0))  # compiles
        start = time.process_time()
        for batch, rate in batches:
            self._state = self._train(self._state, batch, jnp.float32(rate))
        jax.block_until_ready(self._state)
        self.cpu_s += time.process_time() - start
        parts = np.split(held_out, len(held_out) // _BATCH)
        mean = np.mean([self._error(self._state[1], part) for part in parts], 0)
        self.errors.append((float(mean[0]), float(mean[1])))


def batch_of(trained_on: np.ndarray, number: int) -> np.ndarray:
    """Returns a batch by its number: any emoji, mirrored or not."""
    rng = np.random.default_rng(number)
    batch = trained_on[rng.integers(0, len(trained_on), _BATCH)]
    return batch[:, :, ::-1] if rng.random() < 0.5 else batch


def compared(
    trained_on: np.ndarray, held_out: np.ndarray, kimg: float
) -> dict[str, dict[str, Any]]:
    """Trains all rows by turns; returns the figures of each."""
    runs = {name: Run(head) for name, head in HEADS.items()}
    count = max(_TURNS, round(1000 * kimg / _BATCH))
    rates = [_RATE * 0.5 * (1 + math.cos(math.pi * i / count)) for i in range(count)]
    for turn in range(_TURNS):
        numbers = range(turn * count // _TURNS, (turn + 1) * count // _TURNS)
        for name, run in runs.items():
            run.turn([(batch_of(trained_on, i), rates[i]) for i in numbers], held_out)
            print(f"{name}, {turn + 1} of {_TURNS}: {run.errors[-1]}", flush=True)
    per_kimg = 1000 / (count * _BATCH)
    return {
        name: {"error": run.errors, "s_per_kimg": run.cpu_s * per_kimg}
        for name, run in runs.items()
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Formats the rows: the errors halfway and at the end, and the time."""
    lines = ["| last layer | error halfway | error | snapped | s/kimg |", "|---|" + "---:|" * 4]
    for name, row in rows.items():
        halfway, last = row["error"][_TURNS // 2 - 1][0], row["error"][-1]
        cells = [name, f"{halfway:.2f}", *(f"{x:.2f}" for x in last), f"{row['s_per_kimg']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--kimg", type=float, default=10.0, help="of each row")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    rows = compared(*optimisers.art(), a.kimg)
    text = table(rows)
    print(text)
    out = pathlib.Path(a.out)
    workdir.make_folder(out)
    workdir.write_atomic(out / "palette_heads.md", text.encode())
    workdir.write_atomic(out / "palette_heads.json", json.dumps(rows, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
