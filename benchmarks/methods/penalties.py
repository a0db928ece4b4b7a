"""Holds the forms of the gradient penalty against each other: derivatives, curves, step times.

    JAX_NUM_CPU_DEVICES=1 python -m benchmarks.methods.penalties --method=wgan_gp --steps=200

Trains a method at its `:cpu` size in all its forms side by side in one process, a step each in
turn, on the same batches from the same initial weights, and prints the means of penalty and loss
and the CPU and wall time of a step. Then it prints, for the discriminator of the exact run on one
batch, how near the derivative of the penalty by the parameters is to the exact one: along the slope
at several distances (`losses.finite_slopes`), and along random directions on a quarter of the batch
(2511.22475), D(x + e n) - D(x) over e. --out writes the curves as a picture.
"""

import argparse
import dataclasses
import functools
import importlib
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx

from emoji_gan import conditions, errors, images, losses, methods
from emoji_gan.methods import dcgan, gan
from emoji_gan.runtime import host, paths
from emoji_gan.runtime import mesh as mesh_lib
from input_pipeline import dataset, pipeline

# Method -> its curve of the penalty.
CURVES = {"stylegan2": "r1/penalty", "r3gan": "r1/penalty", "wgan_gp": "wasserstein/penalty"}
DISTANCES = (0.0005, 0.005, 0.05)  # root mean square of the values' change
DRAWS = 8  # of random directions
Batch = dict[str, Any]


def forms(method: str) -> tuple[str, ...]:
    """Returns the forms of a method's penalty, the exact one first."""
    return (*losses.PENALTY_FORMS, *(("random",) if method == "r3gan" else ()))


def make_config(args: argparse.Namespace, form: str) -> ml_collections.FrozenConfigDict:
    """Returns the resolved config of a method at its `:cpu` size, with a form of the penalty."""
    name = "stylegan" if args.method == "stylegan2" else args.method
    config = importlib.import_module(f"configs.{name}").get_config("cpu")
    config.batch_size, config.loss.penalty = args.batch, form
    return methods.resolve(config, 1)


# ---- training side by side -----------------------------------------------------------------------


@dataclasses.dataclass
class Run:
    """Holds the training of one form.

    Attributes:
      state: after the last step.
      step_fn: of the method.
      history: metrics of each step.
      seconds: (CPU, wall) of each step, and whether the penalty was in it.
    """

    state: Any
    step_fn: Callable
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    seconds: list[tuple[float, float, bool]] = dataclasses.field(default_factory=list)

    def step(self, batch: Batch, curve: str) -> None:
        """Trains one step and times it."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.state, metrics = self.step_fn(self.state, batch, len(self.history))
        jax.block_until_ready(self.state)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        self.history.append({k: float(v) for k, v in metrics.items()})
        self.seconds.append((cpu, wall, curve in metrics))


def train(args: argparse.Namespace) -> tuple[dict[str, Run], Batch]:
    """Trains all forms in turn; returns them, and a batch that neither has seen."""
    method, mesh = methods.load(args.method), mesh_lib.make_mesh(jax.devices()[:1])
    configs = {form: make_config(args, form) for form in forms(args.method)}
    runs = {}
    for form, config in configs.items():
        state = method.init(config, conditions.NONE, config.seed)
        state = jax.device_put(state, mesh_lib.replicated(mesh))
        runs[form] = Run(state, method.train_step(config, conditions.NONE, mesh))
    batches = pipeline.batches(
        dataset.load(configs["exact"].data, "train", None),
        seed=0,
        batch_size=args.batch,
        start_sample=0,
        process_index=0,
        process_count=1,
    )
    for number in range(args.steps):
        batch = mesh_lib.global_batch(mesh, next(batches))
        for form in forms(args.method)[:: 1 if number % 2 else -1]:
            runs[form].step(batch, CURVES[args.method])
    return runs, next(batches)


def mean_from(run: Run, name: str, first: int) -> float:
    """Returns the mean of a curve from a step on, over the steps that have it."""
    values = [metrics[name] for metrics in run.history[first:] if name in metrics]
    return float(np.mean(values)) if values else float("nan")


def print_runs(args: argparse.Namespace, runs: dict[str, Run]) -> None:
    """Prints curves, in four parts of the run, and the times of a step, without the compilation."""
    quarter = args.steps // 4
    for name in (CURVES[args.method], "loss/d", "loss/g"):
        for form, run in runs.items():
            parts = [
                mean_from(dataclasses.replace(run, history=run.history[: i + quarter]), name, i)
                for i in range(0, 4 * quarter, quarter)
            ]
            print(f"{name:20s} {form:6s} quarters {' '.join(f'{v:.4g}' for v in parts)}")
    for kind, penalised in (("all", (True, False)), ("with penalty", (True,))):
        for column, clock in enumerate(("cpu", "wall")):
            times = {
                form: [s[column] * 1e3 for s in run.seconds[args.warm :] if s[2] in penalised]
                for form, run in runs.items()
            }
            if not times["exact"]:
                continue
            exact = times.pop("exact")
            for form, other in times.items():
                ratio = statistics.median(f / e for f, e in zip(other, exact, strict=True))
                print(
                    f"step, {kind:12s} {clock:4s} ms: exact {statistics.median(exact):.1f}, {form} "
                    f"{statistics.median(other):.1f}, median ratio {ratio:.3f} of {len(exact)}"
                )


def draw_curves(args: argparse.Namespace, runs: dict[str, Run]) -> None:
    """Writes the penalty and the loss of D of all forms as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3))
    for axis, name in zip(axes, (CURVES[args.method], "loss/d"), strict=True):
        for form, run in runs.items():
            points = [(i, m[name]) for i, m in enumerate(run.history) if name in m]
            axis.plot(*zip(*points, strict=True), label=form, linewidth=1)
        axis.set_title(f"{args.method}: {name}")
        axis.set_xlabel("step")
        axis.legend()
    figure.tight_layout()
    figure.savefig(args.out, dpi=100)


# ---- derivatives on fixed inputs -----------------------------------------------------------------


def critic_and_images(
    args: argparse.Namespace, state: Any, batch: Batch
) -> tuple[Callable[[Any, jax.Array], jax.Array], jax.Array]:
    """Returns the logits (parameters, images) -> `b` at the penalty, and its images."""
    config, method = make_config(args, "exact"), methods.load(args.method)
    real = images.to_model(jnp.asarray(batch["image"]))
    generator = method.generator(config, conditions.NONE)
    latents = generator.latents(jnp.arange(len(real), dtype=jnp.uint32), jnp.float32(1.0))
    fake = generator.draw(generator.params_of(state), latents, {})
    p = gan.augmentation_probability(state, config)
    norm = ()
    if args.method == "wgan_gp":
        graph, norm = dcgan.graphs(config, conditions.NONE, norm="none")[1], ("batch",)
        x = 0.5 * (real + fake)
    else:
        networks = nnx.eval_shape(lambda: method.make_networks(config, conditions.NONE, 0))
        graph, x = nnx.graphdef(networks[1]), real
        if args.method == "r3gan":
            p = state.ada_p if any(config.schedule.p) else None
    keys = jax.random.split(jax.random.key(1), len(x))

    def logits(d: Any, x: jax.Array) -> jax.Array:
        seen = gan.d_input(x, keys[: len(x)], keys[: len(x)], p, config)
        return nnx.merge(graph, d)(seen, None, *norm)

    return logits, x


def random_penalty(
    logits_of: Callable[[jax.Array], jax.Array], x: jax.Array, key: jax.Array, is_wgan: bool
) -> jax.Array:
    """Computes the penalty `b` along unit normal directions n (2511.22475).

    Over n, E (n . g)^2 = |g|^2 and E |n . g| = sqrt(2 / pi) |g|, which together make (|g| - 1)^2.
    """
    n = jax.random.normal(key, x.shape)
    slopes = (logits_of(x + losses.RANDOM_DISTANCE * n) - logits_of(x)) / losses.RANDOM_DISTANCE
    squares = jnp.square(slopes)
    if not is_wgan:
        return squares
    return squares - 2.0 * jnp.sqrt(jnp.pi / 2.0) * jnp.abs(slopes) + 1.0


def agreement(args: argparse.Namespace, state: Any, batch: Batch) -> None:
    """Prints how near values and derivatives of the penalty are to the exact ones."""
    logits, x = critic_and_images(args, state, batch)
    penalty = losses.gradient_penalty if args.method == "wgan_gp" else losses.r1

    def finite(d: Any, distance: jax.Array) -> jax.Array:
        slopes = losses.finite_slopes(lambda x: logits(d, x), x, distance=distance)
        return jnp.square(slopes - 1.0 if args.method == "wgan_gp" else slopes).mean()

    def random(d: Any, key: jax.Array) -> jax.Array:
        some = x[: len(x) // 4]
        return random_penalty(lambda x: logits(d, x), some, key, args.method == "wgan_gp").mean()

    exact = jax.jit(jax.value_and_grad(lambda d: penalty(lambda x: logits(d, x), x).mean()))
    value, grads = exact(state.d)
    print(f"exact penalty {float(value):.6g}, norm of its derivative {_norm(grads):.4g}")
    for distance in DISTANCES:
        f = jax.jit(jax.value_and_grad(functools.partial(finite, distance=distance)))
        print(f"along the slope, {distance}: {_against(*f(state.d), value, grads)}", flush=True)
    f, values, total = jax.jit(jax.value_and_grad(random)), [], jnp.float32(0.0)
    lines = []
    for draw in range(DRAWS):
        v, g = f(state.d, jax.random.key(draw))
        values.append(float(v))
        lines.append(_cosine(g, grads))
        total = g if draw == 0 else jax.tree.map(jnp.add, total, g)
    print(
        f"random directions, a quarter of the batch, {DRAWS} draws: value / exact "
        f"{np.mean(values) / float(value):.3f} +- {np.std(values) / float(value):.3f}, cosine of "
        f"one {np.mean(lines):.4f}, of their mean {_cosine(total, grads):.4f}"
    )


def _flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(v, np.float64)) for v in jax.tree.leaves(tree)])


def _norm(tree: Any) -> float:
    return float(np.linalg.norm(_flat(tree)))


def _cosine(a: Any, b: Any) -> float:
    return float(_flat(a) @ _flat(b) / max(_norm(a) * _norm(b), 1e-30))


def _against(value: jax.Array, grads: Any, exact: jax.Array, exact_grads: Any) -> str:
    error = np.linalg.norm(_flat(grads) - _flat(exact_grads)) / max(_norm(exact_grads), 1e-30)
    return (
        f"value off by {abs(float(value / exact) - 1):.1e}, derivative: cosine "
        f"{_cosine(grads, exact_grads):.4f}, relative error {error:.3f}"
    )


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--method", choices=CURVES, default="wgan_gp")
    p.add_argument("--steps", type=int, default=200)
    p.add_argument("--warm", type=int, default=17, help="first steps, which are not timed")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--out", type=paths.local, help="picture of the curves")
    args = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    runs, batch = train(args)
    print(json.dumps({"method": args.method, "steps": args.steps, "batch": args.batch}))
    print_runs(args, runs)
    if args.out:
        draw_curves(args, runs)
    agreement(args, runs["exact"].state, batch)
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
